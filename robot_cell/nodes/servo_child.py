"""The servo of an arm: a child process that is started, listened to and ended here."""

from __future__ import annotations

import ctypes
import json
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Sequence
from typing import Any, Final

from action_msgs.srv import CancelGoal

from robot_cell.model.arm_driver import TrajectoryActionDriver
from robot_cell.model.arm_names import page_name, servo_name, socket_name
from robot_cell.nodes.base import PlantNode

_PR_SET_PDEATHSIG: Final = 1
_LEAVE_S: Final = 2.0
_CANCEL_S: Final = 1.0


class ServoChild:
    """The process that holds the real-time loop of a node's arm.

    Args:
        arm: its name in the cell.
        joints: the arm's, in the order of every array.
    """

    def __init__(self, node: PlantNode, arm: str, joints: Sequence[str]) -> None:
        self._node = node
        self._ending = False
        self._event_fd, write_fd = os.pipe()
        command = [sys.executable, "-m", "robot_cell.execution.servo"]
        driver = node.cell.arms[arm].driver_for(simulated=node.simulated)
        self._canceller: Any = None
        if isinstance(driver, TrajectoryActionDriver):
            service = f"{driver.action}/_action/cancel_goal"
            self._canceller = node.create_client(CancelGoal, service)
        socket = node.run_dir / "sockets" / socket_name(node.cell_name, arm)
        command += ["--cell", node.cell_name, "--page", page_name(node.cell_name, arm)]
        command += ["--name", servo_name(arm), "--driver", driver.kind]
        command += ["--options", json.dumps(driver.options(socket, joints))]
        command += ["--dof", str(len(joints)), "--run-dir", str(node.run_dir)]
        command += ["--event-fd", str(write_fd)]
        if node.simulated:
            command.append("--simulated")
        # A driver that is a ROS node is called after this one: no two arms' have the same name.
        names = {"__ns": node.get_namespace(), "__node": f"{node.get_name()}_driver"}
        command.append("--ros-args")
        command += [word for name, value in names.items() for word in ("-r", f"{name}:={value}")]
        # Where the controller follows by itself, a goal has to be cancelled before the child ends.
        death = signal.SIGTERM if self._canceller is not None else signal.SIGKILL
        prctl = ctypes.CDLL(None).prctl
        self._process = subprocess.Popen(
            command,
            pass_fds=(write_fd,),
            preexec_fn=lambda: prctl(_PR_SET_PDEATHSIG, death),
        )
        os.close(write_fd)

    def listen(self, on_event: Callable[[], None]) -> None:
        """Call back each time an order has ended, until the servo ends.

        Without its servo a node is of no use: it ends as well, and both are started again.
        """
        while os.read(self._event_fd, 64):
            on_event()
        if not self._ending:
            if self._canceller is not None:
                self._cancel_goals()
            self._node.get_logger().error("the servo has ended; this node ends to be started again")
            os.kill(os.getpid(), signal.SIGTERM)

    def _cancel_goals(self) -> None:
        """Stop a controller that would go on to the goal of a child that is no more."""
        sent = threading.Event()

        def cancel() -> None:  # in the executor's thread, as every call of a client
            asked = self._canceller.call_async(CancelGoal.Request())  # an empty one: all goals
            asked.add_done_callback(lambda _: sent.set())

        self._node.executor.create_task(cancel)
        sent.wait(_CANCEL_S)

    def end(self) -> None:
        """Stop the servo; the arm holds."""
        self._ending = True
        self._process.terminate()
        try:
            self._process.wait(_LEAVE_S)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()

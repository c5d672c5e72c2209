"""The ROS 2 node around a simulated cell: one loop, in which ROS gets its turn between the ticks.

Parameters: plant, cell, run_dir, autostart, speed, seed, start, viewer, participants, await_arm,
publish_clock, faults, device_log. Topics: `~/bodies`, and `/clock` if asked for. Services:
`~/pause` (the plant's whole time stands still), `~/picture`, `~/fault`. Setting `speed` changes the
plant's speed while it runs.
"""

from __future__ import annotations

import contextlib
import math
import os
import signal
import subprocess
import sys
import threading
import time
import zlib
from datetime import datetime, timezone
from pathlib import Path
from typing import Any, Final

import rclpy
from builtin_interfaces.msg import Time
from geometry_msgs.msg import Point, Pose, Quaternion
from rcl_interfaces.msg import SetParametersResult
from rclpy.executors import ExternalShutdownException
from rclpy.experimental.events_executor import EventsExecutor
from rclpy.lifecycle import LifecycleNode, LifecycleState, TransitionCallbackReturn
from rclpy.task import Future
from robot_cell_interfaces.msg import BodyPoses
from robot_cell_interfaces.srv import InjectFault
from rosgraph_msgs.msg import Clock
from std_srvs.srv import SetBool, Trigger

from drivers.errors import DriverError
from planners.errors import PlannerError
from planners.kinematics.arm_description import read_arm
from robot_cell.errors import RobotCellError
from robot_cell.model.device_fault import breakable_devices, read_device_faults
from robot_cell.model.plant_file import load_plant
from sim.cell import SimulatedCell
from sim.errors import SimulationError
from sim.gazebo.choice import chosen_engine
from sim.layout import prefix_of
from sim.scene import TCP, quaternion
from sim.time import TickGate
from sim.view import ViewState, start_picture, start_window

BODIES_PERIOD_S: Final = 0.1
BODIES_PLANT_NS: Final = 200_000_000
"""Where plant time runs faster than the wall's, bodies are shown after so much of it: no lift of a
part falls between two messages, at any speed."""
CLOCK_PERIOD_S: Final = 0.02
WINDOW_PERIOD_S: Final = 1 / 30

_TURN_S: Final = 0.05
"""How often ROS gets its turn; what a service call waits at most."""

_PICTURE_S: Final = 60.0


class SimNode(LifecycleNode):
    """A simulated cell with a name in the ROS graph."""

    def __init__(self) -> None:
        super().__init__("sim", enable_communication_interface=True)
        for name, default in (
            ("plant", ""),
            ("cell", ""),
            ("run_dir", ""),
            ("autostart", True),
            ("speed", 1.0),
            ("seed", 0),
            ("start", ""),
            ("viewer", False),
            ("participants", 0),
            ("publish_clock", False),
            ("await_arm", True),
            ("faults", ""),
            ("device_log", ""),
            ("gazebo_world", ""),
        ):
            self.declare_parameter(name, default)
        self._cell: SimulatedCell | None = None
        self._view: ViewState | None = None
        self._window: subprocess.Popen[bytes] | None = None
        self._pictures: list[tuple[subprocess.Popen[bytes], Path, Path, float, Future]] = []
        self._due_s = {"bodies": 0.0, "clock": 0.0, "window": 0.0}
        self._changes, self._shown_ns = -1, 0

    # -- lifecycle ------------------------------------------------------------------------------

    def on_configure(self, state: LifecycleState) -> TransitionCallbackReturn:
        """Build the cell; time does not pass here before the node is active."""
        del state
        try:
            self._open()
        except (
            SimulationError,
            RobotCellError,
            PlannerError,
            DriverError,
            OSError,
            ValueError,
        ) as error:
            self.get_logger().error(f"cannot configure: {error}")
            self.release()
            return TransitionCallbackReturn.FAILURE
        return TransitionCallbackReturn.SUCCESS

    def on_activate(self, state: LifecycleState) -> TransitionCallbackReturn:
        """Let time pass."""
        if self._cell is not None:
            self._cell.running = True
        return super().on_activate(state)

    def on_deactivate(self, state: LifecycleState) -> TransitionCallbackReturn:
        """Let time stand still, for the whole plant; fixtures still answer."""
        if self._cell is not None:
            self._cell.running = False
        return super().on_deactivate(state)

    def on_cleanup(self, state: LifecycleState) -> TransitionCallbackReturn:
        """Take the cell away."""
        del state
        self.release()
        return TransitionCallbackReturn.SUCCESS

    def on_shutdown(self, state: LifecycleState) -> TransitionCallbackReturn:
        """Take the cell away."""
        return self.on_cleanup(state)

    def release(self) -> None:
        """Close sockets, ports and the window; may be called twice."""
        cell, self._cell = self._cell, None
        if cell is not None:
            cell.close()
        if self._window is not None:
            self._window.terminate()
            self._window.wait()
            self._window = None
        for picture, *_ in self._pictures:
            picture.kill()
            picture.wait()
        self._pictures.clear()

    # -- the loop -------------------------------------------------------------------------------

    def run_for(self, duration_s: float) -> None:
        """Simulate for some wall time, then let ROS have its turn."""
        end_s = time.monotonic() + duration_s
        while (left_s := end_s - time.monotonic()) > 0.0:
            if self._cell is None:
                time.sleep(left_s)
                return
            self._cell.run_once(left_s)
            if self._bodies_have_moved(self._cell):
                break

    def publish_due(self) -> None:
        """Publish what is due, and finish the pictures that are drawn."""
        if self._cell is None:
            return
        now_s = time.monotonic()
        if self._is_due("bodies", BODIES_PERIOD_S, now_s) or self._bodies_have_moved(self._cell):
            self._changes, self._shown_ns = self._cell.devices.changes, self._cell.time_ns
            if self._bodies.get_subscription_count():
                self._bodies.publish(self._body_poses(self._cell))
        if self._clock_topic is not None and self._is_due("clock", CLOCK_PERIOD_S, now_s):
            self._clock_topic.publish(Clock(clock=_stamp(self._cell.time_ns)))
        if self._window is not None and self._is_due("window", WINDOW_PERIOD_S, now_s):
            self._written()
        self._finish_pictures(now_s)

    def _bodies_have_moved(self, cell: SimulatedCell) -> bool:
        changed = cell.devices.changes != self._changes
        return changed or cell.time_ns - self._shown_ns >= BODIES_PLANT_NS

    def _is_due(self, what: str, period_s: float, now_s: float) -> bool:
        if now_s < self._due_s[what]:
            return False
        self._due_s[what] = max(self._due_s[what] + period_s, now_s)
        return True

    # -------------------------------------------------------------------------------------------

    def _open(self) -> None:
        plant = load_plant(Path(self._text("plant")))
        name = self._text("cell")
        if name not in plant.cells:
            listed = ", ".join(sorted(plant.cells))
            raise SimulationError(f"parameter cell: no cell {name!r}; the plant has: {listed}")
        run_dir = Path(self._text("run_dir"))
        speed = float(self.get_parameter("speed").value)
        _check_speed(speed)
        start = self._start()
        gate = TickGate.open(run_dir / "time.page", f"{name}/sim")
        if not gate.page.begun:
            expected = int(self.get_parameter("participants").value)
            gate.set_start(start, speed=speed, expected=expected)
        seed = int(self.get_parameter("seed").value)
        device_log = str(self.get_parameter("device_log").value)
        try:
            self._cell = SimulatedCell(
                plant,
                name,
                {arm: read_arm(one.urdf).urdf for arm, one in plant.cells[name].arms.items()},
                run_dir,
                gate,
                seed=zlib.crc32(name.encode()) ^ seed,
                await_arm=bool(self.get_parameter("await_arm").value),
                device_log=Path(device_log) if device_log else None,
                engine=chosen_engine(plant, name, str(self.get_parameter("gazebo_world").value)),
            )
        except BaseException:
            gate.close()
            raise
        self._cell.running = False
        texts = [text for text in str(self.get_parameter("faults").value).split(";") if text]
        planned = read_device_faults(texts, breakable_devices(plant))
        self._cell.faults.plan(fault for fault in planned if fault.cell == name)
        self._run_dir = run_dir
        self._bodies = self.create_publisher(BodyPoses, "~/bodies", 10)
        self._clock_topic = None
        if bool(self.get_parameter("publish_clock").value):
            self._clock_topic = self.create_publisher(Clock, "/clock", 10)
        self.create_service(SetBool, "~/pause", self._pause)
        self.create_service(Trigger, "~/picture", self._picture)
        self.create_service(InjectFault, "~/fault", self._fault)
        self.add_on_set_parameters_callback(self._on_parameters)
        if bool(self.get_parameter("viewer").value):
            self._open_window()

    def _text(self, parameter: str) -> str:
        value = str(self.get_parameter(parameter).value)
        if not value:
            raise SimulationError(f"parameter {parameter} is missing; the launch file sets it")
        return value

    def _start(self) -> datetime:
        text = str(self.get_parameter("start").value)
        if not text:
            return datetime.now(timezone.utc).replace(microsecond=0)
        try:
            start = datetime.fromisoformat(text.replace("Z", "+00:00"))
        except ValueError as error:
            raise SimulationError(
                f"parameter start: {text!r} is not an instant such as 2026-11-23T06:00:00+01:00"
            ) from error
        return start if start.tzinfo else start.replace(tzinfo=timezone.utc)

    def _open_window(self) -> None:
        if not (os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY")):
            self.get_logger().warning("viewer: there is no display; running without a window")
            return
        self._window = start_window(self._written())

    def _written(self, path: Path | None = None) -> ViewState:
        """The view, with the present state written."""
        assert self._cell is not None
        if self._view is None:
            self._view = ViewState(
                self._cell.physics.model, self._run_dir / "view", self._cell.name
            )
        self._view.write(self._cell.physics.data.qpos, self._cell.devices.jaws(), path)
        return self._view

    def _body_poses(self, cell: SimulatedCell) -> BodyPoses:
        names, poses = [], []
        for arm in cell.arms:
            position, matrix = cell.physics.tcp_pose(arm)
            names.append(prefix_of(arm) + TCP)
            poses.append(_pose(position, quaternion(matrix)))
        for part in cell.physics.scene.parts:
            names.append(part)
            poses.append(_pose(*cell.physics.part_pose(part)))
        return BodyPoses(
            stamp=_stamp(cell.time_ns), frame_id=f"{cell.name}/base_link", names=names, poses=poses
        )

    def _pause(self, request: Any, response: Any) -> Any:
        if self._cell is None:
            response.success, response.message = False, "the cell is not configured"
            return response
        self._cell.gate.page.held = bool(request.data)
        response.success = True
        response.message = "the plant's time stands still" if request.data else "time passes"
        return response

    def _fault(self, request: Any, response: Any) -> Any:
        if self._cell is None:
            response.success, response.message = False, "the cell is not configured"
            return response
        faults = self._cell.faults
        try:
            response.message = faults.put(
                request.device,
                request.verb,
                self._cell.time_ns,
                amount=None if math.isnan(request.amount) else request.amount,
                for_s=request.for_s,
            )
            response.success = True
            by = request.asked_by or "nobody named"
            self.get_logger().warning(f"fault by {by}: {response.message}")
        except ValueError as error:
            response.success, response.message = False, str(error)
        response.devices, response.faults = list(faults.verbs()), list(faults.verbs().values())
        return response

    async def _picture(self, request: Any, response: Any) -> Any:
        del request
        if self._cell is None:
            response.success, response.message = False, "the cell is not configured"
            return response
        stem = f"{self._cell.name}_{self._cell.time_ns / 1e9:.2f}"
        picture = self._run_dir / "pictures" / f"{stem}.png"
        picture.parent.mkdir(parents=True, exist_ok=True)
        state = picture.with_suffix(".state")
        drawing = start_picture(self._written(state), state, picture)
        future: Future = Future()
        self._pictures.append((drawing, state, picture, time.monotonic() + _PICTURE_S, future))
        response.success, response.message = await future
        return response

    def _finish_pictures(self, now_s: float) -> None:
        for entry in list(self._pictures):
            drawing, state, picture, until_s, future = entry
            if drawing.poll() is None and now_s < until_s:
                continue
            self._pictures.remove(entry)
            drawing.kill()
            _, told = drawing.communicate()
            state.unlink(missing_ok=True)
            if drawing.returncode == 0:
                future.set_result((True, str(picture)))
            else:
                last = told.decode(errors="replace").strip().rpartition("\n")[2]
                future.set_result((False, f"no picture: {last or 'drawing took too long'}"))

    def _on_parameters(self, parameters: list[Any]) -> SetParametersResult:
        for parameter in parameters:
            if parameter.name == "speed" and self._cell is not None:
                try:
                    _check_speed(float(parameter.value))
                except SimulationError as error:
                    return SetParametersResult(successful=False, reason=str(error))
                self._cell.gate.page.speed = float(parameter.value)
        return SetParametersResult(successful=True)


def _check_speed(speed: float) -> None:
    if not 0.0 <= speed <= 1000.0:
        raise SimulationError(f"parameter speed: {speed} is not between 0 (no limit) and 1000")


def _stamp(time_ns: int) -> Time:
    return Time(sec=time_ns // 1_000_000_000, nanosec=time_ns % 1_000_000_000)


def _pose(position: Any, turned: Any) -> Pose:
    (x, y, z), (qw, qx, qy, qz) = position.tolist(), turned.tolist()
    return Pose(position=Point(x=x, y=y, z=z), orientation=Quaternion(x=qx, y=qy, z=qz, w=qw))


def main() -> None:
    """Entry point of `sim_node`; exits with 1 if the cell cannot be configured."""
    rclpy.init(signal_handler_options=rclpy.signals.SignalHandlerOptions.NO)
    stop = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: stop.set())
    node = SimNode()
    executor = EventsExecutor()
    executor.add_node(node)
    try:
        configured = _started(node)
        with contextlib.suppress(ExternalShutdownException):
            while configured and rclpy.ok() and not stop.is_set():
                node.run_for(_TURN_S)
                node.publish_due()
                executor.spin_once(timeout_sec=0.0)
    finally:
        node.release()
        executor.shutdown(timeout_sec=0.5)
        node.destroy_node()
        rclpy.try_shutdown()
    sys.exit(0 if configured else 1)


def _started(node: SimNode) -> bool:
    """Configure and activate the node if it is to start by itself; False if that failed."""
    if not node.get_parameter("autostart").value:
        return True
    if node.trigger_configure() != TransitionCallbackReturn.SUCCESS:
        return False
    return bool(node.trigger_activate() == TransitionCallbackReturn.SUCCESS)


if __name__ == "__main__":
    main()

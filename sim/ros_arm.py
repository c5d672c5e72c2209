"""An arm behind ROS 2 controllers, without physics: `python -m sim.ros_arm --rate 100`.

It offers what ros2_control offers: joint states, a topic of positions, a FollowJointTrajectory
action that is followed at a speed of its own, and a controller manager. Its six joints go towards
their setpoint by a first-order lag. It prints `ready`, then reads lines of JSON such as
`{"do": "scaling", "percent": 30}` and answers each with how things are; what can be done:
`RosArm.do_...`. It ends when its standard input does.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import sys
import threading
import time
from bisect import bisect_right
from typing import Any, Final

import numpy as np
import rclpy
from control_msgs.action import FollowJointTrajectory
from numpy.typing import NDArray
from rclpy.action import ActionServer, CancelResponse, GoalResponse
from rclpy.executors import ExternalShutdownException, MultiThreadedExecutor
from rclpy.node import Node
from rclpy.utilities import remove_ros_args
from sensor_msgs.msg import JointState
from std_msgs.msg import Bool, Float64, Float64MultiArray

from sim.ros_controllers import Controllers

Array = NDArray[np.float64]

TRAJECTORY: Final = "controller"
"""What the controller that follows trajectories is called, unless it is said."""

POSITIONS: Final = "forward_position_controller"
"""The other controller. Those of a real arm claim the same joints, so only one is active."""

_LAG_S: Final = 0.02
_SELDOM: Final = 5
"""Every so many joint states it is said how slowed the arm is, and whether it is ready."""

_AT_GOAL_RAD: Final = 0.002
_HOME: Final = (0.0, -1.2, 1.2, -1.5, -1.5, 0.0)


class Playback:
    """A trajectory that is followed; `at` is where it is, in its own time."""

    def __init__(self, points: Any, order: list[int], start: Array) -> None:
        rows = [(0.0, start, np.zeros_like(start))]
        for point in points:
            t = point.time_from_start.sec + point.time_from_start.nanosec * 1e-9
            q = np.array([point.positions[k] for k in order])
            v = np.array([point.velocities[k] for k in order])
            if t > 0.0:
                rows.append((t, q, v))
        self.times = [row[0] for row in rows]
        self._rows = rows
        self.at_s = 0.0
        self.outcome = ""
        self.over = threading.Event()

    @property
    def end(self) -> Array:
        """Its last point, (n,) rad."""
        return self._rows[-1][1]

    @property
    def ended(self) -> bool:
        """Whether its last point has been reached in its own time."""
        return self.at_s >= self.times[-1]

    def setpoint(self) -> Array:
        """Cubic between two points (Hermite form)."""
        k = min(bisect_right(self.times, self.at_s), len(self.times) - 1)
        (t0, q0, v0), (t1, q1, v1) = self._rows[k - 1], self._rows[k]
        h = t1 - t0
        x = min(1.0, (self.at_s - t0) / h)
        return np.asarray(
            q0 * (1 + 2 * x) * (1 - x) ** 2
            + v0 * h * x * (1 - x) ** 2
            + q1 * x**2 * (3 - 2 * x)
            + v1 * h * x**2 * (x - 1)
        )


class RosArm(Node):
    """The arm and its controllers."""

    def __init__(
        self, joints: list[str], rate_hz: float, controller: str = TRAJECTORY, *, tells: bool = True
    ) -> None:
        super().__init__("ros_arm")
        self._joints = joints
        self._controller = controller
        self._period_s = 1.0 / rate_hz
        self._lock = threading.RLock()
        self.q: Array = np.array(_HOME)
        self.setpoint = self.q.copy()
        self.moved = 0.0
        self.largest_step = 0.0
        self.goals = self.cancels = self.commands = 0
        self._velocity: Array = np.zeros(len(joints))
        self._playback: Playback | None = None
        self._scaling = 1.0
        self._ready = True
        self._active = {controller: True, POSITIONS: True}
        self._stuck = False
        self._silent_until_s = self._late_until_s = 0.0
        self._late_s = 0.1
        self._held: list[JointState] = []
        self._turns = 0
        self._states = self.create_publisher(JointState, "/joint_states", 10)
        self._scalings = self.create_publisher(Float64, "/scaling", 10)
        self._readies = self.create_publisher(Bool, "/ready", 10)
        self.create_subscription(Float64MultiArray, f"/{POSITIONS}/commands", self._on_command, 10)
        self._controllers = Controllers(self, self._active, self._on_switch, tells=tells)
        self._server = ActionServer(
            self, FollowJointTrajectory, f"/{controller}/follow_joint_trajectory",
            execute_callback=self._execute, goal_callback=self._on_goal,
            cancel_callback=self._on_cancel,
        )  # fmt: skip

    # -- what is asked from outside ---------------------------------------------------------------

    def ask(self, words: dict[str, Any]) -> dict[str, Any]:
        """Do what a test asks; then how things are."""
        given = dict(words)
        with self._lock:
            getattr(self, f"do_{given.pop('do')}")(**given)
            return self.report()

    def do_report(self) -> None:
        """Nothing: only the answer is wanted."""

    def do_scaling(self, percent: float) -> None:
        """The controller follows at this share of the planned speed."""
        self._scaling = percent / 100.0

    def do_ready(self, value: bool) -> None:
        """The arm says whether it may be moved."""
        self._ready = value

    def do_controller(self, state: str, name: str = "") -> None:
        """A controller gets into a state, for whatever reason; the trajectories' unless named."""
        self._controllers.put(name or self._controller, state)

    def do_stuck(self, value: bool) -> None:
        """The joints do not follow their setpoints any more."""
        self._stuck = value

    def do_silent(self, for_s: float) -> None:
        """No joint states for a while."""
        self._silent_until_s = time.monotonic() + for_s

    def do_late(self, late_s: float, for_s: float) -> None:
        """Joint states leave late, all those of a stretch of `late_s` together at its end."""
        self._late_s, self._late_until_s = late_s, time.monotonic() + for_s

    def do_reset(self) -> None:
        """As it was at first; joints stay where they are."""
        self._end("deactivated")
        self._scaling, self._ready, self._stuck = 1.0, True, False
        self._controllers.reset()
        self._silent_until_s = self._late_until_s = 0.0
        self.q = np.array(_HOME)
        self.setpoint = self.q.copy()
        self.moved = self.largest_step = 0.0
        self.goals = self.cancels = self.commands = 0

    def report(self) -> dict[str, Any]:
        """How things are, as JSON has it."""
        return {
            "q": self.q.tolist(),
            "speed": float(np.max(np.abs(self._velocity))),
            "moved": self.moved,
            "largest_step": self.largest_step,
            "goals": self.goals,
            "cancels": self.cancels,
            "commands": self.commands,
            "follows": self._playback is not None,
            "listed": self._controllers.asked,
        }

    # -- a period ---------------------------------------------------------------------------------

    def turn(self) -> None:
        """One period: the controller decides, the joints move, states are published."""
        with self._lock:
            playback = self._playback
            if playback is not None:
                playback.at_s += self._period_s * self._scaling
                self.setpoint = playback.end if playback.ended else playback.setpoint()
                if playback.ended and np.max(np.abs(self.q - playback.end)) < _AT_GOAL_RAD:
                    self._end("done")
            step = (self.setpoint - self.q) * (1.0 - np.exp(-self._period_s / _LAG_S))
            if self._stuck:
                step = np.zeros_like(step)
            self.q = self.q + step
            self._velocity = step / self._period_s
            self.moved += float(np.sum(np.abs(step)))
            self.largest_step = max(self.largest_step, float(np.max(np.abs(step))))
            q, qd, silent = self.q.tolist(), self._velocity.tolist(), self._silent_until_s
            scaling, ready = self._scaling, self._ready
        now_s = time.monotonic()
        if now_s > silent:
            state = JointState(name=self._joints, position=q, velocity=qd)
            state.header.stamp = self.get_clock().now().to_msg()
            self._held.append(state)
        if now_s > self._late_until_s or now_s % self._late_s < self._period_s:
            held, self._held = self._held, []
            for state in held:
                self._states.publish(state)
        self._turns += 1
        if self._turns % _SELDOM == 0:
            self._scalings.publish(Float64(data=100.0 * scaling))
            self._readies.publish(Bool(data=ready))

    def _end(self, outcome: str) -> None:
        playback, self._playback = self._playback, None
        if playback is not None:
            playback.outcome = outcome
            if outcome != "done":
                self.setpoint = self.q.copy()  # hold where it is
            playback.over.set()

    # -- controllers ------------------------------------------------------------------------------

    def _on_switch(self, name: str, active: bool) -> None:
        """One that is not active gives up what it follows, and the arm holds."""
        with self._lock:
            self._active[name] = active
            if not active:
                if name == self._controller:
                    self._end("deactivated")
                self.setpoint = self.q.copy()

    def _on_command(self, message: Any) -> None:
        with self._lock:
            self.commands += 1
            if self._active[POSITIONS]:
                self.setpoint = np.array(message.data)

    def _on_goal(self, request: Any) -> GoalResponse:
        known = sorted(request.trajectory.joint_names) == sorted(self._joints)
        good = self._active[self._controller] and known and len(request.trajectory.points) > 0
        return GoalResponse.ACCEPT if good else GoalResponse.REJECT

    def _on_cancel(self, goal: Any) -> CancelResponse:
        del goal
        with self._lock:
            self.cancels += 1
        return CancelResponse.ACCEPT

    def _execute(self, goal: Any) -> Any:
        trajectory = goal.request.trajectory
        order = [list(trajectory.joint_names).index(name) for name in self._joints]
        with self._lock:
            self._end("preempted")
            self.goals += 1
            mine = self._playback = Playback(trajectory.points, order, self.q.copy())
        while not mine.over.wait(self._period_s):
            if goal.is_cancel_requested:
                with self._lock:
                    if self._playback is mine:
                        self._end("cancelled")
        result = FollowJointTrajectory.Result()
        if mine.outcome == "done":
            goal.succeed()
        elif mine.outcome == "cancelled":
            goal.canceled()
        else:
            result.error_code, result.error_string = -1, mine.outcome
            goal.abort()
        return result


def main() -> None:
    """Serve until standard input ends."""
    parser = argparse.ArgumentParser(prog="python -m sim.ros_arm", description=__doc__)
    parser.add_argument("--rate", type=float, default=100.0, help="joint states per second")
    parser.add_argument("--joints", default="j1,j2,j3,j4,j5,j6", help="names, with commas between")
    parser.add_argument(
        "--no-activity",
        action="store_true",
        help="the controller manager is asked, or says nothing",
    )
    parser.add_argument("--controller", default=TRAJECTORY, help="of trajectories: its name")
    options = parser.parse_args(remove_ros_args(sys.argv)[1:])
    rclpy.init()
    arm = RosArm(
        options.joints.split(","), options.rate, options.controller, tells=not options.no_activity
    )
    executor = MultiThreadedExecutor(num_threads=4)
    executor.add_node(arm)
    over = threading.Event()

    def spin() -> None:
        try:
            executor.spin()
        except ExternalShutdownException:
            return

    def pace() -> None:
        due_s = time.monotonic()
        while not over.is_set():
            due_s = max(due_s + arm._period_s, time.monotonic())
            time.sleep(max(0.0, due_s - time.monotonic()))
            arm.turn()

    threads = [threading.Thread(target=work, daemon=True) for work in (spin, pace)]
    for thread in threads:
        thread.start()
    with contextlib.suppress(OSError):  # an arm keeps its time whatever else the machine does
        os.sched_setscheduler(0, os.SCHED_FIFO, os.sched_param(1))
    print("ready", flush=True)
    for line in sys.stdin:
        try:
            answer = arm.ask(json.loads(line))
        except (AttributeError, TypeError, KeyError, ValueError) as error:
            answer = {"error": f"{type(error).__name__}: {error}"}
        print(json.dumps(answer), flush=True)
    over.set()
    threads[1].join(2.0)
    sys.stdout.flush()
    os._exit(0)  # a goal that is still followed would be waited for


if __name__ == "__main__":
    main()

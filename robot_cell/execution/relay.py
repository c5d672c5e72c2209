"""Hands whole motions to an arm whose controller follows them by itself, and watches how it does.

The controller keeps the time: it may be slower than planned (a speed slider, a reduced mode), and
that is no error. So a motion is judged by where the arm is measured on its path, never by when.
A feed hold is a cancelled trajectory; what is left of the path is sent when it goes on. Another
override is both, one after the other. The arm's node and the supervisor see no difference to the
servo: they write and read the same horizon page.

| phase | what ends it | then |
|---|---|---|
| held, also at first | a path speed above 0 is asked for: the rest is sent | following |
| following | another path speed is asked for: cancelled | pausing |
| following | the controller says that it has ended | settling |
| following | a stop, off the path, no way made: cancelled | stopping |
| pausing | the arm stands | held |
| settling | the arm stands at its goal, or does not in time | over |
| stopping | the arm stands | over |
"""

from __future__ import annotations

import contextlib
import logging
from collections.abc import Callable
from dataclasses import dataclass, field
from enum import Enum
from typing import Final

import numpy as np
from numpy.typing import NDArray

from drivers.arms import ArmError, ArmState, Ended, TrajectoryDriver
from planners.motion.track import JointLimits
from robot_cell.execution.horizon import Horizon, Outcome
from robot_cell.execution.path_place import PathPlace
from robot_cell.execution.segments import Segments
from robot_cell.execution.way_on import rest, whole

Array = NDArray[np.float64]

_FOLLOWS_AT: Final = 0.999
"""What is said of a controller that says nothing of its speed: slowed, so that it is waited for."""

_CANCEL_S: Final = 5.0
"""How long a controller may take to end a cancelled trajectory, and the arm to stand."""

_BESIDE_RAD: Final = 0.05
"""From farther beside its path an arm that was held is not led back onto it."""

_MOVED_RAD: Final = 1e-3
_SEEN: Final = 5.0

_log = logging.getLogger("relay")


class Phase(Enum):
    """What is waited for; the changes between them are in this module's first lines."""

    FOLLOWING = "following"
    PAUSING = "pausing"
    HELD = "held"
    SETTLING = "settling"
    STOPPING = "stopping"


_OUTCOMES: Final = {"-4": Outcome.PATH_TOLERANCE, "-5": Outcome.GOAL_TOLERANCE}
"""Of control_msgs/FollowJointTrajectory; everything else is the device's own fault."""


@dataclass
class Order:
    """A motion, where it is, and by what it is judged."""

    number: int
    segments: Segments
    limits: JointLimits
    place: PathPlace
    path_tolerance: Array
    goal_tolerance: Array
    stopped_velocity: Array
    goal_time_ns: int
    phase: Phase = Phase.HELD
    speed: float = 0.0
    failed: Outcome | None = None
    since_ns: int = 0
    moved_ns: int = 0
    moved_s: float = 0.0
    moved_from: Array = field(default_factory=lambda: np.zeros(0))


class Relay:
    """One arm's relay; `step` is one state of the arm and is all that touches arm and page."""

    def __init__(
        self, driver: TrajectoryDriver, horizon: Horizon, announce: Callable[[int], None]
    ) -> None:
        self._driver = driver
        self._horizon = horizon
        self._announce = announce
        self._order: Order | None = None
        self._seen_order = horizon.order()
        self._state_ns = 0
        self._passed_s = 0.0

    def connect(self, timeout_s: float) -> None:
        """Connect to the arm, which holds by itself.

        Raises:
            ArmError: there is no arm that can be moved.
        """
        state = self._driver.connect(timeout_s)
        self._seen_order = self._horizon.order()  # what was ordered meanwhile is not begun late
        self._state_ns = state.time_ns
        self._publish(state)
        self._horizon.set_connected(True)

    def lost(self) -> None:
        """The device is gone: the motion fails with the device's error, nothing is resumed.

        What is not heard of any more may still move: it is cancelled, as far as that arrives.
        """
        self._horizon.set_connected(False)
        with contextlib.suppress(ArmError):
            self._driver.stop()
        order, self._order = self._order, None
        measured = self._horizon.measured()
        if order is not None and measured is not None:
            zero = np.zeros(self._horizon.dof)
            self._horizon.finish(
                order.number, Outcome.DEVICE_FAULT, measured.time_ns, zero, measured.positions
            )
            self._announce(measured.time_ns)

    def step(self, timeout_s: float) -> None:
        """One state of the arm: read, judge, and act where something is due.

        Raises:
            ArmTimeout: the arm sent no state.
            ArmError: the arm is lost or faulted.
        """
        state = self._driver.read(timeout_s)
        self._passed_s = (state.time_ns - self._state_ns) * 1e-9
        self._state_ns = state.time_ns
        self._take_order(state)
        if self._order is not None:
            self._watch(self._order, state)
        self._publish(state)

    def _publish(self, state: ArmState) -> None:
        order = self._order
        following = order is not None and order.phase is Phase.FOLLOWING
        permitted = min(state.speed_fraction, _FOLLOWS_AT) if following else state.speed_fraction
        self._horizon.set_permitted_speed(permitted)
        self._horizon.set_measured(
            state.time_ns, state.positions, state.velocities, state.positions
        )

    def _take_order(self, state: ArmState) -> None:
        horizon = self._horizon
        number = horizon.order()
        if number == self._seen_order:
            return
        if self._order is not None:  # the node never orders over another order
            self._stop(self._order, Outcome.STOPPED, state)
            return
        self._seen_order = number
        (path, goal, stopped), goal_time_ns = horizon.judgement()
        path[path <= 0.0] = np.inf  # not watched
        segments = horizon.segments()
        self._order = Order(
            number, segments, horizon.limits(), PathPlace(segments), path, goal, stopped,
            goal_time_ns,
        )  # fmt: skip

    def _watch(self, order: Order, state: ArmState) -> None:
        """What a state means for the motion."""
        if order.number <= self._horizon.stopped():
            self._stop(order, Outcome.STOPPED, state)
        {
            Phase.FOLLOWING: self._following,
            Phase.PAUSING: self._pausing,
            Phase.HELD: self._held,
            Phase.SETTLING: self._settling,
            Phase.STOPPING: self._stopping,
        }[order.phase](order, state)

    def _following(self, order: Order, state: ArmState) -> None:
        off = order.place.follow(state.positions, self._passed_s)
        self._horizon.set_progress(order.place.path_s, order.speed)
        ended = self._driver.ended()
        if ended is not None:
            self._take_end(order, ended, state)
        elif (off > order.path_tolerance).any():
            _log.warning("%.4f rad off its path: stopped", float(np.max(off)))
            self._stop(order, Outcome.PATH_TOLERANCE, state)
        elif self._horizon.asked_speed() != order.speed:
            self._driver.stop()
            self._enter(order, Phase.PAUSING, state)
        elif self._stalled(order, state):
            _log.warning("the controller made no way for %g s: stopped", self._driver.stalled_s)
            self._stop(order, Outcome.STALLED, state)

    def _stalled(self, order: Order, state: ArmState) -> bool:
        moves = order.moved_from.size == 0 or bool(
            (np.abs(state.positions - order.moved_from) > _MOVED_RAD).any()
        )
        if moves or state.speed_fraction < 1.0:
            order.moved_ns, order.moved_from = state.time_ns, state.positions
            order.moved_s = order.place.path_s
        since_s = (state.time_ns - order.moved_ns) * 1e-9
        if since_s <= self._driver.stalled_s:
            return False
        # Where the plan itself stands, or has hardly begun, nothing is to be seen.
        planned = order.place.way(order.moved_s, since_s * order.speed)
        return bool((planned > _SEEN * _MOVED_RAD).any())

    def _take_end(self, order: Order, ended: Ended, state: ArmState) -> None:
        if not ended.done:
            _log.warning("the controller ended the motion: %s %s", ended.code, ended.what)
            order.failed = _OUTCOMES.get(ended.code, Outcome.DEVICE_FAULT)
        self._enter(order, Phase.SETTLING, state)

    def _pausing(self, order: Order, state: ArmState) -> None:
        order.place.follow(state.positions, self._passed_s)
        ended = self._driver.ended()
        if ended is None or not self._still(order, state):
            if state.time_ns - order.since_ns > _CANCEL_S * 1e9:
                self._stop(order, Outcome.DEVICE_FAULT, state)
        elif ended.done:  # it was at its end when it was cancelled
            self._enter(order, Phase.SETTLING, state)
        else:
            self._horizon.set_progress(order.place.path_s, 0.0)
            self._enter(order, Phase.HELD, state)

    def _held(self, order: Order, state: ArmState) -> None:
        """Begin, or go on from where the arm stands."""
        speed = self._horizon.asked_speed()
        self._horizon.set_progress(order.place.path_s, 0.0)
        if not 0.0 < speed <= 1.0:
            return
        off = float(np.max(order.place.off(state.positions)))
        if off > _BESIDE_RAD:
            _log.warning("stands %.4f rad beside its path, too far to go on", off)
            self._finish(order, state, Outcome.PATH_TOLERANCE)
            return
        if order.place.path_s == 0.0:
            trajectory = whole(order.segments, speed)
        else:
            trajectory = rest(
                order.segments, order.limits, order.place.path_s, state.positions, speed
            )
        self._driver.send(trajectory)
        order.speed = speed
        order.moved_ns, order.moved_from = state.time_ns, state.positions
        order.moved_s = order.place.path_s
        self._enter(order, Phase.FOLLOWING, state)

    def _settling(self, order: Order, state: ArmState) -> None:
        error = np.abs(state.positions - order.place.end)
        late = state.time_ns - order.since_ns > order.goal_time_ns
        still = self._still(order, state)
        if order.failed is not None:
            if still or late:
                self._finish(order, state, order.failed)
        elif still and bool((error <= order.goal_tolerance).all()):
            self._finish(order, state, Outcome.DONE)
        elif late:
            self._finish(order, state, Outcome.GOAL_TOLERANCE)

    def _stopping(self, order: Order, state: ArmState) -> None:
        assert order.failed is not None
        order.place.follow(state.positions, self._passed_s)
        if self._driver.ended() is not None and self._still(order, state):
            self._finish(order, state, order.failed)
        elif state.time_ns - order.since_ns > _CANCEL_S * 1e9:
            _log.error("a cancelled motion does not end; stop the arm at its own controller")
            self._finish(order, state, Outcome.DEVICE_FAULT)

    def _stop(self, order: Order, why: Outcome, state: ArmState) -> None:
        """Stop for good; the first reason counts. What has not begun ends at once."""
        if order.phase is Phase.STOPPING or (order.phase is Phase.SETTLING and order.failed):
            return
        order.failed = why
        if order.phase is Phase.HELD:
            self._enter(order, Phase.SETTLING, state)
            return
        if order.phase is not Phase.SETTLING:
            self._driver.stop()
        self._enter(order, Phase.STOPPING, state)

    def _enter(self, order: Order, phase: Phase, state: ArmState) -> None:
        order.phase, order.since_ns = phase, state.time_ns

    @staticmethod
    def _still(order: Order, state: ArmState) -> bool:
        return bool((np.abs(state.velocities) <= order.stopped_velocity).all())

    def _finish(self, order: Order, state: ArmState, outcome: Outcome) -> None:
        self._order = None
        aim = order.place.end if outcome in _AT_END else order.place.here
        self._horizon.finish(
            order.number, outcome, state.time_ns, state.positions - aim, state.positions
        )
        self._announce(state.time_ns)


_AT_END: Final = (Outcome.DONE, Outcome.GOAL_TOLERANCE)

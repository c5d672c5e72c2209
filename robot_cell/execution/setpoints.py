"""What turns an order into setpoints, period by period, judged by what was measured.

Each period it reads the arm's measured state, and writes the setpoints of the next period. It
judges a motion by what was measured, not by time alone: it stops on the path when the arm leaves
the path tolerance, and reports success only when the arm stands within the goal tolerance.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from drivers.arms import ArmDriver
from robot_cell.execution.horizon import Horizon, Outcome
from robot_cell.execution.loop_statistics import COMPUTE, LATENESS, PERIOD, LoopStatistics
from robot_cell.execution.motion import Motion
from robot_cell.execution.segments import quintic

Array = NDArray[np.float64]

_LEISURE_NS: Final = 50_000

_GIVING_WAY_RAD_S: Final = 0.1
_GIVING_WAY_LEAST_S: Final = 0.5
_PEAK_OF_QUINTIC: Final = 1.875
"""Largest speed of a quintic from rest to rest, in units of its mean speed."""


@dataclass
class Order:
    """A motion, and by what it is judged."""

    number: int
    motion: Motion
    path_tolerance: Array
    goal_tolerance: Array
    stopped_velocity: Array
    goal_time_ns: int
    extensions: int
    ended_ns: int = -1
    failed: Outcome | None = None

    def stop(self, why: Outcome) -> None:
        """Stop on the path; the first reason counts."""
        if not self.motion.stopping:
            self.motion.stop()
            self.failed = why


class Servo:
    """One arm's loop; `step` is one period and is all that touches arm and page."""

    def __init__(
        self,
        driver: ArmDriver,
        horizon: Horizon,
        announce: Callable[[int], None],
        *,
        in_real_time: bool = False,
        settings: int = 0,
    ) -> None:
        self._driver = driver
        self._horizon = horizon
        self._announce = announce
        self._in_real_time = in_real_time
        self._settings = settings
        self._loop = LoopStatistics(horizon.statistics)
        self._state_ns = self._due_ns = self._period_ns = 0
        self._order: Order | None = None
        self._hold: Array | None = None
        self._still: Array | None = None
        self._giving_way: Motion | None = None
        self._seen_order = horizon.order()
        self._count = 1
        self._step_s = 0.001
        self._permitted = 1.0

    @property
    def changing_speed(self) -> bool:
        """Whether a motion's path speed changes now."""
        return self._order is not None and self._order.motion.changing_speed

    def connect(self, timeout_s: float) -> None:
        """Connect to the arm and hold it where it is.

        Raises:
            ArmError: there is no arm to hold.
        """
        state = self._driver.connect(timeout_s)
        self._hold = state.positions.copy()
        self._still = self._giving_way = None
        self._count = self._driver.setpoints_per_period
        self._period_ns = self._driver.period_ns
        self._step_s = self._period_ns * 1e-9 / self._count
        self._loop.begin(self._period_ns, self._settings)
        self._state_ns = 0
        self._horizon.set_measured(
            state.time_ns, state.positions, state.velocities, state.positions
        )
        self._driver.write(np.tile(self._hold, (self._count, 1)))
        self._horizon.set_connected(True)

    def lost(self) -> None:
        """The device is gone: the motion fails with the device's error, nothing is resumed."""
        self._horizon.set_connected(False)
        order, self._order = self._order, None
        measured = self._horizon.measured()
        if order is not None and measured is not None:
            zero = np.zeros(self._horizon.dof)
            self._horizon.finish(
                order.number, Outcome.DEVICE_FAULT, measured.time_ns, zero, measured.positions
            )
            self._announce(measured.time_ns)

    def step(self, timeout_s: float) -> None:
        """One period: read, judge, write.

        Raises:
            ArmTimeout: the arm sent no state (in simulation: time stands still).
            ArmError: the arm is lost or faulted.
        """
        state = self._driver.read(timeout_s)
        came_ns = time.monotonic_ns()
        assert self._hold is not None
        setpoint = self._hold
        if self._order is not None:
            self._judge(state.time_ns, state.positions, state.velocities)
        self._take_order(state.time_ns, state.positions)
        order, horizon = self._order, self._horizon
        if self._giving_way is not None:
            block = self._giving_way.setpoints(self._count, 1.0)
            self._hold = block[-1].copy()
            self._still = None
            if self._giving_way.ended:
                self._giving_way = None
        elif order is None or order.motion.ended:
            if self._still is None:
                self._still = np.repeat(setpoint[None], self._count, axis=0)
            block = self._still
        else:
            block = order.motion.setpoints(
                self._count, horizon.asked_speed() * state.speed_fraction
            )
            self._hold = block[-1].copy()
            self._still = None
            horizon.set_progress(order.motion.path_s, order.motion.speed)
        if state.speed_fraction != self._permitted:
            self._permitted = state.speed_fraction
            horizon.set_permitted_speed(self._permitted)
        horizon.set_measured(state.time_ns, state.positions, state.velocities, setpoint)
        self._driver.write(block)
        if order is not None and self._in_real_time:
            used_ns = time.monotonic_ns() - came_ns
            order.motion.prepare_a_bit(at_leisure=used_ns < _LEISURE_NS)
        self._count_loop(came_ns, time.monotonic_ns())

    def _count_loop(self, came_ns: int, done_ns: int) -> None:
        loop, period_ns = self._loop, self._period_ns
        loop.cycle()
        loop.count(COMPUTE, done_ns - came_ns)
        if self._state_ns:
            loop.count(PERIOD, came_ns - self._state_ns)
        if self._in_real_time:  # in simulation time waits for everybody
            self._due_ns += period_ns
            late_ns = came_ns - self._due_ns
            if late_ns < 0 or self._state_ns == 0:
                self._due_ns, late_ns = came_ns, 0  # the earliest one sets the deadlines
            loop.count(LATENESS, late_ns)
            if late_ns >= period_ns or done_ns - came_ns >= period_ns:
                loop.overrun()
                self._due_ns += late_ns // period_ns * period_ns
        self._state_ns = came_ns

    def _take_order(self, now_ns: int, positions: Array) -> None:
        horizon = self._horizon
        number = horizon.order()
        if number != self._seen_order:
            self._seen_order = number
            if self._order is not None:
                self._finish(now_ns, positions, Outcome.STOPPED)
            if self._giving_way is not None:  # it would begin where the arm no longer is
                zero = np.zeros(horizon.dof)
                horizon.finish(number, Outcome.STOPPED, now_ns, zero, positions)
                self._announce(now_ns)
                return
            extensions = horizon.extensions()
            motion = Motion(
                horizon.segments(),
                horizon.limits(),
                self._step_s,
                latest_stop_s=horizon.latest_stop_s(),
                in_real_time=self._in_real_time,
            )
            (path, goal, stopped), goal_time_ns = horizon.judgement()
            path[path <= 0.0] = np.inf  # not watched
            self._order = Order(number, motion, path, goal, stopped, goal_time_ns, extensions)
        order = self._order
        if order is None:
            return
        if order.extensions != horizon.extensions():
            order.extensions = horizon.extensions()
            order.motion.extend(horizon.segments(), horizon.latest_stop_s())
        if order.number <= horizon.stopped() and not order.motion.stopping:
            order.stop(Outcome.STOPPED)
            if order.motion.path_s == 0.0:  # stopped before its first setpoint
                self._finish(now_ns, positions, Outcome.STOPPED)

    def _judge(self, now_ns: int, positions: Array, velocities: Array) -> None:
        order = self._order
        assert order is not None
        assert self._hold is not None
        error = np.abs(positions - self._hold)
        if not order.motion.ended:
            if (error > order.path_tolerance).any():
                order.stop(Outcome.PATH_TOLERANCE)
            if not (order.motion.starved and order.motion.at_rest):
                order.ended_ns = -1
                return
            order.failed = Outcome.STARVED
        if order.ended_ns < 0:
            order.ended_ns = now_ns
        still = bool((np.abs(velocities) <= order.stopped_velocity).all())
        late = now_ns - order.ended_ns > order.goal_time_ns
        if order.failed is not None:
            if late or (still and order.failed is not Outcome.STARVED):
                self._finish(now_ns, positions, order.failed)
        elif still and bool((error <= order.goal_tolerance).all()):
            self._finish(now_ns, positions, Outcome.DONE)
        elif late:
            self._finish(now_ns, positions, Outcome.GOAL_TOLERANCE)

    def _finish(self, now_ns: int, positions: Array, outcome: Outcome) -> None:
        order, self._order = self._order, None
        assert order is not None
        assert self._hold is not None
        self._horizon.finish(order.number, outcome, now_ns, positions - self._hold, positions)
        self._announce(now_ns)
        if outcome in (Outcome.PATH_TOLERANCE, Outcome.GOAL_TOLERANCE):
            self._give_way(positions)

    def _give_way(self, positions: Array) -> None:
        """Bring the setpoint, slowly, to where something keeps the arm.

        Else the arm goes on pushing, jumps once it is freed, and nothing that begins where it was
        measured to stand can be followed.
        """
        assert self._hold is not None
        ends = np.stack([self._hold, positions])
        away_rad = float(np.abs(ends[1] - ends[0]).max())
        lasts_s = max(_GIVING_WAY_LEAST_S, _PEAK_OF_QUINTIC * away_rad / _GIVING_WAY_RAD_S)
        rest = np.zeros_like(ends)
        path = quintic(np.array([0.0, lasts_s]), ends, rest, rest)
        self._giving_way = Motion(path, self._horizon.limits(), self._step_s)

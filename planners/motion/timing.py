"""Timing of a curve in joint space: time-optimal along it, then within the jerk limits too.

copp-py finds the fastest profile within the speed and acceleration limits (time-optimal path
parameterisation by reachability, Pham and Pham 2018). Its acceleration jumps; a moving average over
the path coordinate in time turns the jumps into ramps and makes the motion start and end with zero
acceleration (Biagiotti and Melchiorri, "FIR filters for online trajectory planning with time- and
frequency-domain specifications", 2012). `retime` makes the shortest motion within all limits of it.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

import numpy as np

from planners.arrays import Array
from planners.kinematics.robot import Robot
from planners.motion.errors import MotionError
from planners.motion.paths import JointPath
from planners.motion.retime import retimed
from planners.motion.trajectory import Trajectory

_STATIONS: Final = 120
_SPACING_S: Final = 0.008
_SPEED_MARGIN: Final = 0.998
"""Share of a path speed that is used at the points; between them it swings a little."""

_INTERVALS: Final = 1.01
"""What accelerations swing between stations."""

_UNLIMITED: Final = 1e6
_FEWEST: Final = 24
_MOST: Final = 200


def timed_trajectory(
    robot: Robot,
    path: JointPath,
    *,
    speed: float = 1.0,
    tcp_speed_m_s: float | None = None,
) -> Trajectory:
    """The motion along `path` from rest to rest within a share `speed` of the arm's limits.

    Args:
        robot: the arm.
        path: the curve.
        speed: share of the arm's speed, acceleration and jerk limits.
        tcp_speed_m_s: highest speed of the tool centre point.

    Raises:
        MotionError: no speed profile fits, because the curve bends too sharply.
    """
    stations = np.linspace(0.0, path.length, _STATIONS + 1)
    q, slope, bend = path.evaluate(stations)
    highest = None if tcp_speed_m_s is None else _rates(robot, q, slope, tcp_speed_m_s)
    optimum = _fastest(robot, stations, slope, bend, q, speed, highest)
    first = _sampled(robot, path, optimum, float(np.max(robot.acceleration / robot.jerk)))
    rates = None if tcp_speed_m_s is None else tool_rates(robot, first, tcp_speed_m_s)
    return retimed(robot, first, speed=speed, highest_rate=rates)


def tool_rates(robot: Robot, trajectory: Trajectory, tcp_speed_m_s: float | Array) -> Array:
    """How many times as fast each point may be passed so that the tool keeps its speed limit."""
    return _SPEED_MARGIN * _rates(robot, trajectory.positions, trajectory.velocities, tcp_speed_m_s)


def _rates(robot: Robot, q: Array, slope: Array, tcp_speed_m_s: float | Array) -> Array:
    tool = np.linalg.norm((robot.jacobian(q)[:, :3] @ slope[..., None])[..., 0], axis=1)
    return np.asarray(np.minimum(tcp_speed_m_s / np.maximum(tool, 1e-9), _UNLIMITED))


@dataclass(frozen=True, eq=False)
class PathSpeed:
    """Speed along a path without regard to jerk: s(t), its acceleration constant in between.

    Attributes:
        s: (k,) stations. speed: (k,) ds/dt there. times: (k,) when each is passed, s.
    """

    s: Array
    speed: Array
    times: Array

    @property
    def duration_s(self) -> float:
        """From the first station to the last."""
        return float(self.times[-1])

    def sample(self, t: Array) -> tuple[Array, Array, Array]:
        """s, ds/dt and d2s/dt2 at times (k,)."""
        k = np.clip(np.searchsorted(self.times, t, side="right") - 1, 0, len(self.s) - 2)
        acceleration = (self.speed[k + 1] - self.speed[k]) / (self.times[k + 1] - self.times[k])
        x = t - self.times[k]
        speed = self.speed[k] + x * acceleration
        return self.s[k] + x * (self.speed[k] + x * acceleration / 2), speed, acceleration

    def used(self, robot: Robot, path: JointPath, rate_hz: float = 1000.0) -> tuple[float, float]:
        """Largest shares of the velocity and acceleration limits at a sampling rate."""
        s, speed, acceleration = self.sample(np.arange(0.0, self.duration_s, 1.0 / rate_hz))
        _, slope, bend = path.evaluate(s)
        v = slope * speed[:, None]
        a = bend * speed[:, None] ** 2 + slope * acceleration[:, None]
        return (
            float(np.max(np.abs(v) / robot.velocity)),
            float(np.max(np.abs(a) / robot.acceleration)),
        )


def time_optimal(robot: Robot, path: JointPath, *, stations: int = 200) -> PathSpeed:
    """The fastest motion along a path within velocity and acceleration limits, from rest to rest.

    Between stations the limits hold too: what the optimum at the stations exceeds them by in the
    intervals, it is slowed by as a whole.
    """
    s = np.linspace(0.0, path.length, stations)
    q, slope, bend = path.evaluate(s)
    squared = _squared_speeds(robot, s, slope, bend, q, 1.0, None)
    speed = np.sqrt(squared)
    steps = 2 * np.diff(s) / (speed[1:] + speed[:-1])
    acceleration = (np.diff(speed) / steps)[:, None]
    worst = 1.0
    # Both ends of each interval with its own acceleration; between them all is nearly linear.
    for side in (slice(None, -1), slice(1, None)):
        a = bend[side] * squared[side, None] + slope[side] * acceleration
        worst = max(worst, float(np.max(np.abs(a) / robot.acceleration)))
    factor = np.sqrt(worst * _INTERVALS)
    return PathSpeed(s, speed / factor, np.concatenate([[0.0], np.cumsum(steps)]) * factor)


class _Profile:
    """s(t) with constant path acceleration between stations, and its integral over time."""

    def __init__(self, s: Array, squared_speed: Array) -> None:
        speed = np.sqrt(np.maximum(squared_speed, 0.0))
        ds = np.diff(s)
        step = 2 * ds / (speed[1:] + speed[:-1])
        self._t = np.concatenate([[0.0], np.cumsum(step)])
        self._s, self._speed = s, speed
        self._acceleration = np.concatenate([np.diff(speed) / step, [0.0]])
        area = step * (s[:-1] + step * (speed[:-1] / 2 + step * self._acceleration[:-1] / 6))
        self._area = np.concatenate([[0.0], np.cumsum(area)])

    @property
    def duration_s(self) -> float:
        return float(self._t[-1])

    def averaged(self, t: Array, width: float) -> tuple[Array, Array, Array]:
        """s, ds/dt and d2s/dt2 of the mean of s over the last `width` seconds."""
        (area, s, v), (area_before, s_before, v_before) = self._at(t), self._at(t - width)
        return (area - area_before) / width, (s - s_before) / width, (v - v_before) / width

    def _at(self, t: Array) -> tuple[Array, Array, Array]:
        inside = np.clip(t, 0.0, self._t[-1])
        k = np.clip(np.searchsorted(self._t, inside, side="right") - 1, 0, len(self._t) - 1)
        x = inside - self._t[k]
        a, v, s = self._acceleration[k], self._speed[k], self._s[k]
        after = np.maximum(t - self._t[-1], 0.0) * self._s[-1]
        moving = (t > 0.0) & (t < self._t[-1])
        return (
            self._area[k] + x * (s + x * (v / 2 + x * a / 6)) + after,
            s + x * (v + x * a / 2),
            np.where(moving, v + x * a, 0.0),
        )


def _fastest(
    robot: Robot,
    s: Array,
    slope: Array,
    bend: Array,
    q: Array,
    speed: float,
    highest: Array | None,
) -> _Profile:
    return _Profile(s, _squared_speeds(robot, s, slope, bend, q, speed, highest))


def _squared_speeds(
    robot: Robot,
    s: Array,
    slope: Array,
    bend: Array,
    q: Array,
    speed: float,
    highest: Array | None,
) -> Array:
    import copp_py

    solver = copp_py.Robot(robot.dof, capacity=len(s))
    solver.append_s(s)
    solver.set_q(q, slope, bend, 0)
    v = np.tile(robot.velocity * speed, (len(s), 1))
    a = np.tile(robot.acceleration * speed, (len(s), 1))
    solver.add_velocity_limits(v, -v, start_idx_s=0, length=len(s))
    solver.add_acceleration_limits(a, -a, start_idx_s=0, length=len(s))
    if highest is not None:
        solver.constraints.add_constraint_1st(highest[:, None] ** 2, 0)
    topp: Any = copp_py.solver.topp2_ra
    problem = topp.Problem(
        solver.constraints, idx_s_interval=(0, len(s) - 1), a_boundary=(0.0, 0.0)
    )
    try:
        squared = np.asarray(topp.solve(problem, topp.Options()))
    except copp_py.CoppError as error:
        raise MotionError("singularity", f"no speed profile fits the path: {error}") from error
    # A station at rest inside the path would take for ever; the solver leaves none but the ends.
    squared[1:-1] = np.maximum(squared[1:-1], 1e-12)
    return squared


def _sampled(robot: Robot, path: JointPath, profile: _Profile, width: float) -> Trajectory:
    """Equally spaced points of the averaged profile."""
    duration = profile.duration_s + width
    count = int(np.clip(np.ceil(duration / _SPACING_S), _FEWEST, _MOST))
    times = np.linspace(0.0, duration, count + 1)
    s, speed, acceleration = profile.averaged(times, width)
    s = np.clip(s, 0.0, path.length)
    s[0], s[-1] = 0.0, path.length
    speed[[0, -1]] = acceleration[[0, -1]] = 0.0
    q, slope, bend = path.evaluate(s)
    rate, acceleration = speed[:, None], acceleration[:, None]
    return Trajectory(
        robot.joint_names, times, q, slope * rate, bend * rate**2 + slope * acceleration
    )

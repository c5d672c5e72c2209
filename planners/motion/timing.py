"""Timing of a curve in joint space: time-optimal along it, then within the jerk limits too.

Reachability finds the fastest profile within the speed, acceleration and torque limits
(`reachability.py`). Its acceleration jumps; a moving average over
the path coordinate in time turns the jumps into ramps and makes the motion start and end with zero
acceleration (Biagiotti and Melchiorri, "FIR filters for online trajectory planning with time- and
frequency-domain specifications", 2012). `retime` makes the shortest motion within all limits of it.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np

from planners.arrays import Array, plain
from planners.kinematics.dynamics import joint_torques, torque_terms
from planners.kinematics.payload import Payload
from planners.kinematics.robot import Robot
from planners.motion.errors import MotionError
from planners.motion.paths import JointPath
from planners.motion.retime import retimed
from planners.motion.trajectory import Trajectory

MOST_STATIONS: Final = 120
_SPACING_S: Final = 0.008
_SPEED_MARGIN: Final = 0.998
"""Share of a path speed that is used at the points; between them it swings a little."""

_INTERVALS: Final = 1.01
"""What accelerations swing between stations."""

_TORQUE_MARGIN: Final = 0.995
"""Share of the torque limits that is used: torques bend between stations with the arm's pose."""

_TORQUE_NEAR: Final = 0.9
_BETWEEN: Final = (0.1, 0.3, 0.5, 0.7, 0.9)
"""Where torques are looked at between stations if they come near to their limits there."""

_UNLIMITED: Final = 1e6
_FEWEST: Final = 24
_MOST: Final = 200


def timed_trajectory(
    robot: Robot,
    path: JointPath,
    *,
    speed: float = 1.0,
    tcp_speed_m_s: float | None = None,
    payload: Payload | None = None,
    stations: int = MOST_STATIONS,
) -> Trajectory:
    """The motion along `path` from rest to rest within a share `speed` of the arm's limits.

    Args:
        robot: the arm.
        path: the curve.
        speed: share of the arm's speed, acceleration and jerk limits.
        tcp_speed_m_s: highest speed of the tool centre point.
        payload: what the tool carries.
        stations: how many intervals the path is cut into.

    Raises:
        MotionError: holding still takes more than a joint's torque.
    """
    s = np.linspace(0.0, path.length, stations + 1)
    q, slope, bend = path.evaluate(s)
    highest = None if tcp_speed_m_s is None else _rates(robot, q, slope, tcp_speed_m_s)
    rows = _rows(robot, q, slope, bend, speed, payload)
    squared = _squared_speeds(robot, s, slope, rows, speed, highest)
    first = _sampled(robot, path, s, squared)
    rates = None if tcp_speed_m_s is None else tool_rates(robot, first, tcp_speed_m_s)
    return retimed(robot, first, speed=speed, highest_rate=rates, payload=payload)


def tool_rates(robot: Robot, trajectory: Trajectory, tcp_speed_m_s: float | Array) -> Array:
    """How many times as fast each point may be passed so that the tool keeps its speed limit."""
    return _SPEED_MARGIN * _rates(robot, trajectory.positions, trajectory.velocities, tcp_speed_m_s)


def _rates(robot: Robot, q: Array, slope: Array, tcp_speed_m_s: float | Array) -> Array:
    tool = tool_speeds(robot, q, slope)
    return np.asarray(np.minimum(tcp_speed_m_s / np.maximum(tool, 1e-9), _UNLIMITED))


def tool_speeds(robot: Robot, q: Array, velocity: Array) -> Array:
    """Speeds (k,) of the tool centre point in m/s, at joint positions and velocities (k, n)."""
    twist = np.einsum("kij,kj->ki", robot.jacobian(q)[:, :3], velocity)
    return np.asarray(np.sqrt(np.einsum("ki,ki->k", twist, twist)))


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

    def used(
        self,
        robot: Robot,
        path: JointPath,
        rate_hz: float = 1000.0,
        payload: Payload | None = None,
    ) -> tuple[float, float, float]:
        """Largest shares of the velocity, acceleration and torque limits at a sampling rate."""
        s, speed, acceleration = self.sample(np.arange(0.0, self.duration_s, 1.0 / rate_hz))
        q, slope, bend = path.evaluate(s)
        v = slope * speed[:, None]
        a = bend * speed[:, None] ** 2 + slope * acceleration[:, None]
        torque = joint_torques(robot, q, v, a, payload=payload)
        return (
            float(np.max(np.abs(v) / robot.velocity)),
            float(np.max(np.abs(a) / robot.acceleration)),
            float(np.max(np.abs(torque) / robot.effort)),
        )


def time_optimal(
    robot: Robot, path: JointPath, *, stations: int = 200, payload: Payload | None = None
) -> PathSpeed:
    """The fastest motion along a path within velocity, acceleration and torque, rest to rest.

    Between stations the limits hold too: what the optimum at the stations exceeds them by in the
    intervals, it is slowed by as a whole.

    Raises:
        MotionError: holding still takes more than a joint's torque.
    """
    s = np.linspace(0.0, path.length, stations)
    q, slope, bend = path.evaluate(s)
    rows = _rows(robot, q, slope, bend, 1.0, payload)
    squared = _squared_speeds(robot, s, slope, rows, 1.0, None)
    speed = np.sqrt(squared)
    steps = 2 * np.diff(s) / (speed[1:] + speed[:-1])
    acceleration = (np.diff(speed) / steps)[:, None]
    worst, near = 1.0, False
    # Both ends of each interval with its own acceleration; between them all is nearly linear.
    for side in (slice(None, -1), slice(1, None)):
        moving = rows[side, :, 0] * acceleration + rows[side, :, 1] * squared[side, None]
        room = 1.0 - np.sign(moving) * rows[side, :, 2]
        worst = max(worst, float(np.max(np.abs(moving) / room)))
        near |= bool((np.abs(moving + rows[side, :, 2])[:, robot.dof :] > _TORQUE_NEAR).any())
    if near:
        worst = max(worst, _torque_between(robot, path, s, squared, payload))
    factor = np.sqrt(worst * _INTERVALS)
    return PathSpeed(s, speed / factor, np.concatenate([[0.0], np.cumsum(steps)]) * factor)


def _torque_between(
    robot: Robot, path: JointPath, s: Array, squared: Array, payload: Payload | None
) -> float:
    """Largest share between stations of what gravity leaves of the torque limits."""
    share = np.array(_BETWEEN)
    ds = np.diff(s)[:, None]
    x = (squared[:-1, None] + share * np.diff(squared)[:, None]).ravel()
    u = np.repeat(np.diff(squared) / (2 * ds[:, 0]), len(share))
    q, slope, bend = path.evaluate((s[:-1, None] + share * ds).ravel())
    v, a = slope * np.sqrt(x)[:, None], bend * x[:, None] + slope * u[:, None]
    zero = np.zeros_like(q)
    still = joint_torques(robot, q, zero, zero, payload=payload)
    moving = joint_torques(robot, q, v, a, payload=payload) - still
    room = np.maximum(_TORQUE_MARGIN * robot.effort - np.sign(moving) * still, 1e-9)
    return float(np.max(np.abs(moving) / room))


def _squared_speeds(
    robot: Robot,
    s: Array,
    slope: Array,
    rows: Array,
    speed: float,
    highest: Array | None,
) -> Array:
    from planners.motion.reachability import squared_speeds
    from planners.motion.timing_kernel import speed_caps

    cap = np.empty(len(s))
    rates = np.full(len(s), np.inf) if highest is None else highest
    speed_caps(plain(slope), speed * robot.velocity, rates, cap)
    squared = np.empty(len(s))
    wrong = squared_speeds(s, rows, cap, squared)
    if wrong >= 0:
        joint = int(np.abs(rows[wrong, robot.dof :, 2]).argmax())
        joint = int(np.flatnonzero(np.isfinite(robot.effort))[joint])
        raise MotionError(
            "verification",
            f"{robot.joint_names[joint]} cannot hold the arm, its tool and what it carries on this"
            " path; carry less, or keep the arm nearer to its base",
        )
    # A station at rest inside the path would take for ever.
    squared[1:-1] = np.maximum(squared[1:-1], 1e-12)
    return squared


def _rows(
    robot: Robot, q: Array, slope: Array, bend: Array, speed: float, payload: Payload | None
) -> Array:
    """Factors (k, m, 3) of d2s/dt2, (ds/dt)^2 and 1 in accelerations and torques over limits."""
    from planners.motion.timing_kernel import path_rows

    effort = np.flatnonzero(np.isfinite(robot.effort))
    dof = robot.dof
    rows = np.empty((len(q), dof + len(effort), 3))
    terms = np.empty((3, 0, dof))
    if len(effort):
        terms = torque_terms(robot, q, slope, bend, payload=payload)
    path_rows(
        plain(slope), plain(bend), speed * robot.acceleration, terms,
        effort, _TORQUE_MARGIN * robot.effort[effort], rows,
    )  # fmt: skip
    return rows


def _sampled(robot: Robot, path: JointPath, stations: Array, squared: Array) -> Trajectory:
    """Equally spaced points of the profile, averaged over the time in which accelerations rise."""
    from planners.motion.timing_kernel import averaged, passing

    speeds, passed, area = np.empty((3, len(stations)))
    width = float(np.max(robot.acceleration / robot.jerk))
    duration = passing(stations, squared, speeds, passed, area) + width
    count = int(np.clip(np.ceil(duration / _SPACING_S), _FEWEST, _MOST))
    times = np.linspace(0.0, duration, count + 1)
    profile = np.empty((3, count + 1))
    averaged(stations, speeds, passed, area, width, times, profile)
    q, slope, bend = path.evaluate(profile[0])
    rate, acceleration = profile[1][:, None], profile[2][:, None]
    return Trajectory(
        robot.joint_names, times, q, slope * rate, bend * rate**2 + slope * acceleration
    )

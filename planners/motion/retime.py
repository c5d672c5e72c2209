"""Jerk-limited timing: the shortest time for a trajectory's path within all limits of the arm.

A trajectory that is slow, or that breaks limits, goes in; the same points of the same path, reached
at other times, come out. What is solved, and from where the method is, tells `jerk_kernel`.
"""

from __future__ import annotations

from typing import Final

import numpy as np

from planners.arrays import Array, plain
from planners.kinematics.dynamics import torque_terms
from planners.kinematics.payload import Payload
from planners.kinematics.robot import Robot
from planners.motion.errors import MotionError
from planners.motion.trajectory import Trajectory

ACCURACY: Final = 0.0025
"""The duration is within this share of the best for the points that are given."""

_SPEED_MARGIN: Final = 0.999
"""Share of the speed and torque limits that is used: quintics differ a little from the spline."""

_MARGIN: Final = 0.99
"""Share of acceleration and jerk: the governor needs a little room to begin to slow down."""

_MOVING_TORQUE: Final = 1.02
"""Torques of the motion count this much: between points they change with the arm's pose."""

_SWING: Final = 0.3
_SWING_AT_REST: Final = 0.02
"""Most that the squared speed changes per point, elsewhere and next to a rest."""

_COLD: Final = 1.0
_ROUGH: Final = 0.03
"""So near to the best it is known well enough what the quintics add between the points."""

_WARM: Final = (0.04, 0.02)
"""The barrier's first weight in the exact solution, and in one more where that has not sufficed."""

_FEWEST: Final = 12
_CLOSE_ENOUGH: Final = 1.001
"""What is left over the limits then is taken out by slowing down as a whole."""

_FIRST: Final = 0.98
_HALVINGS: Final = 40
_MOST_SPEED: Final = 100.0
_POINTS, _WEIGHTS = np.polynomial.legendre.leggauss(4)
_GAUSS: Final = ((_POINTS + 1.0) / 2.0, _WEIGHTS / 2.0)
"""Nodes and weights on [0, 1]."""


def retimed(
    robot: Robot,
    trajectory: Trajectory,
    *,
    speed: float | Array = 1.0,
    highest_rate: Array | None = None,
    torques: bool = True,
    payload: Payload | None = None,
) -> Trajectory:
    """The trajectory's path in the shortest time, from rest to rest.

    Args:
        robot: the arm.
        trajectory: equally spaced points from rest to rest, 12 at least.
        speed: share of the speed, acceleration and jerk limits that is used; one, or (k,) of them.
        highest_rate: (k,) how many times as fast each point may be passed at most.
        torques: whether the joint torques (no friction) have to be within limits.
        payload: what the tool carries.

    Raises:
        ValueError: the points are not equally spaced.
        MotionError: no speed is slow enough: holding still takes more than a joint's torque.
    """
    from planners.motion.jerk_kernel import fastest  # numba; who only reads does without it
    from planners.motion.retime_kernel import caps, jerk_rows

    h = float(trajectory.times[1])
    if len(trajectory.times) < _FEWEST or np.ptp(np.diff(trajectory.times)) > 1e-6 * h:
        raise ValueError("only equally spaced points, 12 or more, are retimed")
    limits = _Limits(robot, speed, len(trajectory.times))
    points = _points(trajectory)
    rows, free = _rows(robot, points, h, limits, payload, torques=torques)
    highest = np.full(len(trajectory.times), np.sqrt(_MOST_SPEED))
    if highest_rate is not None:
        highest = np.minimum(highest, highest_rate)
    cap = np.empty(len(trajectory.times) + 1)
    caps(points[1], _SPEED_MARGIN * limits.velocity, highest, cap)
    cube = np.empty((len(trajectory.times) - 1, 3, robot.dof, 3))
    jerk_rows(h, *points, _MARGIN * limits.jerk, cube)
    level = _FIRST * min(float(cap.min()), 1.0)
    for _ in range(_HALVINGS):
        x = np.full(len(trajectory.times) + 1, level)
        if fastest(x, h, cap, rows, free, cube, _COLD, _ROUGH) >= 0:
            break
        level *= 0.75
    else:
        raise _too_heavy(robot, trajectory, free)
    found = _at_new_times(robot, trajectory, x, h)
    excess = _excess(found, limits)
    for first in _WARM:
        if excess.max() > _CLOSE_ENOUGH:
            # What the quintics between the points add is taken off the limits at those points.
            cube *= np.maximum(excess[:, 1], 1.0)[:, None, None, None] ** 1.05
            knots = np.maximum(np.append(excess[:, 0], 1.0), np.append(1.0, excess[:, 0]))
            rows[:, : robot.dof] *= np.maximum(knots, 1.0)[:, None, None] ** 1.05
            x *= 0.98 * float(excess.max()) ** -1.1
        elif first != _WARM[0]:
            break
        fastest(x, h, cap, rows, free, cube, first, ACCURACY)
        found = _at_new_times(robot, trajectory, x, h)
        excess = _excess(found, limits)
    most = excess.max(axis=0)
    factor = max(1.0, float(np.sqrt(most[0])), float(np.cbrt(most[1])))
    return found.slowed(factor * (1.0 + 1e-9)) if factor > 1.0 else found


class _Limits:
    """Limits (k, n) at the points; of the jerk, and of the acceleration between, (k - 1, n)."""

    def __init__(self, robot: Robot, speed: float | Array, count: int) -> None:
        share = np.broadcast_to(np.asarray(speed, dtype=float), (count,))[:, None]
        self.velocity: Array = share * robot.velocity
        self.acceleration: Array = share * robot.acceleration
        self.jerk: Array = np.minimum(share[1:], share[:-1]) * robot.jerk
        self.acceleration_between: Array = np.maximum(share[1:], share[:-1]) * robot.acceleration


def _points(trajectory: Trajectory) -> tuple[Array, Array, Array]:
    """Positions, velocities and accelerations as kernels want them."""
    return (
        plain(trajectory.positions),
        plain(trajectory.velocities),
        plain(trajectory.accelerations),
    )


def _excess(trajectory: Trajectory, limits: _Limits) -> Array:
    """Largest shares (k - 1, 2) of acceleration and jerk limit between the points."""
    from planners.motion.retime_kernel import excess

    worst = np.empty((len(trajectory.times) - 1, 2))
    excess(
        plain(trajectory.times), *_points(trajectory),
        limits.acceleration_between, limits.jerk, worst,
    )  # fmt: skip
    return worst


def _too_heavy(robot: Robot, trajectory: Trajectory, free: Array) -> MotionError:
    efforts = np.flatnonzero(np.isfinite(robot.effort))
    joint = int(efforts[int(np.abs(free[:, robot.dof + 1 :]).max(axis=0).argmax())])
    return MotionError(
        "verification",
        f"{robot.joint_names[joint]} cannot hold the arm, its tool and what it carries on this"
        " path; carry less, or keep the arm nearer to its base",
        q=trajectory.positions[int(np.abs(free).max(axis=1).argmax())],
    )


def _rows(
    robot: Robot,
    points: tuple[Array, Array, Array],
    h: float,
    limits: _Limits,
    payload: Payload | None,
    *,
    torques: bool,
) -> tuple[Array, Array]:
    """Factors (k, m, 2) of a and a' in accelerations and torques as shares of their limits.

    Also what they have (k, m) without any speed.
    """
    from planners.motion.retime_kernel import linear_rows

    q, v, a = points
    count, dof = q.shape
    effort = np.flatnonzero(np.isfinite(robot.effort)) if torques else np.empty(0, dtype=np.intp)
    terms = torque_terms(robot, q, v, a, payload=payload) if len(effort) else np.empty((3, 0, dof))
    rows = np.empty((count, dof + 1 + len(effort), 2))
    free = np.empty(rows.shape[:2])
    linear_rows(
        v, a, _MARGIN * limits.acceleration, h / _SWING, h / _SWING_AT_REST, terms,
        effort, _SPEED_MARGIN * robot.effort[effort], _MOVING_TORQUE, rows, free,
    )  # fmt: skip
    return rows, free


def _at_new_times(robot: Robot, trajectory: Trajectory, x: Array, h: float) -> Trajectory:
    from planners.motion.retime_kernel import new_times

    times = np.empty(len(trajectory.times))
    nodes, weights = _GAUSS
    new_times(x, h, nodes, weights, times)
    a = (x[:-1] + x[1:]) / 2
    slope = np.diff(x) / h
    rate = np.sqrt(a)[:, None]
    return Trajectory(
        robot.joint_names,
        times,
        trajectory.positions,
        trajectory.velocities * rate,
        trajectory.accelerations * rate**2 + trajectory.velocities * slope[:, None] / 2,
    )

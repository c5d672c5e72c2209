"""Jerk-limited timing: the shortest time for a trajectory's path within all limits of the arm.

A trajectory that is slow, or that breaks limits, goes in; the same points of the same path, reached
at other times, come out. What is solved, and from where the method is, tells `jerk_kernel`.
"""

from __future__ import annotations

from typing import Final

import numpy as np

from planners.arrays import Array
from planners.kinematics.dynamics import joint_torques
from planners.kinematics.robot import Robot
from planners.motion.errors import MotionError
from planners.motion.trajectory import Trajectory

ACCURACY: Final = 0.005
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

_COLD: Final = 0.3
_WARM: Final = 0.03
_CORRECTIONS: Final = 1
_FLAT: Final = 1e-9
_FEWEST: Final = 12
_CLOSE_ENOUGH: Final = 1.001
"""What is left over the limits then is taken out by slowing down as a whole."""

_FIRST: Final = 0.98
_HALVINGS: Final = 40
_MOST_SPEED: Final = 100.0
_GAUSS: Final = np.polynomial.legendre.leggauss(4)


def retimed(
    robot: Robot,
    trajectory: Trajectory,
    *,
    speed: float = 1.0,
    highest_rate: Array | None = None,
    torques: bool = True,
) -> Trajectory:
    """The trajectory's path in the shortest time, from rest to rest.

    Args:
        robot: the arm.
        trajectory: equally spaced points from rest to rest, 12 at least.
        speed: share of the speed, acceleration and jerk limits that is used.
        highest_rate: (k,) how many times as fast each point may be passed at most.
        torques: whether the joint torques (arm and tool, no friction) have to be within limits.

    Raises:
        ValueError: the points are not equally spaced.
        MotionError: no speed is slow enough: holding still takes more than a joint's torque.
    """
    from planners.motion.jerk_kernel import fastest  # numba; who only reads does without it

    h = float(trajectory.times[1])
    if len(trajectory.times) < _FEWEST or np.ptp(np.diff(trajectory.times)) > 1e-6 * h:
        raise ValueError("only equally spaced points, 12 or more, are retimed")
    rows, free = _rows(robot, trajectory, h, speed, torques=torques)
    cap = 1.0 / np.maximum(
        ((trajectory.velocities / (speed * _SPEED_MARGIN * robot.velocity)) ** 2).max(axis=1),
        1.0 / _MOST_SPEED,
    )
    if highest_rate is not None:
        cap = np.minimum(cap, highest_rate**2)
    cap = np.concatenate([cap[:1], np.minimum(cap[1:], cap[:-1]), cap[-1:]])
    cube = _jerk_rows(trajectory, h, speed * _MARGIN * robot.jerk)
    level = _FIRST * min(float(cap.min()), 1.0)
    for _ in range(_HALVINGS):
        x = np.full(len(trajectory.times) + 1, level)
        if fastest(x, h, cap, rows, free, cube, _COLD, ACCURACY) >= 0:
            break
        level *= 0.75
    else:
        raise _too_heavy(robot, trajectory, free)
    for _ in range(_CORRECTIONS):
        found = _at_new_times(robot, trajectory, x, h)
        excess = _excess(found, speed * robot.acceleration, speed * robot.jerk)
        if excess.max() <= _CLOSE_ENOUGH:
            break
        # What the quintics between the points add is taken off the limits at those points.
        cube *= np.maximum(excess[:, 1], 1.0)[:, None, None, None] ** 1.05
        knots = np.maximum(np.append(excess[:, 0], 1.0), np.append(1.0, excess[:, 0]))
        rows[:, : robot.dof] *= np.maximum(knots, 1.0)[:, None, None] ** 1.05
        x *= 0.98 * float(excess.max()) ** -1.1
        fastest(x, h, cap, rows, free, cube, _WARM, ACCURACY)
    found = _at_new_times(robot, trajectory, x, h)
    excess = _excess(found, speed * robot.acceleration, speed * robot.jerk).max(axis=0)
    factor = max(1.0, float(np.sqrt(excess[0])), float(np.cbrt(excess[1])))
    return found.slowed(factor * (1.0 + 1e-9)) if factor > 1.0 else found


def _excess(trajectory: Trajectory, acceleration: Array, jerk: Array) -> Array:
    """Largest shares (k - 1, 2) of acceleration and jerk limit between the points."""
    c = trajectory.coefficients
    h = np.diff(trajectory.times)[:, None]
    j0, j1, j2 = 6 * c[:, 3], 24 * c[:, 4], 60 * c[:, 5]
    top = np.clip(-j1 / np.where(np.abs(j2) > _FLAT, 2 * j2, np.inf), 0.0, h)
    worst = np.zeros((len(c), 2))
    for x in (0.0 * h, h, top):
        worst[:, 1] = np.maximum(worst[:, 1], np.abs((j0 + x * (j1 + x * j2)) / jerk).max(axis=1))
    root = np.sqrt(np.maximum(j1 * j1 - 4 * j0 * j2, 0.0))
    safe = np.where(np.abs(j2) > _FLAT, 2 * j2, np.inf)
    straight = -j0 / np.where(np.abs(j1) > _FLAT, j1, np.inf)
    peaks = ((-j1 + root) / safe, (-j1 - root) / safe, straight)
    for x in (0.0 * h, h, *(np.clip(peak, 0.0, h) for peak in peaks)):
        a = 2 * c[:, 2] + x * (j0 + x * (j1 / 2 + x * j2 / 3))
        worst[:, 0] = np.maximum(worst[:, 0], np.abs(a / acceleration).max(axis=1))
    return worst


def _too_heavy(robot: Robot, trajectory: Trajectory, free: Array) -> MotionError:
    joint = int(np.abs(free).max(axis=0).argmax()) % robot.dof
    return MotionError(
        "verification",
        f"{robot.joint_names[joint]} cannot hold the arm and its tool on this path",
        q=trajectory.positions[int(np.abs(free).max(axis=1).argmax())],
    )


def _rows(
    robot: Robot, trajectory: Trajectory, h: float, speed: float, *, torques: bool
) -> tuple[Array, Array]:
    """Factors (k, m, 2) of a and a' in accelerations and torques as shares of their limits.

    Also what they have (k, m) without any speed.
    """
    q, v, a = trajectory.positions, trajectory.velocities, trajectory.accelerations
    limit = speed * _MARGIN * robot.acceleration
    # At rest no limit tells a': without this row the speed would swing from point to point there.
    swing = np.full((len(q), 1), h / _SWING)
    swing[[0, 1, -2, -1]] = h / _SWING_AT_REST
    zero = np.zeros_like(q)
    along, across, free = (
        [a / limit, np.zeros_like(swing)],
        [v / 2 / limit, swing],
        [zero, 0 * swing],
    )
    if torques:
        effort = _SPEED_MARGIN * robot.effort
        still = joint_torques(robot, q, zero, zero)
        share = _MOVING_TORQUE / effort
        along.append((joint_torques(robot, q, v, a) - still) * share)
        across.append((joint_torques(robot, q, zero, v) - still) / 2 * share)
        free.append(still / effort)
    rows = np.stack([np.hstack(along), np.hstack(across)], axis=-1)
    return np.ascontiguousarray(rows), np.ascontiguousarray(np.hstack(free))


def _jerk_rows(trajectory: Trajectory, h: float, limit: Array) -> Array:
    """Factors (k - 1, 3, n, 3) of a, a', a'' in the jerk at start, middle, end of each interval."""
    c = trajectory.coefficients
    ends = []
    for x in (0.0, h / 2, h):
        jerk = 6 * c[:, 3] + x * (24 * c[:, 4] + x * 60 * c[:, 5])
        acceleration = 2 * c[:, 2] + x * (6 * c[:, 3] + x * (12 * c[:, 4] + x * 20 * c[:, 5]))
        velocity = c[:, 1] + x * (
            2 * c[:, 2] + x * (3 * c[:, 3] + x * (4 * c[:, 4] + x * 5 * c[:, 5]))
        )
        ends.append(np.stack([jerk, 1.5 * acceleration, 0.5 * velocity], axis=-1))
    return np.ascontiguousarray(np.stack(ends, axis=1) / limit[:, None])


def _at_new_times(robot: Robot, trajectory: Trajectory, x: Array, h: float) -> Trajectory:
    a = (x[:-1] + x[1:]) / 2
    slope = np.diff(x) / h
    bend = np.diff(slope)[:, None]
    f = (_GAUSS[0] + 1.0) / 2
    within = a[:-1, None] + h * f * (slope[:-1, None] + f * bend / 2)
    steps = h / 2 * (_GAUSS[1] / np.sqrt(within)).sum(axis=1)
    rate = np.sqrt(a)[:, None]
    return Trajectory(
        robot.joint_names,
        np.concatenate([[0.0], np.cumsum(steps)]),
        trajectory.positions,
        trajectory.velocities * rate,
        trajectory.accelerations * rate**2 + trajectory.velocities * slope[:, None] / 2,
    )

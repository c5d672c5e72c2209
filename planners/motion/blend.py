"""Several motions without a stop in between: each begins before the one before it has ended.

While two motions overlap, their ways from the corner are added. Outside the overlap the arm is
exactly on one of the two paths; inside, it cuts the corner, smoothly, because both are smooth
(superposition, as in Biagiotti and Melchiorri, "Trajectory Planning for Automatic Machines and
Robots", 2008, section 9.1). The sum is then timed anew within the arm's limits.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from planners.kinematics.robot import Robot
from planners.motion.items import Blend
from planners.motion.trajectory import Trajectory

_SPACING_S: Final = 0.006
_MOST: Final = 600
_LOOKS: Final = 60
_HALVINGS: Final = 12


@dataclass(frozen=True, eq=False)
class Superposed:
    """Motions that overlap.

    Attributes:
        trajectory: equally spaced points; where motions overlap, limits may be broken.
        first, last: (k,) which of the motions each point belongs to; two where they overlap.
        corners: index of the point in the middle of each overlap.
    """

    trajectory: Trajectory
    first: NDArray[np.intp]
    last: NDArray[np.intp]
    corners: tuple[int, ...]


def superposed(
    robot: Robot, motions: Sequence[Trajectory], blends: Sequence[Blend], *, shrink: float = 1.0
) -> Superposed:
    """Motions from rest to rest, each of which begins where the one before it ends.

    Args:
        robot: the arm, for how far its tool is from the corners.
        motions: two or more.
        blends: one per corner.
        shrink: share of the blends' sizes that is used.
    """
    begins = [0.0]
    overlaps = []
    for before, after, blend in zip(motions, motions[1:], blends, strict=False):
        overlap = overlap_s(robot, before, after, blend, shrink=shrink)
        overlaps.append(overlap)
        begins.append(begins[-1] + before.duration_s - overlap)
    duration = begins[-1] + motions[-1].duration_s
    count = int(np.clip(np.ceil(duration / _SPACING_S), 24, _MOST))
    times = np.linspace(0.0, duration, count + 1)
    shape = (count + 1, robot.dof)
    q, v, a = np.zeros(shape), np.zeros(shape), np.zeros(shape)
    first, last = np.full(count + 1, len(motions)), np.zeros(count + 1, dtype=int)
    for k, (begin, motion) in enumerate(zip(begins, motions, strict=True)):
        state = motion.sample(times - begin)
        inside = (times >= begin - 1e-9) & (times <= begin + motion.duration_s + 1e-9)
        q += state.positions - (motions[k].positions[0] if k else 0.0)
        v += np.where(inside[:, None], state.velocities, 0.0)
        a += np.where(inside[:, None], state.accelerations, 0.0)
        first = np.where(inside, np.minimum(first, k), first)
        last = np.where(inside, k, last)
    middles = np.array(begins[1:]) + np.array(overlaps) / 2
    corners = tuple(int(k) for k in np.searchsorted(times, middles))
    trajectory = Trajectory(robot.joint_names, times, q, v, a)
    return Superposed(trajectory, first, last, corners)


def overlap_s(
    robot: Robot, before: Trajectory, after: Trajectory, blend: Blend, *, shrink: float = 1.0
) -> float:
    """How long before the end of one motion the next may begin; half of the shorter at most."""
    most = min(before.duration_s, after.duration_s) / 2
    if blend.stops:
        return 0.0
    if blend.radius_m:
        radius = blend.radius_m * shrink
        leaving = _near_s(robot, before, before.duration_s, -most, radius)
        return min(leaving, _near_s(robot, after, 0.0, most, radius))
    low, high = 0.0, most
    tolerance = blend.tolerance_m * shrink
    if _cut_m(robot, before, after, most) <= tolerance:
        return most
    for _ in range(_HALVINGS):
        middle = (low + high) / 2
        if _cut_m(robot, before, after, middle) <= tolerance:
            low = middle
        else:
            high = middle
    return low


def _near_s(
    robot: Robot, motion: Trajectory, corner_s: float, reach_s: float, radius_m: float
) -> float:
    """For how long, from `corner_s` on by `reach_s` at most, the tool is within a radius of it."""
    looks = np.linspace(0.0, reach_s, _LOOKS)
    points = robot.forward(motion.sample(corner_s + looks).positions)[:, :3, 3]
    outside = np.flatnonzero(np.linalg.norm(points - points[0], axis=1) > radius_m)
    return abs(float(looks[outside[0] - 1] if len(outside) else reach_s))


def _cut_m(robot: Robot, before: Trajectory, after: Trajectory, overlap: float) -> float:
    """How near to the corner the tool comes with such an overlap."""
    times = np.linspace(0.0, overlap, _LOOKS)
    corner = before.positions[-1]
    q = before.sample(before.duration_s - overlap + times).positions
    q = q + after.sample(times).positions - corner
    points = robot.forward(np.vstack([corner, q]))[:, :3, 3]
    return float(np.linalg.norm(points[1:] - points[0], axis=1).min())

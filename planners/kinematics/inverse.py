"""Analytic inverse kinematics of the two six-axis families that factories use.

Written with the rotation subproblems of Elias and Wen, "IK-Geo: Unified robot inverse kinematics
using subproblem decomposition" (Mechanism and Machine Theory 209, 2025), after Paden (1986) and
Kahan: they work on the axes as they lie at the zero position, so no convention of signs or offsets
enters. All poses and branches are computed at once with numpy.
"""

from __future__ import annotations

from typing import Final, Literal

import numpy as np

from planners.arrays import Array

Family = Literal["spherical_wrist", "three_parallel"]

BRANCHES: Final = 8
_PARALLEL: Final = 1e-9
_DEGENERATE: Final = 1e-7


def arm_family(axes: Array, points: Array) -> Family | None:
    """Which closed form fits, from axis directions (6, 3) and a point on each axis (6, 3)."""
    if not _parallel(axes[1], axes[2]):
        return None
    wrist = _intersection(axes[4], points[4], axes[5], points[5])
    if wrist is None:
        return None
    if _parallel(axes[2], axes[3]):
        return "three_parallel"
    distance_axis_4 = np.linalg.norm(np.cross(wrist - points[3], axes[3]))
    return "spherical_wrist" if distance_axis_4 < 1e-9 else None


def all_branches(
    axes: Array, points: Array, family: Family, motion: Array, fallback: Array
) -> Array:
    """Joint positions (n, 8, 6) for which the arm moves by `motion`, NaN where there is none.

    Args:
        axes: (6, 3) axis directions at the zero position, base frame.
        points: (6, 3) a point on each axis, base frame.
        family: which closed form.
        motion: (n, 4, 4) pose of the flange times the inverse of its pose at zero.
        fallback: (n, 6) values for a joint that the pose leaves free (wrist singularity).
    """
    if family == "spherical_wrist":
        return _spherical_wrist(axes, points, motion, fallback)
    return _three_parallel(axes, points, motion, fallback)


def _spherical_wrist(h: Array, p: Array, motion: Array, fallback: Array) -> Array:
    wrist = _intersection(h[4], p[4], h[5], p[5])
    assert wrist is not None
    n = len(motion)
    rotation = motion[:, :3, :3]
    target = rotation @ wrist + motion[:, :3, 3]
    q = np.full((n, 2, 2, 2, 6), np.nan)
    for i, q1 in enumerate(_subproblem_4(h[1], -h[0], target - p[0], h[1] @ (wrist - p[0]))):
        r1 = _rotation(h[0], q1)
        seen = _transposed(r1, target - p[0]) + p[0]
        reach = np.linalg.norm(seen - p[1], axis=-1)
        for j, q3 in enumerate(_subproblem_3(h[2], wrist - p[2], p[1] - p[2], reach)):
            r3 = _rotation(h[2], q3)
            elbow = r3 @ (wrist - p[2]) + p[2]
            q2 = _subproblem_1(h[1], elbow - p[1], seen - p[1], fallback[:, 1])
            r123 = r1 @ _rotation(h[1], q2) @ r3
            r456 = np.swapaxes(r123, -1, -2) @ rotation
            for k, q5 in enumerate(_subproblem_4(h[3], h[4], h[5], (r456 @ h[5]) @ h[3])):
                r5 = _rotation(h[4], q5)
                q4 = _subproblem_1(h[3], r5 @ h[5], r456 @ h[5], fallback[:, 3])
                across = _perpendicular(h[5])
                turned = _transposed(_rotation(h[3], q4) @ r5, r456 @ across)
                q6 = _subproblem_1(h[5], across, turned, fallback[:, 5])
                q[:, i, j, k] = np.stack([q1, q2, q3, q4, q5, q6], axis=-1)
    return q.reshape(n, BRANCHES, 6)


def _three_parallel(h: Array, p: Array, motion: Array, fallback: Array) -> Array:
    wrist = _intersection(h[4], p[4], h[5], p[5])
    assert wrist is not None
    sign_3, sign_4 = h[2] @ h[1], h[3] @ h[1]
    n = len(motion)
    rotation = motion[:, :3, :3]
    target = rotation @ wrist + motion[:, :3, 3]
    across = _perpendicular(h[1])
    q = np.full((n, 2, 2, 2, 6), np.nan)
    for i, q1 in enumerate(_subproblem_4(h[1], -h[0], target - p[0], h[1] @ (wrist - p[0]))):
        r1 = _rotation(h[0], q1)
        r1_t = np.swapaxes(r1, -1, -2)
        cosine = (r1_t @ rotation @ h[5]) @ h[1]
        for j, q5 in enumerate(_subproblem_4(h[1], h[4], h[5], cosine)):
            r5 = _rotation(h[4], q5)
            r5_t = np.swapaxes(r5, -1, -2)
            seen = _transposed(rotation, r1 @ h[1])
            q6 = _subproblem_1(-h[5], r5_t @ h[1], seen, fallback[:, 5])
            r6 = _rotation(h[5], q6)
            r234 = r1_t @ rotation @ np.swapaxes(r6, -1, -2) @ r5_t
            q234 = _subproblem_1(h[1], np.broadcast_to(across, (n, 3)), r234 @ across, q1 * 0.0)
            # The point p4 of axis 4, where axes 2 and 3 have to bring it. `wrist` lies on axes 5
            # and 6, so it is the same point before and after them.
            goal = np.einsum("nij,nj->ni", r1_t, target - p[0]) + p[0] + r234 @ (p[3] - wrist)
            reach = np.linalg.norm(goal - p[1], axis=-1)
            for k, q3 in enumerate(_subproblem_3(h[2], p[3] - p[2], p[1] - p[2], reach)):
                elbow = _rotation(h[2], q3) @ (p[3] - p[2]) + p[2]
                q2 = _subproblem_1(h[1], elbow - p[1], goal - p[1], fallback[:, 1])
                q4 = sign_4 * (q234 - q2 - sign_3 * q3)
                q[:, i, j, k] = np.stack([q1, q2, q3, q4, q5, q6], axis=-1)
    return q.reshape(n, BRANCHES, 6)


def _subproblem_1(k: Array, a: Array, b: Array, free: Array) -> Array:
    """The angle about `k` that turns `a` towards `b`; `free` where every angle does."""
    sine = np.sum(_cross(k, a) * b, axis=-1)
    cosine = np.sum(a * b, axis=-1) - (a @ k) * (b @ k)
    angle = np.arctan2(sine, cosine)
    return np.where(np.hypot(sine, cosine) < _DEGENERATE, free, angle)


def _subproblem_3(k: Array, a: Array, b: Array, distance: Array) -> tuple[Array, Array]:
    """Both angles about `k` that bring `a` to the given distances (n,) from `b`."""
    return _subproblem_4(b, k, a, (a @ a + b @ b - distance**2) / 2)


def _subproblem_4(h: Array, k: Array, a: Array, projection: Array | float) -> tuple[Array, Array]:
    """Both angles about `k` after which the component of `a` along `h` is `projection`.

    Where the projection cannot be reached, the nearest is taken: the caller checks the pose.
    """
    along = (a @ k) * (h @ k)
    x = a @ h - along
    y = _cross(k, a) @ h
    radius = np.hypot(x, y)
    ratio = np.divide(
        projection - along,
        radius,
        out=np.zeros(np.broadcast_shapes(np.shape(projection), np.shape(radius))),
        where=radius > _DEGENERATE,
    )
    middle, half = np.arctan2(y, x), np.arccos(np.clip(ratio, -1.0, 1.0))
    return middle + half, middle - half


def _rotation(axis: Array, angle: Array) -> Array:
    """Rodrigues' formula: (n, 3, 3) for one axis (3,) and angles (n,)."""
    cross = np.array([[0.0, -axis[2], axis[1]], [axis[2], 0.0, -axis[0]], [-axis[1], axis[0], 0.0]])
    sine, cosine = np.sin(angle)[..., None, None], np.cos(angle)[..., None, None]
    rotation: Array = np.eye(3) + sine * cross + (1.0 - cosine) * (cross @ cross)
    return rotation


def _cross(k: Array, a: Array) -> Array:
    """Cross product k x a for one k (3,) and (..., 3)."""
    matrix = np.array([[0.0, -k[2], k[1]], [k[2], 0.0, -k[0]], [-k[1], k[0], 0.0]])
    product: Array = a @ matrix.T
    return product


def _transposed(rotation: Array, vector: Array) -> Array:
    """The inverse rotations (n, 3, 3) applied to vectors (n, 3)."""
    turned: Array = np.einsum("nji,nj->ni", rotation, vector)
    return turned


def _parallel(a: Array, b: Array) -> bool:
    return bool(np.linalg.norm(np.cross(a, b)) < _PARALLEL)


def _perpendicular(axis: Array) -> Array:
    other = np.eye(3)[int(np.argmin(np.abs(axis)))]
    across = np.cross(axis, other)
    unit: Array = across / np.linalg.norm(across)
    return unit


def _intersection(axis_a: Array, point_a: Array, axis_b: Array, point_b: Array) -> Array | None:
    """The point that two lines share, or None if they are parallel or pass each other."""
    normal = np.cross(axis_a, axis_b)
    squared = normal @ normal
    if squared < 1e-12:
        return None
    gap = point_b - point_a
    if abs(gap @ normal) / np.sqrt(squared) > 1e-9:
        return None
    shared: Array = point_a + axis_a * (np.cross(gap, axis_b) @ normal / squared)
    return shared

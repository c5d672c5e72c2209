"""The compiled part of following a curve of the tool: which branch, and its derivatives."""

from __future__ import annotations

from math import cos, floor, pi, sin, sqrt

import numpy as np

from planners.arrays import Array
from planners.compiled import compiled
from planners.kinematics.chain import chain_frames, chain_jacobian, pose_error

OK = 0
NO_BRANCH = 1
LOST = 2
JUMP = 3
LIMIT = 4

_NEWTON_STEPS = 4
_NEARLY = 1e-9
"""A pose that is missed by this much is met to all digits after the next step of Newton's."""

_SINGULAR = 1e-12
_LIMIT_SLACK_RAD = 1e-9


@compiled
def _factored(a: Array, order: Array) -> bool:
    """Splits a (n, n) into triangles with the rows reordered, in place; False if it is singular."""
    n = a.shape[0]
    for c in range(n):
        pivot = c
        for r in range(c + 1, n):
            if abs(a[r, c]) > abs(a[pivot, c]):
                pivot = r
        order[c] = pivot
        if abs(a[pivot, c]) < _SINGULAR:
            return False
        if pivot != c:
            for k in range(n):
                a[c, k], a[pivot, k] = a[pivot, k], a[c, k]
        for r in range(c + 1, n):
            a[r, c] /= a[c, c]
            for k in range(c + 1, n):
                a[r, k] -= a[r, c] * a[c, k]
    return True


@compiled
def _solved(a: Array, order: Array, b: Array) -> None:
    """Solves with the triangles of `_factored`, in place."""
    n = a.shape[0]
    for c in range(n):
        pivot = int(order[c])
        b[c], b[pivot] = b[pivot], b[c]
    for r in range(n):
        for k in range(r):
            b[r] -= a[r, k] * b[k]
    for r in range(n - 1, -1, -1):
        for k in range(r + 1, n):
            b[r] -= a[r, k] * b[k]
        b[r] /= a[r, r]


@compiled
def _bias(frames: Array, slope: Array, out: Array) -> None:
    """The tool's d2(pose)/ds2 (6,) that comes of dq/ds alone, linear then angular."""
    n = slope.shape[0]
    spin, turn, lift, step = np.zeros(3), np.zeros(3), np.zeros(3), np.zeros(3)
    for i in range(n + 1):
        if i > 0:
            for r in range(3):
                step[r] = frames[i, r, 3] - frames[i - 1, r, 3]
            x = spin[1] * step[2] - spin[2] * step[1]
            y = spin[2] * step[0] - spin[0] * step[2]
            z = spin[0] * step[1] - spin[1] * step[0]
            lift[0] += turn[1] * step[2] - turn[2] * step[1] + spin[1] * z - spin[2] * y
            lift[1] += turn[2] * step[0] - turn[0] * step[2] + spin[2] * x - spin[0] * z
            lift[2] += turn[0] * step[1] - turn[1] * step[0] + spin[0] * y - spin[1] * x
        if i < n:
            x, y, z = (
                slope[i] * frames[i, 0, 2], slope[i] * frames[i, 1, 2], slope[i] * frames[i, 2, 2],
            )  # fmt: skip
            turn[0] += spin[1] * z - spin[2] * y
            turn[1] += spin[2] * x - spin[0] * z
            turn[2] += spin[0] * y - spin[1] * x
            spin[0] += x
            spin[1] += y
            spin[2] += z
    for r in range(3):
        out[r], out[3 + r] = lift[r], turn[r]


@compiled
def line_poses(start: Array, twist: Array, s: Array, poses: Array) -> None:
    """Poses (k, 4, 4) at travels s (k,) from `start` (4, 4) along a constant twist (6,).

    The turn is Rodrigues' formula (Lynch and Park, "Modern Robotics", 2017, eq. 3.51).
    """
    rate = sqrt(twist[3] * twist[3] + twist[4] * twist[4] + twist[5] * twist[5])
    per = 1.0 / rate if rate > 0.0 else 0.0
    x, y, z = twist[3] * per, twist[4] * per, twist[5] * per
    for k in range(s.shape[0]):
        sine, rest = sin(s[k] * rate), 1.0 - cos(s[k] * rate)
        for c in range(3):
            u, v, w = start[0, c], start[1, c], start[2, c]
            # The axis across the column, and once more.
            a, b, d = y * w - z * v, z * u - x * w, x * v - y * u
            poses[k, 0, c] = u + sine * a + rest * (y * d - z * b)
            poses[k, 1, c] = v + sine * b + rest * (z * a - x * d)
            poses[k, 2, c] = w + sine * d + rest * (x * b - y * a)
            poses[k, c, 3] = start[c, 3] + s[k] * twist[c]
            poses[k, 3, c] = 0.0
        poses[k, 3, 3] = 1.0


@compiled
def interpolated(table: Array, length: float, s: Array, q: Array) -> None:
    """Values q (k, n) at s (k,) between the rows of a table (m, n) that are equally far apart."""
    last = table.shape[0] - 1
    for k in range(s.shape[0]):
        x = min(max(s[k] / length, 0.0), 1.0) * last
        i = min(int(x), last - 1)
        x -= i
        for j in range(table.shape[1]):
            q[k, j] = (1.0 - x) * table[i, j] + x * table[i + 1, j]


@compiled
def on_curve(
    chain: Array,
    target: Array,
    twist: Array,
    twist_rate: Array,
    q: Array,
    slope: Array,
    bend: Array,
) -> int:
    """Newton's method to poses of the tool, and the derivatives there.

    Args:
        chain: the arm (`chain.py`), six axes.
        target: (k, 4, 4) poses.
        twist: (k, 6) d(pose)/ds.
        twist_rate: (k, 6) its derivative.
        q: (k, 6) near them; refined.
        slope: (k, 6) filled with dq/ds.
        bend: (k, 6) filled with d2q/ds2.

    Returns:
        -1, or the index at which the arm is singular.
    """
    n = q.shape[1]
    frames, jacobian = np.empty((n + 1, 3, 4)), np.empty((6, n))
    error, order = np.empty(6), np.empty(6)
    for k in range(q.shape[0]):
        for _ in range(_NEWTON_STEPS):
            chain_frames(chain, q[k], frames)
            chain_jacobian(frames, jacobian)
            size = pose_error(target[k], frames[n], error)
            if not _factored(jacobian, order):
                return k
            _solved(jacobian, order, error)
            for j in range(n):
                q[k, j] += error[j]
            if size < _NEARLY:
                break
        # The last step was so small that what was known before it is right to ten digits.
        for j in range(n):
            slope[k, j] = twist[k, j]
        _solved(jacobian, order, slope[k])
        _bias(frames, slope[k], bend[k])
        for j in range(n):
            bend[k, j] = twist_rate[k, j] - bend[k, j]
        _solved(jacobian, order, bend[k])
    return -1


@compiled
def followed(
    branches: Array,
    q_start: Array,
    lower: Array,
    upper: Array,
    match: float,
    longest: float,
    table: Array,
) -> tuple[int, int, int]:
    """Joint positions at stations on the branch of the start.

    Args:
        branches: (m, b, n) at the stations, NaN where there is none.
        q_start: (n,).
        lower: (n,) limits.
        upper: (n,) limits.
        match: how near a branch has to be to the start, rad.
        longest: most that a joint may move from station to station, rad.
        table: (m, n) filled as far as it goes.

    Returns:
        What went wrong, at which station, and which joint.
    """
    dof = q_start.shape[0]
    full = 2.0 * pi
    branch, nearest = -1, match
    for b in range(branches.shape[1]):
        gap = 0.0
        for j in range(dof):
            off = branches[0, b, j] - q_start[j]
            off = abs(off - full * floor(off / full + 0.5))
            if not off <= gap:
                gap = off  # NaN too
        if gap <= nearest:
            branch, nearest = b, gap
    if branch < 0:
        return NO_BRANCH, 0, 0
    for i in range(branches.shape[0]):
        if np.isnan(branches[i, branch, 0]):
            return LOST, i, 0
    for i in range(branches.shape[0]):
        for j in range(dof):
            before = q_start[j] if i == 0 else table[i - 1, j]
            off = branches[i, branch, j] - before
            table[i, j] = before + off - full * floor(off / full + 0.5)
    for i in range(1, branches.shape[0]):
        worst = 0
        for j in range(dof):
            if abs(table[i, j] - table[i - 1, j]) > abs(table[i, worst] - table[i - 1, worst]):
                worst = j
        if abs(table[i, worst] - table[i - 1, worst]) > longest:
            return JUMP, i - 1, worst
    for i in range(branches.shape[0]):
        worst, most = 0, -np.inf
        for j in range(dof):
            over = max(table[i, j] - upper[j], lower[j] - table[i, j])
            if over > most:
                worst, most = j, over
        if most > _LIMIT_SLACK_RAD:
            return LIMIT, i, worst
    return OK, 0, 0

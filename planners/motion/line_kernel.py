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

_CONTINUING_STEPS = 12
_LARGEST_NEWTON_RAD = 0.35
"""A longer step from one station to the next has left the branch."""

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
def _without(jacobian: Array, held: int) -> Array:
    """The columns (6, 6) of the joints that move: all of six, or all of seven but `held`."""
    if held < 0:
        return jacobian
    square = np.empty((6, 6))
    for r in range(6):
        for c in range(6):
            square[r, c] = jacobian[r, c if c < held else c + 1]
    return square


@compiled
def _with(moving: Array, held: int, values: Array) -> None:
    """All joints' values (n,) from those (6,) of the joints that move; the held one's is zero."""
    for j in range(values.shape[0]):
        if j == held:
            values[j] = 0.0
        else:
            values[j] = moving[j if held < 0 or j < held else j - 1]


@compiled
def on_curve(
    chain: Array,
    held: int,
    target: Array,
    twist: Array,
    twist_rate: Array,
    q: Array,
    slope: Array,
    bend: Array,
) -> int:
    """Newton's method to poses of the tool, and the derivatives there.

    Args:
        chain: the arm (`chain.py`), n axes: six, or seven of which one is held.
        held: the joint that stands still, or -1.
        target: (k, 4, 4) poses.
        twist: (k, 6) d(pose)/ds.
        twist_rate: (k, 6) its derivative.
        q: (k, n) near them; refined.
        slope: (k, n) filled with dq/ds.
        bend: (k, n) filled with d2q/ds2.

    Returns:
        -1, or the index at which the arm is singular.
    """
    n = q.shape[1]
    frames, jacobian = np.empty((n + 1, 3, 4)), np.empty((6, n))
    error, order, step, part = np.empty(6), np.empty(6), np.empty(n), np.empty(6)
    for k in range(q.shape[0]):
        square = jacobian
        for _ in range(_NEWTON_STEPS):
            chain_frames(chain, q[k], frames)
            chain_jacobian(frames, jacobian)
            square = _without(jacobian, held)
            size = pose_error(target[k], frames[n], error)
            if not _factored(square, order):
                return k
            _solved(square, order, error)
            _with(error, held, step)
            for j in range(n):
                q[k, j] += step[j]
            if size < _NEARLY:
                break
        # The last step was so small that what was known before it is right to ten digits.
        for r in range(6):
            part[r] = twist[k, r]
        _solved(square, order, part)
        _with(part, held, slope[k])
        _bias(frames, slope[k], part)
        for r in range(6):
            part[r] = twist_rate[k, r] - part[r]
        _solved(square, order, part)
        _with(part, held, bend[k])
    return -1


@compiled
def continued(
    chain: Array,
    held: int,
    poses: Array,
    q_start: Array,
    lower: Array,
    upper: Array,
    match: float,
    longest: float,
    table: Array,
) -> tuple[int, int, int]:
    """Joint positions at stations, each by Newton's method from the one before it.

    For arms whose branches have no names: without a closed form, or with seven axes. Arguments and
    result as `followed`, with `chain` and `held` as `on_curve` and `poses` (m, 4, 4) the stations.
    """
    dof = q_start.shape[0]
    frames, jacobian = np.empty((dof + 1, 3, 4)), np.empty((6, dof))
    error, order, step = np.empty(6), np.empty(6), np.empty(dof)
    for i in range(poses.shape[0]):
        for j in range(dof):
            table[i, j] = q_start[j] if i == 0 else table[i - 1, j]
        met = False
        for _ in range(_CONTINUING_STEPS):
            chain_frames(chain, table[i], frames)
            met = pose_error(poses[i], frames[dof], error) < _NEARLY
            if met:
                break
            chain_jacobian(frames, jacobian)
            square = _without(jacobian, held)
            if not _factored(square, order):
                break
            _solved(square, order, error)
            _with(error, held, step)
            most = 0.0
            for j in range(dof):
                most = max(most, abs(step[j]))
            if most > _LARGEST_NEWTON_RAD:
                break
            for j in range(dof):
                table[i, j] += step[j]
        moved, worst = 0.0, 0
        for j in range(dof):
            off = abs(table[i, j] - (q_start[j] if i == 0 else table[i - 1, j]))
            if off > moved:
                moved, worst = off, j
        if i == 0:
            if not met or moved > match:
                return NO_BRANCH, 0, 0
        elif not met:
            return LOST, i, 0
        elif moved > longest:
            return JUMP, i - 1, worst
    return _beyond(table, lower, upper)


@compiled
def _beyond(table: Array, lower: Array, upper: Array) -> tuple[int, int, int]:
    """The first station (m, n) that is outside the limits, if there is one."""
    for i in range(table.shape[0]):
        worst, most = 0, -np.inf
        for j in range(table.shape[1]):
            over = max(table[i, j] - upper[j], lower[j] - table[i, j])
            if over > most:
                worst, most = j, over
        if most > _LIMIT_SLACK_RAD:
            return LIMIT, i, worst
    return OK, 0, 0


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
    return _beyond(table, lower, upper)

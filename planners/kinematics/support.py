"""Compiled lower bounds of the distance between two convex solids, as near to it as is asked for.

The algorithm of Gilbert, Johnson and Keerthi (IEEE Journal of Robotics and Automation 4, 1988)
finds the point of the two solids' difference that is nearest to zero. Each of its steps gives a
plane that separates the solids by what it returns, whatever rounding did to the steps before: the
bound is never more than the true distance. The nearest point of a simplex is found as in Ericson,
"Real-Time Collision Detection", 2005, sections 5.1.2, 5.1.5 and 5.1.6.
"""

from __future__ import annotations

from math import sqrt

import numpy as np

from planners.arrays import Array
from planners.compiled import compiled, compiled_inline

BOX = 0
CYLINDER = 1
SPHERE = 2
POINTS = 3

_STEPS = 32
_NEAR = 1e-4
_NEAR_BEYOND = 0.1
"""Share of the distance that a bound may lack; where it is enough to tell, much more."""

_SAFETY_M = 1e-9


@compiled_inline
def _add_support(
    kind: int,
    pose: Array,
    half: Array,
    points: Array,
    first: int,
    last: int,
    d: Array,
    sign: float,
    out: Array,
) -> None:
    """Adds `sign` times the solid's furthest point in direction `-sign * d` to `out` (3,)."""
    x = -sign * (pose[0, 0] * d[0] + pose[1, 0] * d[1] + pose[2, 0] * d[2])
    y = -sign * (pose[0, 1] * d[0] + pose[1, 1] * d[1] + pose[2, 1] * d[2])
    z = -sign * (pose[0, 2] * d[0] + pose[1, 2] * d[1] + pose[2, 2] * d[2])
    if kind == BOX:
        x = half[0] if x > 0.0 else -half[0]
        y = half[1] if y > 0.0 else -half[1]
        z = half[2] if z > 0.0 else -half[2]
    elif kind == CYLINDER:
        across = sqrt(x * x + y * y)
        scale = half[0] / across if across > 1e-300 else 0.0
        x, y = scale * x, scale * y
        z = half[2] if z > 0.0 else -half[2]
    elif kind == SPHERE:
        length = sqrt(x * x + y * y + z * z)
        scale = half[0] / length if length > 1e-300 else 0.0
        x, y, z = scale * x, scale * y, scale * z
    else:
        best, at = -np.inf, first
        for k in range(first, last):
            reach = points[k, 0] * x + points[k, 1] * y + points[k, 2] * z
            if reach > best:
                best, at = reach, k
        x, y, z = points[at, 0], points[at, 1], points[at, 2]
    for r in range(3):
        out[r] += sign * (pose[r, 0] * x + pose[r, 1] * y + pose[r, 2] * z + pose[r, 3])


@compiled_inline
def _nearest_of_triangle(s: Array, i: int, j: int, k: int, weights: Array) -> float:
    """Barycentric `weights` (4,) of the triangle's point nearest to zero; its squared distance."""
    ab0, ab1, ab2 = s[j, 0] - s[i, 0], s[j, 1] - s[i, 1], s[j, 2] - s[i, 2]
    ac0, ac1, ac2 = s[k, 0] - s[i, 0], s[k, 1] - s[i, 1], s[k, 2] - s[i, 2]
    d1 = -(ab0 * s[i, 0] + ab1 * s[i, 1] + ab2 * s[i, 2])
    d2 = -(ac0 * s[i, 0] + ac1 * s[i, 1] + ac2 * s[i, 2])
    d3 = -(ab0 * s[j, 0] + ab1 * s[j, 1] + ab2 * s[j, 2])
    d4 = -(ac0 * s[j, 0] + ac1 * s[j, 1] + ac2 * s[j, 2])
    d5 = -(ab0 * s[k, 0] + ab1 * s[k, 1] + ab2 * s[k, 2])
    d6 = -(ac0 * s[k, 0] + ac1 * s[k, 1] + ac2 * s[k, 2])
    vc, vb, va = d1 * d4 - d3 * d2, d5 * d2 - d1 * d6, d3 * d6 - d5 * d4
    u = v = w = 0.0
    if d1 <= 0.0 and d2 <= 0.0:
        u = 1.0
    elif d3 >= 0.0 and d4 <= d3:
        v = 1.0
    elif d6 >= 0.0 and d5 <= d6:
        w = 1.0
    elif vc <= 0.0 and d1 >= 0.0 and d3 <= 0.0:
        v = d1 / (d1 - d3)
        u = 1.0 - v
    elif vb <= 0.0 and d2 >= 0.0 and d6 <= 0.0:
        w = d2 / (d2 - d6)
        u = 1.0 - w
    elif va <= 0.0 and d4 >= d3 and d5 >= d6:
        w = (d4 - d3) / ((d4 - d3) + (d5 - d6))
        v = 1.0 - w
    else:
        total = va + vb + vc
        v, w = vb / total, vc / total
        u = 1.0 - v - w
    weights[0] = weights[1] = weights[2] = weights[3] = 0.0
    weights[i], weights[j], weights[k] = u, v, w
    squared = 0.0
    for r in range(3):
        x = u * s[i, r] + v * s[j, r] + w * s[k, r]
        squared += x * x
    return squared


@compiled_inline
def _outside(s: Array, i: int, j: int, k: int, other: int) -> bool:
    """Whether zero and the fourth point are on different sides of a tetrahedron's face."""
    a0, a1, a2 = s[j, 0] - s[i, 0], s[j, 1] - s[i, 1], s[j, 2] - s[i, 2]
    b0, b1, b2 = s[k, 0] - s[i, 0], s[k, 1] - s[i, 1], s[k, 2] - s[i, 2]
    n0, n1, n2 = a1 * b2 - a2 * b1, a2 * b0 - a0 * b2, a0 * b1 - a1 * b0
    here = -(n0 * s[i, 0] + n1 * s[i, 1] + n2 * s[i, 2])
    there = (
        n0 * (s[other, 0] - s[i, 0]) + n1 * (s[other, 1] - s[i, 1]) + n2 * (s[other, 2] - s[i, 2])
    )
    return bool(here * there <= 0.0)


@compiled
def _reduced(s: Array, n: int, v: Array, weights: Array, trial: Array) -> int:
    """Writes the point of a simplex (n points) nearest to zero to `v`; keeps what it lies on."""
    weights[0] = weights[1] = weights[2] = weights[3] = 0.0
    if n == 1:
        weights[0] = 1.0
    elif n == 2:
        along, length = 0.0, 0.0
        for r in range(3):
            d = s[1, r] - s[0, r]
            along -= d * s[0, r]
            length += d * d
        share = min(max(along / length, 0.0), 1.0) if length > 0.0 else 0.0
        weights[0], weights[1] = 1.0 - share, share
    elif n == 3:
        _nearest_of_triangle(s, 0, 1, 2, weights)
    else:
        best = np.inf
        for face in range(4):
            i, j, k = (face + 1) % 4, (face + 2) % 4, (face + 3) % 4
            if _outside(s, i, j, k, face):
                squared = _nearest_of_triangle(s, i, j, k, trial)
                if squared < best:
                    best = squared
                    for p in range(4):
                        weights[p] = trial[p]
        if best == np.inf:
            v[0] = v[1] = v[2] = 0.0
            return 4
    kept = 0
    v[0] = v[1] = v[2] = 0.0
    for p in range(n):
        if weights[p] > 0.0:
            for r in range(3):
                v[r] += weights[p] * s[p, r]
                s[kept, r] = s[p, r]
            kept += 1
    return kept


@compiled
def separation(
    kind_a: int,
    pose_a: Array,
    half_a: Array,
    first_a: int,
    last_a: int,
    kind_b: int,
    pose_b: Array,
    half_b: Array,
    first_b: int,
    last_b: int,
    points: Array,
    needed: float,
    simplex: Array,
    work: Array,
) -> float:
    """Lower bound (m) of the distance of two solids; negative or small where they overlap.

    Args:
        kind_a: of the first solid: box, cylinder or sphere with half edges, or a hull of points.
        pose_a: (3, 4).
        half_a: (3,).
        first_a: which of `points` a hull is made of, from this
        last_a: to before this.
        kind_b: of the second solid.
        pose_b: (3, 4).
        half_b: (3,).
        first_b: as above.
        last_b: as above.
        points: (m, 3) of all hulls, each in its own frame.
        needed: a bound that is better than this need not be much better, and where the distance
            is less, the bound need not be good.
        simplex: (4, 3) room to work in.
        work: (4, 4) likewise.
    """
    v, w, weights, trial = work[0], work[1], work[2], work[3]
    for r in range(3):
        v[r] = pose_a[r, 3] - pose_b[r, 3]
    if v[0] == 0.0 and v[1] == 0.0 and v[2] == 0.0:
        v[0] = 1.0
    n, best = 0, -np.inf
    for _ in range(_STEPS):
        length = sqrt(v[0] * v[0] + v[1] * v[1] + v[2] * v[2])
        if length < 1e-9:
            break
        for r in range(3):
            w[r] = 0.0
        _add_support(kind_a, pose_a, half_a, points, first_a, last_a, v, 1.0, w)
        _add_support(kind_b, pose_b, half_b, points, first_b, last_b, v, -1.0, w)
        bound = (v[0] * w[0] + v[1] * w[1] + v[2] * w[2]) / length
        best = max(best, bound)
        if n > 0:
            if length < needed or length - best <= _NEAR * length:
                break
            if best > needed and length - best <= _NEAR_BEYOND * length:
                break
        known = False
        for p in range(n):
            known |= simplex[p, 0] == w[0] and simplex[p, 1] == w[1] and simplex[p, 2] == w[2]
        if known or n == 4:
            break
        for r in range(3):
            simplex[n, r] = w[r]
        n = _reduced(simplex, n + 1, v, weights, trial)
        if n == 4:
            break
    return best - _SAFETY_M

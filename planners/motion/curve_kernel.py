"""The compiled points of curves in joint space: straight lines, uniform cubic B-splines."""

from __future__ import annotations

from planners.arrays import Array
from planners.compiled import compiled


@compiled
def straight(start: Array, end: Array, steps: int, every: int, q: Array) -> None:
    """Fills q with every so many-th point of a line from `start` to `end` (n,), then with all.

    Args:
        start: first point.
        end: last point.
        steps: number of points but one.
        every: of the first look; 0 leaves it out.
        q: (glances + steps + 1, n), with as many glances as there are multiples up to `steps`.
    """
    row = 0
    for step in (every, 1):
        if step > 0:
            for k in range(0, steps + 1, step):
                share = k / steps
                for i in range(start.shape[0]):
                    q[row, i] = start[i] + share * (end[i] - start[i])
                row += 1


@compiled
def spline(control: Array, s: Array, q: Array, slope: Array, bend: Array) -> None:
    """A uniform cubic B-spline with its two derivatives, each (k, n), at parameters s (k,).

    `control` (m + 3, n) are its points; a piece of it is one unit of s long, m pieces in all.
    """
    for k in range(s.shape[0]):
        i = min(max(int(s[k]), 0), control.shape[0] - 4)
        x = s[k] - i
        y = 1.0 - x
        for j in range(control.shape[1]):
            a, b, c, d = control[i, j], control[i + 1, j], control[i + 2, j], control[i + 3, j]
            q[k, j] = (
                y * y * y * a + (4.0 + x * x * (3.0 * x - 6.0)) * b
                + (1.0 + 3.0 * x * (1.0 + x - x * x)) * c + x * x * x * d
            ) / 6.0  # fmt: skip
            slope[k, j] = (
                x * x * d - y * y * a + x * (3.0 * x - 4.0) * b
                + (1.0 + x * (2.0 - 3.0 * x)) * c
            ) / 2.0  # fmt: skip
            bend[k, j] = y * a + (3.0 * x - 2.0) * b + (1.0 - 3.0 * x) * c + x * d

"""Compiles this room's kernels ahead of time; set-up calls it, so that nobody waits."""

from __future__ import annotations

import numpy as np


def warm_up() -> None:
    """Compile the timing kernel and keep it on disk: some seconds once, nothing after that."""
    from planners.motion.jerk_kernel import fastest
    from planners.motion.verify_kernel import extremes, resampled

    n = 12
    x = np.full(n + 2, 0.5)
    rows, free = np.zeros((n + 1, 1, 2)), np.zeros((n + 1, 1))
    cube = np.zeros((n, 3, 1, 3))
    fastest(x, 0.01, np.ones(n + 2), rows, free, cube, 0.3, 0.01)
    states, rows = np.zeros((2, 1)), np.zeros((2, 1), dtype=np.intp)
    knots = np.array([0.0, 1.0])
    resampled(knots, *[states] * 3, knots, *(np.empty((2, 1)) for _ in range(4)))
    extremes(states, np.empty(1), np.empty(1), rows[0], rows[1])

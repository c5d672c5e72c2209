"""Compiles this room's kernels ahead of time; set-up calls it, so that nobody waits."""

from __future__ import annotations

import numpy as np


def warm_up() -> None:
    """Compile the timing kernel and keep it on disk: some seconds once, nothing after that."""
    from planners.motion.energy_kernel import cheapest
    from planners.motion.jerk_kernel import fastest
    from planners.motion.line_kernel import followed, on_curve
    from planners.motion.reachability import squared_speeds
    from planners.motion.retime_kernel import excess, jerk_rows, new_times
    from planners.motion.verify_kernel import extremes, resampled

    n = 12
    x = np.full(n + 2, 0.5)
    rows, free = np.zeros((n + 1, 1, 2)), np.zeros((n + 1, 1))
    cube = np.zeros((n, 3, 1, 3))
    fastest(x, 0.01, np.ones(n + 2), rows, free, cube, 0.3, 0.01)
    states, rows = np.zeros((2, 1)), np.zeros((2, 1), dtype=np.intp)
    knots = np.array([0.0, 1.0])
    resampled(
        knots, states, states, states, knots, np.empty((2, 1)), np.empty((2, 1)),
        np.empty((2, 1)), np.empty((2, 1)),
    )  # fmt: skip
    extremes(states, np.empty(1), np.empty(1), rows[0], rows[1])
    chain, joints = np.zeros((7, 3, 4)), np.zeros((1, 6))
    on_curve(
        chain, np.zeros((1, 4, 4)), joints, joints, joints.copy(), joints.copy(), joints.copy()
    )
    one = joints[0]
    followed(np.zeros((1, 8, 6)), one, one, one, 1.0, 1.0, joints.copy())
    squared_speeds(knots, np.ones((2, 1, 3)) / 2, knots + 1.0, knots.copy())
    quintics, limit = np.zeros((1, 6, 1)), np.ones((1, 1))
    jerk_rows(quintics, 1.0, limit, np.empty((1, 3, 1, 3)))
    excess(quintics, knots[1:], limit, limit, np.empty((1, 2)))
    new_times(np.ones(3), 1.0, knots, knots, np.empty(2))
    cheapest(np.full(3, 0.5), 0.01, np.ones((2, 10)), 1.0)

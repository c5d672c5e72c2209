"""Compiles this room's kernels ahead of time; set-up calls it, so that nobody waits."""

from __future__ import annotations

import numpy as np


def warm_up() -> None:
    """Compile the timing kernel and keep it on disk: some seconds once, nothing after that."""
    from planners.motion.curve_kernel import spline, straight
    from planners.motion.energy_kernel import cheapest
    from planners.motion.jerk_kernel import fastest
    from planners.motion.line_kernel import (
        continued,
        followed,
        interpolated,
        line_poses,
        on_curve,
    )
    from planners.motion.reachability import squared_speeds
    from planners.motion.retime_kernel import caps, excess, jerk_rows, linear_rows, new_times
    from planners.motion.straight_kernel import durations_s, pieces
    from planners.motion.timing_kernel import averaged, passing, path_rows, speed_caps
    from planners.motion.verify_kernel import extremes, resampled

    n = 12
    x = np.full(n + 2, 0.5)
    rows, free = np.zeros((n + 1, 1, 2)), np.zeros((n + 1, 1))
    cube = np.zeros((n, 3, 1, 3))
    fastest(x, 0.01, np.ones(n + 2), rows, free, cube, 0.3, 0.01)
    states = np.zeros((2, 1))
    knots = np.array([0.0, 1.0])
    resampled(knots, states, states, states, knots, np.empty((4, 2, 1)))
    extremes(states[None], np.empty((1, 2, 1)), np.empty((1, 2, 1), dtype=np.intp))
    chain, joints = np.zeros((7, 3, 4)), np.zeros((1, 6))
    still, one = np.zeros((1, 4, 4)), joints[0]
    on_curve(chain, -1, still, joints, joints, joints.copy(), joints.copy(), joints.copy())
    continued(chain, -1, still, one, one, one, 1.0, 1.0, joints.copy())
    followed(np.zeros((1, 8, 6)), one, one, one, 1.0, 1.0, joints.copy())
    squared_speeds(knots, np.ones((2, 1, 3)) / 2, knots + 1.0, knots.copy())
    line_poses(np.eye(4), one, knots, np.empty((2, 4, 4)))
    interpolated(states, 1.0, knots, np.empty((2, 1)))
    limit, terms, none = np.ones((2, 1)), np.empty((3, 0, 1)), np.empty(0, dtype=np.intp)
    caps(states, limit, knots + 1.0, np.empty(3))
    linear_rows(
        states, states, limit, 1.0, 1.0, terms, none, np.empty(0), 1.0,
        np.empty((2, 2, 2)), np.empty((2, 2)),
    )  # fmt: skip
    jerk_rows(1.0, states, states, states, limit[:1], np.empty((1, 3, 1, 3)))
    excess(knots, states, states, states, limit[:1], limit[:1], np.empty((1, 2)))
    new_times(np.ones(3), 1.0, knots, knots, np.empty(2))
    path_rows(states, states, limit[0], terms, none, np.empty(0), np.empty((2, 1, 3)))
    speed_caps(states, limit[0], knots, np.empty(2))
    rest, stations = np.zeros(3), np.array([0.0, 0.5, 1.0])
    speeds, passed, area = np.empty((3, 3))
    passing(stations, np.array([0.0, 1.0, 0.0]), speeds, passed, area)
    averaged(stations, speeds, passed, area, 0.1, rest, np.empty((3, 3)))
    pieces(one + 1.0, np.ones((3, 6)), 1.0, np.empty(7), np.empty(7))
    durations_s(joints, joints + 1.0, np.ones((3, 6)), 1.0, np.empty(1))
    straight(one, one, 1, 1, np.empty((4, 6)))
    spline(np.zeros((4, 6)), knots, *np.empty((3, 2, 6)))
    cheapest(np.full(3, 0.5), 0.01, np.ones((2, 10)), 1.0)

"""Compiled curves against scipy: lines of the tool, splines, profiles averaged over time."""

import numpy as np
import pytest
from scipy.interpolate import BSpline
from scipy.spatial.transform import Rotation

from planners.motion.paths import LinePath, SplinePath, ToolLine
from planners.motion.timing_kernel import averaged, passing
from tests.planners.arms import ARMS, HOME, arm


@pytest.mark.parametrize("turn", [(0.0, 0.0, 0.0), (0.3, -0.2, 0.4)])
def test_a_line_turns_about_one_axis_at_a_constant_rate(turn):
    robot = arm("ur10e")
    start = robot.forward(HOME["ur10e"])
    end = start.copy()
    end[:3, 3] += 0.05, -0.1, -0.08
    end[:3, :3] = Rotation.from_rotvec(turn).as_matrix() @ start[:3, :3]
    line = ToolLine(robot, start, end)
    shares = np.linspace(0.0, 1.0, 7)
    poses = line.poses(shares * line.length)
    turns = Rotation.from_rotvec(np.outer(shares, turn)).as_matrix()
    np.testing.assert_allclose(poses[:, :3, :3], turns @ start[:3, :3], atol=1e-12)
    straight = start[:3, 3] + shares[:, None] * (end - start)[:3, 3]
    np.testing.assert_allclose(poses[:, :3, 3], straight, atol=1e-12)
    np.testing.assert_array_equal(poses[:, 3], np.tile([0.0, 0.0, 0.0, 1.0], (7, 1)))


@pytest.mark.parametrize("name", ARMS)
def test_the_joints_of_a_line_have_the_derivatives_of_their_positions(name):
    robot, q_start = arm(name), HOME[name] + 0.1
    start = robot.forward(q_start)
    end = start.copy()
    end[:3, 3] += 0.06, 0.1, -0.08
    end[:3, :3] = Rotation.from_rotvec((0.1, 0.2, -0.1)).as_matrix() @ start[:3, :3]
    path = LinePath(ToolLine(robot, start, end), q_start)
    s = np.linspace(0.0, path.length, 40)[1:-1]
    q, slope, bend = path.evaluate(s)
    np.testing.assert_allclose(robot.forward(q), path._line.poses(s), atol=1e-12)
    step = 1e-5
    before, after = path.evaluate(s - step), path.evaluate(s + step)
    np.testing.assert_allclose((after[0] - before[0]) / (2 * step), slope, atol=1e-6)
    np.testing.assert_allclose((after[1] - before[1]) / (2 * step), bend, atol=1e-4)


def test_a_way_around_is_scipys_cubic_spline():
    corners = np.random.default_rng(0).uniform(-1.0, 1.0, (4, 6))
    path = SplinePath(corners, 0.3)
    control = path._control
    reference = BSpline(np.arange(-3.0, len(control) + 1.0), control, 3)
    s = np.linspace(0.0, path.length, 200)
    for ours, order in zip(path.evaluate(s), range(3), strict=True):
        np.testing.assert_allclose(ours, reference(s, order), atol=1e-12)
    np.testing.assert_allclose(path.evaluate(s[[0, -1]])[0], corners[[0, -1]], atol=1e-12)


def test_an_averaged_profile_is_the_mean_of_what_it_was():
    s = np.linspace(0.0, 2.0, 30)
    squared = np.minimum(np.minimum(3.0 * s, 2.0 * (2.0 - s)), 1.2)
    speed, passed, area = np.empty((3, 30))
    duration = passing(s, squared, speed, passed, area)
    dense = np.linspace(0.0, duration, 200_001)
    k = np.minimum(np.searchsorted(passed, dense, side="right") - 1, 28)
    x = dense - passed[k]
    rise = (np.diff(speed) / np.diff(passed))[k]
    there = s[k] + x * (speed[k] + x * rise / 2)
    width, times = 0.1, np.linspace(0.0, duration + 0.1, 57)
    out = np.empty((3, 57))
    averaged(s, speed, passed, area, width, times, out)
    grid = np.linspace(-width, 0.0, 2001)
    means = np.interp(times[:, None] + grid, dense, there).mean(axis=1)
    np.testing.assert_allclose(out[0], means, atol=1e-3)
    np.testing.assert_allclose(np.gradient(out[0], times)[3:-3], out[1][3:-3], atol=0.03)
    assert (out[1:, [0, -1]] == 0.0).all()

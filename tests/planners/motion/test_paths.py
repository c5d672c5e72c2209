"""Compiled curves against scipy: lines of the tool, splines, profiles averaged over time."""

from functools import cache
from pathlib import Path

import numpy as np
import pytest
from scipy.interpolate import BSpline
from scipy.spatial.transform import Rotation

from planners.kinematics import Robot, expand_xacro
from planners.kinematics.dynamics import pinocchio_poses
from planners.motion.errors import MotionError
from planners.motion.paths import LinePath, SplinePath, ToolLine
from planners.motion.timing_kernel import averaged, passing
from tests.planners.arms import ARMS, HOME, URDF, arm


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


SEVEN_AXES = "kuka_iiwa14_r820"
BENT = np.array([0.3, 0.6, 0.2, -1.2, 0.1, 0.8, 0.0])


@cache
def no_family(folder: Path) -> Robot:
    """Six axes of which none of the last three meet: no closed form."""
    urdf = expand_xacro(URDF / "kuka_kr6_r900.urdf.xacro")
    for straight, offset in (("0.080 0 0", "0.080 0.03 0.06"), ("0.420 0 0", "0.420 0.05 0.08")):
        urdf = urdf.replace(f'<origin xyz="{straight}"/>', f'<origin xyz="{offset}"/>')
    path = folder / "arm.urdf"
    path.write_text(urdf)
    return Robot.from_urdf(path)


@pytest.mark.parametrize("axes", [6, 7])
def test_arms_without_a_closed_form_follow_lines_too(tmp_path, axes):
    robot = arm(SEVEN_AXES) if axes == 7 else no_family(tmp_path)
    q_start = BENT if axes == 7 else HOME["kuka_kr6_r900"] + 0.1
    assert robot.solver.startswith("numeric")
    start = robot.forward(q_start)
    end = start.copy()
    end[:3, 3] += 0.06, 0.1, -0.08
    end[:3, :3] = Rotation.from_rotvec((0.1, 0.2, -0.1)).as_matrix() @ start[:3, :3]
    path = LinePath(ToolLine(robot, start, end), q_start)
    s = np.linspace(0.0, path.length, 40)
    q, slope, bend = path.evaluate(s)
    np.testing.assert_allclose(q[0], q_start, atol=1e-9)
    np.testing.assert_allclose(q[-1], path.q_end, atol=1e-9)
    flange = pinocchio_poses(robot.description, q)
    np.testing.assert_allclose(flange @ robot.transform_flange_tool, path._line.poses(s), atol=1e-9)
    assert (np.ptp(q, axis=0) < 1e-12).sum() == axes - 6, "one of seven stands still"
    step = 1e-5
    s = s[1:-1]
    before, after = path.evaluate(s - step), path.evaluate(s + step)
    np.testing.assert_allclose((after[0] - before[0]) / (2 * step), slope[1:-1], atol=1e-6)
    np.testing.assert_allclose((after[1] - before[1]) / (2 * step), bend[1:-1], atol=1e-4)


@pytest.mark.parametrize(
    ("travel", "reason"),
    [((0.0, 0.0, 2.0), "out_of_reach"), ((-0.5, 0.0, -0.3), "joint_limits")],
)
def test_a_line_that_seven_axes_cannot_follow_says_where(travel, reason):
    robot = arm(SEVEN_AXES)
    start = robot.forward(BENT)
    end = start.copy()
    end[:3, 3] += travel
    with pytest.raises(MotionError, match=r"after \d+ mm of \d+ mm") as refused:
        LinePath(ToolLine(robot, start, end), BENT)
    assert refused.value.reason == reason


def test_a_line_of_seven_axes_starts_where_the_arm_is():
    robot = arm(SEVEN_AXES)
    start, end = robot.forward(BENT), robot.forward(BENT)
    end[2, 3] += 0.1
    with pytest.raises(MotionError, match="starts in a singular position"):
        LinePath(ToolLine(robot, start, end), BENT + 0.01)

"""Curves: straight lines of the tool and detours, timed."""

import numpy as np
import pytest
import toppra

from planners.motion import MotionError
from planners.motion.paths import LinePath, SplinePath, ToolLine
from planners.motion.timing import timed_trajectory
from tests.planners.arms import ARMS, DOWN, HOME, SCALE, arm, at
from tests.planners.motion.programs import sampled

TURN = np.array([[0.8, -0.6, 0.0], [0.6, 0.8, 0.0], [0.0, 0.0, 1.0]])


def line(name: str) -> tuple[np.ndarray, LinePath]:
    robot, f = arm(name), SCALE[name]
    start, end = at(0.4 * f, 0.3 * f, 0.1, DOWN), at(0.45 * f, -0.2 * f, 0.25, TURN @ DOWN)
    q = robot.inverse_nearest(start, HOME[name])
    return q, LinePath(ToolLine(robot, start, end), q)


@pytest.mark.parametrize("name", ARMS)
def test_the_tool_stays_on_the_line(name):
    robot, (q, path) = arm(name), line(name)
    start = robot.forward(q)
    end = robot.forward(path.q_end)
    trajectory = timed_trajectory(robot, path)
    poses = robot.forward(trajectory.sample(np.arange(0, trajectory.duration_s, 0.001)).positions)
    along = (end - start)[:3, 3] / path.length
    offset = poses[:, :3, 3] - start[:3, 3]
    assert np.linalg.norm(offset - (offset @ along)[:, None] * along, axis=1).max() < 2e-5
    share = (offset @ along) / path.length
    turned = np.arccos(
        np.clip((np.trace(poses[:, :3, :3] @ start[:3, :3].T, axis1=1, axis2=2) - 1) / 2, -1, 1)
    )
    np.testing.assert_allclose(turned, share * np.arccos(0.8), atol=2e-4)


@pytest.mark.parametrize("name", ARMS)
def test_derivatives_along_the_line_are_exact(name):
    _, path = line(name)
    s = np.linspace(0.01, path.length - 0.01, 23)
    h = 1e-4
    _, slope, bend = path.evaluate(s)
    ahead, behind = path.evaluate(s + h), path.evaluate(s - h)
    np.testing.assert_allclose((ahead[0] - behind[0]) / (2 * h), slope, atol=1e-5)
    np.testing.assert_allclose((ahead[1] - behind[1]) / (2 * h), bend, atol=1e-4)


@pytest.mark.parametrize("name", ARMS)
@pytest.mark.parametrize("speed", [0.3, 1.0])
def test_limits_hold(name, speed):
    robot, (_, path) = arm(name), line(name)
    corners = HOME[name] + np.array(
        [[0.0] * 6, [0.5, 0.3, -0.4, 0.2, 0.1, 0.0], [1.0, 0, 0.1, 0.4, 0, 1.0]]
    )
    for curve in (path, SplinePath(corners, 0.3)):
        trajectory = timed_trajectory(robot, curve, speed=speed)
        state = trajectory.sample(np.arange(0.0, trajectory.duration_s, 0.0003))
        assert sampled(state.velocities, robot.velocity * speed) <= 1.0 + 1e-4
        assert sampled(state.accelerations, robot.acceleration * speed) <= 1.0 + 1e-3
        np.testing.assert_array_equal(trajectory.velocities[[0, -1]], 0.0)
        np.testing.assert_array_equal(trajectory.accelerations[[0, -1]], 0.0)
        assert np.diff(trajectory.times).max() <= 0.02


@pytest.mark.parametrize("name", ARMS)
def test_duration_is_not_far_from_toppras(name):
    """toppra, without jerk limits, is a lower bound; what ramps cost is bounded too."""
    robot, (_, path) = arm(name), line(name)
    toppra.setup_logging("ERROR")
    s = np.linspace(0.0, path.length, 201)
    q = path.evaluate(s)[0]
    limits = [
        toppra.constraint.JointVelocityConstraint(np.stack([-robot.velocity, robot.velocity], 1)),
        toppra.constraint.JointAccelerationConstraint(
            np.stack([-robot.acceleration, robot.acceleration], 1)
        ),
    ]
    solver = toppra.algorithm.TOPPRA(limits, toppra.SplineInterpolator(s, q), s)
    theirs = solver.compute_trajectory(0.0, 0.0).duration
    ours = timed_trajectory(robot, path).duration_s
    assert 0.99 * theirs < ours < theirs + 0.35


@pytest.mark.parametrize("name", ARMS)
def test_speed_of_the_tool_is_limited(name):
    robot, (_, path) = arm(name), line(name)
    trajectory = timed_trajectory(robot, path, tcp_speed_m_s=0.15)
    state = trajectory.sample(np.arange(0.0, trajectory.duration_s, 0.001))
    twist = robot.jacobian(state.positions) @ state.velocities[..., None]
    speed = np.linalg.norm(twist[:, :3, 0], axis=1)
    assert 0.149 < speed.max() < 0.15 * (1 + 1e-4)


def test_a_line_out_of_reach_says_where():
    robot = arm("kuka_kr6_r900")
    start = at(0.4, 0.3, 0.3, DOWN)
    q = robot.inverse_nearest(start, HOME["kuka_kr6_r900"])
    with pytest.raises(MotionError, match="out of reach") as caught:
        LinePath(ToolLine(robot, start, at(1.4, 0.3, 0.3, DOWN)), q)
    assert caught.value.reason == "out_of_reach"
    assert caught.value.transform_base_tool[0, 3] < 1.0


def test_a_line_through_a_singularity_says_so():
    """Straight through the wrist singularity, the KUKA's axes 4 and 6 would have to jump."""
    robot = arm("kuka_kr6_r900")
    q = np.array([0.2, -1.2, 1.3, 0.1, 0.25, 0.0])
    through = np.array([-0.2, -1.2, 1.3, 0.1, -0.25, 0.0])
    start, end = robot.forward(q), robot.forward(through)
    line = ToolLine(robot, start, end)
    with pytest.raises(MotionError, match="singularity") as caught:
        LinePath(line, q)
    assert caught.value.reason == "singularity"


def test_a_line_that_passes_a_joint_limit_names_the_joint():
    robot = arm("kuka_kr6_r900")
    q = np.array([2.8, -1.2, 1.3, 0.0, 1.2, 0.0])
    start = robot.forward(q)
    end = start.copy()
    end[1, 3] += 0.3
    with pytest.raises(MotionError, match="joint_1") as caught:
        LinePath(ToolLine(robot, start, end), q)
    assert caught.value.reason == "joint_limits"


def test_a_turn_on_the_spot_is_a_line():
    robot = arm("ur10e")
    start = at(0.5, 0.3, 0.3, DOWN)
    q = robot.inverse_nearest(start, HOME["ur10e"])
    path = LinePath(ToolLine(robot, start, at(0.5, 0.3, 0.3, TURN @ DOWN)), q)
    trajectory = timed_trajectory(robot, path)
    positions = robot.forward(
        trajectory.sample(np.arange(0, trajectory.duration_s, 0.004)).positions
    )
    assert np.ptp(positions[:, :3, 3], axis=0).max() < 2e-5


def test_a_detour_starts_and_ends_in_its_corners():
    corners = np.array([[0.0, 0.0], [1.0, 0.3], [0.5, 1.0]])
    path = SplinePath(corners, 0.4)
    q, slope, bend = path.evaluate(np.linspace(0.0, path.length, 400))
    np.testing.assert_allclose(q[[0, -1]], corners[[0, -1]], atol=1e-12)
    h = path.length / 399
    np.testing.assert_allclose(np.gradient(q, h, axis=0)[1:-1], slope[1:-1], atol=1e-3)
    np.testing.assert_allclose(np.gradient(slope, h, axis=0)[1:-1], bend[1:-1], atol=0.05)

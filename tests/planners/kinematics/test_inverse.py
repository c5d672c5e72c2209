"""Inverse kinematics of all arms: exact everywhere, singular positions included; turns; labels."""

import numpy as np
import pytest

from benchmarks.kinematics_arms import SEVEN_AXES, SIX_AXES, calibrated, nominal
from benchmarks.kinematics_poses import anywhere, near_singular
from planners.kinematics import Robot, UnreachablePoseError, expand_xacro
from tests.planners.arms import URDF, at
from tests.planners.kinematics.brute_force import SAME_RAD, BruteForce
from tests.planners.kinematics.test_inverse_oracles import all_known

TOLERANCE = 1e-9


def worst_errors(robot: Robot, poses: np.ndarray, q: np.ndarray, valid: np.ndarray):
    wanted = np.repeat(poses[:, None], q.shape[1], axis=1)[valid]
    reached = robot.forward(q[valid])
    turn = np.swapaxes(reached[:, :3, :3], -1, -2) @ wanted[:, :3, :3]
    return (
        np.linalg.norm(reached[:, :3, 3] - wanted[:, :3, 3], axis=1).max(),
        (np.linalg.norm(turn - np.eye(3), axis=(1, 2)) / np.sqrt(2)).max(),
    )


@pytest.mark.parametrize("name", SIX_AXES)
def test_the_closed_form_is_the_arm_itself(name):
    robot = nominal(name)
    expected = "three parallel" if name == "ur10e" else "spherical wrist"
    assert robot.solver == f"closed form ({expected})"


@pytest.mark.parametrize("name", SIX_AXES)
def test_every_reachable_pose_has_exact_solutions_and_its_own_branch(name):
    robot = nominal(name)
    q = anywhere(robot, 20_000)
    poses = robot.forward(q)
    solutions = robot.inverse(poses, q)
    assert solutions.valid.any(axis=1).all()
    assert max(worst_errors(robot, poses, solutions.q, solutions.valid)) < TOLERANCE
    # With the position itself as q_near, it is one of the answers: same branch, same turns.
    gap = np.abs(solutions.q - q[:, None]).max(axis=-1)
    assert np.where(solutions.valid, gap, np.inf).min(axis=1).max() < 1e-6


@pytest.mark.parametrize("name", SIX_AXES)
def test_every_pose_at_or_near_singularities_has_exact_solutions(name):
    robot = nominal(name)
    q = near_singular(robot, 20_000)
    assert np.quantile(robot.smallest_singular_value(q), 0.5) < 1e-6
    poses = robot.forward(q)
    solutions = robot.inverse(poses)
    assert solutions.valid.any(axis=1).all()
    assert max(worst_errors(robot, poses, solutions.q, solutions.valid)) < TOLERANCE


@pytest.mark.parametrize("name", SIX_AXES)
def test_a_calibrated_arm_is_solved_exactly(name):
    robot = calibrated(name)
    assert robot.solver.startswith("closed form, refined")
    for q in (anywhere(robot, 2_000), near_singular(robot, 1_000)):
        poses = robot.forward(q)
        solutions = robot.inverse(poses)
        assert solutions.valid.any(axis=1).all()
        assert max(worst_errors(robot, poses, solutions.q, solutions.valid)) < TOLERANCE
    q = anywhere(robot, 500, seed=5)
    poses = robot.forward(q)
    gap = np.abs(robot.inverse(poses, q).q - q[:, None]).max(axis=-1)
    assert np.nanmin(gap, axis=1).max() < 1e-6


@pytest.mark.parametrize("name", ["ur10e", "kuka_kr6_r900"])
def test_a_calibrated_arm_has_the_branches_that_brute_force_finds(name):
    robot = calibrated(name)
    brute = BruteForce(robot)
    for q in anywhere(robot, 10, seed=6):
        pose = robot.forward(q)
        ours = robot.inverse(pose)
        assert all_known(ours.q[ours.valid], np.array(brute.solutions(pose)), SAME_RAD)


@pytest.mark.parametrize("name", SIX_AXES)
def test_a_batch_answers_as_single_questions_do(name):
    robot = nominal(name)
    poses = robot.forward(anywhere(robot, 50))
    batch = robot.inverse(poses)
    for k, pose in enumerate(poses):
        single = robot.inverse(pose)
        np.testing.assert_array_equal(single.q[0], batch.q[k])
        np.testing.assert_array_equal(single.within_limits[0], batch.within_limits[k])


def test_distance_to_limits_and_singular_values_are_what_they_say():
    robot = nominal("abb_irb2400")
    q = anywhere(robot, 40)
    found = robot.inverse(robot.forward(q))
    inside = robot.within_limits(found.q)
    np.testing.assert_array_equal(inside & found.valid, found.within_limits)
    k, b = np.argwhere(found.within_limits)[0]
    room = np.minimum(found.q[k, b] - robot.lower, robot.upper - found.q[k, b]).min()
    assert found.limit_distance_rad[k, b] == pytest.approx(room)
    jacobian = robot.jacobian(found.q[k, b])
    jacobian[:3] /= robot.model.reach_m
    expected = np.linalg.svd(jacobian, compute_uv=False)[-1]
    assert found.smallest_singular_value[k, b] == pytest.approx(expected)
    assert len(found.labels) == 8
    assert found.labels[0] == "front, elbow up, wrist positive"


def test_labels_follow_the_geometry():
    """KUKA's usual working posture: wrist before axis 1, elbow up, hand bent down."""
    robot = nominal("kuka_kr6_r900")
    q = np.array([0.0, -1.2, 1.4, 0.0, 0.9, 0.0])
    found = robot.inverse(robot.forward(q), q)
    mine = int(np.abs(found.q[0] - q).max(axis=1).argmin())
    assert found.labels[mine] == "front, elbow up, wrist positive"
    robot = nominal("ur10e")
    q = np.array([0.0, -1.9, 1.9, -1.6, -1.6, 0.0])
    found = robot.inverse(robot.forward(q), q)
    mine = int(np.abs(found.q[0] - q).max(axis=1).argmin())
    assert found.labels[mine].startswith("front, elbow up")


def test_following_the_tool_through_a_straight_wrist_is_continuous():
    """Joint 5 passes zero: the branch changes and no joint jumps."""
    robot = nominal("kuka_kr6_r900")
    q = np.array([0.2, -1.3, 1.2, 0.7, 0.3, -0.4])
    for angle in np.linspace(0.3, -0.3, 61):
        pose = robot.forward(np.array([0.2, -1.3, 1.2, 0.7, angle, -0.4]))
        new = robot.inverse_nearest(pose, q)
        assert np.abs(new - q).max() < 0.011
        q = new
    assert q[4] == pytest.approx(-0.3)


@pytest.mark.parametrize(("name", "joint"), [("ur10e", 5), ("kuka_kr6_r900", 5), ("ur10e", 0)])
def test_following_the_tool_over_half_a_turn_is_continuous(name, joint):
    robot = nominal(name)
    q = np.array([0.1, -1.3, 1.4, -0.7, 0.9, 0.0])
    goal = q.copy()
    for angle in np.linspace(0.0, 0.98 * robot.upper[joint], 200):
        goal[joint] = angle
        new = robot.inverse_nearest(robot.forward(goal), q if angle else goal)
        np.testing.assert_allclose(new, goal, atol=1e-7)
        q = new


def test_at_the_end_of_a_joint_it_is_unwound():
    robot = nominal("ur10e")
    q = np.array([0.1, -1.3, 1.4, -0.7, 0.9, np.radians(355)])
    beyond = q.copy()
    beyond[5] += np.radians(10)
    found = np.array(robot.inverse_sorted(robot.forward(beyond), q))
    assert robot.within_limits(found).all()
    same_branch = np.abs(found[:, :5] - q[:5]).max(axis=1) < 1e-6
    np.testing.assert_allclose(found[same_branch], [[*q[:5], np.radians(5)]], atol=1e-9)


def test_all_equivalent_turns_are_listed():
    robot = nominal("ur10e")
    turns = robot.equivalent_turns(np.array([0.1, -1.3, 1.4, -0.7, 0.9, 0.3]))
    assert len(turns) == 2**6
    assert robot.within_limits(turns).all()
    assert np.abs(robot.forward(turns) - robot.forward(turns[0])).max() < 1e-12


def test_a_free_joint_goes_where_the_limits_let_it():
    """Wrist straight and joint 4 asked for at a place where joint 6 would be beyond its limit."""
    robot = Robot.from_urdf(URDF / "abb_irb2400.urdf.xacro")
    q = np.array([0.2, 0.1, 0.3, 0.0, 0.0, 0.0])
    found = robot.inverse_nearest(robot.forward(q), np.array([0.2, 0.1, 0.3, 9.0, 0.0, 0.0]))
    assert robot.within_limits(found)
    assert np.abs(robot.forward(found) - robot.forward(q)).max() < 1e-9


def test_a_pose_that_is_not_rigid_is_refused_by_its_number():
    robot = nominal("ur10e")
    poses = robot.forward(anywhere(robot, 3))
    poses[1, :3, :3] *= 1.001
    with pytest.raises(ValueError, match="transform_base_tool 1: not a rigid"):
        robot.inverse(poses)
    poses[1] = np.nan
    with pytest.raises(ValueError, match="finite"):
        robot.inverse(poses)


def test_seven_axes_keep_the_elbow_angle():
    robot = nominal(SEVEN_AXES)
    assert robot.solver.startswith("numeric")
    for q in anywhere(robot, 60):
        pose, elbow = robot.forward(q), float(robot.elbow_angle(q)[0])
        found = robot.inverse(pose, elbow_rad=elbow)
        assert found.valid.any()
        assert max(worst_errors(robot, pose[None], found.q, found.valid)) < TOLERANCE
        gap = (robot.elbow_angle(found.q[0][found.valid[0]]) - elbow + np.pi) % (2 * np.pi) - np.pi
        assert np.abs(gap).max() < 1e-6
        np.testing.assert_allclose(robot.inverse_nearest(pose, q), q, atol=1e-6)


def test_seven_axes_reach_what_they_have_reached_before_with_any_elbow():
    robot = nominal(SEVEN_AXES)
    poses = robot.forward(anywhere(robot, 300))
    found = robot.inverse(poses)
    assert found.within_limits.any(axis=1).all()
    assert max(worst_errors(robot, poses, found.q, found.valid)) < TOLERANCE


def test_seven_axes_swing_the_elbow_without_moving_the_tool():
    robot = nominal(SEVEN_AXES)
    q = np.array([0.3, 0.6, 0.2, -1.2, 0.1, 0.8, 0.0])
    pose, first = robot.forward(q), float(robot.elbow_angle(q)[0])
    for elbow in first + np.linspace(0.0, 0.8, 17):
        solutions = robot.inverse(pose, q, elbow_rad=float(elbow))
        new = solutions.q[solutions.within_limits]
        new = new[np.abs(new - q).max(axis=1).argmin()]
        assert np.abs(new - q).max() < 0.2
        q = new
    with pytest.raises(ValueError, match="elbow is not free"):
        nominal("ur10e").elbow_angle(np.zeros(6))


def test_an_arm_of_no_family_is_solved_numerically_and_says_so(tmp_path):
    """Axis 6 passes axis 5, and that passes axis 4: no closed form."""
    urdf = expand_xacro(URDF / "kuka_kr6_r900.urdf.xacro")
    for straight, offset in (("0.080 0 0", "0.080 0.03 0.06"), ("0.420 0 0", "0.420 0.05 0.08")):
        assert urdf.count(f'<origin xyz="{straight}"/>') == 1
        urdf = urdf.replace(f'<origin xyz="{straight}"/>', f'<origin xyz="{offset}"/>')
    path = tmp_path / "arm.urdf"
    path.write_text(urdf)
    robot = Robot.from_urdf(path)
    assert robot.solver.startswith("numeric")
    q = anywhere(robot, 300)
    poses = robot.forward(q)
    found = robot.inverse(poses)
    assert found.within_limits.any(axis=1).all()
    assert max(worst_errors(robot, poses, found.q, found.valid)) < TOLERANCE
    brute = BruteForce(robot)
    known = [
        all_known(one.q[one.valid], np.array([s]), SAME_RAD)
        for pose in poses[:10]
        for one in [robot.inverse(pose)]
        for s in brute.solutions(pose)
    ]
    assert np.mean(known) > 0.9
    for row, pose in zip(q[:50], poses[:50], strict=True):
        np.testing.assert_allclose(robot.inverse_nearest(pose, row), row, atol=1e-6)


def test_out_of_reach_in_a_batch_is_only_not_valid():
    robot = nominal("staubli_tx2_60")
    poses = robot.forward(anywhere(robot, 2))
    poses[1, :3, 3] = 5.0, 0.0, 0.0
    found = robot.inverse(poses)
    assert found.valid[0].any()
    assert not found.valid[1].any()
    assert np.isnan(found.q[1]).all()
    with pytest.raises(UnreachablePoseError):
        robot.inverse_nearest(at(5.0, 0.0, 0.0), np.zeros(6))

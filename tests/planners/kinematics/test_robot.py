"""Forward and inverse kinematics against pinocchio and MuJoCo, which read the same file."""

import mujoco
import numpy as np
import pinocchio
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from planners.kinematics import Robot, UnreachablePoseError, expand_xacro
from tests.planners.arms import ARMS, HOME, TOOL_LENGTH_M, URDF, arm, at


def random_positions(robot: Robot, count: int, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).uniform(robot.lower, robot.upper, (count, robot.dof))


def same_angles(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    return np.abs((a - b + np.pi) % (2 * np.pi) - np.pi).max(axis=-1)


@pytest.mark.parametrize("name", ARMS)
def test_forward_agrees_with_pinocchio_and_mujoco(name):
    robot = arm(name)
    urdf = expand_xacro(URDF / f"{name}.urdf.xacro")
    pin_model = pinocchio.buildModelFromXML(urdf)
    pin_data = pin_model.createData()
    frame = pin_model.getFrameId("tool0")
    model = mujoco.MjModel.from_xml_string(urdf)
    data = mujoco.MjData(model)
    tcp = at(0.0, 0.0, TOOL_LENGTH_M)
    for q in random_positions(robot, 300):
        ours = robot.forward(q)
        pinocchio.framesForwardKinematics(pin_model, pin_data, q)
        np.testing.assert_allclose(ours, pin_data.oMf[frame].homogeneous @ tcp, atol=1e-12)
        data.qpos[:] = q
        mujoco.mj_kinematics(model, data)
        tool0 = at(*data.body("tool0").xpos, data.body("tool0").xmat.reshape(3, 3))
        np.testing.assert_allclose(ours, tool0 @ tcp, atol=1e-9)


@pytest.mark.parametrize("name", ARMS)
def test_limits_agree_with_pinocchio(name):
    model = pinocchio.buildModelFromXML(expand_xacro(URDF / f"{name}.urdf.xacro"))
    robot = arm(name)
    assert tuple(model.names)[1:] == robot.joint_names
    np.testing.assert_allclose(model.lowerPositionLimit, robot.lower)
    np.testing.assert_allclose(model.upperPositionLimit, robot.upper)
    np.testing.assert_allclose(model.velocityLimit, robot.velocity)
    np.testing.assert_allclose(model.effortLimit, robot.effort)


@pytest.mark.parametrize("name", ARMS)
def test_jacobian_agrees_with_pinocchio(name):
    robot = arm(name)
    model = pinocchio.buildModelFromXML(expand_xacro(URDF / f"{name}.urdf.xacro"))
    parent = model.frames[model.getFrameId("tool0")]
    placement = parent.placement * pinocchio.SE3(np.eye(3), np.array([0.0, 0.0, TOOL_LENGTH_M]))
    frame = model.addFrame(
        pinocchio.Frame("tcp", parent.parentJoint, placement, pinocchio.FrameType.OP_FRAME)
    )
    data = model.createData()
    for q in random_positions(robot, 100):
        theirs = pinocchio.computeFrameJacobian(
            model, data, q, frame, pinocchio.ReferenceFrame.LOCAL_WORLD_ALIGNED
        )
        np.testing.assert_allclose(robot.jacobian(q), theirs, atol=1e-12)


@pytest.mark.parametrize("name", ARMS)
def test_every_branch_reaches_thousands_of_random_poses(name):
    robot = arm(name)
    q = random_positions(robot, 4000)
    poses = robot.forward(q)
    branches = robot.inverse_all(poses, np.zeros_like(q))
    found = ~np.isnan(branches[..., 0])
    assert found.any(axis=1).all()
    reached = robot.forward(branches[found])
    wanted = np.repeat(poses[:, None], branches.shape[1], axis=1)[found]
    assert np.abs(reached - wanted).max() < 1e-7
    recovered = np.nanmin(np.where(found, same_angles(branches, q[:, None]), np.nan), axis=1)
    assert np.quantile(recovered, 0.999) < 1e-6


@pytest.mark.parametrize("name", ARMS)
@settings(max_examples=60, deadline=None)
@given(shares=st.lists(st.floats(0.0, 1.0), min_size=6, max_size=6))
def test_solutions_are_within_limits_and_exact_wherever_the_arm_can_be(name, shares):
    """Any position, the singular ones included that hypothesis likes to choose."""
    robot = arm(name)
    q = robot.lower + np.array(shares) * (robot.upper - robot.lower)
    pose = robot.forward(q)
    solutions = robot.inverse_sorted(pose, q)
    assert len(solutions) >= 1
    for solution in solutions:
        assert robot.within_limits(solution)
        assert np.abs(robot.forward(solution) - pose).max() < 1e-6
    nearest = robot.inverse_nearest(pose, q)
    assert np.abs(robot.forward(nearest) - pose).max() < 1e-6


@pytest.mark.parametrize("name", ARMS)
def test_nearest_gives_back_where_the_arm_is(name):
    robot = arm(name)
    for q in random_positions(robot, 200, seed=3):
        np.testing.assert_allclose(robot.inverse_nearest(robot.forward(q), q), q, atol=1e-6)


def test_a_singular_wrist_keeps_its_free_joint_where_it_is():
    robot = arm("kuka_kr6_r900")
    q = np.array([0.3, -1.2, 1.1, 0.7, 0.0, -0.2])
    np.testing.assert_allclose(robot.inverse_nearest(robot.forward(q), q), q, atol=1e-6)


@pytest.mark.parametrize("name", ARMS)
def test_out_of_reach_says_so(name):
    pose = at(3.0, 0.0, 0.5)
    with pytest.raises(UnreachablePoseError, match="out of reach") as caught:
        arm(name).inverse_nearest(pose, HOME[name])
    assert caught.value.reason == "out_of_reach"
    np.testing.assert_array_equal(caught.value.transform_base_tool, pose)


def test_a_joint_limit_is_named():
    """Far behind itself and low: axis 1 would have to turn to 180 degrees, and has 170."""
    robot = arm("kuka_kr6_r900")
    beyond = np.array([np.pi, 0.3, 0.2, 0.0, 0.5, 0.0])
    with pytest.raises(UnreachablePoseError, match=r"joint_1 by 10\.0 deg") as caught:
        robot.inverse_nearest(robot.forward(beyond), beyond)
    assert caught.value.reason == "joint_limits"


def test_the_same_question_has_the_same_answer():
    robot = arm("ur10e")
    pose = robot.forward(HOME["ur10e"])
    first = robot.inverse(pose).q
    robot.inverse(robot.forward(HOME["ur10e"] + 0.3))
    np.testing.assert_array_equal(first, robot.inverse(pose).q)


def test_a_pose_that_is_none_is_refused():
    with pytest.raises(ValueError, match="4 x 4"):
        arm("ur10e").inverse(np.eye(3))
    with pytest.raises(ValueError, match="6 joint positions"):
        arm("ur10e").forward(np.zeros(5))

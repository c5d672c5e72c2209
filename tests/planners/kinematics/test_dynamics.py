"""Joint torques against MuJoCo's inverse dynamics, which reads the same file."""

import mujoco
import numpy as np
import pytest

from planners.kinematics import Payload, Robot, expand_xacro, joint_torques
from planners.kinematics.dynamics import GRAVITY_M_S2, pinocchio_torques, torque_terms
from tests.planners.arms import ARMS, URDF, arm, at


@pytest.mark.parametrize("name", ARMS)
def test_torques_agree_with_mujoco(name):
    robot = Robot.from_urdf(URDF / f"{name}.urdf.xacro")
    model = mujoco.MjModel.from_xml_string(expand_xacro(URDF / f"{name}.urdf.xacro"))
    model.opt.gravity[:] = 0.0, 0.0, -GRAVITY_M_S2
    model.opt.disableflags |= mujoco.mjtDisableBit.mjDSBL_CONTACT
    data = mujoco.MjData(model)
    rng = np.random.default_rng(4)
    q = rng.uniform(robot.lower, robot.upper, (50, 6)) * 0.9
    v, a = (rng.uniform(-3.0, 3.0, (50, 6)) for _ in range(2))
    ours = joint_torques(robot, q, v, a)
    for k in range(50):
        data.qpos[:], data.qvel[:], data.qacc[:] = q[k], v[k], a[k]
        mujoco.mj_inverse(model, data)
        np.testing.assert_allclose(ours[k], data.qfrc_inverse, atol=1e-6)


@pytest.mark.parametrize("name", ARMS)
def test_torques_on_a_path_are_pinocchios_at_rest_and_at_unit_rates(name):
    robot, rng = arm(name), np.random.default_rng(5)
    q, slope, bend = rng.uniform(-2.0, 2.0, (3, 20, 6))
    load, zero = Payload(2.0, (0.01, 0.02, 0.1)), np.zeros_like(q)
    terms = torque_terms(robot, q, slope, bend, payload=load)
    for ours, state in zip(terms, ((zero, zero), (zero, slope), (slope, bend)), strict=True):
        np.testing.assert_allclose(
            ours, pinocchio_torques(robot, q, *state, payload=load), atol=1e-9
        )


def test_pinocchio_is_asked_the_same_one_by_one():
    import pinocchio

    from planners.kinematics.dynamics import _model

    robot = arm("ur10e")
    states = np.random.default_rng(6).uniform(-2.0, 2.0, (3, 20, 6))
    model, data = _model(robot, None)
    each = [pinocchio.rnea(model, data, *(x[k] for x in states)) for k in range(20)]
    np.testing.assert_array_equal(pinocchio_torques(robot, *states), each)
    assert pinocchio_torques(robot, *states[:, :0]).shape == (0, 6)


def test_a_tool_weighs_what_it_weighs():
    """Stretched out, the shoulder holds the tool's weight at the tool's distance."""
    bare = Robot.from_urdf(URDF / "ur10e.urdf.xacro", transform_flange_tool=at(0, 0, 0.15))
    still = np.zeros((1, 6))
    more = joint_torques(arm("ur10e"), still, still, still)
    less = joint_torques(bare, still, still, still)
    lever = abs(bare.forward(still[0])[0, 3])
    assert abs(more - less)[0, 1] == pytest.approx(1.0 * GRAVITY_M_S2 * lever)


def test_an_arm_on_its_side_holds_its_weight_with_axis_1():
    side = np.array([[1.0, 0, 0], [0, 0, -1.0], [0, 1.0, 0]])
    hung = Robot.from_urdf(URDF / "ur10e.urdf.xacro", transform_world_base=at(0, 0, 1.0, side))
    still = np.zeros((1, 6))
    assert abs(joint_torques(arm("ur10e"), still, still, still)[0, 0]) < 1e-9
    assert abs(joint_torques(hung, still, still, still)[0, 0]) > 50.0

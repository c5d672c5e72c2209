"""Joint torques against MuJoCo's inverse dynamics, which reads the same file."""

import mujoco
import numpy as np
import pytest

from planners.kinematics import Robot, expand_xacro, joint_torques
from planners.kinematics.dynamics import GRAVITY_M_S2
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

"""Energy against what mechanics says by itself, and torques with a payload against MuJoCo."""

import mujoco
import numpy as np
import pytest

from planners.kinematics import (
    Payload,
    Robot,
    Tool,
    expand_xacro,
    joint_torques,
    motion_energy,
    torque_load,
)
from planners.kinematics.dynamics import GRAVITY_M_S2
from planners.kinematics.energy import drives
from tests.planners.arms import HOME, URDF, at

Q = HOME["ur10e"]


def robot() -> Robot:
    return Robot.from_urdf(URDF / "ur10e.urdf.xacro")


def swing(start, end, duration_s=2.0, count=400):
    """A motion from rest to rest (quintic), sampled."""
    t = np.linspace(0.0, duration_s, count)
    x = (t / duration_s)[:, None]
    way = np.asarray(end) - np.asarray(start)
    q = start + way * (10 * x**3 - 15 * x**4 + 6 * x**5)
    v = way * (30 * x**2 - 60 * x**3 + 30 * x**4) / duration_s
    a = way * (60 * x - 180 * x**2 + 120 * x**3) / duration_s**2
    return t, q, v, a


def height_of_mass(arm: Robot, q) -> float:
    """Mass times height of the arm's centre of mass, by MuJoCo."""
    model = mujoco.MjModel.from_xml_string(expand_xacro(URDF / f"{arm.name}.urdf.xacro"))
    data = mujoco.MjData(model)
    data.qpos[:] = q
    mujoco.mj_forward(model, data)
    return float((data.xipos[:, 2] * model.body_mass).sum())


def test_mechanical_work_is_the_rise_of_the_arm():
    arm = robot()
    end = Q + np.array([1.0, 0.6, -0.4, 0.3, 0.2, 0.5])
    energy = motion_energy(arm, *swing(Q, end))
    rise = GRAVITY_M_S2 * (height_of_mass(arm, end) - height_of_mass(arm, Q))
    assert energy.mechanical_j == pytest.approx(rise, abs=0.02)


def test_standing_still_costs_base_power_and_holding():
    arm = robot()
    still = np.zeros((2, 6))
    energy = motion_energy(arm, np.array([0.0, 10.0]), np.stack([Q, Q]), still, still)
    assert energy.base_j == pytest.approx(800.0)
    torque = joint_torques(arm, Q[None], still[:1], still[:1])[0]
    copper = np.array([drive.copper_w_nm2 for drive in drives(arm)])
    assert energy.copper_j == pytest.approx(10.0 * (copper * torque**2).sum())
    assert energy.friction_j == energy.mechanical_j == 0.0
    assert energy.total_j == pytest.approx(energy.base_j + energy.copper_j)
    assert energy.estimated


def test_the_parts_add_up_and_recovery_saves():
    arm = robot()
    motion = swing(Q, Q + np.array([1.5, 0.8, -0.9, 0.3, 0.2, 0.5]), 1.2)
    full = motion_energy(arm, *motion, recovered=1.0)
    parts = full.mechanical_j + full.friction_j + full.copper_j + full.base_j
    assert full.total_j == pytest.approx(parts, rel=1e-9)
    assert motion_energy(arm, *motion).total_j >= full.total_j
    assert full.friction_j > 0.0
    slower = motion_energy(arm, *swing(Q, Q + 1.0, 1.4), recovered=1.0)
    faster = motion_energy(arm, *swing(Q, Q + 1.0, 1.0), recovered=1.0)
    assert slower.copper_j + slower.friction_j < faster.copper_j + faster.friction_j


def test_a_drive_in_the_file_is_no_estimate(tmp_path):
    text = (URDF / "ur10e.urdf.xacro").read_text()
    path = tmp_path / "arm.urdf.xacro"
    drive = '<axis xyz="0 0 1"/><drive coulomb="10" viscous="5" copper="0.01"/>'
    path.write_text(text.replace('<axis xyz="0 0 1"/>', drive))
    arm = Robot.from_urdf(path)
    assert not motion_energy(arm, *swing(Q, Q + 0.1)).estimated
    assert {drive.coulomb_nm for drive in drives(arm)} == {10.0}


def test_a_payload_loads_the_joints_as_in_mujoco():
    arm = Robot.from_urdf(URDF / "ur10e.urdf.xacro", transform_flange_tool=at(0.0, 0.05, 0.1))
    inertia = np.diag([0.02, 0.03, 0.04])
    load = Payload(3.0, np.array([0.01, 0.02, 0.06]), inertia)
    spec = mujoco.MjSpec.from_string(expand_xacro(URDF / "ur10e.urdf.xacro"))
    held = spec.body("tool0").add_body(pos=[0.0, 0.05, 0.1])
    held.mass, held.ipos, held.inertia = 3.0, load.centre_m, np.diag(inertia)
    held.explicitinertial = True
    model = spec.compile()
    model.opt.gravity[:] = 0.0, 0.0, -GRAVITY_M_S2
    model.opt.disableflags |= mujoco.mjtDisableBit.mjDSBL_CONTACT
    data = mujoco.MjData(model)
    rng = np.random.default_rng(8)
    q, v, a = (rng.uniform(-2.0, 2.0, (20, 6)) for _ in range(3))
    ours = joint_torques(arm, q, v, a, payload=load)
    for k in range(20):
        data.qpos[:], data.qvel[:], data.qacc[:] = q[k], v[k], a[k]
        mujoco.mj_inverse(model, data)
        np.testing.assert_allclose(ours[k], data.qfrc_inverse, atol=1e-6)


def test_a_tool_loads_the_joints_as_a_payload_at_its_centre_does():
    path, place = URDF / "ur10e.urdf.xacro", at(0.0, 0.05, 0.1)
    load = Payload(2.0, np.array([0.0, 0.01, -0.04]), np.diag([0.01, 0.02, 0.01]))
    with_tool = Robot.from_urdf(path, tool=Tool(place, load))
    bare = Robot.from_urdf(path, transform_flange_tool=place)
    np.testing.assert_allclose(with_tool.forward(Q), bare.forward(Q))
    states = [np.random.default_rng(k).uniform(-2.0, 2.0, (5, 6)) for k in range(3)]
    carried = joint_torques(bare, *states, payload=load)
    np.testing.assert_allclose(joint_torques(with_tool, *states), carried, atol=1e-9)
    with pytest.raises(ValueError, match="not both"):
        Robot.from_urdf(path, tool=Tool(place, load), tool_mass_kg=1.0)


def test_the_worst_torque_is_named():
    arm = robot()
    stretched = np.zeros((3, 6))
    still = np.zeros((3, 6))
    stretched[0] = 0.0, -np.pi / 2, 0.0, 0.0, 0.0, 0.0
    load = torque_load(arm, stretched, still, still, payload=Payload(30.0))
    assert load.joint == "elbow_joint" or load.joint == "shoulder_lift_joint"
    assert load.ratio > 1.0
    assert load.index in (1, 2)
    assert torque_load(arm, stretched[:1], still[:1], still[:1]).ratio < 0.1


@pytest.mark.parametrize(
    ("change", "complaint"),
    [
        ({"mass_kg": -1.0}, "negative"),
        ({"mass_kg": 1.0, "centre_m": np.zeros(2)}, "three"),
        ({"mass_kg": 1.0, "inertia_kg_m2": np.diag([1.0, -1.0, 1.0])}, "negative"),
    ],
)
def test_an_impossible_payload_is_refused(change, complaint):
    with pytest.raises(ValueError, match=complaint):
        Payload(**change)


def test_a_motion_that_is_none_is_refused():
    still = np.zeros((2, 6))
    with pytest.raises(ValueError, match="rising"):
        motion_energy(robot(), np.zeros(2), still, still, still)
    with pytest.raises(ValueError, match="share"):
        motion_energy(robot(), np.arange(2.0), still, still, still, recovered=2.0)

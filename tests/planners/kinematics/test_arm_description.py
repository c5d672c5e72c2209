"""The two arms as their files tell them, and files that are refused."""

import re

import mujoco
import numpy as np
import pinocchio
import pytest

from planners.kinematics import ArmDescriptionError, Robot, expand_xacro, joint_torques
from tests.planners.arms import ARMS, HOME, URDF, at

HOME_KUKA = HOME["kuka_kr6_r900"]


def text(name: str) -> str:
    return (URDF / f"{name}.urdf.xacro").read_text()


def test_kuka_has_the_data_sheets_limits():
    arm = Robot.from_urdf(URDF / "kuka_kr6_r900.urdf.xacro")
    assert arm.joint_names == tuple(f"joint_{k}" for k in range(1, 7))
    np.testing.assert_allclose(np.degrees(arm.upper), [170, 45, 156, 185, 120, 350])
    np.testing.assert_allclose(np.degrees(arm.lower), [-170, -190, -120, -185, -120, -350])
    np.testing.assert_allclose(np.degrees(arm.velocity), [360, 300, 360, 381, 388, 615])


def test_ur10e_has_the_data_sheets_limits():
    arm = Robot.from_urdf(URDF / "ur10e.urdf.xacro")
    assert arm.joint_names[0] == "shoulder_pan_joint"
    assert arm.joint_names[-1] == "wrist_3_joint"
    np.testing.assert_allclose(np.degrees(arm.upper), 360)
    np.testing.assert_allclose(np.degrees(arm.velocity), [120, 120, 180, 180, 180, 180])


@pytest.mark.parametrize(("name", "mass"), [("kuka_kr6_r900", 52.0), ("ur10e", 29.104 + 4.0)])
def test_masses_add_up(name, mass):
    urdf = expand_xacro(URDF / f"{name}.urdf.xacro")
    model = pinocchio.buildModelFromXML(urdf)
    assert sum(inertia.mass for inertia in model.inertias) == pytest.approx(mass)
    assert mujoco.MjModel.from_xml_string(urdf).body_mass.sum() == pytest.approx(mass)


def test_kuka_reaches_as_far_as_its_data_sheet_says():
    """Reach is from axis 1 to the wrist centre with the arm stretched: 901.5 mm."""
    arm = Robot.from_urdf(URDF / "kuka_kr6_r900.urdf.xacro")
    stretched = np.array([0.0, 0.0, np.arctan2(0.035, 0.42), 0.0, 0.0, 0.0])
    wrist = arm.link_poses(stretched[None])[0, 5, :3, 3]
    assert wrist[0] == pytest.approx(0.9015, abs=2e-4)


@pytest.mark.parametrize("name", ARMS)
def test_a_prefix_reaches_every_name(name):
    arm = Robot.from_urdf(URDF / f"{name}.urdf.xacro", prefix="left_")
    assert all(joint.startswith("left_") for joint in arm.joint_names)
    assert all(shape.link.startswith("left_") for shape in arm.description.shapes)


@pytest.mark.parametrize("name", ARMS)
def test_physics_compiles_it_with_its_frames(name):
    model = mujoco.MjSpec.from_string(expand_xacro(URDF / f"{name}.urdf.xacro", "a_")).compile()
    assert model.body("a_tool0").id > 0
    assert model.nq == 6


@pytest.mark.parametrize(
    ("old", "new", "complaint"),
    [
        ('velocity="${360 * degree}"', "", "velocity"),
        ('velocity="${360 * degree}"', 'velocity="fast"', "no number"),
        ('acceleration="16"', 'acceleration="-1"', "positive"),
        ('<joint name="${prefix}joint_1" type="revolute">', '<joint name="j" type="fixed">', "5"),
        ('type="revolute"', 'type="prismatic"', "prismatic"),
        ('<axis xyz="0 0 -1"/>', '<axis xyz="0 0 0"/>', "no direction"),
        ('<energy base_power="95"/>', '<energy/>', "base_power"),
        ("</robot>", "", "xacro"),
    ],
)  # fmt: skip
def test_a_wrong_file_is_refused(tmp_path, old, new, complaint):
    changed = text("kuka_kr6_r900")
    assert old in changed
    path = tmp_path / "arm.urdf.xacro"
    path.write_text(changed.replace(old, new, 1))
    with pytest.raises(ArmDescriptionError, match=complaint) as caught:
        Robot.from_urdf(path)
    assert caught.value.path == path


def test_limits_that_a_file_does_not_give_are_estimated_and_named(tmp_path):
    """Most files of the ROS world give no acceleration, no jerk, and an effort of zero."""
    path = tmp_path / "arm.urdf.xacro"
    changed = re.sub(r' acceleration="[^"]*" jerk="[^"]*"', "", text("kuka_kr6_r900"))
    path.write_text(re.sub(r'effort="[^"]*"', 'effort="0"', changed))
    arm = Robot.from_urdf(path)
    assert all(j.estimated == ("effort", "acceleration", "jerk") for j in arm.description.joints)
    np.testing.assert_allclose(arm.acceleration, arm.velocity / 0.4)
    np.testing.assert_allclose(arm.jerk, arm.acceleration / 0.1)
    assert np.isinf(arm.effort).all()


def test_a_joint_without_ends_turns_twice_each_way(tmp_path):
    path = tmp_path / "arm.urdf"
    urdf = expand_xacro(URDF / "ur10e.urdf.xacro")
    start = urdf.index('<joint name="wrist_3_joint" type="revolute"')
    path.write_text(urdf[:start] + urdf[start:].replace("revolute", "continuous", 1))
    arm = Robot.from_urdf(path)
    assert arm.upper[5] == pytest.approx(4 * np.pi)
    q = np.array([[0.1, -1.2, 1.3, 0.4, 0.5, 7.0]])
    still = np.zeros((1, 6))
    usual = joint_torques(Robot.from_urdf(URDF / "ur10e.urdf.xacro"), q, still, still)
    np.testing.assert_allclose(joint_torques(arm, q, still, still), usual, atol=1e-9)


def test_the_flange_is_found_or_asked_for(tmp_path):
    path = tmp_path / "arm.urdf"
    urdf = expand_xacro(URDF / "kuka_kr6_r900.urdf.xacro")
    usual = Robot.from_urdf(URDF / "kuka_kr6_r900.urdf.xacro")
    path.write_text(urdf.replace("tool0", "hand"))
    assert Robot.from_urdf(path).description.tool0 == "flange"
    named = Robot.from_urdf(path, tip="hand")
    np.testing.assert_allclose(named.forward(HOME_KUKA), usual.forward(HOME_KUKA))
    path.write_text(urdf.replace("tool0", "hand").replace("flange", "wrist_plate"))
    assert Robot.from_urdf(path).description.tool0 == "hand"
    with pytest.raises(ArmDescriptionError, match="no link 'nose'"):
        Robot.from_urdf(path, tip="nose")


def test_a_flange_with_other_things_on_it_is_asked_for(tmp_path):
    path = tmp_path / "arm.urdf"
    urdf = expand_xacro(URDF / "kuka_kr6_r900.urdf.xacro")
    urdf = urdf.replace("tool0", "hand").replace("flange", "plate")
    camera = """<joint name="plate" type="fixed"><parent link="plate"/><child link="camera"/>
      </joint><link name="camera"/></robot>"""
    path.write_text(urdf.replace("</robot>", camera))
    with pytest.raises(ArmDescriptionError, match=r"\['camera', 'hand'\].*--tip") as refused:
        Robot.from_urdf(path)
    assert "'plate'" in str(refused.value), "where the chain parts is a choice, too"
    # A joint, too, is called "plate".
    named = Robot.from_urdf(path, tip="plate")
    usual = Robot.from_urdf(URDF / "kuka_kr6_r900.urdf.xacro", tip="flange")
    np.testing.assert_allclose(named.forward(HOME_KUKA), usual.forward(HOME_KUKA))


def test_jaws_beside_the_chain_stand_at_zero_and_are_carried_along(tmp_path):
    path = tmp_path / "arm.urdf"
    urdf = expand_xacro(URDF / "kuka_kr6_r900.urdf.xacro")
    jaw = """<joint name="jaw_joint" type="prismatic"><parent link="flange"/><child link="jaw"/>
      <origin xyz="0.05 0 0"/><axis xyz="0 1 0"/>
      <limit lower="0" upper="0.05" velocity="1" effort="1"/></joint>
      <link name="jaw"><inertial><mass value="0.2"/><inertia ixx="1e-4" iyy="1e-4" izz="1e-4"
      ixy="0" ixz="0" iyz="0"/></inertial>
      <collision><geometry><box size="0.1 0.01 0.01"/></geometry></collision></link></robot>"""
    path.write_text(urdf.replace("</robot>", jaw))
    arm = Robot.from_urdf(path)
    assert arm.dof == 6
    shape = arm.description.shapes[-1]
    assert (shape.link, shape.link_index) == ("jaw", 6)
    flange, held = arm.frame_pose("flange", HOME_KUKA), arm.frame_pose("jaw", HOME_KUKA)
    np.testing.assert_allclose(np.linalg.inv(flange) @ held, at(0.05, 0.0, 0.0), atol=1e-12)


def test_frames_are_where_pinocchio_has_them():
    for name in ("ur10e", "staubli_tx2_60"):
        arm = Robot.from_urdf(URDF / f"{name}.urdf.xacro")
        model = pinocchio.buildModelFromXML(arm.description.urdf)
        data = model.createData()
        q = np.array([0.3, -0.8, 1.1, 0.4, -0.5, 0.6])
        pinocchio.framesForwardKinematics(model, data, q)
        for frame in arm.description.frames:
            theirs = data.oMf[model.getFrameId(frame)].homogeneous
            np.testing.assert_allclose(arm.frame_pose(frame, q), theirs, atol=1e-12)


@pytest.mark.parametrize(
    ("name", "mass", "reach"),
    [
        ("abb_irb2400", 380.0, None),
        ("fanuc_lrmate200id", 25.0, 0.717),
        ("staubli_tx2_60", 51.4, 0.67),
        ("kuka_iiwa14_r820", 29.9, 0.82),
    ],
)
def test_the_other_arms_weigh_and_reach_what_their_data_sheets_say(name, mass, reach):
    urdf = expand_xacro(URDF / f"{name}.urdf.xacro")
    assert mujoco.MjModel.from_xml_string(urdf).body_mass.sum() == pytest.approx(mass)
    arm = Robot.from_urdf(URDF / f"{name}.urdf.xacro")
    if reach is None:
        return
    # Makers count from axis 1 (or 2, with a shoulder above it) to the wrist's centre.
    q = np.random.default_rng(0).uniform(arm.lower, arm.upper, (200_000, arm.dof))
    if arm.dof == 7:
        q[:, 3] = 0.0
    links = arm.link_poses(q)
    wrist = 6 if arm.dof == 7 else 5
    if name.startswith("fanuc"):
        distance = np.linalg.norm(links[:, wrist, :2, 3], axis=1)
    else:
        distance = np.linalg.norm(links[:, wrist, :3, 3] - links[:, 2, :3, 3], axis=1)
    expected = {"staubli_tx2_60": np.hypot(0.6, 0.02)}.get(name, reach)
    assert distance.max() == pytest.approx(expected, abs=2e-3)


def test_a_missing_file_is_refused(tmp_path):
    for name in ("none.urdf", "none.urdf.xacro"):
        with pytest.raises(ArmDescriptionError, match="no such file"):
            Robot.from_urdf(tmp_path / name)


def test_a_mesh_counts_as_its_hull_and_is_found_beside_the_file(tmp_path):
    (tmp_path / "box.obj").write_text(
        "".join(f"v {x} {y} {z}\n" for x in (0, 1) for y in (0, 1) for z in (0, 1))
        + "f 1 2 4\nf 1 4 3\nf 5 7 8\nf 5 8 6\nf 1 5 6\nf 1 6 2\n"
        + "f 3 4 8\nf 3 8 7\nf 1 3 7\nf 1 7 5\nf 2 6 8\nf 2 8 4\n"
    )
    path = tmp_path / "arm.urdf"
    urdf = expand_xacro(URDF / "ur10e.urdf.xacro")
    cylinder = urdf.index("<cylinder", urdf.index("<collision>"))
    rest = urdf[urdf.index("/>", cylinder) + 2 :]
    for name in ("box.obj", f"package://{tmp_path.name}/box.obj"):
        path.write_text(f'{urdf[:cylinder]}<mesh filename="{name}" scale="0.1 0.1 0.2"/>{rest}')
        shape = Robot.from_urdf(path).description.shapes[0].shape
        hull = shape.hull()
        np.testing.assert_allclose(hull.points_m.max(axis=0), [0.1, 0.1, 0.2])
    path.write_text(f'{urdf[:cylinder]}<mesh filename="none.stl"/>{rest}')
    with pytest.raises(ArmDescriptionError, match=r"no mesh 'none.stl'"):
        Robot.from_urdf(path)


def test_a_tool_that_is_no_rigid_transform_is_refused():
    with pytest.raises(ValueError, match="rigid"):
        Robot.from_urdf(URDF / "ur10e.urdf.xacro", transform_flange_tool=np.diag([1, 1, -1, 1.0]))

"""The two arms as their files tell them, and files that are refused."""

import mujoco
import numpy as np
import pinocchio
import pytest

from planners.kinematics import ArmDescriptionError, Robot, expand_xacro
from tests.planners.arms import ARMS, URDF


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
        ('acceleration="16"', "", "acceleration"),
        ('acceleration="16"', 'acceleration="-1"', "positive"),
        ('name="${prefix}tool0"', 'name="${prefix}tool"', "tool0"),
        ('<joint name="${prefix}joint_1" type="revolute">', '<joint name="j" type="fixed">', "5"),
        ('type="revolute"', 'type="prismatic"', "prismatic"),
        ("</robot>", "", "xacro"),
    ],
)  # fmt: skip
def test_a_wrong_file_is_refused(tmp_path, old, new, complaint):
    changed = text("kuka_kr6_r900")
    assert old in changed
    path = tmp_path / "arm.urdf.xacro"
    path.write_text(changed.replace(old, new, 1).replace(f'child link="{old[6:]}', "", 1))
    if "tool0" in old:
        path.write_text(changed.replace("tool0", "tool"))
    with pytest.raises(ArmDescriptionError, match=complaint) as caught:
        Robot.from_urdf(path)
    assert caught.value.path == path


def test_a_missing_file_is_refused(tmp_path):
    for name in ("none.urdf", "none.urdf.xacro"):
        with pytest.raises(ArmDescriptionError, match="no such file"):
            Robot.from_urdf(tmp_path / name)


def test_a_mesh_is_refused(tmp_path):
    path = tmp_path / "arm.urdf"
    urdf = expand_xacro(URDF / "ur10e.urdf.xacro")
    start = urdf.index("<collision>")
    cylinder = urdf.index("<cylinder", start)
    path.write_text(
        urdf[:cylinder] + '<mesh filename="a.stl"/>' + urdf[urdf.index("/>", cylinder) + 2 :]
    )
    with pytest.raises(ArmDescriptionError, match="box, cylinder or sphere"):
        Robot.from_urdf(path)


def test_a_tool_that_is_no_rigid_transform_is_refused():
    with pytest.raises(ValueError, match="rigid"):
        Robot.from_urdf(URDF / "ur10e.urdf.xacro", transform_flange_tool=np.diag([1, 1, -1, 1.0]))

"""The committed world: made by the generator, strictly SDF, with systems that exist.

Oracles: libsdformat12 of Debian, pinocchio on the URDF, and DART's own parser of SDF.
"""

from __future__ import annotations

import shutil
import subprocess
import xml.etree.ElementTree as ElementTree
from pathlib import Path

import dartpy
import numpy as np
import pinocchio
import pytest

from sim.errors import SceneError
from sim.gazebo.__main__ import make
from sim.gazebo.arm import add_arm
from sim.gazebo.systems import RELEASES, SYSTEMS, check_systems

ROOT = Path(__file__).parents[3]
PLANT = ROOT / "examples" / "housing_plant.yaml"
WORLD = ROOT / "sim" / "worlds" / "housing_cell.sdf"
BRIDGE = ROOT / "sim" / "gazebo" / "bridge.yaml"


@pytest.fixture(scope="module")
def world() -> ElementTree.Element:
    found = ElementTree.parse(WORLD).getroot().find("world")
    assert found is not None
    return found


@pytest.fixture(scope="module")
def strict_load(tmp_path_factory):
    """Loads a text strictly; what libsdformat says, and whether it took it."""
    folder = tmp_path_factory.mktemp("sdformat")
    flags = subprocess.run(
        ["pkg-config", "--cflags", "--libs", "sdformat12"],
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    if flags.returncode or shutil.which("g++") is None:
        pytest.skip("libsdformat-dev (Debian 12) or g++ is not installed")
    program = folder / "strict_load"
    source = Path(__file__).with_name("strict_load.cc")
    command = ["g++", "-std=c++17", str(source), "-o", str(program), *flags.stdout.split()]
    subprocess.run(command, check=True, timeout=100)

    def load(text: str) -> tuple[bool, str]:
        file = folder / "world.sdf"
        file.write_text(text)
        done = subprocess.run(
            [program, file], capture_output=True, text=True, check=False, timeout=30
        )
        return done.returncode == 0, done.stdout + done.stderr

    return load


def test_the_committed_files_are_what_the_generator_makes():
    made = make(PLANT, "cell_a", "housing_cell", "examples/housing_plant.yaml")
    again = "python -m sim.gazebo examples/housing_plant.yaml cell_a housing_cell"
    assert made.world == WORLD.read_text(), f"the plant has changed: {again}"
    assert made.bridge == BRIDGE.read_text(), f"the plant has changed: {again}"


def test_sdformat_takes_the_world_strictly(strict_load, world):
    taken, said = strict_load(WORLD.read_text())
    assert taken, said
    assert said.splitlines()[0] == f"housing_cell {len(world.findall('model'))}"


def test_sdformat_takes_the_other_cell_as_well(strict_load):
    taken, said = strict_load(make(PLANT, "cell_b", "cell_b", "x").world)
    assert taken, said


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("<gravity>false</gravity>", "<gravitiy>false</gravitiy>"),
        ("<child>link_1</child>", "<child>link_11</child>"),
        ('<model name="floor">', '<model name="store">'),
        ("<mass>0.3</mass>", "<mass>-0.3</mass>"),
    ],
)
def test_sdformat_refuses_a_world_that_is_wrong(strict_load, old, new):
    text = WORLD.read_text()
    assert old in text
    taken, _ = strict_load(text.replace(old, new, 1))
    assert not taken


def test_the_world_has_only_systems_and_parameters_that_exist(world):
    assert list(check_systems(world)) == []
    assert set(RELEASES) == {"harmonic", "ionic", "jetty"}
    used = {(p.get("filename"), p.get("name")) for p in world.iter("plugin")}
    assert used == set(SYSTEMS), "every declared system is used, and no other"


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        ("gz-sim-physics-system", "gz-sim-physic-system", "not a system that we know"),
        ("systems::JointTrajectoryController", "systems::JointTrajectory", "not a system"),
        ("velocity_p_gain", "velocity_gain", "does not know <velocity_gain>"),
        ("child_model", "child", "lacks <child_model>"),
        ('<plugin filename="gz-sim-contact-system" name="gz::sim::systems::Contact" />', "",
         "lacks gz-sim-contact-system"),
    ],
)  # fmt: skip
def test_a_system_that_does_not_exist_is_found(old, new, words):
    text = WORLD.read_text()
    assert old in text
    wrong = ElementTree.fromstring(text.replace(old, new)).find("world")
    assert any(words in problem for problem in check_systems(wrong))


@pytest.fixture(scope="module", params=["cell_a", "cell_b"])
def both(request, plant, urdfs, tmp_path_factory):
    """An arm in pinocchio, from its URDF with the tool, and in DART, from the world."""
    cell = plant.cells[request.param]
    model = pinocchio.buildModelFromXML(urdfs[request.param])
    tool, flange = cell.arm.tool, model.getFrameId("tool0")
    frame = model.frames[flange]
    x, y, z = tool.size_m
    inertia = tool.mass_kg / 12 * np.diag([y * y + z * z, x * x + z * z, x * x + y * y])
    body = pinocchio.Inertia(tool.mass_kg, np.array([0.0, 0.0, z / 2]), inertia)
    model.appendBodyToJoint(frame.parentJoint, body, frame.placement)
    text = make(PLANT, request.param, "w", "x").world
    file = tmp_path_factory.mktemp("dart") / "world.sdf"
    file.write_text(text.replace('version="1.9"', 'version="1.6"'))
    loaded = dartpy.utils.SdfParser.readWorld(str(file))
    home = np.deg2rad(cell.poses[cell.arm.home].joints_deg)
    return model, loaded.getSkeleton("arm"), home, text


def test_kinematics_of_world_and_urdf_are_the_same(both):
    model, arm, home, _ = both
    data = model.createData()
    names = [arm.getBodyNode(i).getName() for i in range(arm.getNumBodyNodes())]
    random = np.random.default_rng(0)
    for _ in range(20):
        q = random.uniform(model.lowerPositionLimit, model.upperPositionLimit)
        arm.setPositions(q - home)
        pinocchio.framesForwardKinematics(model, data, q)
        for name in names:
            frame = model.getFrameId("tool0" if name == "tool" else name)
            found = arm.getBodyNode(name).getWorldTransform().matrix()
            assert found == pytest.approx(data.oMf[frame].homogeneous, abs=1e-7), name


def test_inertia_of_world_and_urdf_is_the_same(both):
    model, arm, home, _ = both
    data = model.createData()
    random = np.random.default_rng(1)
    for _ in range(20):
        q = random.uniform(model.lowerPositionLimit, model.upperPositionLimit)
        v = random.uniform(-1.0, 1.0, model.nv)
        arm.setPositions(q - home)
        arm.setVelocities(v)
        ours = pinocchio.crba(model, data, q)
        assert arm.getMassMatrix() == pytest.approx(ours, rel=1e-6, abs=1e-7)
        model.gravity = pinocchio.Motion.Zero()
        turning = pinocchio.nonLinearEffects(model, data, q, v)
        assert arm.getCoriolisForces() == pytest.approx(turning, rel=1e-6, abs=1e-7)


def test_limits_of_world_and_urdf_are_the_same(both):
    model, _, home, text = both
    arm = ElementTree.fromstring(text).find(".//model[@name='arm']")
    joints = arm.findall("joint[@type='revolute']")
    assert [joint.attrib["name"] for joint in joints] == list(model.names)[1:]
    for tag, expected in (
        ("lower", model.lowerPositionLimit - home),
        ("upper", model.upperPositionLimit - home),
        ("effort", model.effortLimit),
        ("velocity", model.velocityLimit),
    ):
        found = [float(joint.find(f"axis/limit/{tag}").text) for joint in joints]
        assert found == pytest.approx(expected, abs=1e-8), tag


def test_a_urdf_that_sdf_has_no_equal_for_is_refused():
    inertial = '<inertial><mass value="1"/><inertia ixx="1" iyy="1" izz="1"/></inertial>'
    link = f'<link name="{{}}">{inertial}'
    joint = '<joint name="j" type="planar"><parent link="a"/><child link="b"/></joint>'
    robot = f"<robot name='r'>{link.format('a')}</link>{link.format('b')}</link>{joint}</robot>"
    with pytest.raises(SceneError, match="joint j: type planar"):
        add_arm(ElementTree.Element("model"), robot, {})
    hollow = link.format("a") + "<collision><geometry><capsule/></geometry></collision></link>"
    with pytest.raises(SceneError, match="no box, cylinder, sphere or mesh"):
        add_arm(ElementTree.Element("model"), f"<robot name='r'>{hollow}</robot>", {})

"""Two physics engines on the same URDFs: MuJoCo, in which the plant runs, and DART.

Each arm swings freely under gravity and constant torques for 0.3 s. DART steps by Euler's method,
whose error falls in proportion to the step: two step sizes and Richardson's extrapolation take it
out. What is left is how the two read the file: masses, centres, inertias, axes, frames.
"""

from __future__ import annotations

import xml.etree.ElementTree as ElementTree
from pathlib import Path

import dartpy
import mujoco
import numpy as np
import pinocchio
import pytest

from planners.kinematics import expand_xacro

URDFS = sorted((Path(__file__).parents[2] / "urdf").glob("*.urdf.xacro"))
STEP_S = 1e-4
STEPS = 3000
AGREE_RAD = 1e-5

ACCELERATION_RAD_S2 = 4.0


def without_frames(urdf: str) -> str:
    """Leaves without mass left out: to DART a link that names no mass weighs 1 kg."""
    robot = ElementTree.fromstring(urdf)
    while True:
        parents = {joint.find("parent").attrib["link"] for joint in robot.findall("joint")}
        leaves = [
            link
            for link in robot.findall("link")
            if link.find("inertial") is None and link.attrib["name"] not in parents
        ]
        if not leaves:
            return ElementTree.tostring(robot, encoding="unicode")
        for leaf in leaves:
            robot.remove(leaf)
            for joint in robot.findall("joint"):
                if joint.find("child").attrib["link"] == leaf.attrib["name"]:
                    robot.remove(joint)


def in_dart(file: Path, start: np.ndarray, torques: np.ndarray, halves: int) -> np.ndarray:
    """(n,) rad, where the arm is at the end, with the step halved so often."""
    options = dartpy.utils.DartLoaderOptions()
    options.mDefaultRootJointType = dartpy.utils.DartLoaderRootJointType.FIXED
    loader = dartpy.utils.DartLoader()
    loader.setOptions(options)
    arm = loader.parseSkeleton(str(file))
    for index in range(arm.getNumBodyNodes()):
        arm.getBodyNode(index).setCollidable(False)
    for index in range(arm.getNumJoints()):
        arm.getJoint(index).setLimitEnforcement(False)
    world = dartpy.simulation.World()
    world.setTimeStep(STEP_S / 2**halves)
    world.setGravity([0.0, 0.0, -9.81])
    world.addSkeleton(arm)
    arm.setPositions(start)
    for _ in range(STEPS * 2**halves):
        arm.setForces(torques)
        world.step()
    return np.array(arm.getPositions())


def in_mujoco(urdf: str, start: np.ndarray, torques: np.ndarray) -> np.ndarray:
    """(n,) rad, where the arm is at the end."""
    spec = mujoco.MjSpec.from_string(urdf)
    for body in spec.bodies:
        for geom in body.geoms:
            geom.contype = geom.conaffinity = 0
    spec.option.timestep = STEP_S
    spec.option.integrator = mujoco.mjtIntegrator.mjINT_RK4
    model = spec.compile()
    model.jnt_limited[:] = 0
    model.jnt_actfrclimited[:] = 0
    data = mujoco.MjData(model)
    data.qpos[:] = start
    data.qfrc_applied[:] = torques
    mujoco.mj_step(model, data, STEPS)
    return data.qpos.copy()


def swing(file: Path, folder: Path) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """(n,) rad: where an arm starts, and where it ends in MuJoCo and in DART."""
    urdf = expand_xacro(file)
    model = pinocchio.buildModelFromXML(urdf)
    random = np.random.default_rng(1)
    low, high = model.lowerPositionLimit, model.upperPositionLimit
    start = (low + high) / 2 + 0.2 * (high - low) * random.uniform(-1.0, 1.0, model.nq)
    wanted = ACCELERATION_RAD_S2 * random.uniform(-1.0, 1.0, model.nv)
    torques = pinocchio.crba(model, model.createData(), start) @ wanted
    plain = folder / "arm.urdf"
    plain.write_text(without_frames(urdf))
    coarse, fine = (in_dart(plain, start, torques, halves) for halves in (0, 1))
    return start, in_mujoco(urdf, start, torques), 2.0 * fine - coarse


@pytest.mark.parametrize("file", URDFS, ids=lambda file: file.name.partition(".")[0])
def test_mujoco_and_dart_swing_an_arm_alike(file, tmp_path):
    start, ours, theirs = swing(file, tmp_path)
    assert np.abs(ours - start).max() > 0.2, "it has swung"
    assert np.abs(ours - theirs).max() < AGREE_RAD

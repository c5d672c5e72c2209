"""Kernels: nobody waits for one after warm_up, and nobody loads them who does not plan."""

import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[3]

LIGHT = """
import sys
import planners.kinematics
from planners.kinematics.arm_description import read_arm
read_arm("urdf/ur10e.urdf.xacro")
print([m for m in ("numba", "pinocchio", "coal", "scipy") if m in sys.modules])
"""

WARM = """
import importlib
import numpy as np
from planners.kinematics import Body, Box, CollisionScene, PartShape, Robot, warm_up
warm_up()
modules = [importlib.import_module(f"planners.kinematics.{name}")
           for name in ("bounds", "chain", "inverse", "newton_euler", "numeric", "refine",
                        "partners", "support", "sweep")]
kernels = {k for m in modules for k in vars(m).values() if hasattr(k, "nopython_signatures")}
before = {k: len(k.nopython_signatures) for k in kernels}
assert sum(before.values()) >= 8
for name in ("ur10e", "kuka_kr6_r900", "kuka_iiwa14_r820"):
    robot = Robot.from_urdf(f"urdf/{name}.urdf.xacro")
    q = np.linspace(robot.lower, robot.upper, 7)[2:5] * 0.3
    pose = robot.forward(q)
    robot.inverse(pose).smallest_singular_value
    robot.inverse(pose[::2], q[::2])
    robot.inverse_nearest(pose[0], q[0])
    robot.link_poses(q), robot.jacobian(robot.upper)
    if robot.dof == 7:
        robot.elbow_angle(q)
    scene = CollisionScene(robot, obstacles=[Body("box", Box((0.1, 0.1, 0.1)), pose[0])])
    part = PartShape((0.02, 0.02, 0.02))
    scene.first_collision(q, part), scene.collisions(q), scene.distances(q)
grown = [k.py_func.__name__ for k in kernels if len(k.nopython_signatures) != before[k]]
print(f"compiled after all: {grown}" if grown else "nothing was compiled")
"""


def output(program: str) -> str:
    done = subprocess.run(
        [sys.executable, "-W", "error::RuntimeWarning", "-c", program],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
        timeout=110,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


def test_reading_an_arm_loads_no_engine():
    assert output(LIGHT) == "[]"


def test_after_warm_up_nothing_is_compiled():
    assert output(WARM) == "nothing was compiled"

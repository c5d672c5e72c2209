"""Every branch that others find: py-opw-kinematics, EAIK, and brute force on pinocchio."""

import numpy as np
import pytest
from eaik.IK_HP import HPRobot
from py_opw_kinematics import KinematicModel
from py_opw_kinematics import Robot as OpwRobot
from scipy.spatial.transform import RigidTransform

from benchmarks.kinematics_arms import SIX_AXES, nominal
from benchmarks.kinematics_poses import anywhere
from tests.planners.kinematics.brute_force import SAME_RAD, BruteForce, distinct

# From the data sheets, in the words of Brandstötter, Angerer and Hofbaur (2014): a1, a2, b, c1, c2,
# c3, c4 in metres, then which axes turn the other way, and zero offsets in right angles.
OPW = {
    "kuka_kr6_r900": ((0.025, -0.035, 0, 0.4, 0.455, 0.42, 0.08), (1, 0, 0, 1, 0, 1), (-1, 0)),
    "abb_irb2400": ((0.1, -0.135, 0, 0.615, 0.705, 0.755, 0.085), (0, 0, 0, 0, 0, 0), (0, -1)),
    "fanuc_lrmate200id": ((0.05, -0.035, 0, 0.33, 0.33, 0.335, 0.08), (0, 0, 1, 1, 1, 1), (0, -1)),
    "staubli_tx2_60": ((0, 0, 0.02, 0.375, 0.29, 0.31, 0.07), (0, 0, 0, 0, 0, 0), (0, 0)),
}


def all_known(ours: np.ndarray, theirs: np.ndarray, tolerance: float) -> bool:
    return all(
        (np.abs((ours - q + np.pi) % (2 * np.pi) - np.pi).max(axis=1) < tolerance).any()
        for q in theirs
    )


def opw_robot(name: str) -> OpwRobot:
    lengths, flips, (second, third) = OPW[name]
    names = ("a1", "a2", "b", "c1", "c2", "c3", "c4")
    offsets = (0.0, second * np.pi / 2, third * np.pi / 2, 0.0, 0.0, 0.0)
    model = KinematicModel(
        **dict(zip(names, map(float, lengths), strict=True)),
        offsets=offsets,
        flip_axes=tuple(bool(f) for f in flips),
    )
    return OpwRobot(model, degrees=False)


@pytest.mark.parametrize("name", OPW)
def test_py_opw_kinematics_finds_nothing_else(name):
    robot, theirs = nominal(name), opw_robot(name)
    start = np.zeros(6)
    turn = np.linalg.inv(robot.forward(start)) @ theirs.forward(start).as_matrix()
    assert np.abs(turn[:3, 3]).max() < 1e-9, "the parameters above are not those of the file"
    for q in anywhere(robot, 300, seed=1):
        pose = robot.forward(q)
        np.testing.assert_allclose(theirs.forward(q).as_matrix(), pose @ turn, atol=1e-9)
        found = theirs.inverse(RigidTransform.from_matrix(pose @ turn))
        assert len(found) >= 1
        ours = robot.inverse(pose)
        assert all_known(ours.q[ours.valid], np.array(found), 1e-6)


@pytest.mark.parametrize("name", SIX_AXES)
def test_eaik_finds_nothing_else(name):
    robot = nominal(name)
    model = robot.model
    zero = robot.forward(np.zeros(6))
    points = np.vstack([np.zeros(3), model.points, zero[:3, 3]])
    theirs = HPRobot(model.axes, np.diff(points, axis=0))
    for q in anywhere(robot, 300, seed=2):
        pose = robot.forward(q)
        target = pose.copy()
        target[:3, :3] = pose[:3, :3] @ zero[:3, :3].T
        answer = theirs.IK(target)
        found = [
            solution
            for solution, inexact in zip(answer.Q, answer.is_LS, strict=True)
            if not inexact and np.abs(robot.forward(solution) - pose).max() < 1e-7
        ]
        assert found
        ours = robot.inverse(pose)
        assert all_known(ours.q[ours.valid], np.array(found), 1e-5)


@pytest.mark.parametrize("name", SIX_AXES)
def test_brute_force_finds_nothing_else(name):
    robot = nominal(name)
    brute = BruteForce(robot)
    branches = 0
    for q in anywhere(robot, 12, seed=3):
        pose = robot.forward(q)
        found = brute.solutions(pose)
        ours = robot.inverse(pose)
        assert all_known(ours.q[ours.valid], np.array(found), SAME_RAD)
        branches += len(found)
    assert branches > 12 * 3, "the oracle has to be able to find branches at all"


@pytest.mark.parametrize("name", SIX_AXES)
def test_no_two_branches_are_the_same_one(name):
    robot = nominal(name)
    solutions = robot.inverse(robot.forward(anywhere(robot, 300, seed=4)))
    for q, valid in zip(solutions.q, solutions.valid, strict=True):
        seen: list[np.ndarray] = []
        for one in q[valid]:
            assert distinct(seen, one)
            seen.append(one)

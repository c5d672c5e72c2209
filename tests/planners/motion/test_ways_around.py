"""Ways around against OMPL: where its planner finds one, ours does, and it is free."""

import numpy as np
import pytest
from ompl import base, geometric, util

from planners.kinematics import Body, Box, CollisionScene
from planners.motion import MotionError
from planners.motion.search import detour
from tests.planners.arms import HOME, arm, at

util.noOutputHandler()
NAME = "ur10e"


def walls(seed):
    """A post or two between the ends, at random, which the arm may have to climb or fold away."""
    rng = np.random.default_rng(seed)
    bodies = [Body("floor", Box((2.0, 2.0, 0.1)), at(0.0, 0.0, -0.06))]
    for k in range(3):
        angle, reach = rng.uniform(-1.0, 1.0), rng.uniform(0.45, 0.9)
        height = rng.uniform(0.3, 0.9)
        place = at(reach * np.cos(angle), reach * np.sin(angle), height / 2)
        bodies.append(Body(f"post {k}", Box((0.1, 0.1, height)), place))
    return CollisionScene(arm(NAME), obstacles=bodies)


def ends(scene, rng):
    """Two free positions on either side, so that the straight motion mostly is blocked."""
    found = []
    for side in (-1.2, 1.2):
        while True:
            q = HOME[NAME] + rng.uniform(-0.6, 0.6, 6)
            q[0] += side
            q[1:3] += [0.5, -0.2]
            if scene.in_collision(q) is None:
                found.append(q)
                break
    return found


def ompl_finds(scene, start, end, seconds):
    space = base.RealVectorStateSpace(6)
    bounds = base.RealVectorBounds(6)
    for k in range(6):
        bounds.setLow(k, min(start[k], end[k]) - np.pi)
        bounds.setHigh(k, max(start[k], end[k]) + np.pi)
    space.setBounds(bounds)
    setup = geometric.SimpleSetup(space)
    setup.setStateValidityChecker(
        lambda state: scene.in_collision(np.array([state[k] for k in range(6)])) is None
    )
    setup.getSpaceInformation().setStateValidityCheckingResolution(0.005)
    states = []
    for q in (start, end):
        state = space.allocState()
        for k in range(6):
            state[k] = q[k]
        states.append(state)
    setup.setStartAndGoalStates(*states)
    setup.setPlanner(geometric.RRTConnect(setup.getSpaceInformation()))
    return setup.solve(seconds) and setup.haveExactSolutionPath()


@pytest.mark.parametrize("seed", range(8))
def test_what_ompl_finds_is_found(seed):
    scene = walls(seed)
    start, end = ends(scene, np.random.default_rng(seed))
    try:
        path = detour(scene, start, end, None, {}, seed, rest=HOME[NAME])
    except MotionError:
        assert not ompl_finds(scene, start, end, 3.0)
        return
    q = path.evaluate(np.linspace(0.0, path.length, 2000))[0]
    np.testing.assert_allclose(q[[0, -1]], [start, end], atol=1e-9)
    assert all(scene.in_collision(row) is None for row in q[::7])
    assert ompl_finds(scene, start, end, 20.0)

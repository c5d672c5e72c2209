"""What the tests and the benchmark of the governor share: motions to stop, and what must hold."""

from dataclasses import dataclass

import numpy as np

from planners.arrays import Array
from planners.kinematics import Robot
from planners.motion import Trajectory
from planners.motion.governor import Governor
from planners.motion.paths import LinePath, SplinePath, ToolLine
from planners.motion.straight import straight_trajectory
from planners.motion.timing import timed_trajectory
from planners.motion.track import Track
from tests.planners.arms import ARMS, DOWN, HOME, SCALE, arm, at

DT_S = 0.001


def some_trajectory(rng: np.random.Generator) -> tuple[Robot, Trajectory]:
    """A straight joint motion, a detour, or a straight line of the tool."""
    name = ARMS[rng.integers(len(ARMS))]
    robot, kind = arm(name), rng.integers(3)
    if kind == 0:
        offset = rng.uniform(-1, 1, 6) * rng.choice([0.1, 0.5, 1.5])
        return robot, straight_trajectory(robot, HOME[name], HOME[name] + offset)
    if kind == 1:
        corners = HOME[name] + np.vstack([np.zeros(6), rng.uniform(-1, 1, (2, 6)).cumsum(axis=0)])
        return robot, timed_trajectory(robot, SplinePath(corners, 0.3))
    f = SCALE[name]
    start = at(0.4 * f, 0.3 * f, 0.1, DOWN)
    end = at(rng.uniform(0.35, 0.5) * f, rng.uniform(-0.3, 0.2) * f, 0.25, DOWN)
    q = robot.inverse_nearest(start, HOME[name])
    return robot, timed_trajectory(robot, LinePath(ToolLine(robot, start, end), q))


@dataclass
class Run:
    """What came out of the governor, one row per cycle, and its path time and speed."""

    q: Array
    qd: Array
    qdd: Array
    path_time_s: Array
    speed: Array
    asked: Array


def run(track: Track, target, *, longest_s: float = 60.0, governor: Governor | None = None) -> Run:
    """Cycles of 1 ms until the end of the track; `target(t)` is what is asked for."""
    governor = governor or Governor(track)
    rows = [(*governor.state(), governor.path_time_s, governor.speed, target(0.0))]
    k = 0
    while not governor.at_end and k < longest_s / DT_S:
        asked = target(k * DT_S)
        state = governor.step(DT_S, asked)
        rows.append((*state, governor.path_time_s, governor.speed, asked))
        k += 1
    assert governor.at_end
    return Run(*(np.array(column) for column in zip(*rows, strict=True)))


def shares(track: Track, outcome: Run, velocity: Array) -> tuple[float, float, float]:
    """Largest share of speed, acceleration and jerk limit, from differences of the setpoints alone.

    The m-th difference over dt^m is a mean of the m-th derivative, so it cannot exceed its bound.
    """
    still = np.repeat(outcome.q[-1:], 3, axis=0)
    q = np.concatenate([np.repeat(outcome.q[:1], 3, axis=0), outcome.q, still])
    found = []
    for limit in (velocity, track.acceleration, track.jerk):
        q = np.diff(q, axis=0) / DT_S
        found.append(float(np.max(np.abs(q) / limit)))
    return found[0], found[1], found[2]


def deviation(trajectory: Trajectory, outcome: Run) -> float:
    """Largest joint distance (rad) of a setpoint from the trajectory at its path time."""
    on_path = trajectory.sample(outcome.path_time_s).positions
    return float(np.max(np.abs(outcome.q - on_path)))

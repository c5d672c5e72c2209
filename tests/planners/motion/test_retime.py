"""Jerk-limited timing: within every limit at 1 kHz, as short as theory and copp-py's TOPP3 say."""

from dataclasses import replace

import copp_py
import numpy as np
import pytest
import toppra
from scipy.interpolate import make_interp_spline

from planners.kinematics import Payload, Robot, joint_torques
from planners.kinematics.dynamics import pinocchio_torques
from planners.motion import MotionError, Trajectory, verify_trajectory
from planners.motion.retime import retimed
from planners.motion.straight import straight_trajectory
from planners.motion.timing import time_optimal, timed_trajectory
from tests.planners.arms import ARMS, HOME, URDF, arm, at
from tests.planners.motion.programs import sampled


class Waypoints:
    def __init__(self, q):
        self.length = float(len(q) - 1)
        self.spline = make_interp_spline(np.arange(len(q)), q, k=5)

    def evaluate(self, s):
        return self.spline(s), self.spline(s, 1), self.spline(s, 2)


def some_path(name: str, seed: int) -> Waypoints:
    steps = np.random.default_rng(seed).uniform(-0.35, 0.35, (9, 6))
    return Waypoints(HOME[name] + np.vstack([np.zeros(6), steps.cumsum(axis=0)]))


def topp3_s(robot: Robot, path: Waypoints, count: int = 200) -> float:
    s = np.linspace(0.0, path.length, count)
    solver = copp_py.Robot(robot.dof, capacity=count)
    solver.append_s(s)
    solver.set_q(*path.evaluate(s), 0, dddq=path.spline(s, 3))
    for add, limit in (
        (solver.add_velocity_limits, robot.velocity),
        (solver.add_acceleration_limits, robot.acceleration),
    ):
        add(np.tile(limit, (count, 1)), -np.tile(limit, (count, 1)), start_idx_s=0, length=count)
    first = copp_py.solver.topp2_ra
    problem = first.Problem(
        solver.constraints, idx_s_interval=(0, count - 1), a_boundary=(0.0, 0.0)
    )
    reference = np.asarray(first.solve(problem, first.Options()))
    jerk = np.tile(robot.jerk, (count, 1))
    solver.add_jerk_limits(jerk, -jerk, start_idx_s=0, length=count)
    topp3 = copp_py.solver.topp3_socp
    for _ in range(3):
        profile = topp3.solve(topp3.Problem(solver.constraints, reference), topp3.Options())
        reference = np.asarray(profile.a)
    return float(copp_py.interpolation.s_to_t_topp3(s, profile)[0])


@pytest.mark.parametrize("name", ARMS)
@pytest.mark.parametrize("seed", range(3))
def test_limits_hold_and_topp3_is_not_much_faster(name, seed):
    robot, path = arm(name), some_path(name, seed)
    trajectory = timed_trajectory(robot, path)
    assert verify_trajectory(robot, None, trajectory) == []
    state = trajectory.sample(np.arange(0.0, trajectory.duration_s, 0.0005))
    assert sampled(state.jerks, robot.jerk) <= 1.0 + 1e-4
    assert trajectory.duration_s <= 1.05 * topp3_s(robot, path)
    off = np.abs(trajectory.positions[[0, -1]] - path.spline([0.0, path.length])).max()
    assert off < 1e-9


@pytest.mark.parametrize("name", ARMS)
def test_a_straight_motion_is_as_short_as_the_textbooks(name):
    """The seven-piece profile is the optimum on a straight line (Biagiotti and Melchiorri, 3.4)."""
    robot = arm(name)
    best = straight_trajectory(robot, HOME[name], HOME[name] + np.linspace(0.3, 1.2, 6))
    times = np.linspace(0.0, best.duration_s, 161)
    state = best.sample(times)
    slow = Trajectory(
        robot.joint_names, times * 1.7, state.positions, state.velocities / 1.7,
        state.accelerations / 1.7**2,
    )  # fmt: skip
    found = retimed(robot, slow)
    assert best.duration_s * 0.999 <= found.duration_s <= best.duration_s * 1.02


@pytest.mark.parametrize("name", ARMS)
def test_time_optimal_speed_keeps_its_limits_between_stations(name):
    for seed in range(5):
        path = some_path(name, seed)
        profile = time_optimal(arm(name), path)
        velocity, acceleration, torque = profile.used(arm(name), path)
        assert max(velocity, acceleration, torque) <= 1.0
        assert max(velocity, acceleration, torque) > 0.95
        assert profile.duration_s < timed_trajectory(arm(name), path).duration_s


@pytest.mark.parametrize("seed", range(6))
def test_time_optimal_speed_keeps_the_torque_limits(seed):
    load = Payload(5.0, np.array([0.05, 0.0, 0.02]))
    path, robot = some_path("ur10e", seed), arm("ur10e")
    way = path.evaluate(np.linspace(0.0, path.length, 500))[0]
    still = pinocchio_torques(robot, way, 0 * way, 0 * way, payload=load)
    robot = replace(robot, effort=np.abs(still).max(axis=0) * 1.15 + 3.0)
    loaded, empty = (time_optimal(robot, path, payload=one) for one in (load, None))
    s, rate, rise = loaded.sample(np.arange(0.0, loaded.duration_s, 0.001))
    q, slope, bend = path.evaluate(s)
    v, a = slope * rate[:, None], bend * rate[:, None] ** 2 + slope * rise[:, None]
    share = np.abs(pinocchio_torques(robot, q, v, a, payload=load)) / robot.effort
    assert share.max() <= 1.0
    assert max(loaded.used(robot, path, payload=load)) > 0.95
    assert loaded.duration_s > empty.duration_s * 1.01


@pytest.mark.parametrize("seed", range(4))
def test_time_optimal_speed_is_as_fast_as_the_reference(seed):
    """Toppra is the reference implementation of the same paper's authors."""
    path, robot = some_path("kuka_kr6_r900", seed), arm("kuka_kr6_r900")
    robot = replace(robot, effort=np.full(6, np.inf))
    limits = [np.stack([-x, x], axis=-1) for x in (robot.velocity, robot.acceleration)]
    spline = toppra.SplineInterpolator(
        np.linspace(0.0, path.length, 200), path.evaluate(np.linspace(0.0, path.length, 200))[0]
    )
    best = toppra.algorithm.TOPPRA(
        [
            toppra.constraint.JointVelocityConstraint(limits[0]),
            toppra.constraint.JointAccelerationConstraint(
                limits[1], discretization_scheme=toppra.constraint.DiscretizationType.Interpolation
            ),
        ],
        spline,
        gridpoints=np.linspace(0.0, path.length, 200),
    ).compute_trajectory()
    assert time_optimal(robot, path).duration_s <= best.duration * 1.02


def test_torques_are_within_limits():
    heavy = Robot.from_urdf(
        URDF / "ur10e.urdf.xacro", transform_flange_tool=at(0, 0, 0.25), tool_mass_kg=12.0
    )
    path = some_path("ur10e", 1)
    trajectory = timed_trajectory(heavy, path)
    state = trajectory.sample(np.arange(0.0, trajectory.duration_s, 0.002))
    torques = joint_torques(heavy, state.positions, state.velocities, state.accelerations)
    assert np.max(np.abs(torques) / heavy.effort) <= 1.0 + 1e-6
    assert trajectory.duration_s >= timed_trajectory(arm("ur10e"), path).duration_s * 0.99


def test_a_load_that_cannot_be_held_is_refused():
    heavy = Robot.from_urdf(
        URDF / "ur10e.urdf.xacro", transform_flange_tool=at(0, 0, 0.3), tool_mass_kg=60.0
    )
    with pytest.raises(MotionError, match="cannot hold"):
        timed_trajectory(heavy, some_path("ur10e", 1))


def test_points_that_are_not_equally_spaced_are_refused():
    trajectory = straight_trajectory(arm("ur10e"), HOME["ur10e"], HOME["ur10e"] + 0.5)
    with pytest.raises(ValueError, match="equally spaced"):
        retimed(arm("ur10e"), trajectory)

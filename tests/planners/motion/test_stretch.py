"""What breaks a limit is slowed down where it does, and only there; other faults are refused."""

import dataclasses

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from planners.kinematics import Body, Box, CollisionScene, Robot, joint_torques
from planners.motion import MotionError, Trajectory, verify_trajectory
from planners.motion.straight import straight_trajectory
from planners.motion.stretch import stretched, verified
from tests.planners.arms import HOME, TOOL_LENGTH_M, URDF, arm, at, scene
from tests.planners.motion.programs import sampled

NAME = "ur10e"
END = HOME[NAME] + np.array([1.4, 0.2, -0.3, 0.1, 0.2, 0.5])


def good(speed: float = 1.0) -> Trajectory:
    return straight_trajectory(arm(NAME), HOME[NAME], END, speed)


def hurried(middle_s: float, by: float) -> Trajectory:
    """A good trajectory that is `by` too fast around one instant, and only there."""
    t = good(0.9)
    grid = np.linspace(0.0, t.duration_s, 401)
    rate = 1.0 + by * np.exp(-(((grid - middle_s) / 0.12) ** 4))
    at_s = np.interp(t.times, grid, np.concatenate([[0.0], np.cumsum(
        (1 / rate[1:] + 1 / rate[:-1]) / 2 * np.diff(grid))]))  # fmt: skip
    sigma = np.interp(t.times, grid, rate)[:, None]
    tilt = np.interp(t.times, grid, np.gradient(rate, grid))[:, None]
    return Trajectory(
        t.joint_names,
        at_s,
        t.positions,
        t.velocities * sigma,
        t.accelerations * sigma**2 + t.velocities * sigma * tilt,
    )


def test_a_good_trajectory_is_left_alone():
    trajectory = good()
    assert verified(arm(NAME), scene(NAME), trajectory) is trajectory


@pytest.mark.parametrize("middle_s", [0.3, 0.6, 0.9])
def test_a_limit_broken_in_one_place_is_healed_in_that_place(middle_s):
    robot, wrong = arm(NAME), hurried(middle_s, 0.5)
    broken = verify_trajectory(robot, None, wrong)
    assert {v.kind for v in broken} & {"velocity", "acceleration", "jerk"}
    healed = verified(robot, None, wrong, q_start=HOME[NAME], q_end=END)
    assert verify_trajectory(robot, None, healed, q_start=HOME[NAME], q_end=END) == []
    # Slowing down as a whole would cost what its worst limit asks, everywhere.
    state = wrong.sample(np.arange(0.0, wrong.duration_s, 0.001))
    whole = max(
        sampled(state.velocities, robot.velocity),
        sampled(state.accelerations, robot.acceleration) ** 0.5,
        sampled(state.jerks, robot.jerk) ** (1 / 3),
    )
    assert healed.duration_s < wrong.duration_s * whole


@settings(max_examples=25, deadline=None)
@given(st.floats(1.01, 1.8))
def test_what_is_too_fast_as_a_whole_is_healed_too(factor):
    robot = arm(NAME)
    healed = verified(robot, None, good().slowed(1.0 / factor))
    state = healed.sample(np.arange(0.0, healed.duration_s, 0.0007))
    assert sampled(state.velocities, robot.velocity) <= 1.0 + 1e-5
    assert sampled(state.accelerations, robot.acceleration) <= 1.0 + 1e-5
    assert healed.duration_s < 1.6 * good().duration_s


def test_a_stretched_trajectory_stays_on_its_path():
    wrong = hurried(0.6, 0.5)
    slow = stretched(arm(NAME), wrong)
    assert slow.duration_s > wrong.duration_s
    share = (slow.sample(np.arange(0, slow.duration_s, 0.001)).positions - HOME[NAME]) / (
        END - HOME[NAME]
    )
    assert np.ptp(share, axis=1).max() < 1e-7
    assert np.all(np.diff(share[:, 0]) >= -1e-12)


def test_far_from_the_fault_nothing_is_slower():
    wrong = hurried(0.9, 0.5)
    slow = stretched(arm(NAME), wrong)
    early = np.linspace(0.0, 0.45, 40)
    gap = slow.sample(early).positions - wrong.sample(early).positions
    assert np.abs(gap).max() < 2e-3


def test_the_tool_is_slowed_where_it_is_too_fast():
    robot, trajectory = arm(NAME), good()
    state = trajectory.sample(np.arange(0.0, trajectory.duration_s, 0.001))
    twist = robot.jacobian(state.positions) @ state.velocities[..., None]
    fastest = float(np.linalg.norm(twist[:, :3, 0], axis=1).max())
    healed = verified(robot, None, trajectory, tcp_speed_m_s=0.7 * fastest)
    assert verify_trajectory(robot, None, healed, tcp_speed_m_s=0.7 * fastest) == []
    assert healed.duration_s < trajectory.duration_s / 0.7


def test_a_torque_that_speed_asks_for_is_healed():
    weak = Robot.from_urdf(
        URDF / f"{NAME}.urdf.xacro", transform_flange_tool=at(0, 0, 0.3), tool_mass_kg=12.0
    )
    state = good().sample(np.arange(0.0, good().duration_s, 0.002))
    zero = np.zeros_like(state.positions)
    still = np.abs(joint_torques(weak, state.positions, zero, zero)).max(axis=0)
    moving = np.abs(
        joint_torques(weak, state.positions, state.velocities, state.accelerations)
    ).max(axis=0)
    limited = dataclasses.replace(weak, effort=still + 0.4 * (moving - still) + 0.5)
    assert {v.kind for v in verify_trajectory(limited, None, good())} == {"effort"}
    assert verify_trajectory(limited, None, verified(limited, None, good())) == []


def test_what_time_does_not_heal_is_refused():
    robot = arm(NAME)
    middle = robot.forward(good().sample(good().duration_s / 2).positions[0])
    hand = Body("hand", Box((0.05, 0.05, 0.05)), at(0.0, 0.0, TOOL_LENGTH_M))
    block = CollisionScene(
        robot, obstacles=[Body("block", Box((0.1, 0.1, 0.1)), middle)], tool=[hand]
    )
    with pytest.raises(MotionError, match=r"clearance of .*block") as caught:
        verified(robot, block, good())
    assert caught.value.reason == "verification"
    with pytest.raises(MotionError, match="end of"):
        verified(robot, None, good(), q_end=END + 0.01)

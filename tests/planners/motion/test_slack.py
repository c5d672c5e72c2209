"""Slack is used up to the last moment that is allowed, saves energy, and breaks no limit."""

import mujoco
import numpy as np
import pytest

from planners.kinematics import Robot, expand_xacro
from planners.kinematics.dynamics import GRAVITY_M_S2
from planners.kinematics.energy import drives
from planners.motion import plan_cycle, verify_trajectory
from planners.motion.slack import energy_j, energy_within_j, with_slack
from planners.motion.slack_bound import least_energy_j
from planners.motion.straight import straight_trajectory
from tests.planners.arms import ARMS, HOME, URDF, arm, scene
from tests.planners.motion.programs import pick_and_place

SAVED = {"kuka_kr6_r900": 0.12, "ur10e": 0.08}
"""Friction that does not depend on the speed is most of what the UR10e spends."""


@pytest.mark.parametrize("name", ARMS)
def test_a_fifth_more_time_saves_energy(name):
    robot = arm(name)
    cycle = plan_cycle(robot, scene(name), pick_and_place(name), q_start=HOME[name])
    motions = [motion.trajectory for motion in cycle.motions]
    taken = sum(motion.duration_s for motion in motions)
    slow = with_slack(robot, motions, 0.2 * taken)
    assert taken < sum(motion.duration_s for motion in slow) <= 1.2 * taken + 1e-9
    before, after = (energy_within_j(robot, ways, 1.2 * taken) for ways in (motions, slow))
    assert after <= (1.0 - SAVED[name]) * before
    for fast, easy in zip(motions, slow, strict=True):
        assert easy.duration_s >= fast.duration_s
        way = fast.sample(np.linspace(0.0, fast.duration_s, 4000)).positions
        for q in easy.sample(np.linspace(0.0, easy.duration_s, 37)).positions:
            assert np.abs(way - q).max(axis=1).min() < 2e-3
        assert verify_trajectory(robot, None, easy) == []


def test_no_slack_changes_nothing():
    name = "ur10e"
    cycle = plan_cycle(arm(name), scene(name), pick_and_place(name), q_start=HOME[name])
    motions = tuple(motion.trajectory for motion in cycle.motions)
    assert with_slack(arm(name), motions, 0.0) == motions
    assert with_slack(arm(name), (), 1.0) == ()
    assert with_slack(arm(name), motions, 1.0, kept=[True] * len(motions)) == motions
    with pytest.raises(ValueError, match="negative"):
        with_slack(arm(name), motions, -1.0)
    with pytest.raises(ValueError, match="kept"):
        with_slack(arm(name), motions, 1.0, kept=[True])


@pytest.mark.parametrize("name", ARMS)
def test_nothing_saves_more_than_the_bound_and_slack_comes_near_it(name):
    robot = arm(name)
    cycle = plan_cycle(robot, scene(name), pick_and_place(name), q_start=HOME[name])
    motions = [motion.trajectory for motion in cycle.motions]
    taken = sum(motion.duration_s for motion in motions)
    before, slow = (
        energy_within_j(robot, motions, 1.2 * taken),
        with_slack(robot, motions, 0.2 * taken),
    )
    least = least_energy_j(robot, motions, 1.2 * taken)
    after = energy_within_j(robot, slow, 1.2 * taken)
    assert least < after < before
    assert before - after > 0.95 * (before - least)
    for factor in (1.05, 1.1, 1.2):
        evenly = [motion.slowed(factor) for motion in motions]
        assert least < energy_within_j(robot, evenly, 1.2 * taken)


def test_without_slack_the_bound_is_what_the_motions_take():
    name = "ur10e"
    cycle = plan_cycle(arm(name), scene(name), pick_and_place(name), q_start=HOME[name])
    motions = [motion.trajectory for motion in cycle.motions]
    taken = sum(motion.duration_s for motion in motions)
    spent = sum(energy_j(arm(name), motion) for motion in motions)
    assert least_energy_j(arm(name), motions, 1.001 * taken) == pytest.approx(spent, rel=0.01)


def spent_by_mujoco_j(name, robot, trajectory):
    """Energy by MuJoCo's inverse dynamics and the drives' losses, at 1 kHz."""
    model = mujoco.MjModel.from_xml_string(expand_xacro(URDF / f"{name}.urdf.xacro"))
    model.opt.gravity[:] = 0.0, 0.0, -GRAVITY_M_S2
    model.opt.disableflags |= mujoco.mjtDisableBit.mjDSBL_CONTACT
    data, total = mujoco.MjData(model), 0.0
    state = trajectory.sample(np.arange(0.0005, trajectory.duration_s, 0.001))
    for q, v, a in zip(state.positions, state.velocities, state.accelerations, strict=True):
        data.qpos[:], data.qvel[:], data.qacc[:] = q, v, a
        mujoco.mj_inverse(model, data)
        watts = 0.0
        for drive, torque, speed in zip(drives(robot), data.qfrc_inverse, v, strict=True):
            drag = drive.coulomb_nm * np.sign(speed) + drive.viscous_nm_s * speed
            watts += (torque + drag) * speed + drive.copper_w_nm2 * (torque + drag) ** 2
        total += 0.001 * max(watts, 0.0)
    return total


@pytest.mark.parametrize("name", ARMS)
def test_mujoco_finds_the_same_saving(name):
    robot = Robot.from_urdf(URDF / f"{name}.urdf.xacro")
    way = np.array([1.2, 0.5, -0.6, 0.4, 0.3, 0.2])
    fast = straight_trajectory(robot, HOME[name], HOME[name] + way)
    (slow,) = with_slack(robot, [fast], 0.3 * fast.duration_s)
    assert slow.duration_s > fast.duration_s
    before, after = (spent_by_mujoco_j(name, robot, one) for one in (fast, slow))
    ours = energy_j(robot, fast) - energy_j(robot, slow)
    assert after < 0.97 * before
    assert ours == pytest.approx(before - after, rel=0.02)

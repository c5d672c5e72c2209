"""A plan that has more time than it needs takes less energy, is never late, and stays free."""

import numpy as np
import pytest

from planners.kinematics import Body, Box, CollisionScene, Payload
from planners.kinematics.energy import motion_energy
from planners.motion import Dwell, JointTarget, Move, cycle_within, plan_cycle, verify_trajectory
from planners.motion.bend import BentPath, easiest_path
from planners.motion.straight import straight_trajectory
from planners.motion.within import spent_j
from tests.planners.arms import ARMS, HOME, arm, at, scene
from tests.planners.motion.programs import PART, pick_and_place

WAY = np.array([-0.7, 0.5, -0.3, 0.2, 0.1, -0.7])


def energy_j(robot, path, profile, payload):
    """By the energy model on finely sampled states, whose derivatives are taken numerically."""
    times = np.linspace(0.0, profile.duration_s, 4001)
    s = (profile.sample(times).positions[:, 0] - HOME[robot.name][0]) / WAY[0]
    q = path.evaluate(s)[0]
    v = np.gradient(q, times, axis=0)
    a = np.gradient(v, times, axis=0)
    spent = motion_energy(robot, times, q, v, a, payload=payload)
    return spent.total_j - spent.base_j


@pytest.mark.parametrize("payload", [None, Payload(2.0)], ids=["empty", "loaded"])
@pytest.mark.parametrize("name", ARMS)
def test_the_bend_takes_less_than_straight_and_than_its_neighbours(name, payload):
    robot, q = arm(name), HOME[name]
    bent = easiest_path(robot, q, q + WAY, longer=1.3, payload=payload)
    straight = straight_trajectory(robot, q, q + WAY).slowed(1.3)
    least = energy_j(robot, bent, straight, payload)
    assert least < 0.97 * energy_j(robot, bent.flattened(0.0), straight, payload)
    for share in (0.5, 0.8, 1.2, 1.5):
        assert least < energy_j(robot, bent.flattened(share), straight, payload)


def test_a_bent_path_ends_where_the_straight_one_does_and_knows_its_derivatives():
    waves = np.random.default_rng(1).normal(size=(3, 6)) * 0.1
    path = BentPath(HOME["ur10e"], HOME["ur10e"] + WAY, waves)
    ends = path.evaluate(np.array([0.0, path.length]))[0]
    np.testing.assert_allclose(ends, [HOME["ur10e"], HOME["ur10e"] + WAY], atol=1e-12)
    s, h = np.linspace(0.1, 0.9, 9), 1e-5
    _, slope, bend = path.evaluate(s)
    more, less = path.evaluate(s + h), path.evaluate(s - h)
    np.testing.assert_allclose(slope, (more[0] - less[0]) / (2 * h), atol=1e-6)
    np.testing.assert_allclose(bend, (more[1] - less[1]) / (2 * h), atol=1e-5)


@pytest.mark.parametrize("name", ARMS)
def test_a_plan_with_slack_is_in_time_verified_and_takes_less(name):
    robot, around, items = arm(name), scene(name), pick_and_place(name)
    fast = plan_cycle(robot, around, items, q_start=HOME[name])
    slack_s = 0.2 * fast.duration_s
    slow = cycle_within(robot, around, items, slack_s, q_start=HOME[name])
    ends_s = fast.duration_s + slack_s
    assert fast.duration_s < slow.duration_s <= ends_s + 1e-9
    assert slow.duration_s == pytest.approx(sum(slow.item_durations_s))
    before, after = (spent_j(robot, items, cycle, ends_s) for cycle in (fast, slow))
    assert after < 0.9 * before
    at_item = {motion.item_index: motion.trajectory for motion in fast.motions}
    last = HOME[name]
    for motion in slow.motions:
        carries = PART if motion.item_index in (4, 5, 6) else None
        assert verify_trajectory(robot, around, motion.trajectory, carries) == []
        np.testing.assert_allclose(motion.trajectory.positions[0], last, atol=1e-12)
        last = motion.trajectory.positions[-1]
        if motion.item_index in (1, 6):  # a process asked for these speeds
            fast_s = at_item[motion.item_index].duration_s
            assert motion.trajectory.duration_s == pytest.approx(fast_s, abs=1e-9)


def test_a_bend_that_is_in_the_way_is_made_flatter():
    name = "ur10e"
    robot, q = arm(name), HOME[name]
    items = [Move("ptp", JointTarget(q + WAY)), Dwell(0.1), Move("ptp", JointTarget(q))]
    free = cycle_within(robot, scene(name), items, 1.0, q_start=q)
    tool = robot.forward(free.motions[0].trajectory.positions)[:, :3, 3]
    straight = robot.forward(
        plan_cycle(robot, scene(name), items, q_start=q).motions[0].trajectory.positions
    )[:, :3, 3]
    # A small box where the bent way is furthest from the straight one.
    apart = np.linalg.norm(tool[:, None] - straight, axis=2).min(axis=1)
    box = Body("box", Box((0.01, 0.01, 0.01)), at(*tool[apart.argmax()]))
    blocked = CollisionScene(robot, obstacles=[box])
    around = cycle_within(robot, blocked, items, 1.0, q_start=q)
    for motion in around.motions:
        assert verify_trajectory(robot, blocked, motion.trajectory) == []
    fast = plan_cycle(robot, blocked, items, q_start=q)
    assert around.duration_s <= fast.duration_s + 1.0 + 1e-9


def test_without_slack_the_plan_is_the_fast_one():
    name = "ur10e"
    items = pick_and_place(name)
    fast = plan_cycle(arm(name), scene(name), items, q_start=HOME[name])
    same = cycle_within(arm(name), scene(name), items, 0.0, q_start=HOME[name])
    assert same.duration_s == fast.duration_s
    with pytest.raises(ValueError, match="negative"):
        cycle_within(arm(name), scene(name), items, -0.1, q_start=HOME[name])

"""What any simulator of a cell must do; the oracle is what its drivers and bodies show."""

from __future__ import annotations

import numpy as np

from drivers.arms import ArmTimeout
from drivers.time_page import TICK_NS
from sim.engine import STEPS_PER_TICK
from sim.physics import Region
from tests.sim_contract.conftest import Bench, Running, ramp

FOLLOWS_RAD = 0.005
ENDS_RAD = 0.002
CARRIED_M = 0.002
AWAY = np.array([0.6, 0.3, -0.3, 0.5, -0.4, 0.7])
UP = np.array([0.0, 0.0, 0.12])
GRASP = np.array([0.0, 0.0, 0.025])


def read(arm):
    """The next state; time may stand still for a moment."""
    while True:
        try:
            return arm.read(5.0)
        except ArmTimeout:
            continue


def test_the_arm_moves_and_ends_where_it_was_told(running: Running):
    start = running.arm.connect(20.0).positions
    target = start + AWAY
    rows = np.vstack([ramp(start, target, 1.0), np.tile(target, (400, 1))])
    worst = 0.0
    for at in range(0, len(rows), STEPS_PER_TICK):
        state = read(running.arm)
        if at:
            worst = max(worst, float(np.abs(state.positions - rows[at - 1]).max()))
        running.arm.write(rows[at : at + STEPS_PER_TICK])
    end = read(running.arm).positions
    assert np.abs(end - start).min() > 0.25, "every joint has moved"
    assert worst < FOLLOWS_RAD
    assert np.abs(end - target).max() < ENDS_RAD


def test_a_state_comes_each_tick_and_the_clock_runs(running: Running):
    hold = np.tile(running.arm.connect(20.0).positions, (STEPS_PER_TICK, 1))
    times = []
    for _ in range(50):
        times.append(read(running.arm).time_ns)
        running.arm.write(hold)
    assert np.diff(times).tolist() == [TICK_NS] * 49
    assert running.cell.gate.page.reached(0) >= times[-1] - TICK_NS


def test_a_stop_stops(running: Running):
    start = running.arm.connect(20.0).positions
    rows = ramp(start, start + AWAY, 1.0)
    state = read(running.arm)
    for at in range(0, 500, STEPS_PER_TICK):
        running.arm.write(rows[at : at + STEPS_PER_TICK])
        state = read(running.arm)
    assert np.abs(state.velocities).max() > 0.5, "it is in mid-move"
    stopped_at = state.positions
    running.arm.stop()
    positions = [read(running.arm).positions for _ in range(60)]
    assert np.abs(positions[-1] - stopped_at).max() < 0.1
    assert np.ptp(positions[30:], axis=0).max() < 0.002, "and it stays"


def test_a_part_is_carried_and_can_be_dropped(bench: Bench):
    infeed = bench.frame("infeed")
    bench.do("infeed", "present", "housing_s")
    bench.wait(0.2)
    assert bench.values("infeed")["infeed"] == "present"
    bench.go(infeed + UP)
    bench.go(infeed + GRASP)
    bench.do("gripper", "close")
    part = bench.world.held("gripper")
    assert part is not None
    grasped = bench.world.part_pose(part)[0] - bench.world.tcp_pose()[0]
    bench.go(infeed + UP)
    bench.go(infeed + np.array([0.1, 0.1, 0.25]))
    carried, _ = bench.world.part_pose(part)
    assert carried[2] > 0.4
    assert np.abs(carried - bench.world.tcp_pose()[0] - grasped).max() < CARRIED_M
    bench.devices.actuate("gripper", "open", ())
    bench.wait(1.0)
    dropped, _ = bench.world.part_pose(part)
    assert dropped[2] < 0.1, "it has fallen to the floor"
    assert bench.values("gripper") == {"state": "open", "part": "absent"}


def test_the_table_turns_a_part_that_is_handed_over_to_its_clamp(bench: Bench):
    nest = bench.frame("nest")
    bench.do("infeed", "present", "valve_block")
    grasp = np.array([0.0, 0.0, 0.03])
    bench.go(bench.frame("infeed") + UP)
    bench.go(bench.frame("infeed") + grasp)
    bench.do("gripper", "close")
    part = bench.world.held("gripper")
    assert part is not None
    bench.go(bench.frame("infeed") + UP)
    bench.go(nest + UP)
    bench.go(nest + grasp + [0.0, 0.0, 0.001])
    bench.do("nest_clamp", "close")  # while the gripper still holds
    bench.do("gripper", "open")
    bench.go(nest + UP)
    assert bench.values("nest_clamp") == {"state": "closed", "part": "present"}
    _, before = bench.world.part_pose(part)
    bench.do("table", "index", "1")
    bench.wait(0.2)
    position, after = bench.world.part_pose(part)
    assert np.abs(position[:2] - nest[:2]).max() < 0.003
    turned = 2.0 * np.arccos(min(1.0, abs(float(before @ after))))
    assert abs(turned - np.pi / 2) < np.deg2rad(1.0)


def test_a_part_lies_where_it_was_put(bench: Bench):
    nest = bench.frame("nest")
    bench.world.put("housing_s_1", Region(nest + np.array([0.0, 0.0, 0.0005]), np.eye(3)))
    bench.wait(3.0)
    at, _ = bench.world.part_pose("housing_s_1")
    assert np.abs(at - nest - np.array([0.0, 0.0, 0.025])).max() < 0.001


def test_reset_puts_everything_back(bench: Bench):
    home = bench.world.arm_state()[0]
    stored = {part: bench.world.part_pose(part)[0] for part in bench.world.scene.parts}
    bench.do("infeed", "present", "housing_m")
    bench.go(bench.frame("infeed") + UP)
    assert np.abs(bench.world.arm_state()[0] - home).max() > 0.1
    before_ns = bench.world.time_ns
    bench.world.reset()
    bench.tick()
    assert np.abs(bench.world.arm_state()[0] - home).max() < 1e-3
    for part, place in stored.items():
        assert np.abs(bench.world.part_pose(part)[0] - place).max() < 1e-3, part
    assert bench.world.time_ns == before_ns + TICK_NS, "plant time never goes back"
    assert bench.values("infeed")["infeed"] == "absent"

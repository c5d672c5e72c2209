"""The arm follows, clamps hold, parts fall; the oracle is where the bodies are."""

from __future__ import annotations

import numpy as np
import pytest

from robot_cell.model import Frame
from sim.devices import CellDevices
from sim.errors import SceneError
from sim.fixtures import Refused
from sim.physics import STEPS_PER_TICK, CellPhysics, Region
from sim.scene import build_scene, quaternion, rotation

CELLS = ("cell_a", "cell_b")


class Bench:
    """Physics and fixtures of a cell, driven tick by tick."""

    def __init__(self, plant, world: CellPhysics, cell: str) -> None:
        self.world = world
        self.cell = plant.cells[cell]
        self.devices = CellDevices(self.cell, world)

    def run(self, rows: np.ndarray | None = None, ticks: int = 0) -> None:
        for at in range(0, 0 if rows is None else len(rows), STEPS_PER_TICK):
            self.tick(rows[at : at + STEPS_PER_TICK])
        for _ in range(ticks):
            self.tick(None)

    def tick(self, rows: np.ndarray | None) -> None:
        self.world.step_tick(rows, self.devices.tables())
        self.devices.advance()

    def do(self, device: str, command: str, *args: str) -> float:
        """Do it to its end; how long it took, s."""
        began_ns = self.world.time_ns
        self.devices.actuate(device, command, args)
        while self.devices.state(device).moving:
            self.tick(None)
        assert self.devices.state(device).fault == ""
        return (self.world.time_ns - began_ns) * 1e-9

    def values(self, device: str) -> dict[str, str]:
        return dict(self.devices.state(device).values)

    def frame(self, name: str) -> np.ndarray:
        return np.array(self.cell.frames[name].xyz_m)


@pytest.fixture
def bench(plant, world):
    return lambda cell="cell_a": Bench(plant, world(cell), cell)


@pytest.mark.parametrize("cell", CELLS)
def test_the_arm_follows_within_two_milliradians_and_ends_within_one(bench, ramp, cell):
    b = bench(cell)
    home = b.world.arm_state()[0]
    speeds = np.array(list(b.world.scene.speeds.values()))[:6]
    target = home + np.array([0.9, 0.3, -0.5, 0.7, 0.5, 1.2])
    duration_s = float(np.max(np.abs(target - home) * 1.875 / speeds)) + 0.6
    rows = ramp(home, target, duration_s)
    worst = 0.0
    for end in range(STEPS_PER_TICK, len(rows) + 1, STEPS_PER_TICK):
        b.tick(rows[end - STEPS_PER_TICK : end])
        worst = max(worst, float(np.abs(b.world.arm_state()[0] - rows[end - 1]).max()))
    b.run(ticks=10)
    assert worst < 0.002
    assert np.abs(b.world.arm_state()[0] - target).max() < 0.001


def test_the_arm_stands_still_without_setpoints(bench):
    b = bench()
    home = b.world.arm_state()[0]
    b.run(ticks=100)
    assert np.abs(b.world.arm_state()[0] - home).max() < 1e-6


def test_the_same_setpoints_give_bitwise_the_same_world(bench, ramp):
    ends = []
    for _ in range(2):
        b = bench()
        b.do("infeed", "present", "housing_m")
        home = b.world.arm_state()[0]
        b.run(ramp(home, home + 0.2, 0.5), ticks=20)
        b.do("table", "index", "1")
        ends.append(np.concatenate([b.world.data.qpos, b.world.data.qvel]).tobytes())
    assert ends[0] == ends[1]


@pytest.mark.parametrize("cell", CELLS)
def test_a_part_is_carried_from_infeed_to_outfeed(bench, ramp, pose_ik, cell):
    b = bench(cell)
    home = b.world.arm_state()[0]

    def way(*points: np.ndarray) -> None:
        at = b.world.setpoint
        for point in points:
            q = pose_ik(cell, point, at)
            b.run(ramp(at, q, 1.2))
            at = q
        b.run(ticks=5)

    up, grasp = np.array([0, 0, 0.12]), np.array([0, 0, 0.03])
    middle = (b.frame("infeed") + b.frame("outfeed")) / 2 + [0.05, 0.0, 0.25]
    assert b.do("infeed", "present", "housing_m") == pytest.approx(0.5)
    assert b.values("infeed")["infeed"] == "present"
    way(b.frame("infeed") + up, b.frame("infeed") + grasp)
    assert b.do("gripper", "close") == pytest.approx(0.25, abs=0.021)
    part = b.world.held("gripper")
    assert b.values("gripper") == {"state": "closed", "part": "present"}
    grasped = b.world.part_pose(part)[0] - b.world.tcp_pose()[0]
    way(b.frame("infeed") + up)
    assert b.values("infeed")["infeed"] == "absent"
    way(middle)
    assert b.world.part_pose(part)[0] == pytest.approx(b.world.tcp_pose()[0] + grasped, abs=2e-3)
    way(b.frame("outfeed") + up, b.frame("outfeed") + grasp)
    b.do("gripper", "open")
    way(b.frame("outfeed") + up)
    assert b.values("gripper")["part"] == "absent"
    assert b.values("outfeed_sensor") == {"state": "present", "kind": "housing_m"}
    expected = b.frame("outfeed") + np.array([0.0, 0.0, 0.03])
    assert b.world.part_pose(part)[0] == pytest.approx(expected, abs=3e-3)
    b.do("infeed", "clear")
    assert b.values("outfeed_sensor")["state"] == "absent"
    assert np.abs(b.world.arm_state()[0] - home).max() > 0.1


def test_a_part_that_is_let_go_in_the_air_falls(bench, ramp, pose_ik):
    b = bench()
    b.do("infeed", "present", "housing_s")
    at = b.frame("infeed")
    q = pose_ik("cell_a", at + np.array([0, 0, 0.025]), b.world.setpoint)
    b.run(ramp(b.world.setpoint, q, 1.5), ticks=5)
    b.do("gripper", "close")
    part = b.world.held("gripper")
    b.run(ramp(q, pose_ik("cell_a", at + np.array([0.15, 0.1, 0.25]), q), 1.0), ticks=5)
    high = b.world.part_pose(part)[0][2]
    b.devices.actuate("gripper", "open", ())
    b.run(ticks=100)
    assert high > 0.4
    assert b.world.part_pose(part)[0][2] < 0.1
    assert b.values("gripper") == {"state": "open", "part": "absent"}


def test_a_part_that_is_torn_off_reads_absent(bench, ramp, pose_ik):
    b = bench()
    b.do("infeed", "present", "housing_s")
    at = b.frame("infeed")
    q = pose_ik("cell_a", at + np.array([0, 0, 0.025]), b.world.setpoint)
    b.run(ramp(b.world.setpoint, q, 1.5), ticks=5)
    b.do("gripper", "close")
    part = b.world.held("gripper")
    body = b.world.model.body(part).id
    b.world.data.xfrc_applied[body, 2] = 1e4
    b.run(ticks=3)
    b.world.data.xfrc_applied[body, 2] = 0.0
    assert b.values("gripper") == {"state": "closed", "part": "absent"}


def test_a_gripper_that_closes_on_nothing_holds_nothing(bench):
    b = bench()
    b.do("gripper", "close")
    assert b.values("gripper") == {"state": "closed", "part": "absent"}


def test_the_table_turns_the_part_that_the_nest_clamp_holds(bench):
    b = bench()
    nest = b.frame("nest")
    b.world.put("valve_block_1", Region(nest + np.array([0.02, 0.0, 0.001]), np.eye(3)))
    b.run(ticks=20)
    b.do("nest_clamp", "close")
    assert b.values("nest_clamp")["part"] == "present"
    assert b.do("table", "index", "1") == pytest.approx(0.8, abs=0.021)
    position, turned = b.world.part_pose("valve_block_1")
    assert position[:2] == pytest.approx(nest[:2] + np.array([0.0, 0.02]), abs=1e-3)
    assert np.abs(turned) == pytest.approx(np.abs(quaternion(rotation((0, 0, 90)))), abs=2e-3)
    assert b.do("table", "index", "3") == pytest.approx(1.6, abs=0.041)
    assert b.do("table", "index", "0") == pytest.approx(0.8, abs=0.021)
    assert b.values("table") == {"state": "ready", "position": "0"}
    b.do("nest_clamp", "open")
    assert b.values("nest_clamp")["part"] == "absent"


def test_a_part_that_sleeps_on_the_infeed_wakes_when_it_is_gripped_or_let_go(bench):
    b = bench()
    b.world.put("housing_m_1", Region(b.frame("nest") + np.array([0, 0, 0.001]), np.eye(3)))
    b.run(ticks=200)
    b.do("nest_clamp", "close")
    b.do("table", "index", "1")
    b.do("nest_clamp", "open")
    b.world.take_away("housing_m_1")
    b.world.put("housing_m_1", Region(b.frame("nest") + np.array([0.3, 0.3, 0.2]), np.eye(3)))
    b.run(ticks=100)
    assert b.world.part_pose("housing_m_1")[0][2] == pytest.approx(0.03, abs=1e-3)


def test_a_stopped_table_knows_its_position_no_longer_and_finds_it_again(bench):
    b = bench()
    b.devices.actuate("table", "index", ("2",))
    b.run(ticks=40)
    b.devices.actuate("table", "stop", ())
    angle = b.world.table_angle("table")
    b.run(ticks=50)
    assert b.world.table_angle("table") == pytest.approx(angle, abs=0.01)
    assert b.values("table") == {"state": "unknown", "position": ""}
    b.do("table", "index", "2")
    assert b.world.table_angle("table") == pytest.approx(np.pi, abs=0.01)


@pytest.mark.parametrize(
    ("command", "args", "code"),
    [
        ("present", ("housing_s",), "OCCUPIED"),
        ("present", ("teapot",), "PRODUCT"),
        ("clear", (), "NOTHING"),
    ],
)
def test_the_feeder_refuses_what_cannot_be(bench, command, args, code):
    b = bench()
    b.do("infeed", "present", "housing_s")
    with pytest.raises(Refused) as refused:
        b.devices.actuate("infeed", command, args)
    assert refused.value.code == code
    assert not b.devices.state("infeed").moving


def test_the_feeder_has_no_more_parts_than_there_are(bench):
    b = bench()
    for part in ("housing_s_1", "housing_s_2"):
        b.world.put(part, Region(np.array([1.5, 1.5, 0.1]), np.eye(3)))
    with pytest.raises(Refused, match="EMPTY"):
        b.devices.actuate("infeed", "present", ("housing_s",))


def test_a_device_that_moves_refuses_another_command_and_a_stop_ends_it(bench):
    b = bench()
    b.devices.actuate("gripper", "close", ())
    with pytest.raises(Refused, match="BUSY"):
        b.devices.actuate("gripper", "open", ())
    b.devices.actuate("gripper", "stop", ())
    assert b.values("gripper")["state"] == "unknown"
    with pytest.raises(Refused, match="POSITION"):
        b.devices.actuate("table", "index", ("7",))


def test_durations_of_the_plant_file_hold(plant, urdfs):
    cell = plant.cells["cell_b"]
    slow = cell.fixtures["gripper"].model_copy(update={"durations_s": {"close": 0.61}})
    cell = cell.model_copy(update={"fixtures": {**cell.fixtures, "gripper": slow}})
    scene = build_scene(cell, plant.products, {"arm": urdfs["cell_b"]})
    b = Bench(plant, CellPhysics(scene, np.zeros(6)), "cell_b")
    b.devices = CellDevices(cell, b.world)
    assert b.do("gripper", "close") == pytest.approx(0.61, abs=0.021)
    assert b.do("gripper", "open") == pytest.approx(0.25, abs=0.021)


def test_a_station_without_an_obstacle_below_carries_a_part(plant, urdfs):
    cell = plant.cells["cell_b"]
    frames = {**cell.frames, "outfeed": Frame(xyz_m=(0.2, 0.9, 0.4))}
    cell = cell.model_copy(update={"frames": frames})
    world = CellPhysics(build_scene(cell, plant.products, {"arm": urdfs["cell_b"]}), np.zeros(6))
    world.put("housing_s_1", Region(np.array([0.2, 0.9, 0.41]), np.eye(3)))
    for _ in range(50):
        world.step_tick(None, {})
    assert world.part_pose("housing_s_1")[0][2] == pytest.approx(0.425, abs=1e-3)


@pytest.mark.parametrize(
    ("urdf", "says"),
    [
        ("<robot", "not XML"),
        ("<robot name='r'><link name='base'/></robot>", "no joint|cannot read|tool0"),
        ("<sdf/>", "cannot read"),
    ],
)
def test_a_bad_urdf_is_refused(plant, urdf, says):
    with pytest.raises(SceneError, match=says):
        build_scene(plant.cells["cell_a"], plant.products, {"arm": urdf})

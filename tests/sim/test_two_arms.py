"""Two arms in one simulated world: whose joints are whose, who touches whom, one part in two."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timezone
from pathlib import Path

import mujoco
import numpy as np
import pytest

from planners.kinematics.arm_description import read_arm
from robot_cell.model import Plant, load_plant
from sim.arm_driver import MujocoArm
from sim.cell import SimulatedCell
from sim.errors import SceneError, SimulationError
from sim.gazebo.__main__ import make
from sim.gazebo.choice import chosen_engine
from sim.physics import STEPS_PER_TICK, CellPhysics
from sim.scene import build_scene
from sim.time import TickGate

START = datetime(2026, 11, 23, 5, 0, tzinfo=timezone.utc)
EXAMPLE = Path(__file__).parents[2] / "examples" / "handover_plant.yaml"
CELL = "transfer"
HOME = np.deg2rad([0, -90, 90, 0, 90, 0])
GIVE = np.array([0.0, -1.158, 1.448, 0.0, 1.280, -np.pi])
TAKE = np.array([0.0, -1.1348, 2.0525, 0.0, -0.9182, 0.0])
"""Where the two meet, found once by the planner; the test sees that they do."""


@pytest.fixture(scope="module")
def two_arms() -> Plant:
    return load_plant(EXAMPLE)


@pytest.fixture(scope="module")
def both_urdfs(two_arms: Plant) -> dict[str, str]:
    return {name: read_arm(arm.urdf).urdf for name, arm in two_arms.cells[CELL].arms.items()}


@pytest.fixture
def world(two_arms: Plant, both_urdfs: dict[str, str]) -> CellPhysics:
    scene = build_scene(two_arms.cells[CELL], two_arms.products, both_urdfs)
    return CellPhysics(scene, np.concatenate([HOME, HOME]))


def go(world: CellPhysics, arm: str, goal: np.ndarray, seconds: float = 1.0) -> None:
    """Move one arm on a smooth way, the other holds."""
    rows, ticks = world.scene.arms[arm], round(seconds / 0.02)
    start = world.setpoint.copy()
    ease = 0.5 - 0.5 * np.cos(np.linspace(0.0, np.pi, ticks * STEPS_PER_TICK + 1))[1:]
    path = np.repeat(start[None], len(ease), axis=0)
    path[:, rows] = start[rows] + ease[:, None] * (goal - start[rows])
    for tick in range(ticks):
        world.step_tick(path[tick * STEPS_PER_TICK : (tick + 1) * STEPS_PER_TICK], {})
    for _ in range(10):
        world.step_tick(None, {})


def positions(world: CellPhysics, arm: str) -> np.ndarray:
    return world.arm_state()[0, world.scene.arms[arm]]


def test_each_arm_has_its_joints_and_stands_at_its_base(world: CellPhysics) -> None:
    assert world.dof == 12
    assert world.scene.arm_joints[0] == "left/joint_1"
    assert world.scene.arm_joints[6] == "right/joint_1"
    left, right = world.tcp_pose("left")[0], world.tcp_pose("right")[0]
    np.testing.assert_allclose(left + right, [1.35, 0.0, 2 * left[2]], atol=1e-6)
    go(world, "left", GIVE)
    np.testing.assert_allclose(positions(world, "left"), GIVE, atol=2e-3)
    np.testing.assert_allclose(positions(world, "right"), HOME, atol=2e-3)


def test_a_part_is_handed_over_and_never_falls(world: CellPhysics) -> None:
    go(world, "left", GIVE)
    go(world, "right", TAKE)
    np.testing.assert_allclose(world.tcp_pose("left")[0], world.tcp_pose("right")[0], atol=5e-3)
    part = world.stored("bush")
    assert part is not None
    region = world.grip_region("gripper_left")
    world.put(part, region)
    world._engine.place(part, region.xyz_m, np.array([1.0, 0.0, 0.0, 0.0]))
    assert world.grip("gripper_left") == part
    assert world.grip("gripper_right") == part
    at = world.part_pose(part)[0]
    for _ in range(25):
        world.step_tick(None, {})
    np.testing.assert_allclose(world.part_pose(part)[0], at, atol=1e-3)
    world.release("gripper_left")
    assert (world.held("gripper_left"), world.held("gripper_right")) == (None, part)
    go(world, "left", HOME)
    np.testing.assert_allclose(world.part_pose(part)[0], at, atol=2e-3)
    go(world, "right", HOME)
    held = world.part_pose(part)[0] - world.tcp_pose("right")[0]
    assert np.linalg.norm(held) < 0.01
    world.release("gripper_right")
    for _ in range(50):
        world.step_tick(None, {})
    assert world.part_pose(part)[0][2] < 0.1  # so it would have been seen


def test_arms_touch_each_other_and_not_themselves(world: CellPhysics) -> None:
    data, model = world.data, world.model
    data.qpos[world._qpos] = np.tile([0.0, -0.5, 0.6, 0.0, 0.3, 0.0], 2)
    mujoco.mj_forward(model, data)
    pairs = {
        tuple(sorted(model.body(model.geom_bodyid[int(g)]).name.split("/")[0] for g in c.geom))
        for c in data.contact
    }
    assert ("left", "right") in pairs
    assert not {("left", "left"), ("right", "right")} & pairs


def test_each_arm_has_a_socket_and_its_own_emergency_stop(
    two_arms: Plant, both_urdfs: dict[str, str], tmp_path: Path,
    until: Callable[[Callable[[], bool], Callable[[], object]], None],
) -> None:  # fmt: skip
    gate = TickGate.open(tmp_path / "time.page", f"{CELL}/sim", patience_s=10.0)
    gate.set_start(START, speed=0.0, expected=0)
    cell = SimulatedCell(two_arms, CELL, both_urdfs, tmp_path, gate, await_arm=False)
    drivers = {name: MujocoArm(str(tmp_path / "sockets" / f"{CELL}.{name}")) for name in both_urdfs}
    try:
        assert list(cell.arms) == ["left", "right"]
        assert list(cell.faults.verbs())[:2] == ["left", "right"]
        cell.faults.put("left", "off", cell.time_ns)
        assert cell.arms["left"]._refused is not None
        assert cell.arms["right"]._refused is None
        cell.faults.put("left", "moved", cell.time_ns, amount=5.0)
        before = cell.physics.setpoint.copy()
        until(
            lambda: bool(np.abs(cell.physics.setpoint - before).max() > np.deg2rad(4.9)),
            lambda: cell.run_once(0.01),
        )
        turned = cell.physics.setpoint - before
        assert np.flatnonzero(np.abs(turned) > 1e-9).tolist() == [0]
    finally:
        for driver in drivers.values():
            driver.close()
        cell.close()
    assert not list((tmp_path / "sockets").iterdir())


def test_what_gazebo_cannot_do_is_said(two_arms: Plant) -> None:
    with pytest.raises(SimulationError, match="has the arms left, right"):
        make(EXAMPLE, CELL, "world", "handover_plant.yaml")
    with pytest.raises(SimulationError, match="several arms"):
        chosen_engine(two_arms, CELL, "world")


def test_a_urdf_without_a_flange_is_refused_for_either_arm(
    two_arms: Plant, both_urdfs: dict[str, str]
) -> None:
    broken = {**both_urdfs, "right": both_urdfs["right"].replace("tool0", "end")}
    with pytest.raises(SceneError, match="no frame tool0"):
        build_scene(two_arms.cells[CELL], two_arms.products, broken)

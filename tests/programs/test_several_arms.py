"""Programs of several arms: none touches another, each ends at home; what is planned is checked.

The judge is MuJoCo: bodies of the simulated cell, placed along the planned motions at 1 kHz. It
shares no code with the planner's collision scene.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import mujoco
import numpy as np
import pytest
import yaml
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from planners.kinematics.arm_description import read_arm
from planners.motion import Trajectory
from robot_cell.model import Cell, FixtureStep, MoveStep, Plant, load_plant
from robot_cell.programs import ProgramCycle, ProgramError, plan_home, plan_program, plan_rest
from robot_cell.programs.arms import CellArms
from robot_cell.programs.energy import program_energy
from robot_cell.programs.runs import hands_of, runs_of
from robot_cell.programs.script import save_script
from sim.devices import CellDevices
from sim.engine import STEPS_PER_TICK, MujocoEngine
from sim.physics import CellPhysics
from sim.scene import Scene, build_scene

EXAMPLE = Path(__file__).parents[2] / "examples" / "handover_plant.yaml"
CELL, PROGRAM, PRODUCT = "transfer", "hand_over", "bush"
OPEN_LEFT = 9
"""Index of the step in which the giver lets go."""

ARMS = ("left", "right")


@pytest.fixture(scope="module")
def plant() -> Plant:
    return load_plant(EXAMPLE)


@pytest.fixture(scope="module")
def cell(plant: Plant) -> Cell:
    return plant.cells[CELL]


@pytest.fixture(scope="module")
def cycle(plant: Plant, cell: Cell) -> ProgramCycle:
    return plan_program(CELL, cell, PROGRAM, PRODUCT, plant.products[PRODUCT])


def changed(folder: Path, change: Any) -> Plant:
    """The example with a change of its content."""
    content = yaml.safe_load(EXAMPLE.read_text())
    for arm in content["cells"][CELL]["arms"].values():
        arm["urdf"] = str((EXAMPLE.parent / arm["urdf"]).resolve())
    change(content["cells"][CELL])
    path = folder / "plant.yaml"
    path.write_text(yaml.safe_dump(content, sort_keys=False))
    return load_plant(path)


class Judge:
    """The simulated cell as a measure of who touches whom."""

    def __init__(self, plant: Plant) -> None:
        cell = plant.cells[CELL]
        urdfs = {name: read_arm(arm.urdf).urdf for name, arm in cell.arms.items()}
        self.scene = build_scene(cell, plant.products, urdfs)
        homes = np.concatenate([CellArms(cell).home(name) for name in cell.arms])
        self.world = CellPhysics(self.scene, homes)
        self.arms = [int(joint) for joint in self.world._qpos]

    def touching(self, q: dict[str, Any], part: tuple[Any, Any] | None = None) -> set[str]:
        """Pairs of bodies that touch at joint positions of each arm; `part` is the pose of one."""
        data, model = self.world.data, self.world.model
        for name, rows in self.scene.arms.items():
            data.qpos[self.arms[rows]] = q[name]
        if part is not None:
            at = self.world._free["bush_1"]
            data.qpos[at : at + 7] = np.concatenate(part)
        mujoco.mj_kinematics(model, data)
        mujoco.mj_collision(model, data)
        found = set()
        for contact in data.contact:
            names = [model.geom(int(g)).name or model.body(model.geom_bodyid[int(g)]).name
                     for g in contact.geom]  # fmt: skip
            if contact.dist < 0.0 and any("left/" in n or "right/" in n for n in names):
                found.add(" and ".join(sorted(names)))
        return found

    def tcp(self, arm: str) -> tuple[Any, Any]:
        """Position and quaternion of an arm's TCP."""
        position, matrix = self.world.tcp_pose(arm)
        turned = np.zeros(4)
        mujoco.mju_mat2Quat(turned, np.ascontiguousarray(matrix).ravel())
        return position, turned


def path_of(cell: Cell, cycle: ProgramCycle) -> Iterator[tuple[int, str, dict[str, Any]]]:
    """Step, moving arm and joint positions of all arms, at 1 kHz."""
    steps = cell.programs[cycle.program].steps
    q = dict(cycle.standing_before(cell, 0))
    for index, step in enumerate(steps):
        motion = cycle.motions.get(index)
        if motion is None or not isinstance(step, MoveStep):
            continue
        arm = cell.mover(step)
        names = tuple(str(k) for k in range(len(q[arm])))
        whole = Trajectory(
            names, motion.times, motion.positions, motion.velocities, motion.accelerations
        )
        times = np.append(np.arange(0.0, motion.duration_s, 0.001), motion.duration_s)
        for row in whole.sample(times).positions:
            yield index, arm, {**q, arm: row}
        q[arm] = motion.positions[-1]


def collisions(plant: Plant, cycle: ProgramCycle) -> set[str]:
    """Everything that touches along a planned program, the part in its gripper included."""
    judge, cell, found = Judge(plant), plant.cells[CELL], set()
    steps = cell.programs[cycle.program].steps
    holder: str | None = None
    rest: tuple[Any, Any] | None = None
    seen = -1
    for index, _, q in path_of(cell, cycle):
        for step in steps[seen + 1 : index]:
            if isinstance(step, FixtureStep) and step.fixture.startswith("gripper"):
                arm = step.fixture.removeprefix("gripper_")
                if step.command == "close" and holder is None:
                    holder = arm
                elif step.command == "open" and holder == arm:
                    taken = "right" if arm == "left" else None
                    holder, rest = taken, rest
        seen = max(seen, index - 1)
        part = None
        if holder is not None:
            judge.touching(q)
            part = judge.tcp(holder)
        touching = judge.touching(q, part)
        # Jaws are only drawn; what lies on a conveyor may touch it.
        found |= {pair for pair in touching if not ("bush" in pair and "obstacle" in pair)}
    return found


def test_the_arms_touch_nothing_on_their_way(plant: Plant, cycle: ProgramCycle) -> None:
    assert collisions(plant, cycle) == set()


def test_the_judge_sees_arms_that_touch(plant: Plant, cell: Cell) -> None:
    judge, arms = Judge(plant), CellArms(cell)
    reached = {name: np.array([0.0, -0.5, 0.6, 0.0, 0.3, 0.0]) for name in ARMS}
    assert any("left/" in pair and "right/" in pair for pair in judge.touching(reached))
    assert judge.touching({name: arms.home(name) for name in ARMS}) == set()


def crossing(cell: dict[str, Any]) -> None:
    """Left stands in the middle; right goes from one side of it to the other."""
    cell["poses"]["before"] = {"frame": "take", "xyz_m": [-0.15, 0.30, 0.02]}
    cell["poses"]["behind"] = {"frame": "take", "xyz_m": [-0.15, -0.30, 0.02]}
    cell["programs"]["hand_over"]["steps"] = [
        {"arm": "left", "move": "ptp", "to": "give"},
        {"arm": "right", "move": "ptp", "to": "before"},
        {"arm": "right", "move": "ptp", "to": "behind"},
        {"arm": "right", "move": "ptp", "to": "home"},
        {"arm": "left", "move": "ptp", "to": "home"},
    ]


def test_an_arm_goes_round_another(tmp_path: Path) -> None:
    plant = changed(tmp_path, crossing)
    cell = plant.cells[CELL]
    planned = plan_program(CELL, cell, PROGRAM, PRODUCT, plant.products[PRODUCT])
    assert collisions(plant, planned) == set()
    # On the straight way it would have met the other.
    judge, motion = Judge(plant), planned.motions[2]
    ends = motion.positions[0], motion.positions[-1]
    straight = [ends[0] + share * (ends[1] - ends[0]) for share in np.linspace(0.0, 1.0, 200)]
    left = planned.standing_before(cell, 2)["left"]
    met = set().union(*(judge.touching({"left": left, "right": row}) for row in straight))
    assert any("left/" in pair and "right/" in pair for pair in met)


@settings(max_examples=4, deadline=None, derandomize=True,
          suppress_health_check=[HealthCheck.function_scoped_fixture])  # fmt: skip
@given(
    x=st.floats(0.50, 0.80), y=st.floats(-0.25, 0.25), z=st.floats(0.35, 0.70),
    apart=st.floats(1.1, 1.45),
)  # fmt: skip
def test_wherever_they_meet_the_arms_do_not_touch(
    tmp_path: Path, x: float, y: float, z: float, apart: float
) -> None:
    def elsewhere(cell: dict[str, Any]) -> None:
        cell["frames"]["give"]["xyz_m"] = cell["frames"]["take"]["xyz_m"] = [x, y, z]
        cell["arms"]["right"]["base"]["xyz_m"] = [apart, 0.0, 0.0]

    plant = changed(tmp_path, elsewhere)
    try:
        planned = plan_program(CELL, plant.cells[CELL], PROGRAM, PRODUCT, plant.products[PRODUCT])
    except ProgramError:
        return  # it says so; what it does plan has to be right
    assert collisions(plant, planned) == set()


def test_a_motion_belongs_to_its_step_and_its_arm(cell: Cell, cycle: ProgramCycle) -> None:
    stands = cycle.standing_before(cell, OPEN_LEFT)
    arms = CellArms(cell)
    left, right = arms.tcp("left", stands["left"]), arms.tcp("right", stands["right"])
    np.testing.assert_allclose(left[:3, 3], right[:3, 3], atol=1e-5)
    np.testing.assert_allclose(left[:3, 2], [0.0, 0.0, -1.0], atol=1e-6)
    np.testing.assert_allclose(right[:3, 2], [-1.0, 0.0, 0.0], atol=1e-6)
    steps = cell.programs[PROGRAM].steps
    assert cycle.blended(steps, 1) == [1, 2]
    assert cycle.blended(steps, 5) == [5]  # what comes next is a move of the other arm
    ends = cycle.standing_before(cell, len(steps))
    for name in ARMS:
        np.testing.assert_allclose(ends[name], arms.home(name), atol=1e-9)


def test_the_taker_holds_the_part_as_it_lay_in_the_giver(plant: Plant, cell: Cell) -> None:
    arms, product = CellArms(cell), plant.products[PRODUCT]
    steps = cell.programs[PROGRAM].steps
    hands = hands_of(arms, steps, product)
    both = hands[OPEN_LEFT]
    assert both["left"].number == both["right"].number
    held = both["right"].shape.transform_tool_part
    np.testing.assert_allclose(held[:3, 3], 0.0, atol=1e-9)
    # The giver's tool points down, the taker's to -x: what was up is across now.
    np.testing.assert_allclose(np.abs(held[:3, :3] @ [0.0, 0.0, 1.0]), [1.0, 0.0, 0.0], atol=1e-9)
    runs = runs_of(arms, steps, PRODUCT, product, [0.0] * len(steps))
    assert [run.arm for run in runs] == ["left", "right", "left", "right"]
    assert [sorted(run.others) for run in runs] == [[], ["left"], ["right"], []]


def test_an_arm_does_not_pull_at_what_another_holds(tmp_path: Path) -> None:
    def pulls(cell: dict[str, Any]) -> None:
        steps = cell["programs"][PROGRAM]["steps"]
        steps[OPEN_LEFT], steps[OPEN_LEFT + 1] = steps[OPEN_LEFT + 1], steps[OPEN_LEFT]
        steps[OPEN_LEFT].pop("blend_m")

    plant = changed(tmp_path, pulls)
    with pytest.raises(ProgramError, match="step 10: left moves while the gripper of right holds"):
        plan_program(CELL, plant.cells[CELL], PROGRAM, PRODUCT, plant.products[PRODUCT])


def test_every_arm_ends_at_home(tmp_path: Path) -> None:
    def stays(cell: dict[str, Any]) -> None:
        del cell["programs"][PROGRAM]["steps"][11]
        cell["programs"][PROGRAM]["steps"][10].pop("blend_m")

    plant = changed(tmp_path, stays)
    with pytest.raises(ProgramError, match=r"home of left; add the step {arm: left, move: ptp"):
        plan_program(CELL, plant.cells[CELL], PROGRAM, PRODUCT, plant.products[PRODUCT])


def test_what_is_in_the_way_is_named(tmp_path: Path) -> None:
    def onto_it(cell: dict[str, Any]) -> None:
        cell["frames"]["take"]["rpy_deg"] = [0, 0, 0]  # the taker comes from above as well

    plant = changed(tmp_path, onto_it)
    with pytest.raises(ProgramError, match=r"of left"):
        plan_program(CELL, plant.cells[CELL], PROGRAM, PRODUCT, plant.products[PRODUCT])


def test_the_rest_is_planned_with_the_other_where_it_stands(
    plant: Plant, cell: Cell, cycle: ProgramCycle
) -> None:
    index = 6  # right comes to take the part
    motion = cycle.motions[index]
    stands = cycle.standing_before(cell, index)
    half_way = tuple(motion.positions[len(motion.positions) // 2])
    aside = stands["left"] + [0.05, 0.0, 0.0, 0.0, 0.0, 0.0]
    rest = plan_rest(
        CELL, cell, plant.products[PRODUCT], cycle, index,
        {"left": tuple(aside), "right": half_way}, holding={"left"},
    )  # fmt: skip
    np.testing.assert_allclose(rest.positions[0], half_way)
    np.testing.assert_allclose(rest.positions[-1], motion.positions[-1], atol=1e-9)
    judge = Judge(plant)
    for row in rest.positions:
        assert judge.touching({"left": aside, "right": row}) == set()
    blocked = np.array([0.0, -0.6, 0.9, 0.0, 0.6, 0.0])  # left reaches over to where right goes
    with pytest.raises(ProgramError, match="of left"):
        plan_rest(
            CELL, cell, plant.products[PRODUCT], cycle, index,
            {"left": tuple(blocked), "right": half_way}, holding=(),
        )  # fmt: skip


def test_the_arms_go_home_one_after_the_other(
    plant: Plant, cell: Cell, cycle: ProgramCycle
) -> None:
    stands = cycle.standing_before(cell, 8)  # both at the place of the hand-over
    ways = plan_home(CELL, cell, {name: tuple(q) for name, q in stands.items()})
    assert sorted(name for name, _ in ways) == ["left", "right"]
    judge, q, arms = Judge(plant), dict(stands), CellArms(cell)
    for name, way in ways:
        for row in way.positions:
            assert judge.touching({**q, name: row}) == set()
        q[name] = way.positions[-1]
        np.testing.assert_allclose(q[name], arms.home(name), atol=1e-9)
    assert plan_home(CELL, cell, {n: tuple(arms.home(n)) for n in ARMS}) == []


def test_no_way_home_is_said_for_each_order(cell: Cell) -> None:
    reached = np.array([0.0, -0.5, 0.6, 0.0, 0.3, 0.0])  # into each other
    with pytest.raises(ProgramError, match=r"left first, then right: .*right first, then left: "):
        plan_home(CELL, cell, {name: tuple(reached) for name in ARMS})


def test_both_arms_take_energy(cell: Cell, cycle: ProgramCycle, plant: Plant) -> None:
    part = plant.products[PRODUCT].part
    both = program_energy(cell, cycle, part.mass_kg, part.size_m)
    assert both.base_w > 0.0
    light = program_energy(cell, cycle, 1e-9, part.size_m)
    assert both.above_base_j > light.above_base_j


class WatchingEngine(MujocoEngine):
    """MuJoCo, one millisecond after the other, with a note of every arm that touches something."""

    def __init__(self, scene: Scene, data: mujoco.MjData) -> None:
        super().__init__(scene, data)
        self.touched: set[str] = set()

    def step_tick(self, path: Any, tables: Any) -> None:
        """Twenty steps."""
        assert not tables
        control = path[1:] + self._lead * (path[1:] - path[:-1])
        for row in control:
            self._ctrl[self._servos] = row
            mujoco.mj_step(self._model, self._data)
            for contact in self._data.contact:
                bodies = [self._model.geom_bodyid[int(g)] for g in contact.geom]
                names = sorted(self._model.body(int(body)).name for body in bodies)
                if contact.dist < 0.0 and any("/" in name for name in names):
                    self.touched.add(" and ".join(names))
        mujoco.mj_kinematics(self._model, self._data)


def test_what_the_physics_runs_is_handed_over_and_nothing_is_touched(
    plant: Plant, cell: Cell, cycle: ProgramCycle, tmp_path: Path
) -> None:
    """The program as it is carried out: servos, grips and gravity, contacts looked at each ms."""
    save_script(cell, cycle, tmp_path / "script.npz")
    with np.load(tmp_path / "script.npz") as archive:
        setpoints, commands = archive["setpoints"], json.loads(archive["commands"].tobytes())
    urdfs = {name: read_arm(arm.urdf).urdf for name, arm in cell.arms.items()}
    engines: list[WatchingEngine] = []

    def engine(scene: Scene, data: mujoco.MjData) -> WatchingEngine:
        engines.append(WatchingEngine(scene, data))
        return engines[0]

    world = CellPhysics(build_scene(cell, plant.products, urdfs), setpoints[0], engine)
    devices = CellDevices(cell, world, 0)
    lowest_m, placed_m = 1.0, np.zeros(3)
    for tick in range(len(setpoints) // STEPS_PER_TICK):
        while commands and commands[0][0] <= tick * 0.02 + 1e-9:
            _, fixture, command, arguments = commands.pop(0)
            if (fixture, command) == ("infeed", "clear"):
                placed_m = world.part_pose("bush_1")[0]
            devices.actuate(fixture, command, tuple(arguments))
        rows = setpoints[tick * STEPS_PER_TICK : (tick + 1) * STEPS_PER_TICK]
        world.step_tick(rows, devices.tables())
        devices.advance()
        lowest_m = min(lowest_m, float(world.part_pose("bush_1")[0][2]))
    assert not commands
    assert engines[0].touched == set()
    assert lowest_m > 0.22
    np.testing.assert_allclose(placed_m, [0.93, 0.4, 0.225], atol=2e-3)

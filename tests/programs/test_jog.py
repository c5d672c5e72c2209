"""Moves by hand: how far they lead, how fast, and what they are refused for.

Heights are worked out by hand from the example plant: the conveyor of the outfeed is 200 mm high,
the tool ends at its centre point, bodies keep 5 mm.
Speeds come from pinocchio's own kinematics.
"""

from __future__ import annotations

from math import degrees, radians
from pathlib import Path

import numpy as np
import pinocchio
import pytest

from planners.kinematics import expand_xacro
from robot_cell.model import Cell, JointPose, Plant
from robot_cell.model.plant_file import load_plant
from robot_cell.programs.arm_jog import JOINT_SPEED_RAD_S, REDUCED_SPEED_M_S, JogPlan
from robot_cell.programs.arms import CellArms
from robot_cell.programs.geometry import joints_rad, transform, transform_cell_base
from robot_cell.programs.jog import JogPlanner, Part, largest_part
from robot_cell.programs.jog_wish import JogRefusedError, JogWish

ROOT = Path(__file__).parents[2]
CONVEYOR_M = 0.20
MARGIN_M = 0.005
NEAR_M = 0.004
Q = tuple[float, ...]


@pytest.fixture(scope="module")
def plant() -> Plant:
    return load_plant(ROOT / "examples" / "housing_plant.yaml")


class OneArm:
    """The planner of a cell with one arm."""

    def __init__(self, cell: Cell) -> None:
        self._planner = JogPlanner(cell)
        self.robot = CellArms(cell).robot("arm")

    def plan(self, wish: JogWish, q: Q, part: Part | None) -> JogPlan:
        return self._planner.plan(wish, {"arm": q}, {} if part is None else {"arm": part})


@pytest.fixture(scope="module")
def planner(plant: Plant) -> OneArm:
    return OneArm(plant.cells["cell_a"])


@pytest.fixture(scope="module")
def home(plant: Plant) -> Q:
    pose = plant.cells["cell_a"].poses["home"]
    assert isinstance(pose, JointPose)
    return tuple(joints_rad(pose))


def over_outfeed(planner: OneArm, home: Q, height_m: float) -> Q:
    """The tool centre point that high over the outfeed's conveyor, the tool pointing down."""
    pose = planner.robot.forward(np.array(home))
    pose[:3, 3] = (0.42, 0.4, height_m)
    near = np.array(home)
    found = planner.robot.inverse_all(pose[None], near[None])[0]
    best = np.nanargmin(np.abs(found - near).max(axis=1))
    return tuple(found[best])


class Arm:
    """The arm by pinocchio, from the same URDF."""

    def __init__(self, plant: Plant) -> None:
        arm = plant.cells["cell_a"].arm
        self.model = pinocchio.buildModelFromXML(expand_xacro(arm.urdf))
        self.data = self.model.createData()
        self.flange = self.model.getFrameId("tool0")
        self.tcp = pinocchio.SE3(np.eye(3), np.array(arm.tool.tcp_xyz_m))

    def points(self, q: np.ndarray) -> np.ndarray:
        """The tool centre point and the origin of every joint, (k, 3)."""
        pinocchio.framesForwardKinematics(self.model, self.data, q)
        tcp = (self.data.oMf[self.flange] * self.tcp).translation
        return np.array([tcp, *(pose.translation for pose in self.data.oMi)])


def speeds(arm: Arm, plan: JogPlan) -> tuple[float, float]:
    """Highest speed of any of the arm's points (m/s) and of any joint (rad/s), at 200 Hz."""
    motion = plan.motion
    times = np.arange(0.0, motion.duration_s, 0.005)
    q = np.column_stack([np.interp(times, motion.times, column) for column in motion.positions.T])
    points = np.array([arm.points(row) for row in q])
    way = np.linalg.norm(np.diff(points, axis=0), axis=2)
    return float(way.max() / 0.005), float(np.abs(np.diff(q, axis=0)).max() / 0.005)


@pytest.mark.parametrize("axis", ["joint_1", "joint_2", "joint_3", "joint_5", "joint_6", "y", "z"])
@pytest.mark.parametrize("sign", [1.0, -1.0])
def test_nothing_is_faster_than_reduced_speed(
    plant: Plant, planner: OneArm, home: Q, axis: str, sign: float
) -> None:
    plan = planner.plan(JogWish(axis, sign, held=True), home, None)
    fastest, turning = speeds(Arm(plant), plan)
    # Between its points a motion is a quintic, here it is taken as straight: some rounding.
    assert fastest <= REDUCED_SPEED_M_S * 1.01
    assert turning <= JOINT_SPEED_RAD_S * 1.01
    assert np.sign(plan.reach) == sign
    ends = plan.motion.velocities[[0, -1]]
    assert np.abs(ends).max() < 1e-9


def test_one_joint_moves_and_the_others_stand(planner: OneArm, home: Q) -> None:
    plan = planner.plan(JogWish("joint_2", radians(-5.0), held=False), home, None)
    moved = plan.motion.positions - np.array(home)
    assert degrees(moved[-1][1]) == pytest.approx(-5.0)
    assert np.abs(np.delete(moved, 1, axis=1)).max() == 0.0
    assert plan.until == ""


def test_the_tool_keeps_its_line_and_its_orientation(
    plant: Plant, planner: OneArm, home: Q
) -> None:
    plan = planner.plan(JogWish("y", 0.01, held=False), home, None)
    arm = Arm(plant)
    tcp = np.array([arm.points(row)[0] for row in plan.motion.positions])
    assert tcp[-1] - tcp[0] == pytest.approx([0.0, 0.01, 0.0], abs=1e-5)
    assert np.abs(tcp[:, [0, 2]] - tcp[0, [0, 2]]).max() < 1e-4


def test_a_joint_ends_before_its_limit_and_goes_no_further(planner: OneArm, home: Q) -> None:
    plan = planner.plan(JogWish("joint_5", 1.0, held=True), home, None)
    end = degrees(home[4] + plan.reach)
    assert 119.5 < end < 120.0  # of the arm's data sheet
    assert "limit of 120.0°" in plan.until
    there = tuple(plan.motion.positions[-1])
    for held in (True, False):
        with pytest.raises(JogRefusedError, match=r"joint_5 stands at 119\.8°"):
            planner.plan(JogWish("joint_5", radians(1.0), held=held), there, None)
    back = planner.plan(JogWish("joint_5", -1.0, held=True), there, None)
    assert back.reach < -1.0


def test_the_tool_stops_over_the_conveyor(plant: Plant, planner: OneArm, home: Q) -> None:
    arm, down = Arm(plant), JogWish("z", -1.0, held=True)
    least = CONVEYOR_M + MARGIN_M
    plan = planner.plan(down, over_outfeed(planner, home, 0.35), None)
    height = arm.points(plan.motion.positions[-1])[0][2]
    assert least < height < least + NEAR_M
    assert (
        plan.until == "the tip of the tool and 'outfeed_conveyor' would come too near to each other"
    )
    there = tuple(plan.motion.positions[-1])
    with pytest.raises(JogRefusedError, match="outfeed_conveyor"):
        planner.plan(JogWish("z", -0.01, held=False), there, None)
    assert planner.plan(JogWish("z", 0.01, held=False), there, None).reach == pytest.approx(0.01)


def test_a_part_in_the_gripper_counts(plant: Plant, planner: OneArm, home: Q) -> None:
    part = largest_part(plant)
    # Products are up to 60 x 80 x 60 mm and 0.70 kg, planned 6 mm smaller on each side.
    assert part == ((0.048, 0.068, 0.048), 0.70)
    least = CONVEYOR_M + MARGIN_M + 0.024
    plan = planner.plan(JogWish("z", -1.0, held=True), over_outfeed(planner, home, 0.35), part)
    height = Arm(plant).points(plan.motion.positions[-1])[0][2]
    assert least < height < least + NEAR_M
    assert "the part in the gripper" in plan.until


def test_an_arm_that_is_too_near_is_moved_away_and_not_nearer(
    plant: Plant, planner: OneArm, home: Q
) -> None:
    inside = over_outfeed(planner, home, CONVEYOR_M + 0.01)  # the part would be 14 mm in it
    part = largest_part(plant)
    for held in (True, False):
        with pytest.raises(JogRefusedError, match="nearer to something; move it away"):
            planner.plan(JogWish("z", -0.01, held=held), inside, part)
    up = planner.plan(JogWish("z", 1.0, held=True), inside, part)
    assert 0.01 < up.reach <= 0.031
    assert planner.plan(JogWish("z", 0.01, held=False), inside, part).reach == pytest.approx(0.01)


@pytest.mark.parametrize(
    ("axis", "amount", "held", "says"),
    [
        ("joint_9", 0.1, False, "it has: joint_1, .*, z"),
        ("joint_1", radians(10.5), False, "at most \\+10.0°"),
        ("x", 0.051, False, "at most \\+50.0 mm"),
        ("joint_1", 0.0, True, "must not be 0"),
        ("joint_1", float("nan"), False, "must not be 0"),
    ],
)
def test_what_cannot_be_meant(
    planner: OneArm, home: Q, axis: str, amount: float, held: bool, says: str
) -> None:
    with pytest.raises(JogRefusedError, match=says):
        planner.plan(JogWish(axis, amount, held), home, None)


class TwoArms:
    """The cell in which two arms face each other along x, with the tool of each where it is put."""

    def __init__(self) -> None:
        self.plant = load_plant(ROOT / "examples" / "handover_plant.yaml")
        self.cell = self.plant.cells["transfer"]
        self.arms = CellArms(self.cell)
        self.planner = JogPlanner(self.cell)

    def at(self, arm: str, x_m: float, pitch_deg: float) -> Q:
        """Joints with the tool centre point there, in the cell's frame, on its x axis, 0.5 m high.

        The tool points along +x of the arm's own base at a pitch of 90, and down at 180.
        """
        base = transform_cell_base(self.cell.arms[arm])
        target = np.linalg.inv(base) @ transform((x_m, 0.0, 0.5), (0.0, 0.0, 0.0))
        robot, home = self.arms.robot(arm), self.arms.home(arm)
        pose = transform(tuple(target[:3, 3]), (0.0, pitch_deg, 0.0))
        found = robot.inverse_all(pose[None], home[None])[0]
        best = np.nanargmin(np.abs(found - home).max(axis=1))
        return tuple(found[best])


@pytest.fixture(scope="module")
def two() -> TwoArms:
    return TwoArms()


def test_an_arm_ends_where_another_stands(two: TwoArms) -> None:
    """Right is led towards left. Left's tool points down; right's reaches ahead and down, and the
    boxes of both, 60 mm wide, end at the height of left's flange and below."""
    wish = JogWish("x", 1.0, held=True, arm="right")
    at = {"left": two.at("left", 0.62, 180.0), "right": two.at("right", 0.85, 135.0)}
    plan = two.planner.plan(wish, at, {})
    assert plan.until == "'tool' and 'tool of left' would come too near to each other"
    assert 0.62 < 0.85 - plan.reach < 0.72, "the tip passes under left's box, the boxes meet"
    alone = two.planner.plan(wish, at | {"left": tuple(two.arms.home("left"))}, {})
    assert alone.until.endswith("as far as one press leads"), "left at home is in nobody's way"


def test_what_two_grippers_hold_is_not_torn(two: TwoArms) -> None:
    """As in mid-hand-over: both grippers say that they hold a part, in the same place."""
    at = {"left": two.at("left", 0.62, 180.0), "right": two.at("right", 0.62, 90.0)}
    both = dict.fromkeys(at, largest_part(two.plant))
    for arm, other in (("left", "right"), ("right", "left")):
        wish = JogWish("joint_6", radians(1.0), held=False, arm=arm)
        with pytest.raises(JogRefusedError, match=f"{arm} and {other} may hold the same part"):
            two.planner.plan(wish, at, both)


def test_the_wish_says_which_arm() -> None:
    assert str(JogWish("x", 0.01, held=False, arm="left")) == "left x +10.0 mm"
    assert str(JogWish("x", 0.01, held=False)) == "x +10.0 mm"

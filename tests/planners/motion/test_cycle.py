"""Whole programs: planned, closed, within limits, the same every time; and why some cannot be."""

import pickle
from pathlib import Path

import numpy as np
import pytest

from planners.kinematics import (
    ArmDescriptionError,
    Body,
    Box,
    CollisionScene,
    Cylinder,
    UnreachablePoseError,
)
from planners.motion import (
    Attach,
    Cycle,
    Dwell,
    JointTarget,
    MotionError,
    Move,
    PartShape,
    PlanningError,
    PoseTarget,
    plan_cycle,
    verify_trajectory,
)
from tests.planners.arms import ARMS, DOWN, HOME, arm, at, scene, table
from tests.planners.motion.programs import ABOVE, PART, pick_and_place, pick_pose, sampled


def plan(name: str, items, *, with_post: bool = False, **options) -> Cycle:
    return plan_cycle(
        arm(name), scene(name, with_post=with_post), items, q_start=HOME[name], **options
    )


@pytest.mark.parametrize("with_post", [False, True])
@pytest.mark.parametrize("name", ARMS)
def test_a_pick_and_place_program(name, with_post):
    robot, items = arm(name), pick_and_place(name)
    cycle = plan(name, items, with_post=with_post)
    here = scene(name, with_post=with_post)
    assert [m.item_index for m in cycle.motions] == [0, 1, 4, 5, 6, 9, 10]
    assert cycle.duration_s == pytest.approx(sum(cycle.item_durations_s))
    assert cycle.item_durations_s[2] == 0.3
    assert cycle.item_durations_s[3] == 0.0
    at_q = HOME[name]
    for motion in cycle.motions:
        held = PART if 3 < motion.item_index < 8 else None
        trajectory = motion.trajectory
        assert cycle.item_durations_s[motion.item_index] == trajectory.duration_s
        np.testing.assert_allclose(trajectory.positions[0], at_q, atol=1e-9)
        assert verify_trajectory(robot, here, trajectory, held) == []
        state = trajectory.sample(np.arange(0.0, trajectory.duration_s, 0.001))
        for values, limit in (
            (state.velocities, robot.velocity),
            (state.accelerations, robot.acceleration),
        ):
            assert sampled(values, limit) <= 1.0 + 1e-5
        target = items[motion.item_index].target
        end = trajectory.positions[-1]
        if isinstance(target, PoseTarget):
            reached = robot.forward(end)
            np.testing.assert_allclose(reached, target.transform_base_tool, atol=1e-6)
        at_q = end
    np.testing.assert_allclose(at_q, HOME[name], atol=1e-9)


@pytest.mark.parametrize("name", ARMS)
def test_the_post_makes_the_arm_go_around(name):
    free, around = (plan(name, pick_and_place(name), with_post=p) for p in (False, True))
    assert around.duration_s > free.duration_s


@pytest.mark.parametrize("name", ARMS)
def test_the_same_program_gives_the_same_cycle(name):
    first, second = (plan(name, pick_and_place(name), with_post=True) for _ in range(2))
    for a, b in zip(first.motions, second.motions, strict=True):
        np.testing.assert_array_equal(a.trajectory.times, b.trajectory.times)
        np.testing.assert_array_equal(a.trajectory.positions, b.trajectory.positions)


def test_a_branch_is_chosen_that_the_whole_program_can_use():
    """Later lines may rule out the branch that is nearest for the first move."""
    name = "ur10e"
    items = pick_and_place(name)
    start = HOME[name] + np.array([0.0, 0.0, 0.0, 0.0, np.pi, 0.0])
    cycle = plan_cycle(arm(name), scene(name), items, q_start=start)
    assert np.abs(cycle.motions[-1].trajectory.positions[-1] - start).max() < 1e-9


@pytest.mark.parametrize("name", ARMS)
def test_a_program_that_does_not_come_back_is_closed(name):
    items = [Move("ptp", PoseTarget(ABOVE @ pick_pose(name)))]
    closed = plan(name, items)
    assert [m.item_index for m in closed.motions] == [0, 1]
    assert closed.duration_s > sum(closed.item_durations_s)
    np.testing.assert_allclose(closed.motions[-1].trajectory.positions[-1], HOME[name])
    left_open = plan(name, items, q_end_same_as_start=False)
    assert [m.item_index for m in left_open.motions] == [0]


def test_moves_that_go_nowhere_take_no_time():
    home = JointTarget(HOME["ur10e"])
    here = PoseTarget(arm("ur10e").forward(HOME["ur10e"]))
    cycle = plan("ur10e", [Move("ptp", home), Move("lin", here), Move("lin", home), Dwell(1.5)])
    assert cycle.motions == ()
    assert cycle.duration_s == 1.5


def test_an_empty_program_and_one_that_only_waits():
    assert plan("ur10e", []).duration_s == 0.0
    assert plan("ur10e", [Dwell(2.0)]).duration_s == 2.0


def test_slower_moves_take_longer():
    items = pick_and_place("kuka_kr6_r900")
    fast = plan("kuka_kr6_r900", items)
    slow = plan(
        "kuka_kr6_r900",
        [
            Move(i.kind, i.target, 0.25, i.tcp_speed_m_s) if isinstance(i, Move) else i
            for i in items
        ],
    )
    assert slow.item_durations_s[0] > 1.9 * fast.item_durations_s[0]


def test_out_of_reach_names_the_item():
    items = [Dwell(1.0), Move("ptp", PoseTarget(at(3.0, 0, 0.3, DOWN)), label="too far")]
    with pytest.raises(PlanningError, match=r"item 1 \(too far\).*out of reach") as caught:
        plan("ur10e", items)
    assert (caught.value.item_index, caught.value.label) == (1, "too far")
    assert caught.value.reason == "out_of_reach"
    assert caught.value.transform_base_tool is not None


def test_a_joint_target_beyond_the_limits_is_named():
    q = HOME["kuka_kr6_r900"].copy()
    q[4] = 2.5
    with pytest.raises(PlanningError, match=r"joint_5 = 2\.5") as caught:
        plan("kuka_kr6_r900", [Move("ptp", JointTarget(q), label="bent")])
    assert caught.value.reason == "joint_limits"


def test_a_target_inside_something_names_both_bodies():
    items = [Move("ptp", PoseTarget(at(0.5, 0.3, -0.1, DOWN)), label="under the table")]
    with pytest.raises(PlanningError, match="under the table") as caught:
        plan("ur10e", items)
    assert caught.value.reason == "collision"
    assert caught.value.bodies is not None
    assert "table" in caught.value.bodies
    assert "where the move ends; 7 other ways to do it fail: " in str(caught.value)


def test_a_line_through_something_names_both_bodies():
    name = "kuka_kr6_r900"
    wall = Body("wall", Box((0.02, 0.3, 0.4)), at(0.45, 0.3, 0.2))
    gripper = Body("gripper", Cylinder(0.035, 0.11), at(0, 0, 0.06))
    here = CollisionScene(arm(name), obstacles=[table(name), wall], tool=[gripper])
    items = [
        Move("ptp", PoseTarget(at(0.35, 0.3, 0.3, DOWN)), label="before"),
        Move("lin", PoseTarget(at(0.58, 0.3, 0.3, DOWN)), label="through"),
    ]
    with pytest.raises(PlanningError, match="through") as caught:
        plan_cycle(arm(name), here, items, q_start=HOME[name])
    assert caught.value.reason == "collision"
    assert "wall" in (caught.value.bodies or ())


def test_a_closed_room_has_no_way_out():
    name = "ur10e"
    shell = [
        Body(f"wall {k}", Box((0.02, 3.0, 3.0)), at(x, 0, 0)) for k, x in enumerate((0.98, 1.12))
    ]
    here = CollisionScene(arm(name), obstacles=shell, margin_m=0.005)
    start = HOME[name]
    target = JointTarget(np.array([0.0, -0.5, 0.5, -1.57, -1.57, 0.0]))
    with pytest.raises(PlanningError) as caught:
        plan_cycle(arm(name), here, [Move("ptp", target, label="out")], q_start=start)
    assert caught.value.reason in {"no_path", "collision"}
    assert caught.value.bodies is not None
    if caught.value.reason == "no_path":
        assert "were stopped by" in str(caught.value)


def test_a_part_may_leave_the_table_but_not_go_through_it():
    name = "kuka_kr6_r900"
    pick = pick_pose(name)
    deep = PartShape((0.06, 0.06, 0.08))  # 20 mm in the table
    items = [
        Move("ptp", PoseTarget(ABOVE @ pick)),
        Move("lin", PoseTarget(pick)),
        Attach(deep),
        Move("lin", PoseTarget(ABOVE @ pick), label="lift"),
    ]
    with pytest.raises(PlanningError, match=r"'part' and 'table' overlap by 20\.0 mm") as caught:
        plan(name, items)
    assert caught.value.item_index == 3


@pytest.mark.parametrize("offset", [(0.0, 0.0, -0.1), (-0.1, 0.0, 0.0), (0.0, 0.1, 0.0)])
@pytest.mark.parametrize(
    ("name", "q"),
    [
        ("kuka_kr6_r900", [0.0, -1.2, 1.0, 0.0, 0.0, 0.0]),
        ("ur10e", [0.0, -np.pi / 2, np.pi / 2, 0.0, 0.0, 0.0]),
        ("ur10e", [0.0, -np.pi / 2, 0.0, 0.0, 1.57, 0.0]),
    ],
)
def test_a_line_from_a_singular_position_is_planned_or_refused_for_that(name, q, offset):
    start = np.array(q)
    goal = arm(name).forward(start)
    goal[:3, 3] += offset
    move = Move("lin", PoseTarget(goal), label="from a singularity")
    reason = "planned"
    try:
        plan_cycle(arm(name), scene(name), [move], q_start=start)
    except PlanningError as error:
        reason = error.reason
    assert reason in {"planned", "singularity", "out_of_reach"}


def test_items_check_themselves():
    pose = PoseTarget(np.eye(4))
    for wrong in ({"speed": 0.0}, {"speed": 1.1}, {"tcp_speed_m_s": 0.1}, {"kind": "arc"}):
        with pytest.raises(ValueError, match=r"speed|kind"):
            Move(**{"kind": "ptp", "target": pose, **wrong})
    with pytest.raises(ValueError, match="duration_s"):
        Dwell(float("nan"))
    with pytest.raises(ValueError, match="rigid"):
        PoseTarget(np.zeros((4, 4)))
    with pytest.raises(ValueError, match="6 joint"):
        plan("ur10e", [Move("ptp", JointTarget(np.zeros(5)))])


def test_errors_survive_the_way_out_of_a_worker_process():
    items = [Move("ptp", PoseTarget(at(3.0, 0, 0.3, DOWN)), label="too far")]
    with pytest.raises(PlanningError) as caught:
        plan("ur10e", items)
    again = pickle.loads(pickle.dumps(caught.value))
    assert str(again) == str(caught.value)
    assert (again.item_index, again.label, again.reason) == (0, "too far", "out_of_reach")
    np.testing.assert_array_equal(again.transform_base_tool, caught.value.transform_base_tool)
    for error in (
        ArmDescriptionError(Path("a.urdf"), "no such file"),
        UnreachablePoseError(at(1, 2, 3), "joint_limits", "detail"),
        MotionError("collision", "text", bodies=("a", "b")),
    ):
        assert str(pickle.loads(pickle.dumps(error))) == str(error)

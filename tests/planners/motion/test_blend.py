"""Arcs, blended corners and process moves: on their curves, smooth, honest about their speed."""

import dataclasses

import numpy as np
import pytest
from scipy.optimize import least_squares

from planners.kinematics import Body, Box, CollisionScene
from planners.motion import (
    Blend,
    Dwell,
    JointTarget,
    MotionError,
    Move,
    PlanningError,
    PoseTarget,
    plan_cycle,
    verify_trajectory,
)
from planners.motion.blend import superposed
from planners.motion.circle import ToolArc
from planners.motion.paths import LinePath, ToolLine
from planners.motion.retime import retimed
from planners.motion.straight import straight_trajectory
from planners.motion.timing import timed_trajectory
from tests.planners.arms import ARMS, DOWN, HOME, SCALE, arm, at, scene, table

TURN = np.array([[0.8, -0.6, 0.0], [0.6, 0.8, 0.0], [0.0, 0.0, 1.0]])


def arc(name: str) -> tuple[ToolArc, LinePath]:
    robot, f = arm(name), SCALE[name]
    start, via, end = (
        at(0.4 * f, 0.2 * f, 0.15, DOWN),
        at(0.5 * f, 0.0, 0.3),
        at(0.42 * f, -0.2 * f, 0.2, TURN @ DOWN),
    )
    q = robot.inverse_nearest(start, HOME[name])
    curve = ToolArc(robot, start, via, end)
    return curve, LinePath(curve, q)


@pytest.mark.parametrize("name", ARMS)
def test_an_arc_is_the_circle_through_its_three_points(name):
    """The oracle is a least-squares sphere and plane through points of the arm's own motion."""
    f = SCALE[name]
    curve, path = arc(name)
    s = np.linspace(0.0, path.length, 300)
    q, slope, bend = path.evaluate(s)
    poses = arm(name).forward(q)
    points = poses[:, :3, 3]
    given = np.array([[0.4 * f, 0.2 * f, 0.15], [0.5 * f, 0.0, 0.3], [0.42 * f, -0.2 * f, 0.2]])
    for point in given:
        assert np.linalg.norm(points - point, axis=1).min() < 2e-3
    np.testing.assert_allclose(points[[0, -1]], given[[0, 2]], atol=1e-9)
    fit = least_squares(
        lambda c: np.linalg.norm(points - c[:3], axis=1) - c[3], [*points.mean(axis=0), 0.3]
    )
    assert np.abs(fit.fun).max() < 1e-8
    off = points - points[0]
    assert np.linalg.svd(off, compute_uv=False)[2] < 1e-8
    h = path.length / 299
    np.testing.assert_allclose(np.linalg.norm(np.diff(points, axis=0), axis=1), h, rtol=1e-4)
    np.testing.assert_allclose(np.gradient(q, h, axis=0)[2:-2], slope[2:-2], atol=2e-3)
    np.testing.assert_allclose(np.gradient(slope, h, axis=0)[2:-2], bend[2:-2], atol=5e-2)
    np.testing.assert_allclose(poses[-1, :3, :3], TURN @ DOWN, atol=1e-9)
    assert curve.radius_m == pytest.approx(
        np.linalg.norm(given[0] - given[1])
        * np.linalg.norm(given[1] - given[2])
        * np.linalg.norm(given[2] - given[0])
        / (2 * np.linalg.norm(np.cross(given[1] - given[0], given[2] - given[0])))
    )  # a b c / (4 area)


def test_three_points_on_a_line_make_no_arc():
    points = (at(0.4, 0.0, 0.3, DOWN), at(0.5, 0.0, 0.3), at(0.6, 0.0, 0.3, DOWN))
    with pytest.raises(MotionError, match="make no arc"):
        ToolArc(arm("ur10e"), *points)


def corner(name: str) -> tuple[list, np.ndarray]:
    """Two lines of the tool and a joint motion, and where the first corner is."""
    robot, f = arm(name), SCALE[name]
    a, b = at(0.4 * f, 0.3 * f, 0.2, DOWN), at(0.5 * f, 0.0, 0.2, DOWN)
    c = at(0.4 * f, -0.2 * f, 0.35, TURN @ DOWN)
    q = robot.inverse_nearest(a, HOME[name])
    first = LinePath(ToolLine(robot, a, b), q)
    second = LinePath(ToolLine(robot, b, c), first.q_end)
    motions = [timed_trajectory(robot, path) for path in (first, second)]
    return [*motions, straight_trajectory(robot, second.q_end, HOME[name])], b[:3, 3]


@pytest.mark.parametrize("blend", [Blend(radius_m=0.05), Blend(tolerance_m=0.004)])
@pytest.mark.parametrize("name", ARMS)
def test_a_cut_corner_is_smooth_and_keeps_to_its_size(name, blend):
    motions, point = corner(name)
    robot = arm(name)
    cut = superposed(robot, motions, [blend, blend])
    whole = retimed(robot, cut.trajectory)
    assert whole.duration_s < sum(motion.duration_s for motion in motions)
    for trajectory in (cut.trajectory, whole):
        state = trajectory.sample(np.arange(0.0, trajectory.duration_s, 0.001))
        np.testing.assert_allclose(
            np.gradient(state.positions, 0.001, axis=0)[1:-1], state.velocities[1:-1], atol=2e-3
        )
        tool = robot.forward(state.positions)[:, :3, 3]
        away = np.linalg.norm(tool - point, axis=1)
        assert away.min() > 1e-4
        if blend.tolerance_m:
            assert away.min() <= blend.tolerance_m + 1e-5
            continue
        # Outside the radius the tool is on its line.
        along = (point - tool[0]) / np.linalg.norm(point - tool[0])
        before = (away > blend.radius_m + 1e-4) & (np.arange(len(away)) < away.argmin())
        off = tool[before] - tool[0] - ((tool[before] - tool[0]) @ along)[:, None] * along
        assert np.linalg.norm(off, axis=1).max() < 2e-5
    assert verify_trajectory(robot, None, whole, q_end=HOME[name]) == []


def blended_items(name: str, blend: Blend) -> list:
    f = SCALE[name]
    a, b, c = (
        PoseTarget(at(0.4 * f, 0.3 * f, 0.1, DOWN)),
        PoseTarget(at(0.4 * f, 0.3 * f, 0.25, DOWN)),
        PoseTarget(at(0.4 * f, -0.3 * f, 0.25, DOWN)),
    )
    return [
        Move("ptp", a),
        Move("lin", b, label="up", blend=blend),
        Move("ptp", c, label="across", blend=blend),
        Move("lin", PoseTarget(at(0.4 * f, -0.3 * f, 0.1, DOWN)), label="down"),
        Dwell(0.1),
        Move("ptp", JointTarget(HOME[name])),
    ]


@pytest.mark.parametrize("name", ARMS)
def test_blended_moves_are_one_motion_and_faster(name):
    plans = [
        plan_cycle(arm(name), scene(name), blended_items(name, blend), q_start=HOME[name])
        for blend in (Blend(), Blend(radius_m=0.08))
    ]
    stopping, flowing = plans
    assert len(stopping.motions) == 5
    assert [m.item_index for m in flowing.motions] == [0, 1, 5]
    chain = flowing.motions[1]
    assert chain.blended_items == (1, 2, 3)
    assert sum(flowing.item_durations_s[1:4]) == pytest.approx(chain.trajectory.duration_s)
    assert min(flowing.item_durations_s) > 0.0
    assert flowing.duration_s < stopping.duration_s - 0.2
    for motion in flowing.motions:
        assert verify_trajectory(arm(name), scene(name), motion.trajectory) == []


def test_a_corner_that_cannot_be_rounded_is_stopped_in():
    """A block fills the inner side of the corner: only the corner itself is free."""
    name = "kuka_kr6_r900"
    robot = arm(name)
    block = Body("block", Box((0.3, 0.18, 0.2)), at(0.4, 0.2, 0.06))
    tool = Body("finger", Box((0.01, 0.01, 0.14)), at(0.0, 0.0, 0.07))
    here = CollisionScene(robot, obstacles=[table(name), block], tool=[tool])
    up, over = at(0.4, 0.302, 0.18, DOWN), at(0.4, 0.05, 0.18, DOWN)
    items = [
        Move("ptp", PoseTarget(at(0.4, 0.302, 0.05, DOWN))),
        Move("lin", PoseTarget(up), blend=Blend(radius_m=0.2)),
        Move("lin", PoseTarget(over)),
    ]
    cycle = plan_cycle(robot, here, items, q_start=HOME[name], q_end_same_as_start=False)
    for motion in cycle.motions:
        assert verify_trajectory(robot, here, motion.trajectory) == []
    assert cycle.motions[-1].item_index in (1, 2)


@pytest.mark.parametrize("name", ARMS)
def test_an_arc_in_a_program(name):
    f = SCALE[name]
    items = [
        Move("ptp", PoseTarget(at(0.4 * f, 0.2 * f, 0.15, DOWN))),
        Move(
            "circ",
            PoseTarget(at(0.4 * f, -0.2 * f, 0.15, DOWN)),
            via=PoseTarget(at(0.55 * f, 0.0, 0.15)),
            tcp_speed_m_s=0.2,
            label="seam",
        ),
    ]
    cycle = plan_cycle(arm(name), scene(name), items, q_start=HOME[name])
    seam = cycle.motions[1]
    state = seam.trajectory.sample(np.arange(0.0, seam.trajectory.duration_s, 0.002))
    speed = np.linalg.norm(
        (arm(name).jacobian(state.positions)[:, :3] @ state.velocities[..., None])[..., 0], axis=1
    )
    assert speed.max() <= 0.2 * (1 + 1e-6)
    assert np.median(speed) > 0.199
    assert [spot.lowest_m_s < 0.02 for spot in seam.slow_spots] == [True, True]


def test_a_process_move_says_where_and_why_it_is_slow():
    """Near the wrist singularity the KUKA's axes cannot turn fast enough for the tool's speed."""
    name = "kuka_kr6_r900"
    robot = arm(name)
    q = np.array([0.2, -1.2, 1.3, 0.35, 0.25, 0.0])
    past = np.array([-0.2, -1.2, 1.3, 0.35, 0.15, 0.0])
    move = Move("lin", PoseTarget(robot.forward(past)), tcp_speed_m_s=0.4, label="bead")
    cycle = plan_cycle(robot, scene(name), [move], q_start=q, q_end_same_as_start=False)
    (bead,) = cycle.motions
    spots = bead.slow_spots
    assert spots
    length = np.linalg.norm(robot.forward(past)[:3, 3] - robot.forward(q)[:3, 3])
    assert all(0.0 <= spot.start_m < spot.end_m <= length + 1e-6 for spot in spots)
    assert all(spot.subject.startswith("joint_") for spot in spots)


def test_items_refuse_what_makes_no_sense():
    pose = PoseTarget(np.eye(4))
    with pytest.raises(ValueError, match="via"):
        Move("circ", pose)
    with pytest.raises(ValueError, match="via"):
        Move("lin", pose, via=pose)
    with pytest.raises(ValueError, match="not both"):
        Blend(0.1, 0.1)
    with pytest.raises(ValueError, match="radius_m"):
        Blend(radius_m=-1.0)
    np.testing.assert_allclose(pose.backed_off(0.1).transform_base_tool[:3, 3], [0, 0, -0.1])
    assert dataclasses.replace(Move("ptp", pose), label="x").blend.stops


def test_a_chain_with_a_move_that_cannot_be_made_names_that_move():
    name = "ur10e"
    items = blended_items(name, Blend(radius_m=0.05))
    items[2] = Move("ptp", PoseTarget(at(3.0, 0, 0.3, DOWN)), label="too far", blend=Blend(0.05))
    with pytest.raises(PlanningError, match=r"item 2 \(too far\)"):
        plan_cycle(arm(name), scene(name), items, q_start=HOME[name])

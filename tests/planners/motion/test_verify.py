"""The verifier lets a good trajectory pass, and each kind of bad one is caught."""

import dataclasses

import numpy as np
import pytest

from planners.kinematics import Body, Box, CollisionScene, PartShape, Robot
from planners.motion import Trajectory, verify_trajectory
from planners.motion.straight import straight_trajectory
from tests.planners.arms import HOME, TOOL_LENGTH_M, URDF, arm, at, scene

NAME = "ur10e"
END = HOME[NAME] + np.array([0.8, 0.2, -0.3, 0.1, 0.2, 0.5])


def good() -> Trajectory:
    return straight_trajectory(arm(NAME), HOME[NAME], END)


def kinds(trajectory: Trajectory, **options) -> set[str]:
    here = options.pop("scene", scene(NAME))
    return {v.kind for v in verify_trajectory(arm(NAME), here, trajectory, **options)}


def test_a_good_trajectory_passes():
    assert verify_trajectory(arm(NAME), scene(NAME), good(), q_start=HOME[NAME], q_end=END) == []


@pytest.mark.parametrize(
    ("kind", "change"),
    [
        ("shape", {"positions": np.zeros((3, 6))}),
        ("joint_names", {"joint_names": ("a", "b", "c", "d", "e", "f")}),
        ("shape", {"times": np.zeros(1)}),
    ],
)
def test_malformed(kind, change):
    assert kinds(dataclasses.replace(good(), **change)) == {kind}


def test_numbers_that_are_none():
    t = good()
    positions = t.positions.copy()
    positions[3, 2] = np.nan
    assert kinds(dataclasses.replace(t, positions=positions)) == {"not_finite"}


def test_times_that_stand_still_or_start_late():
    t = good()
    times = t.times.copy()
    times[4] = times[3]
    assert kinds(dataclasses.replace(t, times=times)) == {"times"}
    assert kinds(dataclasses.replace(t, times=t.times + 0.1)) == {"times"}


@pytest.mark.parametrize(
    ("factor", "kind"), [(0.99, "acceleration"), (0.5, "velocity"), (0.5, "jerk")]
)
def test_too_fast(factor, kind):
    assert kind in kinds(good().slowed(factor))


def test_too_fast_between_points_only():
    """Every point is within the limits; the quintic between them is not."""
    t = good()
    thin = slice(None, None, len(t.times) - 1)
    sparse = Trajectory(
        t.joint_names, t.times[thin], t.positions[thin], t.velocities[thin], t.accelerations[thin]
    )
    found = verify_trajectory(arm(NAME), None, sparse)
    assert {v.kind for v in found} == {"acceleration", "jerk"}
    assert all(0.0 < v.time_s < t.duration_s for v in found if v.kind == "acceleration")


def test_a_jump_is_caught():
    t = good()
    positions = t.positions.copy()
    positions[len(positions) // 2 :] += 0.01
    assert {"velocity", "acceleration", "jerk"} <= kinds(
        dataclasses.replace(t, positions=positions)
    )


def test_velocities_that_do_not_fit_positions_are_caught():
    t = good()
    assert kinds(dataclasses.replace(t, velocities=t.velocities * 0.9)) & {"acceleration", "jerk"}


def test_beyond_a_joint_limit():
    robot = arm(NAME)
    end = HOME[NAME].copy()
    end[5] = robot.upper[5] + 0.01
    found = verify_trajectory(robot, None, straight_trajectory(robot, HOME[NAME], end))
    assert [(v.kind, v.subject) for v in found] == [("position", "wrist_3_joint")]
    assert found[0].value == pytest.approx(end[5])
    assert "wrist_3_joint" in str(found[0])


def test_a_tool_too_heavy_for_the_arm():
    heavy = Robot.from_urdf(
        URDF / f"{NAME}.urdf.xacro", transform_flange_tool=at(0, 0, 0.3), tool_mass_kg=40.0
    )
    found = verify_trajectory(heavy, None, good())
    assert {v.kind for v in found} == {"effort"}
    assert "shoulder_lift_joint" in {v.subject for v in found}


def test_not_at_rest():
    t = good()
    velocities = t.velocities.copy()
    velocities[-1, 0] = 0.01
    assert "not_at_rest" in kinds(dataclasses.replace(t, velocities=velocities))


def test_wrong_ends():
    assert kinds(good(), q_start=HOME[NAME] + 1e-5) == {"start"}
    assert kinds(good(), q_end=END + 1e-5) == {"end"}


def test_tool_too_fast():
    t = good()
    state = t.sample(np.arange(0.0, t.duration_s, 0.001))
    twist = arm(NAME).jacobian(state.positions) @ state.velocities[..., None]
    fastest = float(np.linalg.norm(twist[:, :3, 0], axis=1).max())
    assert kinds(t, tcp_speed_m_s=fastest * 0.98) == {"tcp_speed"}
    assert kinds(t, tcp_speed_m_s=fastest * 1.02) == set()


def test_a_thin_obstacle_in_mid_motion_is_not_missed():
    robot = arm(NAME)
    t = good()
    middle = robot.forward(t.sample(t.duration_s / 2).positions[0])
    wire = CollisionScene(
        robot, obstacles=[Body("wire", Box((0.002, 0.002, 0.3)), at(*middle[:3, 3]))],
        tool=[Body("finger", Box((0.004, 0.004, TOOL_LENGTH_M)), at(0, 0, TOOL_LENGTH_M / 2))],
    )  # fmt: skip
    assert wire.in_collision(HOME[NAME]) is None
    assert wire.in_collision(END) is None
    found = verify_trajectory(robot, wire, t)
    assert [v.kind for v in found] == ["clearance"]
    assert "wire" in found[0].subject


def test_a_held_part_counts():
    t = good()
    below = arm(NAME).forward(HOME[NAME])[2, 3] - 0.1
    floor = CollisionScene(
        arm(NAME), obstacles=[Body("floor", Box((3, 3, 0.02)), at(0.9, 0, below - 0.5))]
    )
    assert kinds(t, scene=floor) == set()
    assert "clearance" in kinds(t, scene=floor, attached=PartShape((0.1, 0.1, 1.6)))

"""The cache gives back the same cycle, tells different questions apart, and survives damage."""

import numpy as np
import pytest

from planners.kinematics import Body, CollisionScene, Robot, Sphere
from planners.motion import CycleCache, JointTarget, Move, PlanningError
from planners.motion.cache import cycle_key
from tests.planners.arms import HOME, URDF, arm, at

NAME = "ur10e"
ITEMS = [Move("ptp", JointTarget(HOME[NAME] + 0.2), label="there")]


@pytest.fixture(scope="module")
def bare() -> CollisionScene:
    return CollisionScene(arm(NAME))


def same(a, b) -> bool:
    return (
        a.duration_s == b.duration_s
        and a.item_durations_s == b.item_durations_s
        and all(
            x.item_index == y.item_index
            and x.trajectory.joint_names == y.trajectory.joint_names
            and np.array_equal(x.trajectory.times, y.trajectory.times)
            and np.array_equal(x.trajectory.accelerations, y.trajectory.accelerations)
            for x, y in zip(a.motions, b.motions, strict=True)
        )
    )


def test_the_second_time_it_is_read(tmp_path, bare):
    cache = CycleCache(tmp_path / "new" / "folder")
    first = cache.plan(arm(NAME), bare, ITEMS, q_start=HOME[NAME])
    (file,) = (tmp_path / "new" / "folder").iterdir()
    written = file.stat().st_mtime_ns
    assert same(first, cache.plan(arm(NAME), bare, ITEMS, q_start=HOME[NAME]))
    assert file.stat().st_mtime_ns == written


@pytest.mark.parametrize("damage", ["cut", "flip", "empty", "text"])
def test_a_damaged_file_is_planned_again(tmp_path, bare, damage):
    cache = CycleCache(tmp_path)
    first = cache.plan(arm(NAME), bare, ITEMS, q_start=HOME[NAME])
    (file,) = tmp_path.iterdir()
    content = file.read_bytes()
    middle = len(content) // 2
    damaged = {
        "cut": content[:middle],
        "flip": content[:middle] + bytes([content[middle] ^ 0xFF]) + content[middle + 1 :],
        "empty": b"",
        "text": b"not a cycle",
    }[damage]
    file.write_bytes(damaged)
    assert same(first, cache.plan(arm(NAME), bare, ITEMS, q_start=HOME[NAME]))
    assert file.read_bytes() != damaged
    assert len(list(tmp_path.iterdir())) == 1


def test_every_input_is_part_of_the_key(bare):
    robot, q = arm(NAME), HOME[NAME]
    other_tool = Robot.from_urdf(URDF / f"{NAME}.urdf.xacro", transform_flange_tool=at(0, 0, 0.2))
    keys = [
        cycle_key(robot, bare, ITEMS, q, True, 0),
        cycle_key(robot, bare, ITEMS, q, True, 1),
        cycle_key(robot, bare, ITEMS, q, False, 0),
        cycle_key(robot, bare, ITEMS, q + 1e-9, True, 0),
        cycle_key(robot, bare, [Move("ptp", ITEMS[0].target, 0.5)], q, True, 0),
        cycle_key(robot, CollisionScene(robot, margin_m=0.006), ITEMS, q, True, 0),
        cycle_key(
            robot, CollisionScene(robot, obstacles=[Body("b", Sphere(0.1), at(2, 0, 0))]),
            ITEMS, q, True, 0,
        ),
        cycle_key(other_tool, CollisionScene(other_tool), ITEMS, q, True, 0),
    ]  # fmt: skip
    assert len(set(keys)) == len(keys)
    relabelled = [Move("ptp", ITEMS[0].target, label="elsewhere")]
    assert cycle_key(robot, bare, relabelled, q, True, 0) == keys[0]


def test_failures_are_not_stored(tmp_path, bare):
    impossible = [Move("ptp", JointTarget(np.full(6, 7.0)))]
    with pytest.raises(PlanningError):
        CycleCache(tmp_path).plan(arm(NAME), bare, impossible, q_start=HOME[NAME])
    assert list(tmp_path.iterdir()) == []

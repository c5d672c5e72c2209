"""Every way in which a goal can be wrong has its own code, and says joint, point and value."""

import numpy as np
import pytest

from robot_cell.execution.trajectory_goal import (
    GoalCode,
    GoalRefusedError,
    JointLimits,
    Point,
    segments_of,
)

NAMES = ("shoulder", "elbow")
LIMITS = JointLimits(
    NAMES,
    lower=np.array([-1.0, -2.0]),
    upper=np.array([1.0, 2.0]),
    velocity=np.array([2.0, 2.0]),
    acceleration=np.array([10.0, 10.0]),
    jerk=np.array([100.0, 100.0]),
)
HOME = np.zeros(2)


def ramp(end: tuple[float, float], duration_s: float = 2.0) -> list[Point]:
    return [
        Point(0.0, (0.0, 0.0), (0.0, 0.0), (0.0, 0.0)),
        Point(duration_s, end, (0.0, 0.0), (0.0, 0.0)),
    ]


def refused(names: tuple[str, ...], points: list[Point], current: np.ndarray = HOME):
    with pytest.raises(GoalRefusedError) as caught:
        segments_of(names, points, LIMITS, current)
    return caught.value


def test_a_good_goal_ends_where_it_says() -> None:
    segments = segments_of(NAMES, ramp((0.5, -0.5)), LIMITS, HOME)
    assert segments.positions(np.array([2.0]))[0] == pytest.approx([0.5, -0.5])


def test_joints_may_come_in_any_order() -> None:
    segments = segments_of(("elbow", "shoulder"), ramp((0.5, -0.5)), LIMITS, HOME)
    assert segments.positions(np.array([2.0]))[0] == pytest.approx([-0.5, 0.5])


def test_a_first_point_later_than_zero_is_reached_from_where_the_arm_is() -> None:
    goal = [Point(2.0, (0.5, 0.0), (0.0, 0.0), (0.0, 0.0))]
    segments = segments_of(NAMES, goal, LIMITS, np.array([0.1, 0.2]))
    assert segments.positions(np.array([0.0]))[0] == pytest.approx([0.1, 0.2])


@pytest.mark.parametrize("names", [("shoulder",), ("shoulder", "wrist"), ("shoulder", "shoulder")])
def test_wrong_joints(names: tuple[str, ...]) -> None:
    points = [Point(0.0, (0.0,) * len(names))]
    assert refused(names, points).code == GoalCode.INVALID_JOINTS


def test_no_points() -> None:
    assert refused(NAMES, []).code == GoalCode.NO_POINTS


@pytest.mark.parametrize("time_s", [0.0, -1.0, 1.0, float("nan")])
def test_times_that_do_not_increase(time_s: float) -> None:
    points = [Point(1.0, (0.0, 0.0)), Point(time_s, (0.1, 0.1))]
    assert refused(NAMES, points).code == GoalCode.TIMES_NOT_INCREASING


def test_a_field_in_some_points_only() -> None:
    points = [Point(0.0, (0.0, 0.0), (0.0, 0.0)), Point(1.0, (0.1, 0.1))]
    error = refused(NAMES, points)
    assert error.code == GoalCode.INVALID_GOAL
    assert "point 1" in str(error)


def test_values_that_are_no_numbers() -> None:
    points = [Point(0.0, (0.0, 0.0)), Point(1.0, (float("nan"), 0.1))]
    assert refused(NAMES, points).code == GoalCode.NOT_FINITE


def test_a_position_limit_names_joint_and_value() -> None:
    error = refused(NAMES, ramp((1.5, 0.0), 5.0))
    assert error.code == GoalCode.POSITION_LIMIT
    assert "shoulder" in str(error)
    assert "1.5" in str(error)


def test_a_velocity_limit_between_the_points_is_found() -> None:
    # Rest to rest by a quintic peaks at 15/8 of the mean velocity (minimum jerk).
    error = refused(NAMES, ramp((0.9, 0.0), 0.8))
    assert error.code == GoalCode.VELOCITY_LIMIT


def test_an_acceleration_limit_between_the_points_is_found() -> None:
    # The same profile peaks at 10/sqrt(3) of distance over time squared.
    error = refused(NAMES, ramp((0.5, 0.0), 0.5))
    assert error.code == GoalCode.ACCELERATION_LIMIT


def test_a_start_away_from_the_arm() -> None:
    error = refused(NAMES, ramp((0.5, 0.0)), np.array([0.3, 0.0]))
    assert error.code == GoalCode.START_DIFFERS
    assert "0.3" in str(error)

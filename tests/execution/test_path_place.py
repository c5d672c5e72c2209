"""Where an arm is on its path is told from its joints alone, also where the path comes back."""

from __future__ import annotations

import numpy as np
import pytest

from planners.motion.track import JointLimits
from robot_cell.execution.path_place import PathPlace
from robot_cell.execution.segments import cubic
from robot_cell.execution.way_on import rest, whole

LIMITS = JointLimits(*(np.full(2, most) for most in (3.0, 15.0, 150.0)))


def there_and_back(duration_s: float = 4.0):
    times = np.linspace(0.0, duration_s, 81)
    phase = np.pi * (1 - np.cos(np.pi * times / duration_s)) / 2
    speed = np.pi**2 * np.sin(np.pi * times / duration_s) / (2 * duration_s)
    way = np.array([1.0, 0.5])
    return cubic(times, np.sin(phase)[:, None] * way, (np.cos(phase) * speed)[:, None] * way)


@pytest.mark.parametrize("pace", [0.2, 0.7, 1.0])
def test_it_follows_at_any_pace_and_comes_back_the_same_way(pace: float) -> None:
    """The same joints are passed twice; the place is the right one of the two."""
    path = there_and_back()
    place = PathPlace(path)
    worst_s = 0.0
    for at_s in np.arange(0.0, 4.0, 0.02 * pace):
        off = place.follow(path.position(at_s), 0.02)
        assert np.max(off) < 2e-3
        moving = 0.3 < at_s < 3.7 and abs(at_s - 2.0) > 0.3  # at rest a place is a stretch
        worst_s = max(worst_s, abs(place.path_s - at_s)) if moving else worst_s
    assert worst_s < 0.02
    assert place.path_s == pytest.approx(4.0, abs=0.2)


def test_how_far_off_it_is() -> None:
    path = there_and_back()
    place = PathPlace(path)
    for at_s in np.arange(0.0, 1.0, 0.02):
        place.follow(path.position(at_s), 0.02)
    across = np.array([-0.5, 1.0]) / np.hypot(0.5, 1.0)
    off = place.follow(path.position(1.0) + 0.03 * across, 0.02)
    assert np.linalg.norm(off) == pytest.approx(0.03, abs=1e-3)
    assert place.off(path.position(1.0)) == pytest.approx([0.0, 0.0], abs=0.02)


def test_what_is_ahead() -> None:
    place = PathPlace(there_and_back())
    assert place.way(0.0, 0.01) == pytest.approx([0.0, 0.0], abs=1e-3)
    assert place.way(0.0, 2.0) == pytest.approx([1.0, 0.5], abs=1e-6)
    assert place.way(0.0, 9.0) == pytest.approx([0.0, 0.0], abs=1e-6), "there and back"


def test_the_rest_of_a_motion_begins_where_the_arm_stands_and_ends_at_the_goal() -> None:
    path = there_and_back()
    measured = path.position(1.3) + np.array([0.01, -0.02])
    left = rest(path, LIMITS, 1.3, measured, 0.5)
    assert left.positions[0] == pytest.approx(measured, abs=1e-9)
    assert left.positions[-1] == pytest.approx(path.position(4.0), abs=1e-6)
    assert np.all(left.velocities[[0, -1]] == 0.0)
    assert left.times[-1] > 2.7 / 0.5
    # Its velocities are those of its positions: a controller interpolates between both.
    middle = (left.positions[2:] - left.positions[:-2]) / (left.times[2:] - left.times[:-2])[
        :, None
    ]
    assert left.velocities[1:-1] == pytest.approx(middle, abs=0.02)
    assert (
        np.max(np.abs(left.velocities)) < 1.05 * np.max(np.abs(whole(path, 0.5).velocities)) + 0.1
    )


def test_a_whole_motion_at_half_its_speed_takes_twice_as_long() -> None:
    path = there_and_back()
    full, half = whole(path, 1.0), whole(path, 0.5)
    assert half.times == pytest.approx(2 * full.times)
    assert half.positions == pytest.approx(full.positions)
    assert half.velocities == pytest.approx(full.velocities / 2)
    assert half.accelerations == pytest.approx(full.accelerations / 4)

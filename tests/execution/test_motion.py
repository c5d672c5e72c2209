"""Whatever speed is asked for and whenever: on the path, within every limit, and never a jump."""

import numpy as np
import pytest

from planners.motion.straight import straight_trajectory
from planners.motion.track import JointLimits, peaks_of
from robot_cell.execution.horizon import Horizon
from robot_cell.execution.motion import AHEAD_S, Motion, latest_stop_s
from robot_cell.execution.segments import Segments, quintic
from tests.planners.arms import HOME, arm
from tests.planners.motion.stops import some_trajectory

STEP_S = 0.001
ROWS = 20


def random_motion(seed: int) -> tuple[Segments, JointLimits, np.random.Generator]:
    rng = np.random.default_rng(seed)
    robot, trajectory = some_trajectory(rng)
    segments = Segments(np.array(trajectory.times), trajectory.coefficients)
    return segments, JointLimits(robot.velocity, robot.acceleration, robot.jerk), rng


def long_motion() -> tuple[Segments, JointLimits]:
    robot = arm("ur10e")
    end = HOME["ur10e"] + np.array([1.5, 0.3, 0.2, 0.1, 0.1, 0.1])
    trajectory = straight_trajectory(robot, HOME["ur10e"], end)
    limits = JointLimits(robot.velocity, robot.acceleration, robot.jerk)
    return Segments(np.array(trajectory.times), trajectory.coefficients), limits


def play(motion: Motion, asked, *, rows: int = ROWS, longest_s: float = 30.0):
    """Blocks until the motion's path ends; setpoints (k, n), path time and speed after each."""
    blocks, progress = [], []
    while not motion.at_path_end and len(blocks) * rows * STEP_S < longest_s:
        t = len(blocks) * rows * STEP_S
        blocks.append(motion.setpoints(rows, asked(t)).copy())
        progress.append((t, motion.path_s, motion.speed))
    return np.concatenate(blocks), np.array(progress)


def require_on_path(segments: Segments, q: np.ndarray, progress: np.ndarray, rows: int) -> None:
    """The last setpoint of each block is the path at its path time; the others lie between."""
    ends = segments.positions(progress[:, 1])
    assert np.max(np.abs(q[rows - 1 :: rows] - ends)) < 1e-9
    fine = np.linspace(0.0, segments.duration_s, 200_001)
    path = segments.positions(fine)
    before_s = 0.0
    for (_, path_s, _), block in zip(progress, q.reshape(len(progress), rows, -1), strict=True):
        first, last = np.searchsorted(fine, [before_s - 1e-5, path_s + 1e-5])
        near = path[max(first - 1, 0) : last + 2]
        for row in block[:: max(rows // 4, 1)]:
            gap = np.abs(near - row).max(axis=1)
            k = int(gap.argmin())
            a, b = near[max(k - 1, 0)], near[min(k + 1, len(near) - 1)]
            along = b - a
            share = float(np.clip((row - a) @ along / max(along @ along, 1e-30), 0.0, 1.0))
            assert np.max(np.abs(a + share * along - row)) < 1e-6
        before_s = path_s


def require_limits(q: np.ndarray, segments: Segments, limits: JointLimits) -> None:
    """From differences alone: the m-th over dt^m is a mean of the m-th derivative."""
    planned = segments.positions(np.arange(0.0, segments.duration_s + STEP_S, STEP_S))
    q = np.concatenate([np.repeat(planned[:1], 4, axis=0), q, np.repeat(q[-1:], 3, axis=0)])
    planned = np.concatenate([np.repeat(planned[:1], 3, axis=0), planned])
    for limit in (limits.velocity, limits.acceleration, limits.jerk):
        q, planned = np.diff(q, axis=0) / STEP_S, np.diff(planned, axis=0) / STEP_S
        allowed = np.maximum(limit, np.abs(planned).max(axis=0))
        assert np.max(np.abs(q) / allowed) <= 1.0 + 2e-5


@pytest.mark.parametrize("seed", range(60))
def test_held_and_resumed_at_random_times(seed: int) -> None:
    segments, limits, rng = random_motion(seed)
    hold = rng.uniform(0.0, segments.duration_s)
    resume = hold + rng.uniform(0.02, 1.0)
    q, progress = play(
        Motion(segments, limits, STEP_S), lambda t: 0.0 if hold <= t < resume else 1.0
    )
    require_on_path(segments, q, progress, ROWS)
    require_limits(q, segments, limits)
    assert q[-1] == pytest.approx(segments.positions(np.array([segments.duration_s]))[0], abs=1e-9)


@pytest.mark.parametrize("seed", range(20))
def test_overrides_that_change_at_random_times(seed: int) -> None:
    segments, limits, rng = random_motion(seed)
    overrides = rng.choice([0.0, 0.1, 0.37, 0.5, 0.8, 1.0], 50)
    overrides[overrides == overrides[-1]] = 1.0
    q, progress = play(
        Motion(segments, limits, STEP_S),
        lambda t: float(overrides[int(t / 0.13)]) if t < 4.0 else 1.0,
    )
    require_on_path(segments, q, progress, ROWS)
    require_limits(q, segments, limits)


def test_a_constant_override_takes_proportionally_longer() -> None:
    segments, limits = long_motion()
    q, progress = play(Motion(segments, limits, STEP_S), lambda _: 0.4)
    assert len(q) * STEP_S == pytest.approx(segments.duration_s / 0.4, abs=ROWS * STEP_S)
    assert np.all(progress[:, 2] == 0.4)
    require_limits(q, segments, limits)


def test_an_override_in_mid_motion_is_reached_exactly() -> None:
    segments, limits = long_motion()
    _, progress = play(Motion(segments, limits, STEP_S), lambda t: 1.0 if t < 0.3 else 0.37)
    assert progress[-1, 2] == 0.37


def test_a_hold_before_the_start_moves_nothing() -> None:
    segments, limits = long_motion()
    motion = Motion(segments, limits, STEP_S)
    still = motion.setpoints(ROWS, 0.0)
    assert np.all(still == segments.positions(np.zeros(1)))
    assert not motion.ended
    q, _ = play(motion, lambda _: 1.0)
    assert len(q) * STEP_S == pytest.approx(segments.duration_s, abs=ROWS * STEP_S)


@pytest.mark.parametrize("seed", range(20))
def test_a_stop_is_for_good(seed: int) -> None:
    segments, limits, rng = random_motion(seed)
    motion = Motion(segments, limits, STEP_S)
    blocks = [motion.setpoints(ROWS, 1.0).copy() for _ in range(int(rng.integers(1, 12)))]
    motion.stop()
    blocks += [motion.setpoints(ROWS, 1.0).copy() for _ in range(200)]
    assert motion.ended
    q = np.concatenate(blocks)
    assert np.all(q[-1] == q[-ROWS])
    require_limits(q, segments, limits)


def test_a_stop_that_is_asked_for_bites_in_the_next_block() -> None:
    segments, limits = long_motion()
    motion = Motion(segments, limits, STEP_S)
    for _ in range(30):
        motion.setpoints(ROWS, 1.0)
    motion.setpoints(ROWS, 0.0)
    assert motion.speed < 1.0


@pytest.mark.parametrize("rows", [1, 4, 20])
def test_undisturbed_setpoints_do_not_depend_on_how_many_are_made_at_a_time(rows: int) -> None:
    segments, limits = long_motion()
    q, _ = play(Motion(segments, limits, STEP_S), lambda _: 1.0, rows=rows)
    expected = segments.positions(np.arange(1.0, len(q) + 1) * STEP_S)
    assert q == pytest.approx(expected, abs=1e-12)


def test_what_is_no_speed_is_a_hold() -> None:
    segments, limits = long_motion()
    motion = Motion(segments, limits, STEP_S)
    for _ in range(20):
        motion.setpoints(ROWS, 1.0)
    for _ in range(100):
        motion.setpoints(ROWS, float("nan"))
    assert motion.at_rest
    assert not motion.at_path_end


def cut(segments: Segments, pieces: int) -> tuple[Segments, Segments]:
    """The first pieces, and the rest as a trajectory of its own."""
    times, coefficients = segments.times, segments.coefficients
    return (
        Segments(times[: pieces + 1], coefficients[:pieces]),
        Segments(times[pieces:] - times[pieces], coefficients[pieces:]),
    )


@pytest.mark.parametrize("share", [0.4, 0.5, 0.65, 0.8])
def test_a_starved_horizon_ends_in_a_stop_on_the_path(share: float) -> None:
    segments, limits = long_motion()
    first, _ = cut(segments, int(share * len(segments.coefficients)))
    latest = latest_stop_s(first, limits, STEP_S)
    assert 0.0 < latest < first.duration_s
    motion = Motion(first, limits, STEP_S, latest_stop_s=latest)
    q, progress = play(motion, lambda _: 1.0, longest_s=2.0)
    assert motion.at_rest
    assert motion.starved
    assert motion.path_s < first.duration_s
    assert motion.path_s > 0.5 * first.duration_s, "it stops late, not early"
    require_on_path(first, q, progress, ROWS)
    require_limits(q, segments, limits)


@pytest.mark.parametrize("late_blocks", [0, 1, 3, 6, 12, 60])
def test_a_horizon_that_is_continued_late_slows_down_and_goes_on(late_blocks: int) -> None:
    segments, limits = long_motion()
    first, _ = cut(segments, len(segments.coefficients) // 2)
    latest = latest_stop_s(first, limits, STEP_S)
    motion = Motion(first, limits, STEP_S, latest_stop_s=latest)
    blocks = []
    while not motion.starved and motion.path_s < latest - ROWS * STEP_S:
        blocks.append(motion.setpoints(ROWS, 1.0).copy())
    blocks += [motion.setpoints(ROWS, 1.0).copy() for _ in range(late_blocks)]
    motion.extend(segments, np.inf)
    rest, _ = play(motion, lambda _: 1.0)
    q = np.concatenate([*blocks, rest])
    require_limits(q, segments, limits)
    assert q[-1] == pytest.approx(segments.positions(np.array([segments.duration_s]))[0], abs=1e-9)
    if late_blocks == 0:
        assert len(q) * STEP_S == pytest.approx(segments.duration_s, abs=ROWS * STEP_S)


@pytest.mark.parametrize("hold", [5, 20, 500])
def test_in_real_time_nothing_is_prepared_while_a_setpoint_is_waited_for(hold: int) -> None:
    segments, limits = long_motion()
    motion = Motion(segments, limits, STEP_S, in_real_time=True)
    q, k, before = [], 0, -1
    while not motion.at_path_end:
        q.append(motion.setpoints(1, 0.0 if hold <= k < hold + 400 else 1.0)[0].copy())
        assert motion._track is None or motion._track.ready == before, "made in the loop's time"
        motion.prepare_a_bit()
        assert motion._track is not None
        before = motion._track.ready
        k += 1
        assert k < 5000
    require_limits(np.array(q), segments, limits)
    assert before <= 1000 * (segments.duration_s + AHEAD_S)


def test_the_page_tells_the_peaks_of_all_pieces_so_far(tmp_path):
    rng = np.random.default_rng(3)
    first = quintic(np.linspace(0.0, 0.5, 6), *rng.normal(size=(3, 6, 2)))
    ends = tuple(part[-1] for part in first.evaluate(first.times[-1:]))
    rows = rng.normal(size=(3, 6, 2)) * 5.0
    rows[:, 0] = ends
    second = quintic(np.linspace(0.0, 0.4, 6), *rows)
    horizon = Horizon(tmp_path / "arm.page", 2, create=True)
    limits = JointLimits(*np.ones((3, 2)))
    one = np.ones(2)
    horizon.follow(
        first, limits, path_tolerance=one, goal_tolerance=one, stopped_velocity=one,
        goal_time_tolerance_s=1.0, latest_stop_s=0.2,
    )  # fmt: skip
    horizon.extend(second)
    known = horizon.segments()
    assert known.peaks is not None
    for told, found in zip(known.peaks, peaks_of(known.times, known.coefficients), strict=True):
        np.testing.assert_allclose(told, found, rtol=1e-9)

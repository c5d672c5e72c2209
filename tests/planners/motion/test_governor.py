"""Stopped, slowed, resumed, spliced at any time: always on the path and within every limit."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from planners.motion import Trajectory
from planners.motion.governor import Governor, SpliceError
from planners.motion.speed_requests import SpeedRequests
from planners.motion.straight import straight_trajectory
from planners.motion.track import JointLimits, Track, joined
from tests.planners.arms import HOME, arm
from tests.planners.motion.programs import sampled
from tests.planners.motion.stops import DT_S, deviation, run, shares, some_trajectory

NAME = "ur10e"
LONG = np.array([1.5, 0.3, 0.2, 0.1, 0.1, 0.1])


def long_track() -> tuple[Track, Trajectory]:
    trajectory = straight_trajectory(arm(NAME), HOME[NAME], HOME[NAME] + LONG)
    return Track.of(arm(NAME), trajectory), trajectory


def require_limits(track, outcome, velocity):
    speed, acceleration, jerk = shares(track, outcome, velocity)
    assert speed <= 1.0 + 1e-6
    assert acceleration <= 1.0 + 1e-6
    assert jerk <= 1.0 + 1e-5


@pytest.mark.parametrize("seed", range(150))
def test_stop_and_resume_at_random_times(seed):
    rng = np.random.default_rng(seed)
    robot, trajectory = some_trajectory(rng)
    track = Track.of(robot, trajectory)
    stop = rng.uniform(0.0, trajectory.duration_s)
    resume = stop + rng.uniform(0.05, 1.0)
    outcome = run(track, lambda t: 0.0 if stop <= t < resume else 1.0)
    assert deviation(trajectory, outcome) < 1e-9
    require_limits(track, outcome, robot.velocity)
    np.testing.assert_allclose(outcome.q[-1], trajectory.positions[-1], atol=1e-9)
    assert np.all(np.diff(outcome.path_time_s) >= 0.0)


@pytest.mark.parametrize("seed", range(25))
def test_a_speed_that_is_asked_for_anew_in_every_cycle(seed):
    """Speed and separation, or a shaking hand on the override."""
    rng = np.random.default_rng(seed)
    robot, trajectory = some_trajectory(rng)
    track = Track.of(robot, trajectory)
    noise = rng.uniform(0.2, 1.0, 80_000)
    outcome = run(track, lambda t: noise[int(t / DT_S)])
    assert deviation(trajectory, outcome) < 1e-9
    require_limits(track, outcome, robot.velocity)


def test_at_full_speed_nothing_is_changed():
    track, trajectory = long_track()
    outcome = run(track, lambda t: 1.0)
    t = np.minimum(np.arange(len(outcome.q)) * DT_S, trajectory.duration_s)
    expected = trajectory.sample(t)
    np.testing.assert_allclose(outcome.q, expected.positions, atol=1e-12)
    np.testing.assert_allclose(outcome.qd, expected.velocities, atol=1e-9)
    np.testing.assert_allclose(outcome.qdd, expected.accelerations, atol=1e-7)


@pytest.mark.parametrize("override", [0.03, 0.5, 0.87])
def test_override_is_reached_exactly_and_kept(override):
    track, _ = long_track()
    outcome = run(track, lambda t: 1.0 if t < 0.3 else override)
    assert outcome.speed[-1] == override


def test_reported_velocity_and_acceleration_are_those_of_the_setpoints():
    track, _ = long_track()
    outcome = run(track, lambda t: 0.0 if 0.4 <= t < 1.2 else 1.0)
    velocity = (outcome.q[2:] - outcome.q[:-2]) / (2 * DT_S)
    np.testing.assert_allclose(velocity, outcome.qd[1:-1], atol=1e-4)
    acceleration = np.diff(outcome.q, 2, axis=0) / DT_S**2
    np.testing.assert_allclose(acceleration, outcome.qdd[1:-1], atol=0.08)


def test_one_cycle_to_react():
    """The path speed falls in the cycle of the request.

    Unless a joint is at its limit already: then it falls when the planned motion, which brakes or
    turns over with all it has, leaves room.
    """
    rng, late = np.random.default_rng(7), 0
    for _ in range(150):
        robot, trajectory = some_trajectory(rng)
        track = Track.of(robot, trajectory)
        governor = Governor(track)
        stop = rng.uniform(0.0, trajectory.duration_s - DT_S)
        while governor.path_time_s < stop:
            governor.step(DT_S, 1.0)
        before = trajectory.sample(governor.path_time_s)
        cycles = 0
        while governor.speed == 1.0 and not governor.at_end:
            governor.step(DT_S, 0.0)
            cycles += 1
        if cycles > 1:
            late += 1
            used = max(
                sampled(before.jerks, track.jerk), sampled(before.accelerations, track.acceleration)
            )
            assert used > 0.7
    assert late <= 7


def shortest_stop_s(v: float, a: float, most: float, jerk: float) -> float:
    """From speed v > 0 and acceleration a to rest, one joint (Biagiotti and Melchiorri, 3.4)."""
    peak = np.sqrt(jerk * (v + a * a / (2 * jerk)))
    if peak <= most:
        return (a + 2 * peak) / jerk
    return (a + 2 * most) / jerk + (v + a * a / (2 * jerk) - most**2 / jerk) / most


@pytest.mark.parametrize("share", [0.3, 0.4, 0.5, 0.6, 0.7])
def test_a_stop_takes_little_longer_than_any_stop_must(share):
    track, trajectory = long_track()
    governor = Governor(track)
    while governor.path_time_s < share * trajectory.duration_s:
        governor.step(DT_S, 1.0)
    _, v, a = governor.state()
    robot = arm(NAME)
    best = shortest_stop_s(v[0], a[0], robot.acceleration[0], robot.jerk[0])
    cycles = 0
    while not governor.at_rest:
        governor.step(DT_S, 0.0)
        cycles += 1
    assert best - 0.002 <= cycles * DT_S <= 1.25 * best


def test_the_forecast_of_a_stop_is_where_it_stops():
    track, _ = long_track()
    governor = Governor(track)
    while governor.path_time_s < 0.5:
        governor.step(DT_S, 1.0)
    forecast = governor.forecast_stop(DT_S)
    before = governor.path_time_s
    cycles = 0
    while not governor.at_rest:
        state = governor.step(DT_S, 0.0)
        cycles += 1
    assert governor.path_time_s > before
    assert forecast.duration_s == pytest.approx(cycles * DT_S, abs=0.01)
    np.testing.assert_allclose(forecast.positions, state[0], atol=1e-3)


def test_a_stopped_arm_is_commanded_exactly_the_same_place():
    track, _ = long_track()
    governor = Governor(track)
    while governor.path_time_s < 0.5:
        governor.step(DT_S, 1.0)
    while not governor.at_rest:
        governor.step(DT_S, 0.0)
    first = governor.step(DT_S, 0.0)
    later = governor.step(DT_S, 0.0)
    np.testing.assert_array_equal(first[0], later[0])
    np.testing.assert_array_equal(later[1:], 0.0)


@settings(max_examples=30, deadline=None)
@given(st.lists(st.floats(0.0, 1.0), min_size=1, max_size=6), st.integers(0, 1000))
def test_any_sequence_of_overrides(targets, seed):
    robot, trajectory = some_trajectory(np.random.default_rng(seed))
    track = Track.of(robot, trajectory)

    def asked(t: float) -> float:
        k = int(t / 0.15)
        return targets[k] if k < len(targets) else 1.0

    outcome = run(track, asked)
    require_limits(track, outcome, robot.velocity)
    assert deviation(trajectory, outcome) < 1e-9


@pytest.mark.parametrize("cycle_s", [0.002, 0.004, 0.008])
def test_longer_cycles(cycle_s):
    rng = np.random.default_rng(11)
    for _ in range(12):
        robot, trajectory = some_trajectory(rng)
        track = Track.of(robot, trajectory, cycle_s=cycle_s)
        governor = Governor(track)
        stop = rng.uniform(0.0, trajectory.duration_s)
        q, k = [governor.state()[0]], 0
        while not governor.at_end:
            asked = 0.0 if stop <= k * cycle_s < stop + 0.4 else 1.0
            before = governor.path_time_s, governor.speed, governor.speed_rate
            q.append(governor.step(cycle_s, asked)[0])
            k += 1
            # Inside the cycle too: s'' is constant there, or falls along the ramp.
            change = (governor.speed_rate - before[2]) / cycle_s
            for tau, s, u in (before, (governor.path_time_s, governor.speed, governor.speed_rate)):
                d = track.evaluate(tau)
                if governor.at_end or abs(change) > 1000.0:
                    continue
                acceleration = d[2] * s * s + d[1] * u
                assert sampled(acceleration, track.acceleration) <= 1.0 + 1e-5
        way = np.concatenate([np.repeat(q[:1], 3, axis=0), q, np.repeat(q[-1:], 3, axis=0)])
        for limit in (robot.velocity, track.acceleration, track.jerk):
            way = np.diff(way, axis=0) / cycle_s
            assert np.max(np.abs(way) / limit) <= 1.0 + 1e-5


def test_a_cycle_that_comes_late_changes_nothing():
    track, _ = long_track()
    governor = Governor(track)
    for _ in range(600):
        governor.step(DT_S, 1.0)
    governor.step(0.02, 0.0)
    assert (governor.speed, governor.speed_rate) == (1.0, 0.0)
    assert governor.path_time_s == pytest.approx(0.62)


def test_what_is_no_speed_is_a_stop():
    track, _ = long_track()
    governor = Governor(track)
    for _ in range(600):
        governor.step(DT_S, 1.0)
    for _ in range(1000):
        governor.step(DT_S, float("nan"))
    assert governor.at_rest
    assert not governor.at_end


def test_the_lowest_request_counts_and_says_whose_it_is():
    requests = SpeedRequests()
    assert (requests.target, requests.lowest) == (1.0, None)
    requests.ask("override", 0.8)
    requests.ask("door", 0.0)
    assert (requests.target, requests.lowest) == (0.0, "door")
    requests.drop("door")
    requests.drop("door")
    assert (requests.target, requests.lowest) == (0.8, "override")
    with pytest.raises(ValueError, match="scanner"):
        requests.ask("scanner", float("nan"))


def branch_off(track: Track, trajectory: Trajectory, at_s: float) -> Track:
    """Another trajectory that begins in the state of the first at `at_s`: one quintic to rest."""
    here = trajectory.sample(at_s)
    robot = arm(NAME)
    aside = Trajectory(
        robot.joint_names,
        np.array([0.0, 1.6]),
        np.vstack([here.positions, here.positions + 0.55 * here.velocities + 0.1]),
        np.vstack([here.velocities, np.zeros(6)]),
        np.vstack([here.accelerations, np.zeros(6)]),
    )
    return joined(track, at_s, Track.of(robot, aside))


@pytest.mark.parametrize("stop", [None, 0.45, 0.7])
def test_a_replanned_trajectory_takes_over_without_a_stop(stop):
    track, trajectory = long_track()
    whole = branch_off(track, trajectory, 0.6)
    governor = Governor(track)
    rows, k = [governor.state()[0]], 0
    while not governor.at_end:
        if k == 300:
            governor.splice(whole, governor.path_time_s)
        t = k * DT_S
        rows.append(governor.step(DT_S, 0.0 if stop and stop <= t < stop + 0.2 else 1.0)[0])
        k += 1
    assert governor.track is whole
    q = np.array(rows)
    for limit in (arm(NAME).velocity, whole.acceleration, whole.jerk):
        q = np.diff(q, axis=0) / DT_S
        assert np.max(np.abs(q) / limit) <= 1.0 + 1e-5


def test_tracks_that_do_not_meet_are_not_spliced():
    track, _ = long_track()
    governor = Governor(track)
    for _ in range(300):
        governor.step(DT_S, 1.0)
    with pytest.raises(SpliceError, match="position differs"):
        governor.splice(track, 0.31)
    still = Track.of(arm(NAME), straight_trajectory(arm(NAME), governor.state()[0], HOME[NAME]))
    with pytest.raises(SpliceError, match="velocity differs"):
        governor.splice(still, 0.0)
    assert governor.track is track
    assert governor.path_time_s == pytest.approx(0.3)
    run(track, lambda t: 1.0, governor=governor)


def test_a_trajectory_above_the_limits_is_not_made_worse():
    """The verifier refuses it; the governor, handed it all the same, does not add to it."""
    robot = arm(NAME)
    trajectory = long_track()[1]
    low = JointLimits(robot.velocity, robot.acceleration * 0.8, robot.jerk * 0.7)
    track = Track(trajectory.times, trajectory.coefficients, low)
    outcome = run(track, lambda t: 0.0 if 0.3 <= t < 0.9 else 1.0)
    _, acceleration, jerk = shares(Track.of(robot, trajectory), outcome, robot.velocity)
    assert max(acceleration, jerk) <= 1.0 + 1e-5

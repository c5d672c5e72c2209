"""Straight joint motions: exact limits, and the durations that theory and toppra give."""

import numpy as np
import pytest
import toppra
from hypothesis import example, given, settings
from hypothesis import strategies as st

from planners.motion.straight import POINT_SPACING_S, straight_duration, straight_trajectory
from tests.planners.arms import ARMS, HOME, arm
from tests.planners.motion.programs import sampled

OFFSETS = st.lists(st.floats(-0.8, 0.8), min_size=6, max_size=6).filter(
    lambda d: max(map(abs, d)) > 1e-3
)


@pytest.mark.parametrize("name", ARMS)
@settings(max_examples=60, deadline=None)
@given(offsets=OFFSETS, speed=st.floats(0.05, 1.0))
@example(offsets=[0.0, 0.0, 0.0, 0.0, 0.6, 0.0], speed=0.99999)  # has a piece of microseconds
def test_limits_hold_and_the_tightest_is_used(name, offsets, speed):
    robot = arm(name)
    start, end = HOME[name], HOME[name] + np.array(offsets)
    trajectory = straight_trajectory(robot, start, end, speed)
    t = np.arange(0.0, trajectory.duration_s, 0.0005)
    state = trajectory.sample(t)
    shares = [
        sampled(state.velocities, robot.velocity * speed),
        sampled(state.accelerations, robot.acceleration * speed),
        sampled(trajectory.sample(t[1:-1]).jerks, robot.jerk * speed),
    ]
    assert max(shares[:2]) < 1.0 + 1e-6
    assert shares[2] < 1.0 + 1e-4  # the shortest pieces carry rounding
    assert shares[2] > 0.998
    np.testing.assert_array_equal(trajectory.positions[0], start)
    np.testing.assert_allclose(trajectory.positions[-1], end, atol=1e-12)
    for ends in (trajectory.velocities[[0, -1]], trajectory.accelerations[[0, -1]]):
        np.testing.assert_array_equal(ends, 0.0)
    assert np.diff(trajectory.times).max() <= POINT_SPACING_S + 1e-12
    assert trajectory.duration_s == pytest.approx(straight_duration(robot, start, end, speed))


def test_duration_of_a_long_move_is_the_textbooks():
    """Distance / v + v / a + a / j (Biagiotti and Melchiorri 2008, eq. 3.34) for one joint."""
    robot = arm("ur10e")
    move = np.array([2.0, 0, 0, 0, 0, 0])
    v, a, j = robot.velocity[0], robot.acceleration[0], robot.jerk[0]
    expected = 2.0 / v + v / a + a / j
    assert straight_duration(robot, np.zeros(6), move) == pytest.approx(expected)


@pytest.mark.parametrize("name", ARMS)
def test_duration_is_toppras_plus_the_ramps_of_the_acceleration(name):
    """Without jerk limits toppra's optimum is a lower bound; ramps cost at most two ramp times."""
    robot = arm(name)
    toppra.setup_logging("ERROR")
    rng = np.random.default_rng(2)
    limits = [
        toppra.constraint.JointVelocityConstraint(np.stack([-robot.velocity, robot.velocity], 1)),
        toppra.constraint.JointAccelerationConstraint(
            np.stack([-robot.acceleration, robot.acceleration], 1)
        ),
    ]
    for _ in range(5):
        end = HOME[name] + rng.uniform(-1.0, 1.0, 6)
        path = toppra.SplineInterpolator([0.0, 1.0], np.stack([HOME[name], end]), "natural")
        solver = toppra.algorithm.TOPPRA(limits, path, np.linspace(0.0, 1.0, 301))
        theirs = solver.compute_trajectory(0.0, 0.0).duration
        ours = straight_duration(robot, HOME[name], end)
        ramp = float(np.max(robot.acceleration / robot.jerk))
        assert theirs - 1e-3 < ours < theirs + 2 * ramp

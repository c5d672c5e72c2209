"""What the loop counts is what happened, to a fifth; deadlines stay absolute."""

import time

import numpy as np
import pytest

from drivers.arms import ArmNotConnected, SetpointsRefused
from drivers.arms.loopback import LoopbackArm
from drivers.arms.pace import Pace
from planners.motion.track import JointLimits
from robot_cell.execution.horizon import Horizon, Outcome
from robot_cell.execution.loop_statistics import COMPUTE, WORDS, LoopStatistics
from robot_cell.execution.segments import quintic
from robot_cell.execution.setpoints import Servo


def statistics() -> LoopStatistics:
    return LoopStatistics(memoryview(bytearray(8 * WORDS)).cast("q"))


def test_quantiles_are_those_of_the_values_to_a_fifth() -> None:
    loop = statistics()
    values = np.random.default_rng(1).lognormal(11.0, 1.0, 20_000).astype(int)
    for ns in values:
        loop.count(COMPUTE, int(ns))
    found = loop.report().compute
    for share, seen in ((0.5, found.median), (0.99, found.p99), (0.999, found.p999)):
        true = np.quantile(values, share) / 1e3
        assert true * 0.99 <= seen <= true * 1.26
    assert found.largest == pytest.approx(values.max() / 1e3, abs=0.1)


@pytest.mark.parametrize("ns", [0, 1, 7, 8, 9, 1023, 1024, 2**45])
def test_any_value_is_counted(ns: int) -> None:
    loop = statistics()
    loop.count(COMPUTE, ns)
    assert loop.report().compute.median == pytest.approx(ns / 1e3, rel=0.26, abs=0.02) or ns > 2**41


def test_a_new_connection_counts_from_zero() -> None:
    loop = statistics()
    loop.count(COMPUTE, 5000)
    loop.overrun()
    loop.begin(2_000_000, 0)
    report = loop.report()
    assert (report.cycles, report.overruns, report.compute.largest) == (0, 0, 0.0)
    assert report.nominal_us == 2000.0


def test_deadlines_are_absolute_and_missed_periods_are_left_out() -> None:
    pace = Pace(2_000_000)
    pace.begin()
    first_ns = pace.due_ns
    for _ in range(5):
        assert pace.wait() >= pace.due_ns
    until_ns = time.monotonic_ns() + 9_000_000
    while time.monotonic_ns() < until_ns:
        pass
    pace.wait()
    assert (pace.due_ns - first_ns) % pace.period_ns == 0, "lateness does not add up"
    assert pace.missed >= 3


def test_a_loopback_arm_says_what_is_wrong_with_its_address() -> None:
    with pytest.raises(ArmNotConnected, match="6@500"):
        LoopbackArm("six")
    with pytest.raises(SetpointsRefused):
        LoopbackArm("2@1000").write(np.zeros((2, 2)))


@pytest.mark.parametrize("rate_hz", [1000, 500, 250])
def test_the_servo_keeps_an_arms_own_rate_in_real_time(tmp_path, rate_hz: int) -> None:
    horizon = Horizon(tmp_path / "arm.page", 2, create=True)
    ended: list[int] = []
    servo = Servo(LoopbackArm(f"2@{rate_hz}"), horizon, ended.append, in_real_time=True)
    servo.connect(1.0)
    rest, goal = np.zeros((2, 2)), np.array([[0.0, 0.0], [0.3, 0.2]])
    limits = JointLimits(*(np.full(2, most) for most in (6.0, 60.0, 2000.0)))
    horizon.follow(
        quintic(np.array([0.0, 0.4]), goal, rest, rest),
        limits,
        path_tolerance=np.zeros(2),
        goal_tolerance=np.full(2, 0.001),
        stopped_velocity=np.full(2, 0.01),
        goal_time_tolerance_s=0.5,
    )
    cycles = 0
    while not ended:
        servo.step(1.0)
        cycles += 1
        assert cycles < 3 * rate_hz
    assert horizon.result().outcome is Outcome.DONE
    report = LoopStatistics(horizon.statistics).report()
    assert report.cycles == cycles
    assert report.nominal_us == 1e6 / rate_hz
    assert 0.4 * rate_hz <= cycles <= 0.45 * rate_hz

"""The servo follows, judges by what was measured, stops on the path, and never jumps."""

import numpy as np
import pytest

from drivers.arms import ArmNotConnected, ArmState
from planners.motion.track import JointLimits
from robot_cell.execution.horizon import Horizon, Outcome
from robot_cell.execution.segments import Segments, quintic
from robot_cell.execution.setpoints import Servo

DOF = 2
ROWS = 10
PERIOD_NS = 10_000_000
LIMITS = JointLimits(np.full(DOF, 2.0), np.full(DOF, 12.0), np.full(DOF, 150.0))


class LaggingArm:
    """An arm that follows its setpoints with a first-order lag (time constant `lag_s`)."""

    joint_names = ("shoulder", "elbow")
    period_ns = PERIOD_NS
    setpoints_per_period = ROWS

    def __init__(self, lag_s: float = 0.004) -> None:
        self.positions = np.zeros(DOF)
        self.velocities = np.zeros(DOF)
        self.stuck = False
        self.gone = False
        self.written: list[np.ndarray] = []
        self._time_ns = 0
        self._gain = 1.0 - np.exp(-0.001 / lag_s)

    def connect(self, timeout_s: float) -> ArmState:
        return self._state()

    def read(self, timeout_s: float) -> ArmState:
        if self.gone:
            raise ArmNotConnected("arm", "gone", "Bring it back.")
        for setpoint in self.written[-1]:
            before = self.positions.copy()
            if not self.stuck:
                self.positions += self._gain * (setpoint - self.positions)
            self.velocities = (self.positions - before) / 0.001
        self._time_ns += PERIOD_NS
        return self._state()

    def write(self, setpoints: np.ndarray) -> None:
        assert setpoints.shape == (ROWS, DOF)
        self.written.append(setpoints.copy())

    def stop(self) -> None: ...

    def close(self) -> None: ...

    def _state(self) -> ArmState:
        return ArmState(self._time_ns, self.positions.copy(), self.velocities.copy(), np.zeros(DOF))


@pytest.fixture
def bench(tmp_path):
    horizon = Horizon(tmp_path / "arm.page", DOF, create=True)
    arm = LaggingArm()
    announced: list[int] = []
    servo = Servo(arm, horizon, lambda _: announced.append(horizon.result().order))
    servo.connect(1.0)
    return horizon, arm, servo, announced


def move(end: float, duration_s: float = 1.0) -> Segments:
    rest = np.zeros((2, DOF))
    return quintic(np.array([0.0, duration_s]), np.array([[0.0] * DOF, [end] * DOF]), rest, rest)


def order(horizon: Horizon, segments: Segments, path_rad: float = 0.0, goal_s: float = 0.5) -> int:
    return horizon.follow(
        segments,
        LIMITS,
        path_tolerance=np.full(DOF, path_rad),
        goal_tolerance=np.full(DOF, 0.005),
        stopped_velocity=np.full(DOF, 0.02),
        goal_time_tolerance_s=goal_s,
    )


def turn(servo: Servo, announced: list[int], limit: int = 500) -> int:
    for periods in range(1, limit):
        servo.step(1.0)
        if announced:
            return periods
    raise AssertionError("the order did not end")


def test_an_idle_servo_holds_where_the_arm_was_found(bench) -> None:
    _, arm, servo, _ = bench
    for _ in range(5):
        servo.step(1.0)
    assert np.all(np.concatenate(arm.written) == 0.0)


def test_a_motion_is_streamed_sample_by_sample_and_ends_when_the_arm_stands(bench) -> None:
    horizon, arm, servo, announced = bench
    number = order(horizon, move(0.8))
    periods = turn(servo, announced)
    stream = np.concatenate(arm.written)[:, 0]
    expected = move(0.8).positions(np.arange(1, 1001) * 0.001)[:, 0]
    begin = int(np.flatnonzero(stream != 0.0)[0])
    assert stream[begin : begin + 1000] == pytest.approx(expected, abs=1e-12)
    result = horizon.result()
    assert (result.order, result.outcome) == (number, Outcome.DONE)
    assert np.max(np.abs(result.error)) < 0.005
    assert 100 <= periods <= 106


def test_success_is_judged_by_the_arm_and_not_by_time(bench) -> None:
    horizon, arm, servo, announced = bench
    order(horizon, move(0.8))
    arm.stuck = True
    turn(servo, announced)
    result = horizon.result()
    assert result.outcome is Outcome.GOAL_TOLERANCE
    assert result.error == pytest.approx([-0.8, -0.8], abs=1e-9)


def test_an_arm_that_leaves_its_path_is_stopped_on_it(bench) -> None:
    horizon, arm, servo, announced = bench
    order(horizon, move(0.8), path_rad=0.05)
    for _ in range(30):
        servo.step(1.0)
    arm.stuck = True
    turn(servo, announced)
    assert horizon.result().outcome is Outcome.PATH_TOLERANCE
    assert np.concatenate(arm.written)[-1, 0] < 0.79


def test_an_arm_that_something_keeps_is_no_longer_pushed(bench) -> None:
    horizon, arm, servo, announced = bench
    order(horizon, move(0.8), path_rad=0.05)
    for _ in range(40):
        servo.step(1.0)
    arm.stuck = True
    turn(servo, announced)
    assert horizon.result().outcome is Outcome.PATH_TOLERANCE
    ended = len(arm.written)
    pushed = arm.written[-1][-1] - arm.positions
    assert (np.abs(pushed) > 0.04).all()
    for _ in range(600):
        servo.step(1.0)
    measured = horizon.measured()
    assert measured is not None
    assert measured.setpoint == pytest.approx(arm.positions, abs=1e-9)
    way = np.concatenate(arm.written[ended - 1 :])
    require_smooth(way)
    assert np.abs(np.diff(way, axis=0)).max() / 0.001 < 0.11
    arm.stuck = False
    before = arm.positions.copy()
    for _ in range(20):
        servo.step(1.0)
    assert arm.positions == pytest.approx(before, abs=1e-9)
    announced.clear()
    rest = np.zeros((2, DOF))
    way_on = quintic(np.array([0.0, 1.0]), np.stack([before, np.zeros(DOF)]), rest, rest)
    order(horizon, way_on, path_rad=0.05)
    turn(servo, announced)
    assert horizon.result().outcome is Outcome.DONE


def test_what_is_asked_of_an_arm_that_gives_way_is_void(bench) -> None:
    horizon, arm, servo, announced = bench
    order(horizon, move(0.8), path_rad=0.05)
    for _ in range(40):
        servo.step(1.0)
    arm.stuck = True
    turn(servo, announced)
    announced.clear()
    number = order(horizon, move(0.8))
    assert turn(servo, announced) == 1
    assert (horizon.result().order, horizon.result().outcome) == (number, Outcome.STOPPED)


def require_smooth(stream: np.ndarray, tolerance: float = 1e-6) -> None:
    """Speed, acceleration and jerk of every setpoint, from differences alone, are within limits."""
    way = np.concatenate(
        [np.repeat(stream[:1], 3, axis=0), stream, np.repeat(stream[-1:], 3, axis=0)]
    )
    for limit in (LIMITS.velocity, LIMITS.acceleration, LIMITS.jerk):
        way = np.diff(way, axis=0) / 0.001
        assert np.max(np.abs(way) / limit) <= 1.0 + tolerance


def test_a_stop_stays_on_the_path_and_never_jumps(bench) -> None:
    horizon, arm, servo, announced = bench
    order(horizon, move(0.8))
    for _ in range(50):
        servo.step(1.0)
    horizon.stop()
    periods = turn(servo, announced)
    assert horizon.result().outcome is Outcome.STOPPED
    assert periods * 0.01 < 0.4
    stream = np.concatenate(arm.written)
    assert np.min(np.diff(stream[:, 0])) >= 0.0
    assert np.max(np.abs(stream[:, 0] - stream[:, 1])) < 1e-9, "both joints stay on the path"
    require_smooth(stream)
    assert stream[-1, 0] < move(0.8).positions(np.array([0.75]))[0, 0]


def test_a_stop_ends_an_order_that_the_servo_has_not_seen_yet(bench) -> None:
    """Ordered and stopped within one period: nothing moves, and whoever waits is told."""
    horizon, arm, servo, announced = bench
    number = order(horizon, move(0.8))
    horizon.stop()
    assert turn(servo, announced) == 1
    assert (horizon.result().order, horizon.result().outcome) == (number, Outcome.STOPPED)
    assert np.all(np.concatenate(arm.written) == 0.0)
    announced.clear()
    assert order(horizon, move(0.8)) > number
    turn(servo, announced)
    assert horizon.result().outcome is Outcome.DONE, "a stop voids what was ordered before it only"


def test_a_lost_arm_fails_the_motion_and_is_held_where_it_comes_back(bench) -> None:
    horizon, arm, servo, announced = bench
    order(horizon, move(0.8))
    for _ in range(50):
        servo.step(1.0)
    arm.gone = True
    with pytest.raises(ArmNotConnected):
        servo.step(1.0)
    servo.lost()
    assert horizon.result().outcome is Outcome.DEVICE_FAULT
    assert not horizon.connected
    arm.gone = False
    arm.positions = np.array([0.3, -0.2])
    servo.connect(1.0)
    servo.step(1.0)
    assert arm.written[-1] == pytest.approx(np.tile([0.3, -0.2], (ROWS, 1)))
    assert announced

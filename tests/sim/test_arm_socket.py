"""The simulated arm over its real socket: lockstep, loss and return, stops, faults, garbage."""

from __future__ import annotations

import socket
import threading

import numpy as np
import pytest

from drivers.arms import ArmFault, ArmNotConnected, ArmTimeout, SetpointsRefused
from sim.arm_driver import MujocoArm
from sim.arm_protocol import Decoder, Kind, ProtocolViolation, encode
from sim.cell import Phase


@pytest.fixture
def running(simulate, tmp_path):
    """A cell whose loop runs in a thread, and a driver that is not connected yet."""
    cell = simulate()
    stop = threading.Event()

    def loop() -> None:
        while not stop.is_set():
            cell.run_once(0.01)

    thread = threading.Thread(target=loop)
    thread.start()
    arm = MujocoArm(str(tmp_path / "sockets" / "cell_a.arm"))
    yield cell, arm
    stop.set()
    thread.join(10.0)
    arm.close()


def hold(arm: MujocoArm, positions: np.ndarray) -> np.ndarray:
    return np.tile(positions, (arm.setpoints_per_period, 1))


def test_a_driver_is_greeted_and_then_gets_every_tick(running):
    _, arm = running
    state = arm.connect(5.0)
    assert len(arm.joint_names) == 6
    assert (arm.period_ns, arm.setpoints_per_period) == (20_000_000, 20)
    times = []
    for _ in range(20):
        times.append(arm.read(5.0).time_ns)
        arm.write(hold(arm, state.positions))
    assert np.diff(times).tolist() == [arm.period_ns] * 19


def test_no_answer_no_step(running, until):
    cell, arm = running
    arm.connect(5.0)
    state = arm.read(5.0)
    with pytest.raises(ArmTimeout):
        arm.read(0.2)
    assert cell.time_ns == state.time_ns
    assert cell.phase is Phase.ASKED
    arm.write(hold(arm, state.positions))
    assert arm.read(5.0).time_ns == state.time_ns + arm.period_ns


def test_setpoints_written_right_after_the_greeting_are_no_answer(running):
    _, arm = running
    state = arm.connect(5.0)
    arm.write(hold(arm, state.positions))
    first = arm.read(5.0)
    with pytest.raises(ArmTimeout):
        arm.read(0.2)
    arm.write(hold(arm, state.positions))
    assert arm.read(5.0).time_ns == first.time_ns + arm.period_ns


def test_time_goes_on_without_a_driver_and_the_arm_holds_until_it_comes_back(running, until):
    cell, arm = running
    home = arm.connect(5.0).positions
    for _ in range(5):
        arm.read(5.0)
        arm.write(hold(arm, home))
    arm.close()
    lost_ns = cell.time_ns
    until(lambda: cell.time_ns > lost_ns + 50 * arm.period_ns, lambda: None)
    state = arm.connect(5.0)
    assert state.positions == pytest.approx(home, abs=1e-3)
    following = [arm.read(5.0).time_ns]
    arm.write(hold(arm, home))
    following.append(arm.read(5.0).time_ns)
    assert following[1] - following[0] == arm.period_ns


def test_the_newest_driver_wins(running, tmp_path):
    _, arm = running
    arm.connect(5.0)
    other = MujocoArm(str(tmp_path / "sockets" / "cell_a.arm"))
    home = other.connect(5.0).positions
    arm.read(5.0)
    with pytest.raises(ArmNotConnected, match="closed"):
        arm.read(5.0)
    other.read(5.0)
    other.write(hold(other, home))
    other.read(5.0)
    other.close()


def test_a_stop_holds_the_measured_pose_and_needs_no_more_setpoints(running):
    _, arm = running
    start = arm.connect(5.0).positions
    at = start.copy()
    for _ in range(15):
        arm.read(5.0)
        rows = at + 0.0005 * np.arange(1, arm.setpoints_per_period + 1)[:, None] * np.eye(6)[0]
        at = rows[-1]
        arm.write(rows)
    moving = arm.read(5.0)
    assert moving.velocities[0] > 0.3
    arm.stop()
    states = [arm.read(5.0) for _ in range(40)]
    assert abs(states[-1].velocities).max() < 1e-3
    assert states[-1].positions == pytest.approx(moving.positions, abs=0.01)
    arm.write(hold(arm, states[-1].positions))
    assert arm.read(5.0).positions == pytest.approx(states[-1].positions, abs=0.01)


@pytest.mark.parametrize(
    ("offset", "code"), [(np.full(6, 0.2), "JUMP"), (np.array([0, 0, 0, 0, 3.0, 0]), "RANGE")]
)
def test_setpoints_that_no_controller_would_take_are_a_fault(running, offset, code):
    cell, arm = running
    home = arm.connect(5.0).positions
    arm.read(5.0)
    arm.write(hold(arm, home + offset))
    with pytest.raises(ArmFault) as fault:
        arm.read(5.0)
    assert fault.value.code == code
    with pytest.raises(ArmNotConnected):
        arm.read(5.0)
    assert arm.connect(5.0).positions == pytest.approx(home, abs=1e-3)
    assert len(cell.arms["arm"].faults) == 1


def test_the_driver_refuses_malformed_setpoints_itself(running):
    _, arm = running
    home = arm.connect(5.0).positions
    arm.read(5.0)
    with pytest.raises(SetpointsRefused, match="shape"):
        arm.write(home)
    rows = hold(arm, home)
    rows[3, 2] = np.nan
    with pytest.raises(SetpointsRefused, match="finite"):
        arm.write(rows)


def test_garbage_is_hung_up_on_and_the_next_driver_is_served(running, tmp_path):
    cell, arm = running
    stranger = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    stranger.connect(str(tmp_path / "sockets" / "cell_a.arm"))
    stranger.settimeout(5.0)
    stranger.sendall(b"GET / HTTP/1.1\r\nHost: arm\r\n\r\n")
    while stranger.recv(4096):
        pass
    stranger.close()
    assert cell.arms["arm"].faults[0].startswith("PROTOCOL")
    arm.connect(5.0)
    arm.read(5.0)


def test_nobody_there_is_said(tmp_path):
    arm = MujocoArm(str(tmp_path / "cell_z.arm"))
    with pytest.raises(ArmNotConnected, match=r"cell_z.*sim_node"):
        arm.connect(0.05)
    with pytest.raises(ArmNotConnected):
        arm.stop()


def test_a_driver_that_says_nothing_is_given_up_after_the_patience(simulate, stream, until):
    cell = simulate()
    cell.gate.patience_s = 0.1
    silent = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    silent.connect(str(cell.arms["arm"].path))
    until(lambda: cell.spent.ticks > 5, lambda: cell.run_once(0.01))
    silent.close()


@pytest.mark.parametrize("cut", [1, 7, 19, 20, 21, 500])
def test_messages_survive_being_cut_anywhere(cut):
    values = np.arange(60, dtype=float).reshape(10, 6)
    data = encode(Kind.SETPOINTS, 123, values) + encode(Kind.FAULT, 5, text="JUMP ä")
    decoder = Decoder()
    messages = [m for i in range(0, len(data), cut) for m in decoder.feed(data[i : i + cut])]
    assert [m.kind for m in messages] == [Kind.SETPOINTS, Kind.FAULT]
    assert messages[0].time_ns == 123
    assert (messages[0].values == values).all()
    assert messages[1].text == "JUMP ä"


@pytest.mark.parametrize("at", [0, 4, 5, 7, 9, 11])
def test_a_broken_header_is_a_violation(at):
    data = bytearray(encode(Kind.SETPOINTS, 123, np.zeros((10, 6))))
    data[at] = 0xFF
    with pytest.raises(ProtocolViolation):
        list(Decoder().feed(bytes(data)))

"""The driver of Universal Robots against a controller that speaks RTDE, and fails as one does."""

from __future__ import annotations

import json
import os
import re
import struct
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from drivers.arms import ArmFault, ArmNotConnected, ArmTimeout, SetpointsRefused
from drivers.arms.ur_rtde import UrRtdeArm, modes, registers, wire
from sim.remote import Remote
from sim.rtde.robot import Robot
from tests.drivers.arms.conftest import fault_of, until

SCRIPT = Path(__file__).parents[3] / "deploy" / "ur" / "robot_cell.script"
WAY_RAD = 0.1
INDEPENDENT = """
import json, os, sys
from rtde_io import RTDEIOInterface
from rtde_receive import RTDEReceiveInterface
robot = RTDEReceiveInterface(sys.argv[1], 500.0)
before = robot.getTimestamp()
while robot.getTimestamp() < before + 0.1:
    pass
print()
print(json.dumps(robot.getActualQ()))
print(json.dumps([robot.getRobotMode(), robot.getSafetyMode(), robot.isProtectiveStopped()]))
written = RTDEIOInterface(sys.argv[1]).setInputDoubleRegister(22, 1.5)
print(json.dumps(written), flush=True)
while robot.getTimestamp() < before + 0.2:
    pass
os._exit(0)
"""


@pytest.fixture
def arm(ur: Remote) -> Iterator[UrRtdeArm]:
    arm = UrRtdeArm("127.0.0.1", int(ur.greeting))
    yield arm
    arm.close()


def follow(arm: UrRtdeArm, cycles: int = 200) -> np.ndarray:
    """Swing by 0.1 rad and back, and stand there."""
    start = arm.read(0.5).positions
    for cycle in range(cycles):
        setpoint = start + WAY_RAD * (1.0 - np.cos(2 * np.pi * cycle / cycles)) / 2
        arm.write(setpoint[None])
        arm.read(0.5)
    return start


def test_setpoints_are_followed_and_nothing_moves_before(ur: Remote, arm: UrRtdeArm) -> None:
    state = arm.connect(2.0)
    assert arm.controller == "5.12.2.1101"
    before = ur.ask("report")
    assert before["moved"] == 0.0
    assert state.positions == pytest.approx(before["q"], abs=1e-12)
    arm.connect(2.0)  # asking may have taken longer than the program waits
    start = follow(arm)
    arm.close()
    done = ur.ask("report")
    assert done["moved"] == pytest.approx(2 * 6 * WAY_RAD, rel=0.05)
    until(lambda: ur.ask("report")["clients"] == 0, "it does not hang up")
    assert start == pytest.approx(ur.ask("report")["q"], abs=0.02)


@pytest.mark.parametrize(
    "wrong", [np.zeros((1, 5)), np.zeros((2, 6)), np.full((1, 6), np.nan), np.zeros(6)]
)
def test_wrong_setpoints_are_refused(arm: UrRtdeArm, wrong: np.ndarray) -> None:
    arm.connect(2.0)
    with pytest.raises(SetpointsRefused):
        arm.write(wrong)


def test_a_protective_stop_is_a_fault_until_a_person_has_seen_to_it(
    ur: Remote, arm: UrRtdeArm
) -> None:
    arm.connect(2.0)
    ur.ask("protective_stop")
    with pytest.raises(ArmFault) as caught:
        arm.connect(2.0)
    assert caught.value.code == "PROTECTIVE_STOP"
    ur.ask("unlock")
    with pytest.raises(ArmFault, match=r"robot_cell\.script") as caught:
        arm.connect(2.0)
    assert caught.value.code == "PROGRAM_STOPPED"
    ur.ask("play")
    moved = ur.ask("report")["moved"]
    arm.connect(2.0)
    assert ur.ask("report")["moved"] == moved


@pytest.mark.parametrize(
    ("fault", "code"),
    [("protective_stop", "PROTECTIVE_STOP"), ("pause_program", "PROGRAM_PAUSED"),
     ("stop_program", "PROGRAM_STOPPED")],
)  # fmt: skip
def test_what_stops_the_arm_in_mid_stream_is_said(
    ur: Remote, arm: UrRtdeArm, fault: str, code: str
) -> None:
    """It is asked for from the server's side while the driver streams."""
    arm.connect(2.0)
    ur.tell(fault)
    assert fault_of(arm, ArmFault).code == code


def test_another_program_is_told_from_ours(ur: Remote, arm: UrRtdeArm) -> None:
    ur.ask("play", other=True)
    with pytest.raises(ArmFault, match="version 0 where 1") as caught:
        arm.connect(2.0)
    assert caught.value.code == "OTHER_PROGRAM"


def test_a_driver_that_falls_silent_is_stopped_and_led_back(ur: Remote, arm: UrRtdeArm) -> None:
    arm.connect(2.0)
    until(lambda: ur.ask("report")["starved"] == 1, "the program goes on without setpoints")
    assert fault_of(arm, ArmFault).code == "STARVED"
    arm.connect(2.0)
    assert ur.ask("report")["moved"] == 0.0


def test_the_controllers_own_watchdog_ends_the_program(ur: Remote, arm: UrRtdeArm) -> None:
    """Not while setpoints come, nor while it waits; but when its own look at them is too slow."""
    ur.ask("reset", starved_cycles=5000)
    ur.ask("watchdog", longest_s=0.8)
    arm.connect(2.0)
    follow(arm)
    arm.close()
    cycles = ur.ask("report")["cycles"]
    until(lambda: ur.ask("report")["cycles"] > cycles + 500, "its time stands still")
    arm.connect(2.0)
    until(lambda: ur.ask("report")["runtime"] == 1, "the program goes on without us")
    with pytest.raises(ArmFault) as caught:
        arm.connect(2.0)
    assert caught.value.code == "PROGRAM_STOPPED"


def test_a_setpoint_that_jumps_is_not_followed(ur: Remote, arm: UrRtdeArm) -> None:
    state = arm.connect(2.0)
    assert fault_of(arm, ArmFault, state.positions + 0.2).code == "JUMP"
    assert ur.ask("report")["moved"] == 0.0


def test_a_lost_link_is_found_out_though_nobody_hangs_up(ur: Remote, arm: UrRtdeArm) -> None:
    arm.connect(2.0)
    ur.tell("link", lost_s=1.0)
    assert "no state for" in fault_of(arm, ArmNotConnected).what
    with pytest.raises(ArmNotConnected):
        arm.read(0.1)
    ur.ask("report")
    arm.connect(3.0)


def test_a_controller_that_hangs_up(ur: Remote, arm: UrRtdeArm) -> None:
    arm.connect(2.0)
    ur.tell("hang_up")
    fault_of(arm, ArmNotConnected)


def test_what_is_no_rtde_is_no_robot(ur: Remote, arm: UrRtdeArm) -> None:
    arm.connect(2.0)
    ur.tell("garbage")
    assert "no RTDE" in fault_of(arm, ArmNotConnected).what


def test_late_states_are_not_made_up_for(ur: Remote, arm: UrRtdeArm) -> None:
    """States that come in bunches are answered once: no setpoint is skipped, the arm is slower."""
    state = arm.connect(2.0)
    ur.tell("late", late_s=0.008, for_s=0.4)
    start = state.positions
    setpoint = start.copy()
    for cycle in range(300):
        setpoint = start + WAY_RAD * (1.0 - np.cos(2 * np.pi * cycle / 300)) / 2
        arm.write(setpoint[None])
        arm.read(0.5)
    assert arm.skipped > 50
    arm.close()
    steps = ur.ask("report")
    assert steps["starved"] == 0
    assert steps["largest_step"] < 0.0066, "no faster than its top speed"


def test_the_speed_slider_is_told(ur: Remote, arm: UrRtdeArm) -> None:
    ur.ask("slider", fraction=0.4)
    assert arm.connect(2.0).speed_fraction == 0.4


def test_a_variable_that_is_unknown_or_taken(ur: Remote, arm: UrRtdeArm) -> None:
    ur.ask("recipe", unknown=["target_speed_fraction"])
    with pytest.raises(ArmFault, match=r"5\.12\.2\.1101 knows no target_speed_fraction"):
        arm.connect(2.0)
    ur.ask("recipe", in_use=["input_double_register_27"])
    with pytest.raises(ArmFault, match="input_double_register_27 is written by somebody else"):
        arm.connect(2.0)
    ur.ask("recipe")
    other = UrRtdeArm("127.0.0.1", int(ur.greeting))
    arm.connect(2.0)
    with pytest.raises(ArmFault) as caught:
        other.connect(2.0)
    assert caught.value.code == "RTDE_IN_USE"


def test_messages_of_the_controller_are_in_the_log(
    ur: Remote, arm: UrRtdeArm, caplog: pytest.LogCaptureFixture
) -> None:
    here = arm.connect(2.0).positions
    ur.tell("message", words="joint 3 is warm", level=2)

    def said() -> str:
        arm.read(0.5)
        arm.write(here[None])
        return caplog.text

    until(said, "nothing is said")
    assert "127.0.0.1: RTDE: joint 3 is warm" in caplog.text


def test_it_can_be_looked_at_while_it_is_moved(ur: Remote, arm: UrRtdeArm) -> None:
    arm.connect(2.0)
    other = UrRtdeArm("127.0.0.1", int(ur.greeting))
    assert "our program plays, joints at 0.0, -90.0" in other.look(2.0)
    assert ur.ask("report")["moved"] == 0.0
    ur.ask("protective_stop")
    with pytest.raises(ArmFault, match="met something"):
        other.look(2.0)


def test_nobody_there() -> None:
    with pytest.raises(ArmNotConnected, match="RTDE is enabled"):
        UrRtdeArm("127.0.0.1", 1).connect(0.1)


def test_the_program_on_the_controller_has_the_same_numbers() -> None:
    numbers = {
        name: float(value)
        for name, value in re.findall(r"^  ([A-Z_0-9]+) = ([\d.]+)$", SCRIPT.read_text(), re.M)
    }
    ours = {
        "VERSION": registers.PROGRAM_VERSION,
        "STARVED_CYCLES": registers.STARVED_CYCLES,
        "START_RAD": registers.START_RAD,
        "STEP_RAD": registers.STEP_RAD,
        **{one.name: one.value for one in (*registers.Command, *registers.State)},
    }
    assert {name: numbers[name] for name in ours} == ours


def test_the_program_sets_its_watchdog_as_the_script_manual_says() -> None:
    """Script manual, "rtde_set_watchdog(variable_name, min_frequency, action='pause')"."""
    text = SCRIPT.read_text()
    code = "\n".join(line for line in text.splitlines() if not line.lstrip().startswith("#"))
    calls = re.findall(r'rtde_set_watchdog\("(\w+)", (\w+), "(\w+)"\)', code)
    assert len(calls) == code.count("rtde_set_watchdog(") == 2
    assert {variable for variable, _, _ in calls} == {registers.SEQUENCE}, "written each cycle"
    assert [action for _, _, action in calls] == ["ignore", "stop"], "of ignore, pause and stop"
    (name,) = {frequency for _, frequency, _ in calls}
    frequency_hz = float(re.search(rf"^  {name} = ([\d.]+)$", text, re.M)[1])
    assert Robot().watchdog_s == pytest.approx(1.0 / frequency_hz), "as the simulated controller"


def test_every_mode_has_its_word() -> None:
    assert modes.hindrance(7, 1, 2) is None
    assert modes.hindrance(7, 2, 2) is None, "reduced is slow, not forbidden"
    for safety in range(3, 12):
        found = modes.hindrance(7, safety, 2)
        assert found is not None
        assert found.code == modes.SAFETY_MODES[safety][0]
    assert modes.hindrance(3, 3, 1).code == "PROTECTIVE_STOP", "the gravest first"
    assert modes.hindrance(3, 1, 1).code == "POWER_OFF"
    assert modes.hindrance(7, 99, 2).code == "SAFETY_MODE_99"


@given(st.lists(st.tuples(st.sampled_from([77, 79, 85]), st.binary(max_size=40))), st.data())
def test_packages_are_cut_alike_however_they_come(packages, data) -> None:
    stream = b"".join(struct.pack(">HB", 3 + len(p), kind) + p for kind, p in packages)
    cutter, found = wire.Cutter(), []
    while stream:
        size = data.draw(st.integers(1, len(stream)))
        found += cutter.feed(stream[:size])
        stream = stream[size:]
    assert found == packages


@given(st.binary(max_size=200))
def test_garbage_is_refused_or_waited_on(garbage: bytes) -> None:
    try:
        for _, payload in wire.Cutter().feed(garbage):
            wire.text(payload)
    except wire.NotRtde:
        pass


def test_an_independent_client_understands_the_controller() -> None:
    """ur-rtde in a process of its own: it reads states, writes a register, and hears of faults."""
    host = f"127.{os.getpid() % 200 + 10}.{os.getpid() // 200 % 250}.9"  # its port is fixed
    with Remote("sim.rtde", ["--host", host, "--port", "30004"]) as server:
        server.ask("protective_stop")
        done = subprocess.run(
            [sys.executable, "-c", INDEPENDENT, host],
            capture_output=True, text=True, check=False, timeout=60,
        )  # fmt: skip
        assert done.returncode == 0, done.stderr
        q, modes, written = (json.loads(line) for line in done.stdout.splitlines()[-3:])
        report = server.ask("report")
        assert q == pytest.approx(report["q"], abs=0.0)
        assert modes == [7, 3, True]
        assert written is True
        assert report["inputs"]["input_double_register_22"] == 1.5


def test_a_read_that_is_too_early_is_no_fault(ur: Remote, arm: UrRtdeArm) -> None:
    arm.connect(2.0)
    arm.read(0.5)
    with pytest.raises(ArmTimeout):
        arm.read(0.0)

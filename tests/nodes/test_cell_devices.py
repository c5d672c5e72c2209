"""Devices that are commanded by hand in manual mode, by real processes."""

from __future__ import annotations

import contextlib
import os
import signal
import threading
import time
from collections.abc import Iterator
from math import radians

import pytest

from robot_cell.client import MotionFeed, OperateResult
from robot_cell.client.jogging import new_press
from robot_cell.store import CommandRecord, open_journal
from tests.nodes.test_cell_jog import CELL, Cell, cell
from tests.plant.conftest import domain

__all__ = ["cell", "domain"]

pytestmark = [pytest.mark.ros, pytest.mark.plant, pytest.mark.timeout(240)]

SEEN_S = 30.0


@pytest.fixture(scope="module")
def feed(cell: Cell) -> Iterator[MotionFeed]:
    """What the devices themselves were read to say, beside what the cell says of them."""
    feed = cell.client.watch_motion([CELL], bodies=False)
    yield feed
    feed.close()


@pytest.fixture
def manual(cell: Cell) -> Cell:
    """The cell, stopped or idle in manual mode."""
    if cell.state()[1] != "manual":
        assert cell.client.change_mode(CELL, "manual", "Kim").success
    return cell


def give(
    cell: Cell, device: str, command: str, *args: str, drop: bool = False, who: str = "Kim"
) -> OperateResult:
    return cell.client.command_device(CELL, device, command, args, who, drop=drop)


def noted(cell: Cell, least: int = 0) -> list[CommandRecord]:
    """What was written down of devices, once there is so much and an outcome to each."""
    until_s = time.monotonic() + SEEN_S
    with open_journal(cell.run_dir / "journal.db") as journal:
        while True:
            found = [one for one in journal.commands() if one.what.startswith("device ")]
            if len(found) >= least and all(one.outcome is not None for one in found):
                return found
            assert time.monotonic() < until_s, found
            time.sleep(0.02)


def reads(feed: MotionFeed, device: str, **wanted: str) -> None:
    """Wait until a device is read to say that."""
    until_s = time.monotonic() + SEEN_S
    while not wanted.items() <= feed.devices.get(CELL, {}).get(device, {}).items():
        assert time.monotonic() < until_s, (wanted, feed.devices)
        feed.take()
        time.sleep(0.02)


def test_in_production_nothing_is_commanded_by_hand(cell: Cell) -> None:
    refused = give(cell, "gripper", "close")
    assert (refused.success, refused.drops) == (False, False)
    assert "production mode; its devices are commanded by hand in manual mode only" in (
        refused.message
    )
    assert cell.state()[0] == "Idle"
    [one] = noted(cell, 1)
    assert (one.who, one.what, one.outcome) == ("Kim", "device gripper close", refused.message)
    assert "step_id" not in one.data


def test_what_the_devices_can_be_told_is_known(cell: Cell) -> None:
    known = {one.name: one.commands or () for one in cell.client.devices(CELL)}
    assert set(known) == set(cell.plant.cells[CELL].fixtures)
    assert [one.command for one in known["gripper"]] == ["open", "close"]
    assert [a.name for one in known["table"] for a in one.arguments] == ["position"]
    assert known["outfeed_sensor"] == ()


def test_a_clamp_is_closed_and_that_stops_an_idle_cell(manual: Cell, feed: MotionFeed) -> None:
    assert manual.state() == ("Idle", "manual")
    count = len(noted(manual))
    done = give(manual, "nest_clamp", "close")
    assert done.success, done.message
    assert done.readings == {"state": "closed", "part": "absent"}
    reads(feed, "nest_clamp", state="closed")
    # What its devices were told no program knows: it takes no work before a reset.
    assert manual.state() == ("Stopped", "manual")
    [one] = noted(manual, count + 1)[count:]
    assert (one.who, one.what) == ("Kim", "device nest_clamp close")
    assert one.outcome == "state = open, part = absent to state = closed, part = absent: done"
    assert one.data["before"] == {"state": "open", "part": "absent"}
    assert one.outcome_ns is not None
    assert one.at_ns < one.outcome_ns  # written down before the device was told
    assert one.data["step_id"] > 0


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (("griper", "open"), "cell_a has no device 'griper'; it has: gripper, table, nest_clamp"),
        (("gripper", "turn"), "clamp command 'turn': unknown. Use: open, close"),
        (("table", "index"), "0 arguments, expected 1. Use: index POSITION"),
        (("gripper", "open", "now"), "1 arguments, expected 0. Use: open"),
        (("outfeed_sensor", "open"), "no command at all"),
        # No text is wrong for the kind: the device knows better.
        (("infeed", "present", "boat"), "no parts of boat here"),
    ],
)
def test_what_cannot_be_meant_is_refused_with_what_can(
    manual: Cell, words: tuple[str, ...], says: str
) -> None:
    count = len(noted(manual))
    refused = give(manual, *words)
    assert not refused.success
    assert says in refused.message
    [one] = noted(manual, count + 1)[count:]
    assert one.outcome == refused.message


def test_an_interlock_holds_for_hands_as_for_programs(manual: Cell, feed: MotionFeed) -> None:
    refused = give(manual, "table", "index", "1")
    assert not refused.success
    assert refused.message == (
        "interlock clamped_to_turn is broken: nest_clamp reads part = absent; it "
        "has to be nest_clamp state = closed and nest_clamp part = present"
    )
    reads(feed, "table", position="0", state="ready")
    with open_journal(manual.run_dir / "journal.db") as journal:
        assert "table" not in [one.data["device"] for one in journal.by_hand(CELL)]
        assert not [one for one in journal.alarms.standing() if one.kind == "interlock_broken"]
    assert give(manual, "table", "home").success  # this one it does not guard


def test_the_same_name_is_begun_once(manual: Cell) -> None:
    count, name = len(noted(manual)), new_press()
    for _ in range(3):
        begun = manual.client.operate(
            CELL, "begin", name, device="gripper", command="close", asked_by="Kim"
        )
        assert begun.success
    until_s = time.monotonic() + SEEN_S
    while (now := manual.client.operate(CELL, "look", name)).phase != "ended":
        assert time.monotonic() < until_s
    assert now.readings["state"] == "closed"
    assert (
        manual.client.operate(
            CELL, "begin", name, device="gripper", command="open", asked_by="Kim"
        ).readings
        == now.readings
    )
    assert len(noted(manual, count + 1)) == count + 1
    assert not manual.client.operate(CELL, "look", new_press()).success


def test_one_person_at_a_time(manual: Cell) -> None:
    press = manual.press("joint_1", -1)
    refused: list[OperateResult] = []
    asking = threading.Thread(target=lambda: refused.append(give(manual, "gripper", "open")))
    asking.start()
    manual.hold(press, lambda: bool(refused))
    asking.join()
    manual.jog("end", press)
    manual.ended(press)
    assert refused[0].message == "Kim is moving it: joint_1 -"
    assert give(manual, "gripper", "open").success


def test_a_stop_voids_what_was_not_yet_begun(manual: Cell, feed: MotionFeed) -> None:
    """The device's node is frozen, so that the command still waits when the cell is aborted."""
    with open_journal(manual.run_dir / "journal.db") as journal:
        count = len(journal.by_hand(CELL))
    pid, name = manual.pid("fixtures"), new_press()
    assert pid is not None
    os.kill(pid, signal.SIGSTOP)
    try:
        begun = manual.client.operate(
            CELL, "begin", name, device="nest_clamp", command="open", asked_by="Kim"
        )
        assert (begun.success, begun.phase) == (True, "waiting")
        told = manual.step("joint_6", radians(1.0))
        assert (told.success, told.message) == (False, "Kim is commanding nest_clamp open")
        assert manual.client.command(CELL, "abort", "Lee").success
        until_s = time.monotonic() + SEEN_S
        while (now := manual.client.operate(CELL, "look", name)).phase != "ended":
            assert time.monotonic() < until_s
    finally:
        with contextlib.suppress(ProcessLookupError):  # its supervisor may have ended it
            os.kill(pid, signal.SIGCONT)
    assert (now.success, now.message) == (False, "the cell is Aborted: nest_clamp open is void")
    refused = give(manual, "nest_clamp", "open")
    assert "cell_a is Aborted; its devices are commanded by hand while it is" in refused.message
    assert manual.client.command(CELL, "clear", "Lee").success
    manual.until("Stopped")
    reads(feed, "nest_clamp", state="closed")
    with open_journal(manual.run_dir / "journal.db") as journal:
        assert len(journal.by_hand(CELL)) == count


def test_of_an_arm_that_does_not_say_where_it_is_a_part_falls_only_if_that_is_meant(
    manual: Cell, feed: MotionFeed
) -> None:
    """After an emergency stop, a gripper whose readings nobody believes."""
    assert give(manual, "gripper", "close").success
    assert manual.client.fault(CELL, "arm", "off").success
    assert manual.client.fault(CELL, "gripper", "wrong").success
    try:
        with_reason = give(manual, "gripper", "open")
        assert (with_reason.success, with_reason.drops) == (False, True)
        assert "position of cell_a's arm has not been measured" in with_reason.message
        assert "(--drop)" in with_reason.message
        reads(feed, "gripper", state="closed")
        assert manual.client.fault(CELL, "gripper", "ok").success
        # It says now that it holds nothing: where its arm is does not matter.
        assert give(manual, "gripper", "open").success
    finally:
        manual.client.fault(CELL, "gripper", "ok")
        manual.client.fault(CELL, "arm", "ok")


def test_a_reset_waits_for_jaws_that_programs_leave_open(manual: Cell) -> None:
    assert manual.client.change_mode(CELL, "production", "Kim").success
    assert manual.client.command(CELL, "reset", "Kim").success
    until_s = time.monotonic() + SEEN_S
    while "nest_clamp" not in (said := manual.client.cell_states()[CELL].message):
        assert time.monotonic() < until_s, said
        manual.client.wait_change(0.2)
    assert "nest_clamp was last told close by hand, and programs begin with it told open" in said
    manual.until("Stopped")
    assert manual.client.change_mode(CELL, "manual", "Kim").success
    assert give(manual, "nest_clamp", "open").success
    assert manual.client.change_mode(CELL, "production", "Kim").success
    assert manual.client.command(CELL, "reset", "Kim").success
    manual.until("Idle")

"""The time page and the gate: time never passes while somebody objects, and nobody sees ahead."""

from __future__ import annotations

import multiprocessing
import os
import signal
import threading
from datetime import datetime, timezone
from pathlib import Path

import pytest

from drivers.clock import LockstepClock
from drivers.time_page import (
    KIND_CONTROLLER,
    KIND_SIMULATOR,
    MAX_WATCHES,
    TICK_NS,
    TimePage,
    TimePageError,
)
from sim.time import TickGate

START = datetime(2026, 11, 23, 5, 0, tzinfo=timezone.utc)
DEADLINE_S = 20.0


@pytest.fixture
def path(tmp_path) -> Path:
    return tmp_path / "time.page"


def gate_of(path: Path, name: str = "a/sim", *, expected: int = 0, patience_s: float = 30.0):
    gate = TickGate.open(path, name, patience_s=patience_s)
    gate.set_start(START, speed=0.0, expected=expected)
    return gate


def tick(gate: TickGate) -> None:
    assert gate.may_tick()
    gate.depart()
    assert gate.all_departed()
    gate.publish(gate.reached_ns + TICK_NS)


def child(target, *args):
    process = multiprocessing.get_context("spawn").Process(target=target, args=args)
    process.start()
    return process


def test_nobody_else_lets_time_pass(path):
    gate = gate_of(path)
    for _ in range(5):
        tick(gate)
    assert gate.reached_ns == 5 * TICK_NS


def test_no_tick_before_everybody_expected_has_come(path):
    gate = gate_of(path, expected=2)
    assert not gate.may_tick()
    LockstepClock(path, "a/cell").wait_for()
    assert gate.may_tick()


def test_time_goes_on_after_a_participant_has_left(path):
    gate = gate_of(path, expected=2)
    clock = LockstepClock(path, "a/cell")
    clock.wait_for()
    tick(gate)
    clock.close()
    tick(gate)


def test_a_busy_controller_holds_time_and_a_deadline_is_met_exactly(path):
    gate = gate_of(path)
    clock = LockstepClock(path, "a/cell")
    assert not gate.may_tick()
    clock.wait_for(until_ns=3 * TICK_NS)
    for _ in range(3):
        tick(gate)
    assert not gate.may_tick()
    assert clock.now_ns() == 3 * TICK_NS


def test_a_watched_signal_stops_time_in_its_tick(path):
    gate = gate_of(path)
    cell, arm = LockstepClock(path, "a/cell"), LockstepClock(path, "a/arm")
    arm.wait_for()
    cell.wait_for({"a/arm": cell.seq("a/arm")})
    tick(gate)
    arm.signal()
    assert not gate.may_tick()
    cell.busy()
    cell.wait_for({"a/arm": cell.seq("a/arm")})
    tick(gate)


def test_all_watches_are_kept_apart_from_the_name(path):
    page = TimePage(path)
    slot = page.claim("a/cell", KIND_CONTROLLER)
    watches = tuple((i, 2**62 + i) for i in range(MAX_WATCHES))
    page.set_waiting(slot, 5, watches)
    assert page.view(slot).watches == watches
    assert page.name(slot) == "a/cell"
    with pytest.raises(TimePageError, match="more than"):
        page.set_waiting(slot, 5, (*watches, (0, 0)))


def test_a_simulator_waits_for_the_slower_one(path):
    a, b = gate_of(path, "a/sim"), gate_of(path, "b/sim")
    assert a.may_tick()
    a.depart()
    assert not a.all_departed()
    assert b.may_tick()
    b.depart()
    assert a.all_departed()
    a.publish(TICK_NS)
    assert not a.may_tick(), "b has not reached the tick yet"
    b.publish(TICK_NS)
    assert a.may_tick()


def test_a_signal_of_the_next_tick_cannot_hold_a_simulator_that_is_still_in_this_one(path):
    """b must depart from instant 0 by what is so at 0, though a is faster and would signal."""
    a, b = gate_of(path, "a/sim"), gate_of(path, "b/sim")
    servo, cell = LockstepClock(path, "a/servo"), LockstepClock(path, "b/cell")
    servo.wait_for()
    cell.wait_for({"a/servo": cell.seq("a/servo")})
    assert a.may_tick()
    a.depart()
    # a's servo would see the new state and signal now; the gate tells a to keep it back.
    assert not a.all_departed()
    assert b.may_tick()
    b.depart()
    assert a.all_departed()
    servo.signal()
    a.publish(TICK_NS)
    b.publish(TICK_NS)
    assert not a.may_tick()
    assert not b.may_tick()
    assert cell.now_ns() == TICK_NS


def test_a_hung_controller_is_overslept_after_the_patience(path):
    gate = gate_of(path, patience_s=0.05)
    LockstepClock(path, "a/cell")
    ready = threading.Event()
    end = threading.Timer(DEADLINE_S, ready.set)
    end.start()
    while not gate.may_tick():
        assert not ready.wait(0.005), "the patience never ended"
    end.cancel()
    assert gate.overslept == {"a/cell"}


def test_time_held_by_a_person_stands_still(path):
    gate = gate_of(path)
    gate.page.held = True
    assert not gate.may_tick()
    gate.page.held = False
    tick(gate)


def _claim_and_die(path: str, name: str, kind: int, odd: bool) -> None:
    page = TimePage(Path(path))
    slot = page.claim(name, kind)
    if odd:  # killed between the two halves of a change
        page._words[page._at(slot) + 3] += 1
    page.set_reached(slot, 7 * TICK_NS)
    os.kill(os.getpid(), signal.SIGKILL)


@pytest.mark.parametrize("odd", [False, True])
def test_a_dead_controller_is_ignored_even_if_it_died_in_the_middle_of_a_change(path, odd):
    gate = gate_of(path)
    process = child(_claim_and_die, str(path), "a/cell", KIND_CONTROLLER, odd)
    process.join(DEADLINE_S)
    gate._checked_s = -1.0
    tick(gate)
    # Its successor is heard at once, and is read although the page was left in the middle.
    clock = LockstepClock(path, "a/cell")
    assert not gate.may_tick()
    clock.wait_for()
    tick(gate)


def test_the_clock_does_not_wait_for_a_dead_simulator(path):
    gate = gate_of(path, "a/sim")
    clock = LockstepClock(path, "a/cell")
    clock.wait_for()
    process = child(_claim_and_die, str(path), "b/sim", KIND_SIMULATOR, False)
    process.join(DEADLINE_S)
    gate._checked_s = clock._checked_s = -1.0
    gate.publish(20 * TICK_NS)
    assert clock.now_ns() == 20 * TICK_NS


def test_a_simulator_that_comes_late_is_seen_though_its_slot_was_named_before(path):
    clock = LockstepClock(path, "a/cell")
    a = gate_of(path, "a/sim")
    clock.seq("b/sim")
    assert clock.now_ns() == 0
    b = gate_of(path, "b/sim")
    a.publish(2 * TICK_NS)
    b.publish(TICK_NS)
    assert clock.now_ns() == TICK_NS


def test_a_restarted_simulator_goes_on_where_the_plant_is(path):
    LockstepClock(path, "a/cell").wait_for()
    gate = gate_of(path)
    gate.publish(9 * TICK_NS)
    gate.close()
    assert gate_of(path).reached_ns == 9 * TICK_NS


def test_a_new_run_on_an_old_page_starts_at_zero(path):
    for name, kind in (("a/sim", KIND_SIMULATOR), ("a/cell", KIND_CONTROLLER)):
        process = child(_claim_and_die, str(path), name, kind, False)
        process.join(DEADLINE_S)
    gate = gate_of(path, expected=2)
    assert gate.reached_ns == 0
    assert not gate.may_tick(), "the dead of the run before do not count"


def test_the_pace_follows_the_speed(path, monkeypatch):
    now = [100.0]
    monkeypatch.setattr("sim.time.time.monotonic", lambda: now[0])
    gate = gate_of(path)
    assert gate.due() == 0.0
    gate.page.speed = 2.0
    assert gate.due() == pytest.approx(TICK_NS * 1e-9 / 2)
    now[0] += TICK_NS * 1e-9 / 2
    assert gate.due() == 0.0
    gate.publish(TICK_NS)
    assert gate.due() == pytest.approx(TICK_NS * 1e-9 / 2)
    gate.page.speed = 1.0
    assert gate.due() == pytest.approx(TICK_NS * 1e-9)


def _count_up(path: str, rounds: int) -> None:
    page = TimePage(Path(path))
    for i in range(rounds):
        page.slot(f"{os.getpid()}/{i}")


def test_slots_are_handed_out_once_to_many_processes(path):
    page = TimePage(path)
    processes = [child(_count_up, str(path), 10) for _ in range(3)]
    for process in processes:
        process.join(DEADLINE_S)
    names = [page.name(i) for i in range(page.slot_count)]
    assert len(names) == len(set(names)) == 30


def test_a_file_that_is_no_time_page_is_refused(path):
    path.write_bytes(b"hello")
    with pytest.raises(TimePageError, match="wrong size"):
        TimePage(path)

"""The time page and the gate: time never passes while somebody objects, and nobody sees ahead."""

from __future__ import annotations

import multiprocessing
import os
import signal
import threading
import time
from datetime import datetime, timezone
from pathlib import Path
from random import Random

import pytest

from drivers.clock import LockstepClock
from drivers.time_page import (
    FOREVER_NS,
    KIND_CONTROLLER,
    KIND_SIMULATOR,
    MAX_WATCHES,
    TICK_NS,
    WINDOW_NS,
    TimePage,
    TimePageError,
)
from sim.time import LEAD_NS, TickGate

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


def test_a_scheduler_waits_for_each_of_a_hundred_cells(path):
    page = TimePage(path)
    scheduler = page.claim("scheduler", KIND_CONTROLLER)
    cells = [page.slot(f"cell_{number}/cell") for number in range(100)]
    for number in range(100):
        for other in ("sim", "arm", "servo", "fixtures"):
            page.slot(f"cell_{number}/{other}")
    watches = tuple((slot, page.seq(slot)) for slot in cells)
    page.set_waiting(scheduler, FOREVER_NS, watches)
    assert page.view(scheduler).watches == watches
    assert [page.cell(slot) for slot in cells] == [f"cell_{number}" for number in range(100)]


def run_to(until_ns: int, *gates: TickGate) -> None:
    """Let these simulators go on, side by side."""
    while any(gate.reached_ns < until_ns for gate in gates):
        moving = [gate for gate in gates if gate.reached_ns < until_ns]
        for gate in moving:
            assert gate.may_tick()
            gate.depart()
        for gate in moving:
            assert gate.all_departed()
            gate.publish(gate.reached_ns + TICK_NS)


def test_a_simulator_waits_for_the_slower_one_where_the_cells_meet(path):
    a, b = gate_of(path, "a/sim"), gate_of(path, "b/sim")
    run_to(WINDOW_NS - TICK_NS, a)
    assert a.may_tick()
    a.depart()
    assert not a.all_departed(), "b has not left the beginning of the window yet"
    tick(b)
    assert a.all_departed()
    a.publish(WINDOW_NS)
    assert not a.may_tick(), "b has not reached the end of the window yet"
    run_to(WINDOW_NS, b)
    assert a.may_tick()
    assert b.may_tick()


def test_a_cell_stops_neither_at_the_controllers_nor_at_the_ticks_of_another(path):
    a, b = gate_of(path, "a/sim"), gate_of(path, "b/sim")
    LockstepClock(path, "a/cell")
    assert not a.may_tick()
    run_to(WINDOW_NS - TICK_NS, b)
    assert b.may_tick()
    b.depart()
    assert not b.all_departed(), "but it waits for the other cell where they meet"


def test_the_plants_controllers_hold_all_cells_where_they_meet_and_nowhere_else(path):
    a, b = gate_of(path, "a/sim"), gate_of(path, "b/sim")
    scheduler = LockstepClock(path, "scheduler")
    assert not a.may_tick()
    scheduler.wait_for(until_ns=TICK_NS)
    run_to(WINDOW_NS, a, b)
    assert not a.may_tick()
    assert not b.may_tick()
    assert scheduler.now_ns() == WINDOW_NS


def test_what_a_cell_tells_the_plant_counts_from_the_next_window_on_for_everybody(path):
    """However far the cells are apart in the window, both stop at its end and neither before."""
    a, b = gate_of(path, "a/sim"), gate_of(path, "b/sim")
    scheduler, cell = LockstepClock(path, "scheduler"), LockstepClock(path, "a/cell")
    cell.wait_for()
    scheduler.wait_for({"a/cell": scheduler.seq("a/cell")})
    cell.signal()  # at 0, where no cell has begun to move
    assert b.may_tick()
    run_to(3 * TICK_NS, a)
    cell.signal()
    assert b.may_tick(), "b leaves 0 by what was so before 0"
    run_to(WINDOW_NS, b)
    assert scheduler.effective_ns(3 * TICK_NS) == scheduler.effective_ns(0) == WINDOW_NS
    run_to(WINDOW_NS, a)
    assert not a.may_tick()
    assert not b.may_tick()
    # What is told where the cells have met counts at the next meeting only.
    scheduler.busy()
    scheduler.wait_for({"a/cell": scheduler.seq("a/cell")})
    cell.signal()
    run_to(2 * WINDOW_NS, a, b)
    assert not a.may_tick()
    assert not b.may_tick()


def test_the_plant_is_busy_only_where_the_cells_have_met(path):
    a, b = gate_of(path, "a/sim"), gate_of(path, "b/sim")
    scheduler = LockstepClock(path, "scheduler")
    scheduler.wait_for()
    run_to(2 * TICK_NS, a)
    stopped: list[int] = []

    def stop() -> None:
        scheduler.busy()
        stopped.append(scheduler.now_ns())

    thread = threading.Thread(target=stop)
    thread.start()
    end_s = time.monotonic() + DEADLINE_S
    while thread.is_alive():
        assert time.monotonic() < end_s, "the cells never met"
        for gate in (b, a):
            if gate.may_tick() and gate.reached_ns <= min(a.reached_ns, b.reached_ns):
                tick(gate)
    assert stopped[0] % WINDOW_NS == 0
    assert a.reached_ns == b.reached_ns == stopped[0]
    assert not a.may_tick()
    assert not b.may_tick()


@pytest.mark.parametrize("held", [True, False])
def test_the_plant_does_not_wait_for_a_meeting_that_cannot_come(path, held):
    a = gate_of(path, expected=0 if held else 9)
    scheduler = LockstepClock(path, "scheduler")
    scheduler.wait_for()
    if held:
        run_to(2 * TICK_NS, a)
        a.page.held = True
    scheduler.busy()
    assert scheduler.now_ns() == a.reached_ns


def test_a_signal_of_the_next_window_cannot_hold_a_simulator_that_is_still_in_this_one(path):
    """b must leave instant 0 by what is so at 0, though a is a window ahead and would signal."""
    a, b = gate_of(path, "a/sim"), gate_of(path, "b/sim")
    servo, scheduler = LockstepClock(path, "a/servo"), LockstepClock(path, "scheduler")
    servo.wait_for()
    scheduler.wait_for({"a/servo": scheduler.seq("a/servo")})
    run_to(WINDOW_NS - TICK_NS, a)
    assert a.may_tick()
    a.depart()
    # a's servo would see the new state and signal now; the gate tells a to keep it back.
    assert not a.all_departed()
    run_to(WINDOW_NS, b)
    assert a.all_departed()
    servo.signal()
    a.publish(WINDOW_NS)
    assert not a.may_tick()
    assert not b.may_tick()


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
    assert clock.now_ns() == 2 * TICK_NS
    assert LockstepClock(path, "scheduler").now_ns() == TICK_NS


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


def silent(path: Path, cell: str, until_ns: int) -> LockstepClock:
    clock = LockstepClock(path, f"{cell}/cell")
    clock.silent_until(until_ns)
    clock.wait_for()
    return clock


def test_a_simulator_goes_on_without_a_cell_that_has_nothing_to_say(path):
    a, b = gate_of(path, "a/sim"), gate_of(path, "b/sim")
    cell = silent(path, "b", 3 * WINDOW_NS)
    run_to(3 * WINDOW_NS, a)
    assert a.may_tick(), "b promised to say nothing before this instant"
    run_to(4 * WINDOW_NS - TICK_NS, a)
    assert a.may_tick()
    a.depart()
    assert not a.all_departed(), "it may speak in the window that ends here"
    cell.silent_until(5 * WINDOW_NS)
    assert a.all_departed()
    a.publish(4 * WINDOW_NS)
    run_to(5 * WINDOW_NS, a)
    run_to(5 * WINDOW_NS, b)


def test_no_simulator_is_far_ahead_of_a_silent_cell(path):
    a, b = gate_of(path, "a/sim"), gate_of(path, "b/sim")
    silent(path, "b", FOREVER_NS)
    run_to(LEAD_NS, a)
    assert a.may_tick()
    tick(a)
    run_to(LEAD_NS + WINDOW_NS, a)
    assert not a.may_tick()
    run_to(WINDOW_NS, b)
    assert a.may_tick()


def test_one_controller_that_may_speak_is_enough_to_wait_for_its_cell(path):
    a, _ = gate_of(path, "a/sim"), gate_of(path, "b/sim")
    silent(path, "b", FOREVER_NS)
    LockstepClock(path, "b/arm").wait_for()
    run_to(WINDOW_NS - TICK_NS, a)
    a.depart()
    assert not a.all_departed()


def test_a_promise_ends_with_the_process_that_gave_it(path):
    gate_of(path, "b/sim")
    cell = silent(path, "b", FOREVER_NS)
    cell.close()
    page = TimePage(path)
    again = LockstepClock(path, "b/cell")
    assert page.silent_until(page.slot("b/cell")) == 0
    again.close()


def test_who_speaks_waits_until_nothing_is_promised(path):
    gate = gate_of(path, "b/sim")
    cell = silent(path, "b", 2 * TICK_NS)
    cell.busy()
    spoken: list[int] = []

    def speak() -> None:
        cell.speak()
        spoken.append(cell.now_ns())

    thread = threading.Thread(target=speak)
    thread.start()
    end_s = time.monotonic() + DEADLINE_S
    while thread.is_alive():
        assert time.monotonic() < end_s
        if gate.may_tick():
            tick(gate)
    assert spoken == [2 * TICK_NS]
    cell.speak()
    assert cell.now_ns() == 2 * TICK_NS


@pytest.mark.parametrize("seed", range(40))
def test_what_a_cell_says_is_acted_upon_before_anybody_has_passed_that_instant(path, seed):
    """Cells at random paces, with random promises, speak at random instants to the plant."""
    random = Random(seed)
    names = ["a", "b", "c"][: random.choice([2, 3])]
    gates = {name: gate_of(path, f"{name}/sim") for name in names}
    scheduler = LockstepClock(path, "scheduler")
    cells = {name: LockstepClock(path, f"{name}/cell") for name in names}
    speaks = dict.fromkeys(names, 0)
    waits_since: dict[str, int] = {}
    known: dict[str, int] = {}
    ahead_ns = acted = 0

    def promise(name: str, now_ns: int) -> None:
        speaks[name] = now_ns + random.randint(0, 40) * TICK_NS
        promised_ns = random.choice([0, speaks[name], random.randint(now_ns, speaks[name])])
        known[f"{name}/cell"] = scheduler.seq(f"{name}/cell")
        cells[name].silent_until(promised_ns)
        cells[name].wait_for()

    for name in names:
        promise(name, 0)
    scheduler.wait_for(known)
    pace = {name: random.choice([1, 1, 3, 10]) for name in names}
    for _ in range(3000):
        name = random.choices(names, [pace[n] for n in names])[0]
        gate = gates[name]
        now_ns = gate.reached_ns
        if now_ns >= speaks[name] and name not in waits_since:
            cells[name].signal()
            cells[name].silent_until(FOREVER_NS)
            waits_since[name] = scheduler.effective_ns(now_ns)
        if gate.may_tick():
            gate.depart()
            if not gate.all_departed():
                for other in gates.values():  # it waits there, the others go on
                    if other is not gate and other.may_tick():
                        tick_if_departed(other)
            if gate.all_departed():
                gate.publish(now_ns + TICK_NS)
        for said, effective_ns in waits_since.items():
            assert all(g.reached_ns <= effective_ns for g in gates.values()), said
        ahead_ns = max(ahead_ns, max(g.reached_ns for g in gates.values()) - now_ns)
        if waits_since and all(g.reached_ns == min(waits_since.values()) for g in gates.values()):
            scheduler.busy()
            assert not any(g.may_tick() for g in gates.values())
            for said in [n for n, at in waits_since.items() if at <= scheduler.now_ns()]:
                del waits_since[said]
                promise(said, scheduler.now_ns())
                acted += 1
            scheduler.wait_for(known)
    assert acted > 5
    assert ahead_ns > WINDOW_NS
    for gate in gates.values():
        gate.close()


def tick_if_departed(gate: TickGate) -> None:
    gate.depart()
    if gate.all_departed():
        gate.publish(gate.reached_ns + TICK_NS)

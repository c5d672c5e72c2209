"""The plant's clock as controllers see it."""

from __future__ import annotations

import threading
from datetime import datetime, timedelta, timezone

import pytest

from drivers.clock import LockstepClock, WallClock, instant, open_clock
from drivers.time_page import FOREVER_NS, KIND_SIMULATOR, TICK_NS, TimePage

START = datetime(2026, 11, 23, 5, 0, tzinfo=timezone.utc)


@pytest.fixture
def simulator(tmp_path):
    """The page with a simulator on it, and its slot."""
    page = TimePage(tmp_path / "time.page")
    page.start_unix_ns = int(START.timestamp() * 1e9)
    return page, page.claim("a/sim", KIND_SIMULATOR)


def test_lockstep_time_is_the_own_cells_and_for_the_plant_what_all_have_reached(
    simulator, tmp_path
):
    page, slot = simulator
    other = page.claim("b/sim", KIND_SIMULATOR)
    clock = LockstepClock(tmp_path / "time.page", "a/cell")
    plants = LockstepClock(tmp_path / "time.page", "scheduler")
    page.set_reached(slot, 3 * TICK_NS)
    page.set_reached(other, 2 * TICK_NS)
    assert clock.now_ns() == 3 * TICK_NS
    assert plants.now_ns() == 2 * TICK_NS
    page.release(other)
    assert plants.now_ns() == 3 * TICK_NS


def test_lockstep_time_never_goes_back(simulator, tmp_path):
    page, slot = simulator
    clock = LockstepClock(tmp_path / "time.page", "a/cell")
    page.set_reached(slot, 3 * TICK_NS)
    assert clock.now_ns() == 3 * TICK_NS
    page.set_reached(slot, TICK_NS)
    assert clock.now_ns() == 3 * TICK_NS


def test_a_clock_says_whether_it_waits_and_for_whom(simulator, tmp_path):
    page, _ = simulator
    clock = LockstepClock(tmp_path / "time.page", "a/cell")
    slot = page.slot("a/cell")
    assert not page.view(slot).waiting
    clock.wait_for({"a/arm": 4}, until_ns=7)
    view = page.view(slot)
    assert (view.waiting, view.until_ns, view.watches) == (True, 7, ((page.slot("a/arm"), 4),))
    clock.wait_for()
    assert page.view(slot).until_ns == FOREVER_NS
    clock.busy()
    assert not page.view(slot).waiting


def test_sleep_ends_at_its_instant_and_leaves_the_clock_busy(simulator, tmp_path):
    page, slot = simulator
    clock = LockstepClock(tmp_path / "time.page", "a/cell")
    slept: list[bool] = []
    sleeper = threading.Thread(target=lambda: slept.append(clock.sleep_until(2 * TICK_NS)))
    sleeper.start()
    page.set_reached(slot, TICK_NS)
    page.set_reached(slot, 2 * TICK_NS)
    sleeper.join(10.0)
    assert slept == [True]
    assert not page.view(page.slot("a/cell")).waiting


def test_sleep_can_be_given_up(simulator, tmp_path):
    clock = LockstepClock(tmp_path / "time.page", "a/cell")
    assert not clock.sleep_until(FOREVER_NS, stop=lambda: True)


def test_signals_of_many_threads_are_all_counted(simulator, tmp_path):
    clock = LockstepClock(tmp_path / "time.page", "a/arm")

    def give() -> None:
        for _ in range(2000):
            clock.signal()

    threads = [threading.Thread(target=give) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(10.0)
    assert clock.seq("a/arm") == 8000


def test_a_participant_that_leaves_has_no_say(simulator, tmp_path):
    page, _ = simulator
    clock = LockstepClock(tmp_path / "time.page", "a/cell")
    clock.close()
    assert page.kind(page.slot("a/cell")) == 0


def test_instants_are_counted_from_the_start_of_the_plant(simulator, tmp_path):
    clock = LockstepClock(tmp_path / "time.page", "a/cell")
    assert clock.start() == START
    assert instant(clock, 1_500_000_000) == START + timedelta(seconds=1.5)


def test_wall_time_passes_by_itself():
    clock = WallClock()
    before = clock.now_ns()
    assert clock.sleep_until(before + 1_000_000)
    assert clock.now_ns() >= before + 1_000_000
    assert not clock.sleep_until(FOREVER_NS, stop=lambda: True)
    clock.busy()
    clock.wait_for({"x": 0})
    clock.signal()
    assert clock.seq("x") == 0
    assert clock.effective_ns(5) == 5
    clock.close()


def test_a_wall_clock_can_be_counted_from_another_instant():
    start = datetime.now(timezone.utc) - timedelta(hours=1)
    clock = WallClock(start)
    assert clock.start() == start
    assert abs(clock.now_ns() - 3600e9) < 60e9


def test_a_real_plant_has_the_wall_clock(tmp_path):
    start = datetime(2026, 11, 23, 5, tzinfo=timezone.utc)
    wall = open_clock(tmp_path, "a/cell", start)
    assert isinstance(wall, WallClock)
    assert wall.start() == start
    clock = open_clock(tmp_path, "a/cell", None)
    assert isinstance(clock, LockstepClock)
    clock.close()

"""Faults of a run: what may be asked for, and what is done to the processes."""

from __future__ import annotations

import threading
from pathlib import Path

import pytest

from drivers.clock import LockstepClock
from drivers.time_page import KIND_SIMULATOR, TICK_NS, TimePage
from robot_cell.bringup.faults import (
    BadFaultError,
    Fault,
    FaultInjector,
    read_fault,
    read_faults,
    refuse_standstill,
)
from robot_cell.bringup.launch_file import ProcessSpec
from robot_cell.bringup.runner import Runner
from tests.bringup.test_runner import alive, pids, until

CELLS = ("cell_a", "cell_b")
S = 1_000_000_000


def test_faults_are_read() -> None:
    assert read_fault("cell_b:off@30s", CELLS) == (Fault(30 * S, "cell_b", "off"),)
    assert read_fault("cell_b:off@0.5s, on@1.5min", CELLS) == (
        Fault(S // 2, "cell_b", "off"),
        Fault(90 * S, "cell_b", "on"),
    )
    both = read_faults(["cell_b:off@30s", "cell_a:off@10s,on@20s"], CELLS)
    assert [str(fault) for fault in both] == ["cell_a:off@10s", "cell_a:on@20s", "cell_b:off@30s"]


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("", "expected CELL:off@TIME"),
        ("cell_b", "expected CELL:off@TIME"),
        ("cell_c:off@30s", "has no cell 'cell_c'; it has cell_a, cell_b"),
        ("cell_b:off", "'off' is not off@TIME or on@TIME with a time such as 30s"),
        ("cell_b:off@30", "'off@30' is not off@TIME"),
        ("cell_b:off@-3s", "is not off@TIME"),
        ("cell_b:slow@3s", "'slow@3s' is not off@TIME"),
        ("cell_b:on@3s", "'on@3s' comes where off@TIME was expected"),
        ("cell_b:off@3s,off@4s", "'off@4s' comes where on@TIME was expected"),
        ("cell_b:off@30s,on@20s", "'on@20s' is not after 30s"),
    ],
)
def test_what_is_no_fault_is_refused_with_what_was_expected(text: str, reason: str) -> None:
    with pytest.raises(BadFaultError) as raised:
        read_fault(text, CELLS)
    assert reason in str(raised.value)


def test_a_cell_has_one_fault_text() -> None:
    with pytest.raises(BadFaultError, match="cell_a has a fault already"):
        read_faults(["cell_a:off@1s", "cell_a:off@5s"], CELLS)


def test_some_cell_is_always_on() -> None:
    apart = read_faults(["cell_a:off@10s,on@20s", "cell_b:off@30s"], CELLS)
    refuse_standstill(apart, CELLS)
    together = read_faults(["cell_a:off@10s", "cell_b:off@30s"], CELLS)
    with pytest.raises(BadFaultError, match="every cell would be off"):
        refuse_standstill(together, CELLS)


def test_a_cell_goes_off_and_on_and_the_rest_goes_on(
    programs: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.syspath_prepend(tmp_path / "site")

    def spec(name: str, *, respawn: bool) -> ProcessSpec:
        arguments = ("--ros-args", "-r", f"__node:={name}")
        return ProcessSpec(name, "testcell", "stay", arguments, respawn=respawn)

    runner = Runner(
        [
            spec("cell_a.cell", respawn=True),
            spec("cell_b.cell", respawn=True),
            spec("cell_b.sim", respawn=False),
        ],
        tmp_path / "logs",
        restart_limit=0,
    )
    codes: list[int] = []
    # Signals are the main thread's: here the runner does not catch any.
    runner._catch_signals = dict  # type: ignore[method-assign]
    thread = threading.Thread(target=lambda: codes.append(runner.run()))
    thread.start()
    try:
        until(lambda: all(pids(programs, n) for n in ("cell_a.cell", "cell_b.cell", "cell_b.sim")))
        first = {n: pids(programs, n)[0] for n in ("cell_a.cell", "cell_b.cell", "cell_b.sim")}
        runner.power("cell_b", on=False)
        assert not alive(first["cell_b.cell"])
        assert not alive(first["cell_b.sim"])
        assert alive(first["cell_a.cell"])
        runner.power("cell_b", on=True)
        until(lambda: len(pids(programs, "cell_b.cell")) == len(pids(programs, "cell_b.sim")) == 2)
        assert alive(first["cell_a.cell"])
    finally:
        runner.stop()
        thread.join(20)
    assert codes == [0]  # nothing was restarted by itself: the limit of 0 would have ended the run


def test_a_fault_happens_at_its_instant_and_time_waits_until_it_was_acted_upon(
    tmp_path: Path,
) -> None:
    page = TimePage(tmp_path / "time.page")
    done: list[tuple[int, str, bool]] = []

    class Switch:
        def power(self, cell: str, *, on: bool) -> None:
            done.append((page.reached(simulator), cell, on))

    injector = FaultInjector(
        tmp_path, [Fault(S, "cell_b", "off"), Fault(2 * S, "cell_b", "on")], Switch()
    )
    simulator = page.claim("cell_a/sim", KIND_SIMULATOR)
    page.begun = True
    scheduler = LockstepClock(tmp_path / "time.page", "scheduler")
    slot = page.slot("faults")

    def pass_to(at_ns: int) -> None:
        for reached in range(page.reached(simulator), at_ns + 1, TICK_NS):
            page.set_departed(simulator, reached)
            page.set_reached(simulator, reached)

    injector.start()
    try:
        until(lambda: page.view(slot).waiting and page.view(slot).until_ns == S)
        pass_to(S)
        until(lambda: done == [(S, "cell_b", False)])
        assert not page.view(slot).waiting  # time stands still
        scheduler.signal()
        until(lambda: page.view(slot).waiting and page.view(slot).until_ns == 2 * S)
        pass_to(2 * S)
        until(lambda: len(done) == 2)
        assert done[1] == (2 * S, "cell_b", True)
        scheduler.signal()
    finally:
        injector.close()
        scheduler.close()
        page.close()

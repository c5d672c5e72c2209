"""Leases on a network that loses, doubles and delays: no work twice, none lost, no cell forgotten.

Everything happens in virtual time, with the real journal between the two sides.
"""

from __future__ import annotations

import heapq
import random
from collections import Counter
from collections.abc import Callable
from itertools import count
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from robot_cell.orders.taking_back import take_back
from robot_cell.store import Journal, StaleToken, WrongStatus, open_journal
from robot_cell.store.leasing import (
    BEGIN_WITHIN_NS,
    NEXT,
    CellGate,
    Lease,
    LeaseTable,
    Standing,
    Word,
)
from tests.store.test_journal import order
from tests.store.test_whole import plant_of_the_example

SECOND = 1_000_000_000
CELLS = ("cell_a", "cell_b", "cell_c")
LEASE = Lease("WO-1/1/deburr", "cell_a", 7, 100)


def test_every_word_in_every_standing() -> None:
    for standing in (Standing.OFFERED, Standing.HELD):
        for word in Word:
            table = LeaseTable()
            table.offer(LEASE)
            if standing is Standing.HELD:
                table.hear("cell_a", 7, Word.ACCEPTED)
            following = NEXT.get((standing, word))
            assert table.hear("cell_a", 7, word) is (following is not None)
            now = table.of("cell_a")
            if following is Standing.VOID:
                assert now is None
                assert not table.hear("cell_a", 7, word), "said twice it changes nothing"
            else:
                assert now == (LEASE, following or standing)


def test_an_older_lease_is_void() -> None:
    table = LeaseTable()
    table.offer(LEASE)
    with pytest.raises(ValueError, match="cell_a has a lease"):
        table.offer(Lease("WO-1/2/deburr", "cell_a", 8, 100))
    table.lose("cell_a")
    newer = Lease("WO-1/2/deburr", "cell_a", 8, 100)
    table.offer(newer)
    for word in Word:
        assert not table.hear("cell_a", 7, word)
    assert table.of("cell_a") == (newer, Standing.OFFERED)


def test_only_what_is_not_answered_is_overdue() -> None:
    table = LeaseTable()
    assert table.next_deadline_ns() is None
    table.offer(LEASE)
    table.offer(Lease("WO-1/2/deburr", "cell_b", 8, 90))
    assert table.next_deadline_ns() == 91
    table.hear("cell_b", 8, Word.ACCEPTED)
    assert table.next_deadline_ns() == 101
    assert table.overdue(100) == []
    assert table.overdue(101) == [LEASE]


def test_a_gate_lets_in_what_is_newer_and_in_time() -> None:
    gate = CellGate()
    assert "2.0 s ago" in gate.refusal(5, 3 * SECOND, 5 * SECOND)
    assert gate.refusal(5, 6 * SECOND, 5 * SECOND) == ""
    assert "token 5 is not newer than 5" in gate.refusal(5, 6 * SECOND, 5 * SECOND)
    assert gate.refusal(6, 0, 5 * SECOND) == ""


class Network:
    """Virtual time, and messages between a scheduler and cells that may be cut off."""

    def __init__(self, seed: int) -> None:
        self.chance = random.Random(seed)
        self.now_ns = 0
        self.quiet_ns = 300 * SECOND
        self._order = count()
        self._queue: list[tuple[int, int, Callable[[], None]]] = []
        self.cut = {
            cell: [
                (start := self.chance.randrange(0, 250 * SECOND), start + self.chance.randrange(
                    1, 90 * SECOND))
                for _ in range(self.chance.randrange(3))
            ]
            for cell in CELLS
        }  # fmt: skip

    def at(self, ns: int, act: Callable[[], None]) -> None:
        heapq.heappush(self._queue, (ns, next(self._order), act))

    def after(self, ns: int, act: Callable[[], None]) -> None:
        self.at(self.now_ns + ns, act)

    def is_cut(self, cell: str) -> bool:
        return any(start <= self.now_ns < end for start, end in self.cut[cell])

    def send(self, cell: str, act: Callable[[], None]) -> None:
        """To or from a cell: lost, late, or twice; all is well once it is quiet."""
        delay_ns = self.chance.choice([1_000_000, 5 * SECOND, 45 * SECOND])
        if self.now_ns < self.quiet_ns:
            if self.is_cut(cell) or self.chance.random() < 0.1:
                return
            if self.chance.random() < 0.1:
                self.after(delay_ns + SECOND, act)
        else:
            delay_ns = 1_000_000
        self.after(delay_ns, act)

    def send_surely(self, cell: str, act: Callable[[], None]) -> None:
        """Of what has ended is told again until it arrives."""
        ends = [end for start, end in self.cut[cell] if start <= self.now_ns < end]
        self.at(max([self.now_ns + 1_000_000, *ends]), act)

    def run(self) -> None:
        while self._queue:
            self.now_ns, _, act = heapq.heappop(self._queue)
            act()


class Cell:
    def __init__(self, name: str, net: Network, journal: Journal, done: Counter[str]) -> None:
        self.name, self.net, self.journal, self.done = name, net, journal, done
        self.gate, self.works_on = CellGate(), ""
        self.refused_at_begin = 0

    def offered(self, scheduler: Scheduler, lease: Lease) -> None:
        refusal = "busy" if self.works_on else self.gate.refusal(
            lease.token, lease.begin_by_ns, self.net.now_ns
        )  # fmt: skip
        word = Word.REFUSED if refusal else Word.ACCEPTED
        self.net.send(self.name, lambda: scheduler.heard(self.name, lease.token, word))
        if not refusal:
            self.works_on = lease.operation_id
            # Now and then it takes long to get going: longer than its deadline.
            self.net.after(
                self.net.chance.choice([0, 0, 35 * SECOND]), lambda: self.begin(scheduler, lease)
            )

    def begin(self, scheduler: Scheduler, lease: Lease) -> None:
        before = self.journal.operation(lease.operation_id)
        try:
            self.journal.begin_operation(
                lease.operation_id, self.name, lease.token, self.net.now_ns
            )
        except (StaleToken, WrongStatus):
            self.refused_at_begin += 1
            self.over(scheduler, lease)
            return
        leased = (before.status, before.cell, before.token)
        assert leased == ("leased", self.name, lease.token), "it began what is not leased to it"
        self.done[lease.operation_id] += 1
        self.net.after(
            self.net.chance.randrange(1, 20 * SECOND), lambda: self.end(scheduler, lease)
        )

    def end(self, scheduler: Scheduler, lease: Lease) -> None:
        self.journal.end_operation(
            lease.operation_id, "complete", self.net.now_ns, token=lease.token
        )
        self.over(scheduler, lease)

    def over(self, scheduler: Scheduler, lease: Lease) -> None:
        self.works_on = ""
        self.net.send_surely(self.name, lambda: scheduler.heard(self.name, lease.token, Word.ENDED))


class Scheduler:
    def __init__(self, net: Network, journal: Journal, done: Counter[str]) -> None:
        self.net, self.journal = net, journal
        self.table = LeaseTable()
        self.cells = {name: Cell(name, net, journal, done) for name in CELLS}
        self.taken_back = 0

    def heard(self, cell: str, token: int, word: Word) -> None:
        held = self.table.of(cell)
        if word is not Word.REFUSED:
            self.table.hear(cell, token, word)
        elif held is not None and held[0].token == token:
            take_back(self.journal, self.table, held[0], word, "refused", self.net.now_ns)

    def tick(self) -> None:
        now_ns = self.net.now_ns
        for lease in self.table.overdue(now_ns):
            self.taken_back += take_back(
                self.journal, self.table, lease, Word.TAKEN_BACK, "overdue", now_ns
            )
        free = [cell for cell in CELLS if self.table.of(cell) is None]
        planned = self.journal.operations(status="planned")
        for cell, record in zip(free, planned, strict=False):
            token = self.journal.lease_operation(record.operation_id, cell, "p", now_ns)
            lease = Lease(record.operation_id, cell, token, now_ns + BEGIN_WITHIN_NS)
            self.table.offer(lease)
            self.net.send(cell, lambda to=self.cells[cell], lease=lease: to.offered(self, lease))
        if self.journal.operations(status=("planned", "leased", "running")):
            assert now_ns < 2000 * SECOND, "work that nobody does, or a cell that is forgotten"
            self.net.after(5 * SECOND, self.tick)


@pytest.mark.promise("cut off")
@settings(max_examples=8, deadline=None)
@given(seed=st.integers(0, 2**32))
def test_no_work_twice_and_none_forgotten(
    seed: int, tmp_path_factory: pytest.TempPathFactory
) -> None:
    plant = plant_of_the_example()
    folder: Path = tmp_path_factory.mktemp("journal")
    with open_journal(folder / "j.db") as journal:
        journal.accept_batch([order("WO-1", quantity=4)], "f", "me", plant)
        done: Counter[str] = Counter()
        net = Network(seed)
        scheduler = Scheduler(net, journal, done)
        net.at(0, scheduler.tick)
        net.run()
        records = journal.operations()
        assert {record.status for record in records} == {"complete"}
        assert done == Counter(record.operation_id for record in records), "each of them once"
        assert all(scheduler.table.of(cell) is None for cell in CELLS)
        assert not any(cell.works_on for cell in scheduler.cells.values())

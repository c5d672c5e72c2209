"""What key figures and lists are made of, gathered by both databases, against whole records."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from typing import Any

import pytest

from robot_cell.model import Plant
from robot_cell.orders.status import tally_of
from robot_cell.store import Journal, OperationRecord, StepRecord, past
from robot_cell.store.ran import (
    BADLY,
    COMPLETE,
    FAILED,
    NEITHER,
    NEVER,
    WAITING,
    WELL,
    Kind,
    Ran,
    Stepped,
    ran_at_work,
    stepped_between,
)
from robot_cell.store.tallies import Tally, tallies_of_orders
from tests.gateway.conftest import NS
from tests.gateway.stories import Story
from tests.store.test_journal import order

CELLS = ["cell_a", "cell_b"]


def spans(end_ns: int) -> Iterator[tuple[int, int]]:
    for first in range(0, end_ns, end_ns // 9):
        yield first, first + 5 * NS
        yield first, first + end_ns // 3


def rows_of(ran: Ran) -> Counter[tuple[Any, ...]]:
    columns = (
        ran.order, ran.unit, ran.ended, ran.attempt, ran.planned_ns, ran.start_ns, ran.end_ns,
    )  # fmt: skip
    kinds = [ran.kinds[i] for i in ran.kind]
    return Counter(zip(kinds, *(column.tolist() for column in columns), strict=True))


def row_of(o: OperationRecord, position: int, product: str) -> tuple[Any, ...]:
    planned_ns = 0
    if o.planned_start_ns is not None and o.planned_end_ns is not None:
        planned_ns = o.planned_end_ns - o.planned_start_ns
    return (
        Kind(o.cell, o.program, product),
        position,
        o.unit,
        {"complete": COMPLETE, "failed": FAILED}.get(o.status, WAITING),
        o.attempt,
        planned_ns,
        NEVER if o.actual_start_ns is None else o.actual_start_ns,
        NEVER if o.actual_end_ns is None else o.actual_end_ns,
    )


def steps_of(stepped: Stepped) -> Counter[tuple[Any, ...]]:
    cells = [stepped.cells[i] for i in stepped.cell]
    columns = (stepped.intent_ns, stepped.outcome_ns, stepped.outcome)
    return Counter(zip(cells, *(column.tolist() for column in columns), strict=True))


def step_of(s: StepRecord, o: OperationRecord) -> tuple[Any, ...]:
    outcome = NEITHER
    if s.outcome == "done" and s.attempt == o.attempt:
        outcome = WELL
    elif s.outcome in ("failed", "uncertain", "not_done"):
        outcome = BADLY
    at_work = o.status in past.AT_WORK
    left_ns = NEVER if at_work else s.intent_ns
    return o.cell or "", s.intent_ns, left_ns if s.outcome_ns is None else s.outcome_ns, outcome


def test_operations_of_a_span_are_those_of_its_orders(told: Story) -> None:
    journal = told.journal
    positions = {one.order.order_id: one for one in journal.orders()}
    for first, last in spans(told.at_ns):
        ids = journal.look(lambda tx, a=first, b=last: past.orders_at_work(tx, a, b, CELLS))
        found = journal.look(lambda tx, a=first, b=last: ran_at_work(tx, a, b, CELLS))
        assert rows_of(found) == Counter(
            row_of(o, positions[one].position, positions[one].order.product)
            for one in ids
            for o in journal.operations(one)
        )


def begin(journal: Journal, operation_id: str, at_ns: int, cell: str = "cell_a") -> None:
    token = journal.lease_operation(operation_id, cell, "p", at_ns)
    journal.begin_operation(operation_id, cell, token, at_ns)


def check_steps(journal: Journal, first: int, last: int) -> None:
    found = journal.look(lambda tx: stepped_between(tx, first, last))
    wanted: Counter[tuple[Any, ...]] = Counter()
    for o in journal.operations():
        for s in journal.steps(o.operation_id):
            row = step_of(s, o)
            begun = first <= s.intent_ns < last
            went_on = s.intent_ns < first and (row[2] == NEVER or row[2] > first)
            wanted[row] += begun or went_on
    assert steps_of(found) == +wanted, (first, last)


def test_steps_of_a_span_were_begun_in_it_or_went_on_into_it(told: Story) -> None:
    for first, last in spans(told.at_ns):
        check_steps(told.journal, first, last)


@pytest.mark.parametrize("again", ["waits", "begun", "over"])
def test_a_step_of_an_earlier_attempt_went_on_too(
    journal: Journal, plant: Plant, again: str
) -> None:
    """Begun at 10 s, over at 30 s; and the operation is tried again, later or never."""
    journal.accept_batch([order("WO-1")], "f", "me", plant)
    one = journal.operations("WO-1")[0].operation_id
    begin(journal, one, 10 * NS)
    step = journal.step_intent(one, 0, "move", 10 * NS)
    journal.step_outcome(step, "failed", 30 * NS)
    journal.end_operation(one, "failed", 30 * NS)
    journal.requeue(one, "again", 40 * NS, confirmed_by="Kim")
    if again != "waits":
        begin(journal, one, 50 * NS, "cell_b")
    if again == "over":
        journal.end_operation(one, "complete", 60 * NS)
    found = journal.look(lambda tx: stepped_between(tx, 20 * NS, 25 * NS))
    assert found.intent_ns.tolist() == [10 * NS]
    check_steps(journal, 20 * NS, 25 * NS)
    check_steps(journal, 30 * NS, 35 * NS)


def test_a_step_that_goes_on_went_on_into_every_span_after_it(
    journal: Journal, plant: Plant
) -> None:
    journal.accept_batch([order("WO-1")], "f", "me", plant)
    one = journal.operations("WO-1")[0].operation_id
    begin(journal, one, 10 * NS)
    journal.step_intent(one, 0, "move", 10 * NS)
    found = journal.look(lambda tx: stepped_between(tx, 20 * NS, 25 * NS))
    assert found.outcome_ns.tolist() == [NEVER]
    check_steps(journal, 20 * NS, 25 * NS)


@pytest.mark.parametrize("others_s", [0, 300], ids=["at the end", "at the beginning"])
def test_an_order_is_under_way_between_its_operations(
    journal: Journal, plant: Plant, others_s: int
) -> None:
    """Its first operation is over at 110 s, its second begins at 200 s; another order is far off,
    so that the span between them is nearer to one end of the journal or to the other."""
    journal.accept_batch([order("WO-1"), order("WO-2")], "f", "me", plant)
    first, second = (o.operation_id for o in journal.operations("WO-1")[:2])
    other = journal.operations("WO-2")[0].operation_id
    for one, cell, at_s in sorted(
        [(first, "cell_a", 100), (second, "cell_b", 200), (other, "cell_b", others_s)],
        key=lambda row: row[2],
    ):
        begin(journal, one, at_s * NS, cell)
        journal.end_operation(one, "complete", (at_s + 10) * NS)

    def orders(from_s: int, to_s: int, cells: list[str] = CELLS) -> set[str]:
        return journal.look(lambda tx: past.orders_at_work(tx, from_s * NS, to_s * NS, cells))

    at_end = journal.look(lambda tx: past.from_its_end(tx, 140 * NS, 150 * NS))
    assert at_end is (others_s == 0)
    assert orders(140, 150) == {"WO-1"}
    assert orders(140, 150, ["cell_a"]) == set(), "what goes on is on another cell"
    assert orders(50, 60) == orders(250, 260) == set()


def test_orders_are_counted_as_their_operations_say(told: Story) -> None:
    journal = told.journal
    ids = [one.order.order_id for one in journal.orders()]
    found = journal.look(lambda tx: tallies_of_orders(tx, [*ids, "none"]))
    assert found == {one: tally_of(journal.operations(one)) for one in ids}


def test_an_order_without_a_place_for_each_operation_has_no_end(
    journal: Journal, plant: Plant
) -> None:
    journal.accept_batch([order("WO-1")], "f", "me", plant)

    def tally() -> Tally:
        found = journal.look(lambda tx: tallies_of_orders(tx, ["WO-1"]))["WO-1"]
        assert found == tally_of(journal.operations("WO-1"))
        return found

    assert (tally().unplanned, tally().start_ns, tally().end_ns) == (6, None, None)
    begin(journal, journal.operations("WO-1")[0].operation_id, 10 * NS)
    journal.end_operation(journal.operations("WO-1")[0].operation_id, "complete", 20 * NS)
    assert (tally().unplanned, tally().start_ns, tally().end_ns) == (5, 10 * NS, None)

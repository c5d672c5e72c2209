"""What the journal says of what is over, in both databases, against all of it read and filtered."""

from __future__ import annotations

from collections import Counter

from robot_cell.gateway.window import is_open, over_ns
from robot_cell.store import counted, past
from robot_cell.store.looks import waiting_draft
from robot_cell.store.records import to_us
from tests.gateway.conftest import NS, START
from tests.gateway.stories import Story


def test_orders_are_open_or_were_over_last(told: Story) -> None:
    journal = told.journal
    of = {one.order.order_id: journal.operations(one.order.order_id) for one in journal.orders()}
    opened = journal.look(past.open_orders)
    assert opened == {name for name, records in of.items() if is_open(records)}
    count = sum(len(of[name]) for name in opened)
    over = {
        one.order.order_id: over_ns(one, of[one.order.order_id])
        for one in journal.orders()
        if one.order.order_id not in opened
    }
    assert over
    newest = sorted(over, key=lambda one: (-over[one], one))
    for most in (0, 3, 7, 10**6):
        for since_ns in (0, sorted(over.values())[len(over) // 2]):
            found = journal.look(
                lambda tx, most=most, since_ns=since_ns: past.over_last(
                    tx, opened, count, most, since_ns
                )
            )
            wanted, left = [], most
            for one in newest:
                left -= len(of[one])
                if left < 0 or over[one] < since_ns:
                    break
                wanted.append(one)
            assert found == wanted


def test_what_ran_in_a_span_is_found_from_either_end(told: Story) -> None:
    journal = told.journal
    operations = journal.operations()
    assert any(o.status == "running" for o in operations)
    for first in range(0, told.at_ns, told.at_ns // 9):
        for last in (first + 5 * NS, first + told.at_ns // 3):
            ran = {
                o.operation_id
                for o in operations
                if o.actual_start_ns is not None
                and o.actual_start_ns < last
                and (o.actual_end_ns is None or o.actual_end_ns >= first)
            }
            found = journal.look(
                lambda tx, a=first, b=last: past.ran_between(tx, a, b, None, 10_000)
            )
            assert {o.operation_id for o in found} == ran
            orders = journal.look(
                lambda tx, a=first, b=last: past.orders_at_work(tx, a, b, ["cell_a", "cell_b"])
            )
            assert {o.order_id for o in operations if o.operation_id in ran} <= orders
            ended = [o for o in operations if first <= (o.actual_end_ns or -1) < last]
            counted = journal.look(lambda tx, a=first, b=last: past.count_ended(tx, a, b))
            assert counted == len(ended)


def test_what_a_cell_had_begun_before(told: Story) -> None:
    journal = told.journal
    begun = [o for o in journal.operations() if o.actual_start_ns is not None]
    found = journal.look(lambda tx: past.begun_before(tx, [o.operation_id for o in begun]))
    for cell in ("cell_a", "cell_b"):
        turns = sorted(
            (o for o in begun if o.cell == cell),
            key=lambda o: (o.actual_start_ns or 0, o.operation_id),
        )
        before = [None, *(o.operation_id for o in turns)]
        for one, known in zip(turns, before, strict=False):
            told_of = found.get(one.operation_id)
            assert (None if told_of is None else told_of.operation_id) == known
        last = journal.look(lambda tx, cell=cell: past.last_begun(tx, [cell]))
        assert [one.operation_id for one in last] == [o.operation_id for o in turns[-1:]]


def test_everything_is_counted(told: Story) -> None:
    journal = told.journal
    operations = journal.operations()
    found: Counter[tuple[str | None, str]] = Counter()
    for one in journal.look(counted.count_operations):
        found[one.cell, one.status] += one.count
    assert found == Counter((o.cell, o.status) for o in operations)
    of: dict[str, list[int | None]] = {}
    for o in operations:
        of.setdefault(o.order_id, []).append(o.actual_end_ns if o.status == "complete" else None)
    complete = {name: max(e or 0 for e in ends) for name, ends in of.items() if None not in ends}
    late = [
        one
        for one in journal.orders()
        if (end_ns := complete.get(one.order.order_id)) is not None
        and end_ns > (to_us(one.order.due) - to_us(START)) * 1000
    ]
    told_of = journal.look(lambda tx: counted.count_orders(tx, to_us(START)))
    assert told_of == (len(of), len(complete), len(late))


def test_a_draft_waits_until_a_plan_is_published_or_somebody_decides(told: Story) -> None:
    journal = told.journal
    told.tell("draft", 0)
    assert journal.look(lambda tx: waiting_draft(tx, "plan drafted")) is not None
    journal.command("Kim", "approve", "plan", told.at_ns)
    assert journal.look(lambda tx: waiting_draft(tx, "plan drafted")) is None
    told.tell("draft", 0)
    assert journal.look(lambda tx: waiting_draft(tx, "plan drafted")) is not None
    told.tell("plan", 0)
    assert journal.look(lambda tx: waiting_draft(tx, "plan drafted")) is None

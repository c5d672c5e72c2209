"""What planning reads again at every change does not grow with the years that a journal keeps."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from drivers.clock import WallClock
from robot_cell.model import Plant
from robot_cell.orders.board import KEPT_NS, Board
from robot_cell.store import Journal, OperationRecord, open_journal
from robot_cell.store.working_set import OPEN, Run, last_runs, working_set
from tests.store.test_faults import START, orders

S_NS = 1_000_000_000
PROGRAM = ("deburr", "assemble", "pack")


def end(journal: Journal, order_id: str, at_ns: int, status: str = "complete") -> None:
    """End every operation of an order's only unit at an instant."""
    for number, name in enumerate(PROGRAM):
        one = f"{order_id}/1/{name}"
        token = journal.lease_operation(one, "cell_a", f"{name}_s")
        journal.begin_operation(one, "cell_a", token, at_ns - S_NS + number)
        journal.end_operation(
            one, status, at_ns + number, "", [0.0] * 6, [[0.1] * 6]  # type: ignore[arg-type]
        )  # fmt: skip


def ids(journal: Journal, since_ns: int) -> list[str]:
    found = journal.look(lambda connection: working_set(connection, since_ns))
    operations = {record.order_id for record in found.operations}
    listed = [record.order.order_id for record in found.orders]
    assert set(listed) == operations, "an order without its operations, or the other way round"
    return listed


def test_what_is_open_stays_and_what_is_over_goes_after_a_while(
    journal: Journal, plant: Plant
) -> None:
    journal.accept_batch(orders(5), "f", "me", plant)
    end(journal, "WO-0", 10 * S_NS)
    end(journal, "WO-1", 20 * S_NS, "uncertain")
    journal.cancel_order("WO-2", "me", "no", 30 * S_NS)
    token = journal.lease_operation("WO-3/1/deburr", "cell_a", "deburr_s")
    journal.begin_operation("WO-3/1/deburr", "cell_a", token, 5 * S_NS)
    assert ids(journal, 0) == ["WO-0", "WO-1", "WO-2", "WO-3", "WO-4"]
    assert ids(journal, 15 * S_NS) == ["WO-1", "WO-2", "WO-3", "WO-4"]
    assert ids(journal, 40 * S_NS) == ["WO-1", "WO-3", "WO-4"], "a person has to look at WO-1"


def test_operations_are_as_they_are_but_for_what_was_measured(
    journal: Journal, plant: Plant
) -> None:
    journal.accept_batch(orders(2), "f", "me", plant)
    end(journal, "WO-0", 10 * S_NS)
    found = journal.look(lambda connection: working_set(connection, 0)).operations
    assert len(found) == len(journal.operations()) == 6
    for one, whole in zip(found, journal.operations(), strict=True):
        assert one.joint_error_rad is None
        assert one.end_positions is None
        for name in OperationRecord.__dataclass_fields__:
            if name not in ("joint_error_rad", "end_positions"):
                assert getattr(one, name) == getattr(whole, name)


def test_the_last_runs_come_first(journal: Journal, plant: Plant) -> None:
    journal.accept_batch(orders(3), "f", "me", plant)
    end(journal, "WO-1", 10 * S_NS)
    end(journal, "WO-0", 20 * S_NS)
    end(journal, "WO-2", 30 * S_NS, "failed")
    runs = journal.look(last_runs)
    assert [run.end_ns for run in runs] == [20 * S_NS + n for n in (2, 1, 0)] + [
        10 * S_NS + n for n in (2, 1, 0)
    ]
    assert runs[0] == Run("cell_a", "pack_s", "housing_s", 19 * S_NS + 2, 20 * S_NS + 2)
    assert journal.look(lambda connection: last_runs(connection, 2)) == runs[:2]


@pytest.mark.parametrize("old", [1, 40])
def test_a_long_history_is_not_read(journal: Journal, plant: Plant, old: int) -> None:
    """However many are over, as many are read as are open."""
    journal.accept_batch(orders(old + 1), "f", "me", plant)
    for number in range(old):
        end(journal, f"WO-{number}", number * S_NS)
    assert ids(journal, old * S_NS) == [f"WO-{old}"]


def test_the_board_answers_for_an_old_order_that_is_named(journal: Journal, plant: Plant) -> None:
    journal.accept_batch(orders(2), "f", "me", plant)
    end(journal, "WO-0", -2 * KEPT_NS)
    board = Board(plant, journal, WallClock(START))
    board.refresh()
    assert list(board.orders) == ["WO-1"]
    found, operations = board.asked_for(["WO-0", "WO-1", "WO-9"])
    assert [record.order.order_id for record in found] == ["WO-0", "WO-1"]
    assert {record.order_id for record in operations} == {"WO-0", "WO-1"}
    everything, _ = board.asked_for([])
    assert [record.order.order_id for record in everything] == ["WO-1"]


@settings(max_examples=25, deadline=None)
@given(
    data=st.lists(st.tuples(st.sampled_from(["complete", "failed", "open"]), st.integers(1, 9)),
                  min_size=1, max_size=6),
    since=st.integers(0, 10),
)  # fmt: skip
def test_it_is_what_the_whole_journal_says(
    data: list[tuple[str, int]], since: int, plant: Plant, tmp_path_factory: pytest.TempPathFactory
) -> None:
    """Against all records, filtered here."""
    with open_journal(tmp_path_factory.mktemp("journal") / "j.db") as journal:
        journal.accept_batch(orders(len(data)), "f", "me", plant)
        for number, (status, at) in enumerate(data):
            if status != "open":
                end(journal, f"WO-{number}", at * S_NS, status)
        lively = {
            record.order_id
            for record in journal.operations()
            if record.status in OPEN or (record.actual_end_ns or 0) >= since * S_NS
        }
        expected = [
            record.order.order_id for record in journal.orders() if record.order.order_id in lively
        ]
        assert ids(journal, since * S_NS) == expected

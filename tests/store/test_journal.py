from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta, timezone
from functools import partial
from pathlib import Path

import psycopg
import pytest
from sqlalchemy import create_engine
from sqlalchemy.exc import DBAPIError

from robot_cell.model import JobOrder, PlannedOperation, Plant
from robot_cell.store import (
    BatchTooLarge,
    Journal,
    JournalError,
    JournalUnavailable,
    OrderConflict,
    StaleToken,
    UnknownOperation,
    UnknownOrder,
    UnknownStep,
    WrongStatus,
    accept,
    open_journal,
)
from robot_cell.store.accept import allow_order, revoke_order
from robot_cell.store.engine import journal_url
from robot_cell.store.log import Transaction
from tests.store.postgresql import Server

START = datetime(2026, 11, 23, 5, tzinfo=timezone.utc)
DEBURR = "WO-1/1/deburr"


def order(order_id: str = "WO-1", **changes: object) -> JobOrder:
    values = {
        "order_id": order_id,
        "product": "housing_s",
        "quantity": 2,
        "release": START,
        "due": START + timedelta(hours=1),
        "customer": "Nordpumpen AG",
    }
    return JobOrder.model_validate(values | changes)


def accept_one(journal: Journal, plant: Plant) -> None:
    journal.accept_batch([order()], "file.csv", "me", plant, at_ns=7)


def run(journal: Journal, operation_id: str = DEBURR, cell: str = "cell_a") -> int:
    token = journal.lease_operation(operation_id, cell, "deburr_s")
    journal.begin_operation(operation_id, cell, token, at_ns=10)
    return token


def test_an_order_becomes_operations(journal: Journal, plant: Plant) -> None:
    result = journal.accept_batch([order(), order("WO-2", quantity=1)], "f", "me", plant)
    assert (result.new_ids, result.known_ids) == (("WO-1", "WO-2"), ())
    assert [record.order for record in journal.orders()] == [order(), order("WO-2", quantity=1)]
    assert journal.order("WO-2").order.quantity == 1
    assert [o.operation_id for o in journal.operations("WO-1")] == [
        f"WO-1/{unit}/{name}" for unit in (1, 2) for name in ("deburr", "assemble", "pack")
    ]
    assert {o.status for o in journal.operations()} == {"planned"}
    assert journal.earliest_release() == START


def test_the_order_of_acceptance_is_kept(journal: Journal, plant: Plant) -> None:
    journal.accept_batch([order("Z"), order("A")], "f", "me", plant)
    journal.accept_batch([order("M"), order("Z")], "f", "me", plant)
    assert [record.order.order_id for record in journal.orders()] == ["Z", "A", "M"]


def test_the_same_batch_again_changes_nothing(journal: Journal, plant: Plant) -> None:
    accept_one(journal, plant)
    run(journal)
    again = journal.accept_batch([order(release=START.astimezone())], "f", "me", plant)
    assert (again.new_ids, again.known_ids) == ((), ("WO-1",))
    assert journal.operation(DEBURR).status == "running"


def test_other_content_is_refused_whole(journal: Journal, plant: Plant) -> None:
    accept_one(journal, plant)
    changed = order(quantity=3, due=START + timedelta(hours=2))
    with pytest.raises(OrderConflict, match="quantity, due") as error:
        journal.accept_batch([order("WO-0"), changed], "f", "me", plant)
    assert error.value.conflicts == {"WO-1": ("quantity", "due")}
    assert [record.order for record in journal.orders()] == [order()]


@pytest.mark.parametrize("bad", [order("WO-9", product="anvil"), order("WO-0")])
def test_what_intake_would_refuse_is_refused_here_too(
    bad: JobOrder, journal: Journal, plant: Plant
) -> None:
    with pytest.raises(JournalError):
        journal.accept_batch([order("WO-0"), bad], "f", "me", plant)
    assert journal.orders() == []


def test_a_batch_that_is_too_large(
    journal: Journal, plant: Plant, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(accept, "MAX_OPERATIONS_PER_BATCH", 5)
    with pytest.raises(BatchTooLarge, match="6 operations; at most 5"):
        accept_one(journal, plant)


def test_the_way_of_an_operation(journal: Journal, plant: Plant, place: Path | str) -> None:
    accept_one(journal, plant)
    token = run(journal)
    step = journal.step_intent(DEBURR, 0, "gripper close", at_ns=20)
    assert [s.step_id for s in journal.open_steps("cell_a")] == [step]
    assert journal.open_steps("cell_b") == []
    journal.step_outcome(step, "done", 30)
    assert journal.open_steps() == []
    journal.end_operation(DEBURR, "complete", 40, "", [1e-4] * 6, {"0": [0.1] * 6}, token=token)
    with open_journal(place) as other:  # what was acknowledged, any process sees
        record = other.operation(DEBURR)
    assert (record.status, record.cell, record.program) == ("complete", "cell_a", "deburr_s")
    assert (record.actual_start_ns, record.actual_end_ns) == (10, 40)
    assert record.joint_error_rad == [1e-4] * 6
    assert record.end_positions == {"0": [0.1] * 6}
    journal.end_operation(DEBURR, "complete", 41)
    assert journal.operation(DEBURR).actual_end_ns == 40
    with pytest.raises(WrongStatus):
        journal.end_operation(DEBURR, "failed", 42)


def test_a_void_lease_is_refused(journal: Journal, plant: Plant) -> None:
    accept_one(journal, plant)
    old = journal.lease_operation(DEBURR, "cell_a", "deburr_s")
    journal.requeue(DEBURR, "cell_a is gone", 5)
    with pytest.raises(StaleToken) as error:
        journal.begin_operation(DEBURR, "cell_a", old, 6)
    assert error.value.current > error.value.token == old
    new = journal.lease_operation(DEBURR, "cell_b", "deburr_s")
    assert new > old
    with pytest.raises(WrongStatus, match="leased to cell_b"):
        journal.begin_operation(DEBURR, "cell_a", new, 7)
    journal.begin_operation(DEBURR, "cell_b", new, 8)
    journal.begin_operation(DEBURR, "cell_b", new, 9)
    assert journal.operation(DEBURR).actual_start_ns == 8
    with pytest.raises(StaleToken):
        journal.end_operation(DEBURR, "complete", 10, token=old)
    with pytest.raises(WrongStatus, match="only a planned operation"):
        journal.lease_operation(DEBURR, "cell_a", "deburr_s")


def test_only_what_has_not_begun_is_taken_back(journal: Journal, plant: Plant) -> None:
    accept_one(journal, plant)
    token = journal.lease_operation(DEBURR, "cell_a", "p")
    with pytest.raises(StaleToken):
        journal.take_back(DEBURR, token + 1, "late", 5)
    journal.take_back(DEBURR, token, "late", 5)
    assert journal.operation(DEBURR).status == "planned"
    with pytest.raises(StaleToken):
        journal.begin_operation(DEBURR, "cell_a", token, 6)
    token = journal.lease_operation(DEBURR, "cell_a", "p")
    journal.begin_operation(DEBURR, "cell_a", token, 7)
    with pytest.raises(WrongStatus, match="only what has not begun"):
        journal.take_back(DEBURR, token, "late", 8)


def test_work_is_put_back_only_if_nothing_was_done(journal: Journal, plant: Plant) -> None:
    accept_one(journal, plant)
    run(journal)
    first = journal.step_intent(DEBURR, 0, "close", 1)
    with pytest.raises(WrongStatus, match="1 of its steps were or may have been done"):
        journal.requeue(DEBURR, "cell_a died", 2)
    journal.step_outcome(first, "not_done", 3)
    journal.requeue(DEBURR, "cell_a died", 4)
    record = journal.operation(DEBURR)
    assert (record.status, record.attempt, record.cell) == ("planned", 2, None)
    run(journal)
    second = journal.step_intent(DEBURR, 0, "close", 5)
    assert second > first
    journal.end_operation(DEBURR, "uncertain", 6)
    with pytest.raises(WrongStatus):
        journal.requeue(DEBURR, "again", 7)
    journal.requeue(DEBURR, "again", 7, confirmed_by="Kim")
    assert [s.attempt for s in journal.steps(DEBURR)] == [1, 2]
    assert [e.who for e in journal.events()] == ["journal", "Kim"]


def test_a_person_resolves_uncertain_work(journal: Journal, plant: Plant) -> None:
    accept_one(journal, plant)
    run(journal)
    with pytest.raises(WrongStatus):
        journal.resolve_operation(DEBURR, "complete", "Kim", "seen", 1)
    journal.end_operation(DEBURR, "uncertain", 2)
    journal.resolve_operation(DEBURR, "complete", "Kim", "seen", 3)
    assert journal.operation(DEBURR).message == "Kim: seen"


def test_an_uncertain_step_can_become_certain_and_no_other(journal: Journal, plant: Plant) -> None:
    accept_one(journal, plant)
    run(journal)
    step = journal.step_intent(DEBURR, 0, "close", 1)
    journal.step_outcome(step, "uncertain", 2)
    journal.step_outcome(step, "done", 3)
    journal.step_outcome(step, "done", 4)
    with pytest.raises(WrongStatus):
        journal.step_outcome(step, "failed", 5)
    with pytest.raises(UnknownStep):
        journal.step_outcome(step + 1, "done", 5)


def test_steps_need_running_work(journal: Journal, plant: Plant) -> None:
    accept_one(journal, plant)
    with pytest.raises(WrongStatus, match="steps belong to running operations"):
        journal.step_intent(DEBURR, 0, "close", 1)
    with pytest.raises(UnknownOperation):
        journal.step_intent("WO-1/9/deburr", 0, "close", 1)


def test_a_command_by_hand_has_a_step_id_that_no_step_has(journal: Journal, plant: Plant) -> None:
    accept_one(journal, plant)
    run(journal)
    data = {"device": "gripper", "command": "open", "args": []}
    first = journal.step_intent(DEBURR, 0, "close", 1)
    asked, by_hand = journal.command_by_hand("Kim", "gripper open", "cell_a", 2, data)
    _, again = journal.command_by_hand("Kim", "gripper open", "cell_b", 3, data)
    after = journal.step_intent(DEBURR, 1, "move", 4)
    assert first < by_hand < again < after
    assert [step.step_id for step in journal.steps(DEBURR)] == [first, after]
    journal.command("Kim", "device gripper close", "cell_a", 5)  # refused at the door
    [noted] = journal.by_hand("cell_a")
    assert (noted.command_id, noted.what, noted.outcome) == (asked, "device gripper open", None)
    assert noted.data == {**data, "step_id": by_hand}
    journal.command_outcome(asked, "done", 6)
    assert [one.outcome for one in journal.by_hand("cell_a")] == ["done"]
    assert (journal.last_step("cell_a"), journal.last_step("cell_b")) == (after, 0)


def test_cancelling_leaves_what_runs(journal: Journal, plant: Plant) -> None:
    accept_one(journal, plant)
    run(journal)
    token = journal.lease_operation("WO-1/2/deburr", "cell_a", "deburr_s")
    assert len(journal.cancel_order("WO-1", "Kim", "no longer wanted", 9)) == 5
    assert journal.operation(DEBURR).status == "running"
    with pytest.raises(WrongStatus):
        journal.begin_operation("WO-1/2/deburr", "cell_a", token, 10)
    assert journal.cancel_order("WO-1", "Lee", "again", 11) == []
    record = journal.order("WO-1")
    assert (record.cancelled_by, record.cancelled_ns) == ("Kim", 9)
    assert [event.what for event in journal.events()] == ["order cancelled"]
    with pytest.raises(UnknownOrder):
        journal.cancel_order("WO-7", "Kim", "", 1)


def test_an_order_is_taken_back_as_a_whole_and_allowed_again(
    journal: Journal, plant: Plant
) -> None:
    def ask(change: Callable[..., None], order_id: str) -> None:
        journal.change(partial(change, order_id=order_id, who="MES", at_ns=7))

    journal.accept_batch([order("WO-1"), order("WO-2")], "f", "me", plant)
    [first, *_] = journal.operations("WO-1")
    with pytest.raises(JournalError, match="was not taken back"):
        ask(allow_order, "WO-2")
    rows = [
        PlannedOperation(o.operation_id, o.order_id, o.unit, o.name, "cell_a", "p", n, n + 1)
        for n, o in enumerate(journal.operations("WO-2"))
    ]
    journal.publish_schedule(rows, at_ns=2)
    ask(revoke_order, "WO-2")
    assert {o.status for o in journal.operations("WO-2")} == {"cancelled"}
    with pytest.raises(JournalError, match="cannot be taken back: operations of it are cancelled"):
        ask(revoke_order, "WO-2")
    ask(allow_order, "WO-2")
    again = journal.operations("WO-2")
    assert {(o.status, o.cell, o.planned_start_ns, o.message) for o in again} == {
        ("planned", None, None, "")
    }
    assert journal.order("WO-2").cancelled_ns is None
    # What a person has cancelled stays so, and what has begun is not taken back.
    journal.cancel_order("WO-2", "Kim", "not wanted", 8)
    with pytest.raises(JournalError, match="was not taken back"):
        ask(allow_order, "WO-2")
    journal.lease_operation(first.operation_id, "cell_a", "deburr_s", 9)
    with pytest.raises(JournalError, match="operations of it are leased, planned"):
        ask(revoke_order, "WO-1")
    with pytest.raises(UnknownOrder):
        ask(revoke_order, "WO-9")
    # The tables are what the events make of them.
    assert journal.verify().findings == ()


def test_a_schedule_gives_planned_work_its_place(journal: Journal, plant: Plant) -> None:
    accept_one(journal, plant)
    run(journal)
    rows = [
        PlannedOperation(f"WO-1/{unit}/deburr", "WO-1", unit, "deburr", "cell_b", "p", unit, 9)
        for unit in (1, 2)
    ]
    assert journal.schedule() is None
    assert journal.publish_schedule(rows, at_ns=3, engine="cp-sat") == 1
    assert journal.publish_schedule(rows[:1], at_ns=4) == 2
    published = journal.schedule()
    assert published is not None
    assert (published.revision, published.rows) == (2, tuple(rows[:1]))
    assert journal.operation("WO-1/2/deburr").planned_start_ns == 2
    assert journal.operation(DEBURR).cell == "cell_a"  # it runs there, whatever is planned
    stranger = PlannedOperation("X/1/deburr", "X", 1, "deburr", "cell_b", "p", 0, 1)
    with pytest.raises(UnknownOperation):
        journal.publish_schedule([*rows, stranger], at_ns=5)
    assert journal.schedule() == published


@pytest.mark.parametrize("change", ["UPDATE events SET who = 'nobody'", "DELETE FROM events"])
def test_events_cannot_be_changed(change: str, journal: Journal, place: Path | str) -> None:
    journal.event("cell_a", "held", 5, {"alarm": 3})
    other = create_engine(journal_url(place))
    with pytest.raises(DBAPIError, match="append-only"), other.begin() as connection:
        connection.exec_driver_sql(change)
    other.dispose()
    [event] = journal.events()
    assert (event.who, event.what, event.at_ns, event.data) == ("cell_a", "held", 5, {"alarm": 3})
    assert journal.events(after=event.event_id) == []


def test_commands_of_persons(journal: Journal) -> None:
    command = journal.command("Kim", "hold", "cell_a", 5)
    journal.command_outcome(command, "held", 6)
    journal.command_outcome(command, "refused", 7)
    [record] = journal.commands()
    assert (record.who, record.what, record.outcome, record.outcome_ns) == (
        "Kim",
        "hold",
        "held",
        6,
    )


def test_the_newest_of_some_commands(journal: Journal) -> None:
    assert journal.last_command("cell_a", ["hold", "stop"]) is None
    for who, what in (("Kim", "hold"), ("Lee", "stop"), ("Mia", "start")):
        journal.command(who, what, "cell_a", 5)
    journal.command("Ann", "stop", "cell_b", 6)
    newest = journal.last_command("cell_a", ["hold", "stop"])
    assert newest is not None
    assert newest.who == "Lee"


def test_the_plants_start_is_set_once(journal: Journal, place: Path | str) -> None:
    assert journal.plant_start(START) == START
    with open_journal(place) as other:
        assert other.plant_start(START + timedelta(hours=1)) == START


def test_durability_is_switched_on(tmp_path: Path) -> None:
    with open_journal(tmp_path / "j.db") as journal, journal._read() as connection:
        settings = {
            name: connection.exec_driver_sql(f"PRAGMA {name}").scalar()
            for name in ("journal_mode", "synchronous", "foreign_keys", "busy_timeout")
        }
    assert settings == {
        "journal_mode": "wal",
        "synchronous": 1,  # NORMAL: `LogSync` waits for the disk
        "foreign_keys": 1,
        "busy_timeout": 30_000,
    }


def test_durability_is_switched_on_at_a_server(postgresql: Server) -> None:
    url = postgresql.database()
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute(f"ALTER DATABASE {connection.info.dbname} SET synchronous_commit = off")
    with open_journal(url) as journal, journal._read() as connection:
        assert connection.exec_driver_sql("SHOW synchronous_commit").scalar() == "on"
        assert connection.exec_driver_sql("SHOW lock_timeout").scalar() == "30s"


def test_rows_without_their_parents_are_refused(journal: Journal) -> None:
    def orphan(transaction: Transaction) -> None:
        transaction.connection.exec_driver_sql(
            "INSERT INTO steps (step_id, operation_id, attempt, step_index, label, intent_ns, "
            "message) VALUES (1, 'nobody', 1, 0, '', 0, '')"
        )

    with pytest.raises(JournalError, match=r"FOREIGN KEY|foreign key"):
        journal._write(orphan)


def test_what_devices_and_people_say_is_stored_whatever_it_is(
    journal: Journal, plant: Plant
) -> None:
    accept_one(journal, plant)
    run(journal)
    step = journal.step_intent(DEBURR, 0, "close", 1)
    garbage = b"\x00\xffERR \xe2".decode("utf-8", "surrogateescape")
    journal.step_outcome(step, "failed", 2, garbage)
    assert journal.steps(DEBURR)[0].message == r"\0\udcffERR \udce2"
    journal.end_operation(DEBURR, "failed", 3, "Käfig 🤖", [float("nan"), 1.0])
    record = journal.operation(DEBURR)
    assert (record.message, record.joint_error_rad) == ("Käfig 🤖", [None, 1.0])


def test_a_journals_password_is_not_told() -> None:
    with pytest.raises(JournalUnavailable) as error:
        open_journal("postgresql://me:secret@127.0.0.1:1/nowhere")
    assert "secret" not in str(error.value)
    assert "its server does not answer" in str(error.value)
    with pytest.raises(JournalUnavailable, match="SQLite or PostgreSQL"):
        open_journal("mysql://me@127.0.0.1/nowhere")

"""Verify finds what is not as it was written, repair makes the tables again, a backup goes on."""

from __future__ import annotations

import random
import subprocess
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import psycopg
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sqlalchemy import create_engine, text

from robot_cell.model import PlannedOperation, Plant, load_plant
from robot_cell.store import (
    Journal,
    JournalCorrupt,
    JournalError,
    JournalUnavailable,
    StaleToken,
    WrongStatus,
    backup,
    open_journal,
)
from robot_cell.store.engine import journal_url
from robot_cell.store.tables import DERIVED
from tests.store.postgresql import Server
from tests.store.test_journal import START, order


def work_a_while(journal: Journal, plant: Plant, seed: int = 0, count: int = 60) -> None:
    """Everything that can happen, in an order that could be."""
    chance = random.Random(seed)
    journal.plant_start(START)
    journal.accept_batch([order("WO-1"), order("WO-2", quantity=1)], "f", "me", plant, at_ns=1)
    tokens: dict[str, int] = {}
    open_steps: dict[str, int] = {}
    given: set[int] = set()

    def publish(at_ns: int) -> None:
        rows = [
            PlannedOperation(o.operation_id, o.order_id, o.unit, o.name, "cell_a", "p", n, n + 1)
            for n, o in enumerate(journal.operations(status="planned"))
        ]
        journal.publish_schedule(rows, at_ns=at_ns, engine="tabu")

    def lease(at_ns: int) -> None:
        name = chance.choice(journal.operations()).operation_id
        tokens[name] = journal.lease_operation(name, chance.choice(["cell_a", "cell_b"]), "p")

    def begin(at_ns: int) -> None:
        record = chance.choice(journal.operations(status="leased"))
        journal.begin_operation(record.operation_id, record.cell or "", record.token, at_ns)

    def step(at_ns: int) -> None:
        name = chance.choice(journal.operations(status="running")).operation_id
        open_steps[name] = journal.step_intent(name, 0, "move", at_ns)
        assert open_steps[name] not in given
        given.add(open_steps[name])

    def outcome(at_ns: int) -> None:
        name = chance.choice(sorted(open_steps))
        outcome = chance.choice(["done", "failed", "not_done", "uncertain"])
        journal.step_outcome(open_steps.pop(name), outcome, at_ns, "so it was")

    def end(at_ns: int) -> None:
        name = chance.choice(journal.operations(status="running")).operation_id
        status = chance.choice(["complete", "failed", "uncertain"])
        journal.end_operation(name, status, at_ns, "", [0.1] * 6, {"0": [0.5]})

    def put_back(at_ns: int) -> None:
        name = chance.choice(journal.operations()).operation_id
        journal.requeue(name, "again", at_ns, confirmed_by=chance.choice([None, "Kim"]))

    def resolve(at_ns: int) -> None:
        name = chance.choice(journal.operations(status="uncertain")).operation_id
        journal.resolve_operation(name, "complete", "Kim", "seen", at_ns)

    def cancel(at_ns: int) -> None:
        if chance.random() < 0.1:
            journal.cancel_order("WO-2", "Kim", "no longer wanted", at_ns)

    def ask(at_ns: int) -> None:
        asked = journal.command("Kim", "hold", "cell_a", at_ns, {"why": "lunch"})
        journal.command_outcome(asked, "obeyed", at_ns)

    def by_hand(at_ns: int) -> None:
        data = {"device": "gripper", "command": "open", "args": []}
        asked, step_id = journal.command_by_hand("Kim", "gripper open", "cell_a", at_ns, data)
        assert step_id not in given
        given.add(step_id)
        journal.command_outcome(asked, "done", at_ns)

    def note(at_ns: int) -> None:
        journal.event("scheduler", "cell lost", at_ns, {"cell": "cell_b"})

    can: list[Callable[[int], None]] = [
        publish, lease, lease, begin, begin, step, step, outcome, end, put_back, resolve, cancel,
        ask, note, by_hand,
    ]  # fmt: skip
    for at_ns in range(2, count):
        try:
            chance.choice(can)(at_ns)
        except (WrongStatus, StaleToken, IndexError):
            continue  # not now


def rows(journal: Journal) -> dict[str, list[Any]]:
    with journal._read() as connection:
        return {
            table.name: sorted(map(tuple, connection.execute(table.select())), key=str)
            for table in DERIVED
        }


def damage(place: Path | str, *statements: str) -> None:
    engine = create_engine(journal_url(place))
    with engine.begin() as connection:
        if connection.dialect.name == "postgresql":
            connection.execute(text("SET LOCAL session_replication_role = replica"))
        for statement in statements:
            connection.execute(text(statement))
    engine.dispose()


@settings(max_examples=12, deadline=None)
@given(seed=st.integers(0, 2**32))
def test_the_tables_are_what_the_events_say(
    seed: int, plant: Plant, tmp_path_factory: pytest.TempPathFactory
) -> None:
    with open_journal(tmp_path_factory.mktemp("journal") / "j.db") as journal:
        work_a_while(journal, plant, seed)
        assert journal.verify().findings == ()
        before = rows(journal)
        journal.repair()
        assert rows(journal) == before


@pytest.mark.parametrize(
    ("statement", "table", "row", "message"),
    [
        (
            "UPDATE operations SET status = 'complete' WHERE operation_id = 'WO-2/1/pack'",
            "operations",
            "WO-2/1/pack",
            "status is 'complete', the events say 'planned'",
        ),
        ("DELETE FROM commands WHERE command_id = 1", "commands", "1", "the row is missing"),
        (
            "INSERT INTO steps (step_id, operation_id, attempt, step_index, label, intent_ns, "
            "message) VALUES (99, 'WO-2/1/pack', 1, 0, 'x', 0, '')",
            "steps",
            "99",
            "no event says that there is such a row",
        ),
    ],
)
def test_a_row_that_no_event_tells_of_is_found_and_repaired(
    statement: str, table: str, row: str, message: str, place: Path | str, plant: Plant
) -> None:
    with open_journal(place) as journal:
        journal.accept_batch([order("WO-2", quantity=1)], "f", "me", plant)
        journal.command("Kim", "hold", "cell_a", 5)
        before = rows(journal)
        damage(place, statement)
        found = journal.verify()
        assert found.total == 1
        [finding] = found.findings
        assert (finding.table, finding.row, finding.message) == (table, row, message)
        assert finding.event_id == {"operations": 2, "commands": 3, "steps": None}[table]
        assert journal.repair() == 3
        assert journal.verify().findings == ()
        assert rows(journal) == before


@pytest.mark.parametrize(
    ("statement", "event_id", "message"),
    [
        ("UPDATE events SET who = 'nobody' WHERE event_id = 2", 2, "is not what was written"),
        ("UPDATE events SET at_ns = 8 WHERE event_id = 3", 3, "is not what was written"),
        ("DELETE FROM events WHERE event_id = 2", 2, "event 2 is missing"),
    ],
)
def test_damaged_events_are_found_and_never_repaired(
    statement: str, event_id: int, message: str, place: Path | str, plant: Plant
) -> None:
    with open_journal(place) as journal:
        journal.accept_batch([order("WO-2", quantity=1)], "f", "me", plant)
        for at_ns in (3, 4):
            journal.event("cell_a", "held", at_ns)
        before = rows(journal)
        triggers = [] if isinstance(place, str) else ["DROP TRIGGER events_no_update",
                                                      "DROP TRIGGER events_no_delete"]  # fmt: skip
        damage(place, *triggers, statement)
        found = journal.verify()
        [finding] = found.findings
        assert (finding.table, finding.event_id) == ("events", event_id)
        assert message in finding.message
        with pytest.raises(JournalCorrupt, match=message):
            journal.repair()
        assert rows(journal) == before


def test_a_broken_page_is_found(tmp_path: Path, plant: Plant) -> None:
    path = tmp_path / "j.db"
    with open_journal(path) as journal:
        work_a_while(journal, plant)
        with journal._read() as connection:
            root = connection.exec_driver_sql(
                "SELECT rootpage FROM sqlite_master WHERE name = 'operations_by_status'"
            ).scalar_one()
    data = bytearray(path.read_bytes())
    at = (root - 1) * 4096 + 4096 - 200
    data[at : at + 150] = bytes(byte ^ 0x55 for byte in data[at : at + 150])
    path.write_bytes(bytes(data))
    with open_journal(path) as journal:
        found = journal.verify()
    assert any("the file is damaged" in finding.message for finding in found.findings)


def test_equal_events_have_equal_digests_and_a_backup_is_a_beginning(
    tmp_path: Path, plant: Plant
) -> None:
    with open_journal(tmp_path / "j.db") as journal:
        work_a_while(journal, plant)
        backup.copy(tmp_path / "j.db", tmp_path / "backup.db")
        at_backup = journal.verify()
        journal.event("cell_a", "held", 99)
        with open_journal(tmp_path / "backup.db") as copied:
            assert copied.verify().digest == at_backup.digest
            assert list(copied.history()) == list(journal.history())[:-1]


def test_a_backup_while_running_and_the_way_back(tmp_path: Path, plant: Plant) -> None:
    """The drill: back up under load, lose the journal, restore, verify, go on."""
    path, copied = tmp_path / "j.db", tmp_path / "backup.db"
    with open_journal(path) as journal:
        journal.accept_batch([order("WO-1", quantity=5)], "f", "me", plant)
        token = journal.lease_operation("WO-1/1/deburr", "cell_a", "p")
        journal.begin_operation("WO-1/1/deburr", "cell_a", token, 1)
        first = journal.step_intent("WO-1/1/deburr", 0, "close", 2)
        enough, written = threading.Event(), []

        def write() -> None:
            while not enough.is_set() or len(written) < 20:
                written.append(journal.event("cell_a", "held", 3))

        writer = threading.Thread(target=write)
        writer.start()
        deadline = time.monotonic() + 30
        while len(written) < 5:
            assert time.monotonic() < deadline
        backup.copy(path, copied)
        enough.set()
        writer.join()
        events = len(list(journal.history()))
        last = journal.step_intent("WO-1/1/deburr", 1, "move", 4)
        _, last = journal.command_by_hand("Kim", "gripper open", "cell_a", 4, {"device": "gripper"})
        later = journal.lease_operation("WO-1/2/deburr", "cell_b", "p")
    with pytest.raises(JournalError, match="is in the way"):
        backup.restore(copied, path)
    for name in ("j.db", "j.db-wal", "j.db-shm"):
        (tmp_path / name).unlink(missing_ok=True)
    backup.restore(copied, path)
    with open_journal(path) as journal:
        found = journal.verify()
        assert found.findings == ()
        assert 10 <= found.events <= events
        journal.go_on_from_backup("Kim")
        assert [step.step_id for step in journal.open_steps()] == [first]
        # What devices and cells were given after the backup is never given again.
        assert journal.step_intent("WO-1/1/deburr", 1, "move", 4) > last + 1000
        assert journal.lease_operation("WO-1/2/deburr", "cell_b", "p") > later + 1000
        assert journal.verify().findings == ()


def test_a_restored_journal_goes_on_behind_what_was_given_by_hand(
    tmp_path: Path, plant: Plant
) -> None:
    with open_journal(tmp_path / "j.db") as journal:
        journal.go_on_from_backup("Kim")
        _, first = journal.command_by_hand("Kim", "gripper open", "cell_a", 1, {})
        journal.go_on_from_backup("Kim")  # restored again, with no step of a program in between
        _, second = journal.command_by_hand("Kim", "gripper open", "cell_a", 2, {})
        assert second > first + 1000
        assert journal.verify().findings == ()


def test_a_backup_replaces_nothing_and_leaves_nothing_half(tmp_path: Path) -> None:
    path, target = tmp_path / "j.db", tmp_path / "backup.db"
    with pytest.raises(JournalUnavailable, match="there is no journal"):
        backup.copy(path, target)
    path.write_bytes(b"no database" * 1000)
    with pytest.raises(JournalUnavailable, match="the backup failed"):
        backup.copy(path, target)
    assert sorted(file.name for file in tmp_path.iterdir()) == ["j.db"]
    target.touch()
    with pytest.raises(JournalUnavailable, match="replaces nothing"):
        backup.copy(path, target)


def test_a_dump_of_postgresql_and_the_way_back(postgresql: Server, plant: Plant) -> None:
    """What docs/journal.md says of pg_dump and pg_restore, done."""
    url, fresh = postgresql.database(), postgresql.database()
    with open_journal(url) as journal:
        work_a_while(journal, plant)
        before, digest = rows(journal), journal.verify().digest
    dump = str(postgresql.folder / "journal.dump")
    for words in (
        ("pg_dump", "--format=custom", f"--file={dump}", url),
        ("pg_restore", "--exit-on-error", "--no-owner", f"--dbname={fresh}", dump),
    ):
        done = subprocess.run(
            [str(postgresql.bin / words[0]), *words[1:]],
            user=postgresql._user, cwd=postgresql.folder, capture_output=True, text=True,
            check=False, timeout=60,
        )  # fmt: skip
        assert done.returncode == 0, done.stderr
    with open_journal(fresh) as journal:
        assert rows(journal) == before
        assert journal.verify().digest == digest
        journal.go_on_from_backup("Kim")
    with psycopg.connect(fresh) as connection, pytest.raises(psycopg.Error, match="append-only"):
        connection.execute("TRUNCATE events")


def plant_of_the_example() -> Plant:
    """The example plant, for processes that have no fixtures; the arms' models are not needed."""
    root = Path(__file__).parents[2]
    return load_plant(root / "examples" / "housing_plant.yaml")

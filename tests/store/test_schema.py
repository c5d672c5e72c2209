"""A new journal and one that was upgraded have the same schema, and the old one's content."""

from __future__ import annotations

import sqlite3
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy import MetaData, create_engine, inspect, text

from robot_cell.model import Plant
from robot_cell.store import Journal, OtherVersion, accept, open_journal, schema, token_book
from robot_cell.store.engine import journal_url, open_engine
from robot_cell.store.tables import REVISION, metadata
from tests.store.test_journal import order

OLD = Path(__file__).parent / "data" / "journal_0001.sql"
"""What the first version wrote: two orders, one complete operation, one running, one cancelled."""


SECOND = OLD.with_name("journal_0002.sql")
"""What revision 0002 wrote: an order with a running operation, one that was cancelled, a note."""

THIRD = OLD.with_name("journal_0003.sql")
"""What revision 0003 wrote: a planned order, an alarm that somebody has seen, a cell in manual."""


def write_old(place: Path | str, folder: Path) -> None:
    """Make an old journal: the very file in SQLite, its rows in PostgreSQL."""
    file = place if isinstance(place, Path) else folder / "old.db"
    with sqlite3.connect(file) as connection:
        connection.executescript(OLD.read_text())
    connection.close()
    if isinstance(place, Path):
        return
    source = create_engine(f"sqlite:///{file}")
    known = MetaData()
    known.reflect(source)
    target = open_engine(place)
    with source.connect() as old, target.begin() as new:
        new.exec_driver_sql("SET TRANSACTION READ WRITE")
        schema.migrate(new, "0001")
        new.exec_driver_sql("DROP TABLE alembic_version")  # it did not say its revision
        tables = MetaData()
        tables.reflect(new)
        for table in known.sorted_tables:
            if table.name == "sqlite_sequence":
                continue
            rows = [row._asdict() for row in old.execute(table.select())]
            if rows:
                new.execute(tables.tables[table.name].insert(), rows)
    source.dispose()
    target.dispose()


def schema_of(journal: Journal) -> Any:
    """Everything that the database says of its tables, triggers and functions."""
    with journal._read() as connection:
        if connection.dialect.name == "sqlite":
            rows = connection.exec_driver_sql(
                "SELECT type, name, tbl_name, sql FROM sqlite_master ORDER BY name"
            )
            # Alembic creates its own table with other white space.
            return [[" ".join(str(item).split()) for item in row] for row in rows]
        tables = inspect(connection)
        described = {
            name: (
                [(c["name"], str(c["type"]), c["nullable"], c["default"])
                 for c in tables.get_columns(name)],
                tables.get_pk_constraint(name),
                tables.get_foreign_keys(name),
                sorted(tables.get_indexes(name), key=lambda i: str(i["name"])),
                sorted(tables.get_unique_constraints(name), key=lambda c: str(c["name"])),
                sorted(tables.get_check_constraints(name), key=lambda c: str(c["name"])),
            )
            for name in sorted(tables.get_table_names())
        }  # fmt: skip
        triggers = connection.execute(
            text(
                "SELECT tgname, pg_get_triggerdef(oid) FROM pg_trigger WHERE NOT tgisinternal "
                "UNION SELECT relname, relkind::text FROM pg_class WHERE relnamespace = "
                "'public'::regnamespace ORDER BY 1, 2"
            )
        )
        return described, [tuple(row) for row in triggers]


def fresh(place: Path | str, request: pytest.FixtureRequest) -> Path | str:
    if isinstance(place, Path):
        return place.with_name("fresh.db")
    url: str = request.getfixturevalue("postgresql").database()
    return url


def test_an_upgraded_journal_has_the_schema_of_a_new_one(
    place: Path | str, tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    write_old(place, tmp_path)
    with open_journal(place) as upgraded, open_journal(fresh(place, request)) as new:
        assert schema_of(upgraded) == schema_of(new)
        with upgraded._read() as connection:
            context = MigrationContext.configure(
                connection, opts={"compare_type": True, "compare_server_default": True}
            )
            assert compare_metadata(context, metadata) == []
            assert context.get_current_revision() == REVISION


def test_an_upgraded_journal_has_its_content_and_goes_on(
    place: Path | str, tmp_path: Path, plant: Plant
) -> None:
    write_old(place, tmp_path)
    with open_journal(place) as journal:
        assert [record.order.order_id for record in journal.orders()] == ["WO-1", "WO-2"]
        assert journal.order("WO-2").cancelled_by == "Kim"
        first, second, third = journal.operations("WO-1")
        assert (first.status, first.joint_error_rad) == ("complete", [1e-4] * 6)
        assert (second.status, third.status, third.attempt) == ("running", "planned", 2)
        assert {o.status for o in journal.operations("WO-2")} == {"cancelled"}
        assert [step.label for step in journal.open_steps()] == ["open"]
        assert [event.what for event in journal.events()] == [
            "operation put back",
            "order cancelled",
            "cell lost",
        ]
        assert [(c.who, c.what, c.outcome) for c in journal.commands()] == [
            ("Kim", "hold", "obeyed"),
            ("Lee", "stop", None),
        ]
        published = journal.schedule()
        assert published is not None
        assert (published.revision, published.engine) == (2, "repair")
        assert published.rows[0].operation_id == second.operation_id
        assert journal.verify().findings == ()
        # Ids go on where they were.
        assert journal.lease_operation(third.operation_id, "cell_b", "p") == 5
        assert journal.step_intent(second.operation_id, 1, "move", 30) == 4
        assert journal.accept_batch([order("WO-3")], "f", "me", plant).batch_id == 2
        assert journal.verify().findings == ()


def test_an_upgrade_that_fails_changes_nothing(
    place: Path | str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_old(place, tmp_path)
    upgraded = schema.migrate

    def fail(connection: Any) -> None:
        upgraded(connection)
        raise RuntimeError("the power went off")

    monkeypatch.setattr(schema, "migrate", fail)
    with pytest.raises(RuntimeError):
        open_journal(place)
    monkeypatch.undo()
    engine = open_engine(place)
    with engine.connect() as connection:
        assert schema.revision(connection) == "0001"
    engine.dispose()
    with open_journal(place) as journal:
        assert len(journal.orders()) == 2


@pytest.mark.parametrize("found", [f"{int(REVISION) + 1:04}", "9f3a"])
def test_a_newer_journal_is_refused(found: str, place: Path | str) -> None:
    open_journal(place).close()
    engine = create_engine(journal_url(place))
    with engine.begin() as connection:
        connection.execute(text("UPDATE alembic_version SET version_num = :v"), {"v": found})
    engine.dispose()
    with pytest.raises(OtherVersion, match=f"schema {found}.*newer version"):
        open_journal(place)


def test_a_journal_of_the_second_revision_gets_what_came_later(tmp_path: Path) -> None:
    place = tmp_path / "journal.db"
    with sqlite3.connect(place) as connection:
        connection.executescript(SECOND.read_text())
    connection.close()
    with open_journal(place) as upgraded, open_journal(tmp_path / "fresh.db") as new:
        assert schema_of(upgraded) == schema_of(new)
        assert [step.step_index for step in upgraded.open_steps()] == [1]
        assert upgraded.alarms.standing() == []
        upgraded.alarms.raise_("cell_a", "device_fault", "gripper", "silent", 20)
        assert upgraded.verify().findings == ()


def test_a_journal_of_the_third_revision_gets_what_came_later(tmp_path: Path) -> None:
    place = tmp_path / "journal.db"
    with sqlite3.connect(place) as connection:
        connection.executescript(THIRD.read_text())
    connection.close()
    with open_journal(place) as upgraded, open_journal(tmp_path / "fresh.db") as new:
        assert schema_of(upgraded) == schema_of(new)
        assert [alarm.acknowledged_by for alarm in upgraded.alarms.standing()] == ["Kim"]
        assert [mode.label for mode in upgraded.modes().values()] == ["manual"]
        prioritise = partial(
            accept.prioritise_order, order_id="WO-1", priority=9, who="Kim", at_ns=30
        )
        assert upgraded.change(prioritise)
        assert not upgraded.change(prioritise)
        assert upgraded.order("WO-1").order.priority == 9
        assert upgraded.look(token_book.all_tokens) == []
        assert upgraded.verify().findings == ()

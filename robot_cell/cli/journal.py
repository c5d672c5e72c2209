"""`robot-cell journal`: verify, export, repair, back up and restore a plant's journal."""

from __future__ import annotations

import json
import sys
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from robot_cell.cli.exit_codes import ExitCode
from robot_cell.cli.options import Json, who

if TYPE_CHECKING:
    from robot_cell.store import Journal

Where = Annotated[
    str,
    typer.Option(
        "--journal",
        metavar="FILE|URL",
        help="The journal; by default that of the plant that `up` started.",
    ),
]


def verify(where: Where = "", as_json: Json = False) -> int:
    """Check that the events are whole and that the tables are what they say."""
    from robot_cell.cli.output import err, make_table, out, print_json

    with _existing(where) as journal:
        result = journal.verify()
    if as_json:
        print_json({"ok": not result.total, **asdict(result)})
    elif result.total:
        rows = [(f.table, f.row, f.event_id or "", f.message) for f in result.findings]
        columns = ("table", "row", ">event", "what is wrong")
        err().print(make_table(f"{journal.where}: {result.total} findings", columns, rows))
        err().print(_advice(any(f.table in ("", "events") for f in result.findings)))
    else:
        out().print(
            f"{journal.where}: whole. {result.events} events, {result.rows} rows as they say; "
            f"digest {result.digest[:16]}"
        )
    return ExitCode.FAILED if result.total else ExitCode.OK


def _advice(events_damaged: bool) -> str:
    if events_damaged:
        return "The events are damaged: stop the plant, keep the journal, restore a backup."
    return "The events are whole: stop the plant, then `robot-cell journal repair`."


def export(
    where: Where = "",
    after: Annotated[int, typer.Option(min=0, help="Only events after this one.")] = 0,
    as_json: Json = False,
) -> int:
    """Write every event to stdout, one JSON object a line, oldest first."""
    del as_json  # it is JSON in any case
    with _existing(where) as journal:
        for event in journal.history(after):
            line = {**asdict(event), "digest": event.digest.hex()}
            sys.stdout.write(json.dumps(line, ensure_ascii=False) + "\n")
    sys.stdout.flush()
    return ExitCode.OK


def repair(where: Where = "", as_json: Json = False) -> int:
    """Make the tables again from the events. Stop the plant first; nothing is invented."""
    from robot_cell.cli.output import out, print_json

    with _existing(where) as journal:
        count = journal.repair()
        result = journal.verify()
    if as_json:
        print_json({"ok": not result.total, "events": count, "findings": result.total})
    else:
        out().print(f"{journal.where}: tables made from {count} events; {result.total} findings")
    return ExitCode.FAILED if result.total else ExitCode.OK


def backup(
    target: Annotated[Path, typer.Argument(metavar="FILE", help="A file that is not there yet.")],
    where: Where = "",
    as_json: Json = False,
) -> int:
    """Copy the journal while the plant runs, and verify the copy (PostgreSQL: pg_dump)."""
    from robot_cell.cli.output import out, print_json
    from robot_cell.store import open_journal
    from robot_cell.store.backup import copy

    copy(_file(where), target)
    with open_journal(target) as journal:
        result = journal.verify()
    if as_json:
        print_json({"ok": not result.total, "file": str(target), **asdict(result)})
    else:
        out().print(f"{target}: {result.events} events, {result.total} findings")
    return ExitCode.FAILED if result.total else ExitCode.OK


def restore(
    source: Annotated[
        str, typer.Argument(metavar="BACKUP", help="A backup; `-` for a restored PostgreSQL.")
    ],
    where: Where = "",
    as_json: Json = False,
) -> int:
    """Put a backup in the place of a lost journal, ready for work. The plant must be stopped."""
    from robot_cell.cli.output import out, print_json
    from robot_cell.store import open_journal
    from robot_cell.store.backup import restore as put_back

    target = _location(where)
    if source != "-":
        target = _file(where)
        put_back(Path(source), target)
    with open_journal(target) as journal:
        result = journal.verify()
        if not result.total:
            journal.go_on_from_backup(who())
    if as_json:
        print_json({"ok": not result.total, **asdict(result)})
    else:
        out().print(
            f"{journal.where}: {result.events} events, {result.total} findings. What happened "
            "after the backup is not in it: look at each cell before the plant starts."
        )
    return ExitCode.FAILED if result.total else ExitCode.OK


def _location(where: str) -> Path | str:
    from robot_cell.cli.options import run_dir
    from robot_cell.store import journal_location

    if where:
        return where if "://" in where else Path(where)
    return journal_location(run_dir())


def _file(where: str) -> Path:
    from robot_cell.store import JournalUnavailable

    location = _location(where)
    if isinstance(location, Path):
        return location
    raise JournalUnavailable(
        "a journal in a database is backed up and restored with the database's means: "
        "docs/journal.md"
    )


def _existing(where: str) -> Journal:
    """Open a journal that is there: who asks for one by a wrong name must not get a new one."""
    from robot_cell.store import JournalUnavailable, open_journal

    location = _location(where)
    if isinstance(location, Path) and not location.is_file():
        raise JournalUnavailable(f"{location}: there is no journal; give it with --journal")
    return open_journal(location)

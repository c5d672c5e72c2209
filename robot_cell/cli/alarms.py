"""`robot-cell alarms`: what is wrong, since when, what to do about it, and who has seen it."""

from __future__ import annotations

import re
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Final

import typer

from robot_cell.cli.exit_codes import ExitCode
from robot_cell.cli.options import Json

if TYPE_CHECKING:
    from collections.abc import Callable

    from robot_cell.store import AlarmRecord, Journal

RunDir = Annotated[
    Path | None,
    typer.Option("--run-dir", help="Run directory of the plant. [default: that of `up`]"),
]
Every = Annotated[bool, typer.Option("--all", help="Also those that are over and acknowledged.")]
AlarmId = Annotated[int, typer.Argument(metavar="ID", help="Id of the alarm, from `alarms`.")]

_UNITS_S: Final = {"s": 1.0, "m": 60.0, "min": 60.0, "h": 3600.0}
_COLOURS: Final = {"high": "bold red", "medium": "yellow", "low": "cyan"}


def alarms(run_dir: RunDir = None, every: Every = False, as_json: Json = False) -> int:
    """List the alarms: the most urgent first, then the oldest; shelved ones last."""
    from robot_cell.cli.output import out, print_json

    with _journal(run_dir) as journal:
        found = journal.alarms.history() if every else journal.alarms.standing()
    found.sort(key=lambda one: one.state.shelved)
    if as_json:
        print_json({"alarms": [_as_json(one) for one in found]})
        return ExitCode.OK
    console = out()
    if not found:
        console.print("no alarm")
    for one in found:
        _show(console, one)
    return ExitCode.OK


def acknowledge(alarm_id: AlarmId, run_dir: RunDir = None, as_json: Json = False) -> int:
    """Say that you have seen an alarm and see to it."""
    from robot_cell.cli.options import who

    return _done(run_dir, as_json, lambda j: j.alarms.acknowledge(alarm_id, who()))


def shelve(
    alarm_id: AlarmId,
    time: Annotated[
        str, typer.Option("--for", metavar="TIME", help="How long: 90s, 30m or 2h; at most 12h.")
    ],
    run_dir: RunDir = None,
    as_json: Json = False,
) -> int:
    """Put an alarm aside for a time; after that it comes back by itself."""
    from robot_cell.cli.options import who

    for_s = _seconds(time)
    return _done(run_dir, as_json, lambda j: j.alarms.shelve(alarm_id, who(), for_s))


def unshelve(alarm_id: AlarmId, run_dir: RunDir = None, as_json: Json = False) -> int:
    """Take a shelved alarm back."""
    from robot_cell.cli.options import who

    return _done(run_dir, as_json, lambda j: j.alarms.unshelve(alarm_id, who()))


def _done(run_dir: Path | None, as_json: bool, work: Callable[[Journal], AlarmRecord]) -> int:
    from robot_cell.cli.output import err, out, print_json
    from robot_cell.store import AlarmNotInState, UnknownAlarm

    with _journal(run_dir) as journal:
        try:
            record = work(journal)
        except (AlarmNotInState, UnknownAlarm) as error:
            err().print(f"error: {error}", markup=False)
            return ExitCode.REFUSED
    if as_json:
        print_json(_as_json(record))
    else:
        out().print(f"alarm {record.alarm_id} is {_state(record)}", markup=False)
    return ExitCode.OK


def _seconds(text: str) -> float:
    found = re.fullmatch(r"([0-9]+(?:\.[0-9]+)?)(s|m|min|h)", text.strip())
    if found is None:
        raise typer.BadParameter(f"{text!r} is no time; write 90s, 30m or 2h", param_hint="--for")
    return float(found[1]) * _UNITS_S[found[2]]


def _show(console: Any, one: AlarmRecord) -> None:
    from rich.table import Table
    from rich.text import Text

    place = f"{one.source}/{one.subject}" if one.subject else one.source
    notes = [f"at {one.raised_ns * 1e-9:.1f} s", _state(one)]
    if one.first_out:
        notes.append("first out")
    if one.times > 1:
        notes.append(f"{one.times} times")
    told = Text(f"{place}: {one.text}", style="dim" if one.state.shelved else "bold")
    further = (", ".join(notes), *(f"then: {text}" for text in one.consequences))
    for line in (*further, f"do: {one.action}"):
        told.append(f"\n{line}", style="not bold")
    table = Table.grid(padding=(0, 2))
    table.add_column(justify="right", width=4)
    table.add_column(width=6)
    table.add_column()
    priority = one.priority.label
    table.add_row(str(one.alarm_id), Text(priority, style=_COLOURS[priority]), told)
    console.print(table)


def _state(one: AlarmRecord) -> str:
    """Its state in words."""
    from datetime import datetime, timezone

    if one.state.shelved and one.shelved_until_us is not None:
        until = datetime.fromtimestamp(one.shelved_until_us * 1e-6, timezone.utc).astimezone()
        return f"shelved by {one.shelved_by} until {until:%Y-%m-%d %H:%M:%S}"
    if one.state.value == "acknowledged":
        return f"acknowledged by {one.acknowledged_by}"
    if one.state.value == "returned":
        return "over, not acknowledged"
    return "over" if one.state.value == "normal" else one.state.value


def _as_json(one: AlarmRecord) -> dict[str, Any]:
    told = asdict(one)
    told["priority"], told["state"] = one.priority.label, one.state.value
    return told


def _journal(run_dir: Path | None) -> Journal:
    from robot_cell.cli.steps import plant_journal

    return plant_journal(run_dir)

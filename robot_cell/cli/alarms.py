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
    from datetime import datetime

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
    from robot_cell.cli.options import over_rest
    from robot_cell.cli.output import out, print_json

    there = over_rest() if run_dir is None else None
    if there is not None:
        found = [_of_rest(one, there.start()) for one in there.alarms(every=every)]
    else:
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

    if (code := _seen_over_rest(run_dir, as_json, alarm_id, "acknowledge")) is not None:
        return code
    return _done(run_dir, as_json, lambda j: j.alarms.acknowledge(alarm_id, who()))


def shelve(
    alarm_id: AlarmId,
    time: Annotated[
        str, typer.Option("--for", metavar="TIME", help="How long: 90s, 30m or 2h; at most 12h.")
    ],
    reason: Annotated[str, typer.Option(help="Why; a plant over REST asks for it.")] = "",
    run_dir: RunDir = None,
    as_json: Json = False,
) -> int:
    """Put an alarm aside for a time; after that it comes back by itself."""
    from robot_cell.cli.options import who

    for_s = _seconds(time)
    wanted = {"for_s": for_s, "reason": reason or "put aside on the command line"}
    if (code := _seen_over_rest(run_dir, as_json, alarm_id, "shelve", **wanted)) is not None:
        return code
    return _done(run_dir, as_json, lambda j: j.alarms.shelve(alarm_id, who(), for_s))


def unshelve(alarm_id: AlarmId, run_dir: RunDir = None, as_json: Json = False) -> int:
    """Take a shelved alarm back."""
    from robot_cell.cli.options import who

    if (code := _seen_over_rest(run_dir, as_json, alarm_id, "unshelve")) is not None:
        return code
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


def _seen_over_rest(
    run_dir: Path | None, as_json: bool, alarm_id: int, verb: str, **wanted: Any
) -> int | None:
    """See to an alarm of the plant that `--url` names; None if it names none."""
    from robot_cell.cli.options import over_rest
    from robot_cell.cli.output import err, out, print_json

    there = over_rest() if run_dir is None else None
    if there is None:
        return None
    answer = there.see_to_alarm(alarm_id, verb, **wanted)
    if as_json:
        print_json(asdict(answer))
    else:
        (out() if answer.success else err()).print(answer.message, markup=False)
    return ExitCode.OK if answer.success else ExitCode.REFUSED


def _of_rest(one: dict[str, Any], start: datetime) -> AlarmRecord:
    """An alarm as the API tells it, as the journal has it."""
    from robot_cell.model.alarm import AlarmState, Priority
    from robot_cell.store import AlarmRecord

    start_ms = round(start.timestamp() * 1000)

    def ns(at_ms: int | None) -> int | None:
        return None if at_ms is None else (at_ms - start_ms) * 1_000_000

    until_ms = one["shelved_until_ms"]
    return AlarmRecord(
        alarm_id=one["id"],
        source=one["cell"],
        kind=one["kind"],
        subject=one["source"],
        priority=Priority[one["priority"].upper()],
        state=AlarmState(one["state"]),
        text=one["text"],
        action=one["action"],
        first_out=one["first_out"],
        consequences=tuple(one["consequences"]),
        times=one["times"],
        raised_ns=ns(one["raised_ms"]) or 0,
        raised_wall_us=0,
        returned_ns=ns(one["cleared_ms"]),
        acknowledged_ns=ns(one["acknowledged_ms"]),
        acknowledged_by=one["acknowledged_by"],
        shelved_until_us=None if until_ms is None else until_ms * 1000,
        shelved_by=one["shelved_by"],
    )


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

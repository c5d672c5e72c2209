"""`robot-cell report`: what a shift made, how well, and what held it up."""

from __future__ import annotations

import json
from dataclasses import asdict
from datetime import datetime, timezone
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from robot_cell.cli.exit_codes import ExitCode
from robot_cell.cli.options import Json, run_dir, running_plant_file
from robot_cell.errors import RobotCellError

if TYPE_CHECKING:
    from zoneinfo import ZoneInfo

    from robot_cell.reporting.shift_data import ShiftReport
    from robot_cell.store import Journal

_ASK_S = 3.0


class NoSuchInstantError(RobotCellError):
    """A time that cannot be read, or that nobody knows."""


def report(
    begin: Annotated[
        str,
        typer.Option(
            "--from", metavar="TIME",
            help="ISO 8601, in the plant's time zone unless it says another. "
            "[default: plant time 0]",
        ),
    ] = "",
    end: Annotated[
        str, typer.Option("--to", metavar="TIME", help="The same. [default: the last event]")
    ] = "",
    html: Annotated[Path | None, typer.Option(metavar="FILE", help="Write one HTML page.")] = None,
    pdf: Annotated[Path | None, typer.Option(metavar="FILE", help="Write a PDF, A4.")] = None,
    folder: Annotated[
        Path | None,
        typer.Option("--run-dir", help="Run directory of the plant. [default: that of `up`]"),
    ] = None,
    plant_path: Annotated[
        Path | None, typer.Option("--plant", help="Plant file. [default: that of the run]")
    ] = None,
    start: Annotated[
        str,
        typer.Option(metavar="TIME", help="Instant of plant time 0, where nothing tells it."),
    ] = "",
    language: Annotated[
        str, typer.Option(metavar="en|zh", help="Language of the page and the PDF.")
    ] = "en",
    as_json: Json = False,
) -> int:  # fmt: skip
    """Report on a span of time from the journal; the plant may run or not."""
    from robot_cell.cli.output import out, print_json
    from robot_cell.gateway.shift import shift_report
    from robot_cell.model.plant_file import load_plant
    from robot_cell.reporting.shift_html import write_shift_html, write_shift_pdf
    from robot_cell.reporting.shift_words import LANGUAGES
    from robot_cell.store import journal_location, open_journal
    from robot_cell.store.errors import JournalUnavailable

    chosen = next((one for one in LANGUAGES if one == language), None)
    if chosen is None:
        raise typer.BadParameter(
            f"{language!r} is none of {', '.join(LANGUAGES)}", param_hint="--language"
        )
    place = (folder or run_dir()).expanduser()
    plant = load_plant(plant_path or running_plant_file(place))
    where = journal_location(place)
    if isinstance(where, Path) and not where.is_file():
        raise JournalUnavailable(f"{where} is not there; give the plant's --run-dir")
    with open_journal(where) as journal:
        zero = _instant(start, plant.zone) if start else _plant_start(journal, place)
        found = shift_report(
            plant,
            journal,
            zero,
            _instant(begin, plant.zone) if begin else None,
            _instant(end, plant.zone) if end else None,
            datetime.now(timezone.utc),
        )
    if html is not None:
        write_shift_html(html, found, chosen)
    if pdf is not None:
        write_shift_pdf(pdf, found, chosen)
    if as_json:
        print_json(_as_json(found))
        return ExitCode.OK
    for path in (html, pdf):
        if path is not None:
            out().print(f"report: {path}", markup=False)
    if html is None and pdf is None:
        _show(found)
    return ExitCode.OK


def _instant(text: str, zone: ZoneInfo) -> datetime:
    try:
        instant = datetime.fromisoformat(text)
    except ValueError as error:
        raise NoSuchInstantError(
            f"{text!r} is no time; write it as 2026-11-28T06:00, with +01:00 or without"
        ) from error
    return instant if instant.tzinfo is not None else instant.replace(tzinfo=zone)


def _plant_start(journal: Journal, place: Path) -> datetime:
    """The instant of plant time 0: from the journal, the run's arguments, or the plant itself.

    Raises:
        NoSuchInstantError: nobody knows it.
    """
    from robot_cell.store.looks import plant_start_us
    from robot_cell.store.records import from_us

    start_us = journal.look(plant_start_us)
    if start_us is not None:
        return from_us(start_us)
    try:
        told = json.loads((place / "up.json").read_text())["arguments"]["start"]
        return datetime.fromisoformat(told).astimezone(timezone.utc)
    except (OSError, KeyError, ValueError, TypeError):
        pass
    from robot_cell.client import PlantClient, PlantNotReachable

    try:
        with PlantClient.connect(_ASK_S) as client:
            return client.schedule().start
    except PlantNotReachable as error:
        raise NoSuchInstantError(
            "neither the journal nor the run directory says when plant time began, and no plant "
            "answers that could; give it with --start"
        ) from error


def _as_json(found: ShiftReport) -> dict[str, object]:
    made: dict[str, object] = json.loads(json.dumps(asdict(found), default=str))
    return made


def _show(found: ShiftReport) -> None:
    from robot_cell.cli.output import make_table, out

    console = out()
    complete = sum(one.finished is not None for one in found.orders)
    late = sum((one.late_s or 0.0) > 0.0 for one in found.orders)
    console.print(
        f"{found.plant}, {found.begin:%Y-%m-%d %H:%M:%S} to {found.end:%Y-%m-%d %H:%M:%S}: "
        f"{complete} of {len(found.orders)} orders complete, {late} late",
        markup=False,
    )
    names = ("oee", "availability", "effectiveness", "quality_ratio")
    rows = [
        (
            line.cell or "plant",
            *("–" if line.figures[n] is None else f"{line.figures[n]:.1%}" for n in names),
            f"{line.elements['PQ']:.0f}",
            "–" if line.energy_j is None else f"{line.energy_j / 1e3:.1f}",
        )
        for line in (*found.cells, found.total)
    ]
    columns = ("", ">OEE", ">availability", ">effectiveness", ">quality", ">operations", ">kJ")
    console.print(make_table("", columns, rows))
    for one in found.losses[:5]:
        console.print(f"lost: {one.seconds:.0f} s, {one.cell}: {one.cause}", markup=False)
    for alarm in found.alarms[:5]:
        console.print(f"alarm: {alarm.count} times, {alarm.source}: {alarm.text}", markup=False)
    console.print("a page or a PDF: --html FILE, --pdf FILE", markup=False)

"""What goes where: results and JSON to stdout, everything that is said on the way to stderr."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any, Literal

from robot_cell.cli.exit_codes import ExitCode
from robot_cell.errors import RobotCellError

if TYPE_CHECKING:
    from rich.console import Console
    from rich.table import Table

_STATUS_STYLES = {
    "complete": "green",
    "done": "green",
    "running": "cyan",
    "leased": "cyan",
    "failed": "red",
    "uncertain": "red",
    "cancelled": "dim",
}


class PlantNotReadyError(RobotCellError):
    """The plant did not come up."""


def out() -> Console:
    """The console of results."""
    from rich.console import Console

    return Console(highlight=False)


def err() -> Console:
    """The console of everything else; in a file a path is not broken into two lines."""
    from rich.console import Console

    return Console(stderr=True, highlight=False, soft_wrap=not sys.stderr.isatty())


def print_json(value: Any) -> None:
    """Write one JSON document to stdout."""
    json.dump(value, sys.stdout, indent=2, ensure_ascii=False, default=str)
    sys.stdout.write("\n")
    sys.stdout.flush()


def make_table(title: str, columns: Sequence[str], rows: Iterable[Sequence[object]]) -> Table:
    """A quiet table; columns whose name begins with `>` are right-aligned."""
    from rich import box
    from rich.table import Table
    from rich.text import Text

    table = Table(title=title or None, box=box.SIMPLE_HEAD, title_justify="left", pad_edge=False)
    for column in columns:
        right = column.startswith(">")
        # A path or a command that is cut off is of no use: what is too long goes on below.
        justify: Literal["left", "right"] = "right" if right else "left"
        table.add_column(column.removeprefix(">"), justify=justify, overflow="fold")
    for row in rows:
        table.add_row(*(cell if isinstance(cell, Text) else Text(str(cell)) for cell in row))
    return table


def status_text(status: str) -> object:
    """A status in its colour."""
    from rich.text import Text

    return Text(status, style=_STATUS_STYLES.get(status, ""))


def clock_text(start: datetime, plant_ns: int | None) -> str:
    """A plant time as a clock time of this machine's time zone; empty if there is none."""
    if plant_ns is None:
        return ""
    instant = (start + timedelta(microseconds=plant_ns // 1000)).astimezone()
    return instant.strftime("%Y-%m-%d %H:%M:%S")


def print_error(error: Exception) -> ExitCode:
    """Say what is wrong, without a traceback; returns the exit code that goes with it."""
    from rich.text import Text

    console = err()
    problems = getattr(error, "problems", ())
    if problems and hasattr(problems[0], "column"):
        print_problems(problems)
        if (more := getattr(error, "total", 0) - len(problems)) > 0:
            console.print(f"... and {more} more problems")
    else:
        console.print(Text("error: ", style="bold red") + Text(str(error), style="default"))
    return exit_code_of(error)


def print_problems(problems: Iterable[Any]) -> None:
    """Problems of a batch, each with its place, as a table on stderr."""
    columns = ("file", ">row", "column", "value", "expected")
    rows = [(p.file, p.row or "", p.column, p.value, p.expected or p.message) for p in problems]
    noun = "problem" if len(rows) == 1 else "problems"
    err().print(make_table(f"{len(rows)} {noun}; nothing was stored", columns, rows))


def exit_code_of(error: Exception) -> ExitCode:
    """Which exit code an error has, by what it is about."""
    by_name = {
        "BatchError": ExitCode.BAD_INPUT,
        "PlantFileError": ExitCode.BAD_INPUT,
        "LaunchFileError": ExitCode.BAD_INPUT,
        "BadAssignmentError": ExitCode.USAGE,
        "PlantNotReachable": ExitCode.NOT_REACHABLE,
        "PlantNotReadyError": ExitCode.NOT_REACHABLE,
        "PlantRefusesError": ExitCode.REFUSED,
        "PlannerError": ExitCode.BAD_INPUT,
    }
    for kind in type(error).__mro__:
        if kind.__name__ in by_name:
            return by_name[kind.__name__]
    return ExitCode.FAILED

"""Which format a benchmark file has: nobody writes that into the file, but its lines give it away.

Public collections number machines from 0 or from 1 and give job shops and flexible job shops the
same extension; sequence-dependent setups follow the jobs as extra lines.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from enum import Enum
from pathlib import Path

from planners.scheduling.instance_lines import Line, flexible_length, lines_of
from planners.scheduling.instances import MOST_EXTRA_LINES, read_fjsp, read_jsp, read_sdst
from planners.scheduling.problem import SchedulingProblem

FLEXIBLE_SUFFIXES = (".fjs", ".fjsp")
_Rows = Sequence[Sequence[int]]


class Format(str, Enum):
    """What a file of a scheduling problem can be."""

    fjsp = "fjsp"
    jsp = "jsp"
    sdst = "sdst"


@dataclass(frozen=True, slots=True)
class Instance:
    """A benchmark file as a problem; one time unit of the file is one millisecond."""

    problem: SchedulingProblem
    format: Format
    first_machine: int


def read_instance(path: Path, form: Format | None = None) -> Instance:
    """Read a benchmark file; without a format, the one that its lines fit.

    Raises:
        InstanceError: the file breaks the format; says where.
        OSError: it cannot be read.
    """
    lines = lines_of(str(path), path.read_text(encoding="utf-8-sig", errors="replace"))
    if form is None:
        form = _said_by(path, lines) or _format_of(lines)
    tabled = any(line.words[0][2].lower() == "times" for line in lines)
    first = 0 if tabled else _first_machine([line.numbers for line in lines], form)
    reader: Callable[..., SchedulingProblem] = {
        Format.fjsp: read_fjsp,
        Format.jsp: read_jsp,
        Format.sdst: read_sdst,
    }[form]
    return Instance(reader(path, first_machine=first), form, first)


def _said_by(path: Path, lines: Sequence[Line]) -> Format | None:
    """Flexible where the header has a mean of alternatives or the name ends in .fjs.

    Only where the jobs cannot be read does this tell more than the lines: a number that is missing
    from a flexible shop can leave what looks like a job shop.
    """
    mean = lines[0].words[2][2] if len(lines[0].words) > 2 else ""
    flexible = path.suffix.lower() in FLEXIBLE_SUFFIXES or re.fullmatch(r"\d+\.\d+", mean)
    return Format.fjsp if flexible and _format_of(lines) is Format.jsp else None


def _format_of(lines: Sequence[Line]) -> Format:
    titles = {line.words[0][2].lower() for line in lines}
    rows = [line.numbers for line in lines]
    if {"times", "machines"} <= titles:
        return Format.jsp
    if not rows[0]:
        return Format.fjsp  # its reader says what is wrong
    jobs = rows[0][0]
    at = 0
    numbers = [number for row in rows[1:] for number in row]
    for _ in range(jobs):
        length = flexible_length(numbers, at)
        if length is None:
            break
        at += length
    else:
        per_line = all(flexible_length(row) == len(row) for row in rows[1 : 1 + jobs])
        wrapped = len(numbers) - at in (0, 1, 2)
        if per_line:
            more = rows[1 + jobs :]
            is_job = bool(more) and flexible_length(more[0]) == len(more[0])
            return Format.sdst if len(more) > MOST_EXTRA_LINES and not is_job else Format.fjsp
        machines = rows[0][1] if len(rows[0]) > 1 else 0
        if wrapped and len(numbers) != 2 * jobs * machines:
            return Format.fjsp
    return Format.jsp


def _first_machine(rows: _Rows, form: Format) -> int:
    """0 or 1: whichever the machine numbers allow; where both do, as the format's first files."""
    if len(rows) < 2 or len(rows[0]) < 2:
        return 0
    jobs, machines = rows[0][0], rows[0][1]
    used: set[int] = set()
    for row in rows[1 : 1 + jobs]:
        if form is Format.jsp:
            used.update(row[0::2])
            continue
        at = 1
        while at < len(row):
            used.update(row[at + 1 : at + 1 + 2 * row[at] : 2])
            at += 1 + 2 * max(row[at], 0)
    if 0 in used:
        return 0
    if machines in used:
        return 1
    return 0 if form is Format.jsp else 1

"""Which format a benchmark file has: nobody writes that into the file, but its lines give it away.

Public collections number machines from 0 or from 1 and give job shops and flexible job shops the
same extension; sequence-dependent setups follow the jobs as extra lines.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from enum import Enum
from pathlib import Path

from planners.scheduling.instances import read_fjsp, read_jsp, read_sdst
from planners.scheduling.problem import SchedulingProblem

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
    text = path.read_text(encoding="utf-8-sig", errors="replace")
    rows = _numbers(text)
    if form is None:
        form = _format_of(rows)
    first = _first_machine(rows, form)
    reader: Callable[..., SchedulingProblem] = {
        Format.fjsp: read_fjsp,
        Format.jsp: read_jsp,
        Format.sdst: read_sdst,
    }[form]
    return Instance(reader(path, first_machine=first), form, first)


def _numbers(text: str) -> list[list[int]]:
    """The lines that count, as integers; a line that is not made of them ends early."""
    rows = []
    for line in text.splitlines():
        if not line.strip() or line.lstrip().startswith("#"):
            continue
        row: list[int] = []
        for token in line.split():
            try:
                row.append(int(token))
            except ValueError:
                break
        rows.append(row)
    return rows


def _format_of(rows: _Rows) -> Format:
    if not rows or not rows[0]:
        return Format.fjsp  # its reader says what is wrong
    jobs = rows[0][0]
    job_rows = rows[1 : 1 + jobs]
    if not all(_is_flexible(row) for row in job_rows):
        return Format.jsp
    return Format.sdst if len(rows) > 1 + jobs else Format.fjsp


def _is_flexible(row: Sequence[int]) -> bool:
    """Whether a line is: operations, then per operation alternatives and as many pairs."""
    if not row:
        return False
    at = 1
    for _ in range(row[0]):
        if at >= len(row) or row[at] < 1:
            return False
        at += 1 + 2 * row[at]
    return at == len(row)


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

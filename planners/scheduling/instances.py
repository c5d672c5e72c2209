"""Readers of public benchmark files: flexible job shops (FJS, SDST) and job shops (JSP).

FJS (Brandimarte 1993): a line ``jobs machines [mean alternatives]``; then a line per job: the
number of operations, and per operation the number of alternatives and ``machine duration`` pairs.
JSP (OR-Library): a line ``jobs machines``; then a line per job of ``machine duration`` pairs.
SDST (Fattahi et al. with setups, as ai-for-decision-making-tue distributes them): an FJS file with
machines from 1; then, per machine, a square matrix of setup times with a line per operation of all
jobs before and a column per operation after. 1000000 stands where an operation cannot run. The
first operation on a machine needs no setup.
Empty lines and lines that begin with ``#`` are skipped. Durations become milliseconds one to one.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

from planners.scheduling.errors import InstanceError
from planners.scheduling.problem import (
    FOREVER_MS,
    Alternative,
    Cell,
    Job,
    Operation,
    SchedulingProblem,
)


class _Line:
    """The integers of one line, taken one by one, each complaint with its column."""

    def __init__(self, source: str, number: int, text: str) -> None:
        self.source = source
        self.number = number
        self.tokens = [(match.start() + 1, match.group()) for match in re.finditer(r"\S+", text)]
        self.end_column = len(text.rstrip()) + 1
        self.position = 0

    def error(self, what: str, *, at_last: bool = False) -> InstanceError:
        index = self.position - 1 if at_last else self.position
        column = self.tokens[index][0] if index < len(self.tokens) else self.end_column
        return InstanceError(self.source, self.number, column, what)

    def more(self) -> bool:
        return self.position < len(self.tokens)

    def take(self, what: str, least: int, most: int | None = None) -> int:
        if not self.more():
            raise self.error(f"the line ends where {what} is expected")
        token = self.tokens[self.position][1]
        if not re.fullmatch(r"[+-]?\d{1,15}", token):
            raise self.error(f"{what} must be a whole number, not {token!r}")
        value = int(token)
        if value < least or (most is not None and value > most):
            limits = f">= {least}" if most is None else f"in {least}..{most}"
            raise self.error(f"{what} must be {limits}, not {value}")
        self.position += 1
        return value

    def finish(self, what: str) -> None:
        if self.more():
            raise self.error(f"unexpected {self.tokens[self.position][1]!r} after {what}")


def read_fjsp(source: str | Path, *, first_machine: int = 0) -> SchedulingProblem:
    """Read a flexible job shop.

    Args:
        source: A path, or the content itself (a string with a line break).
        first_machine: Number of the first machine in the file: 0, or 1 as in the original files.

    Raises:
        InstanceError: The file breaks the format; says where.
    """
    lines, jobs, machines = _header(source)
    rows = list(_job_lines(lines, jobs))
    return SchedulingProblem(_cells(machines), _flexible_jobs(rows, machines, first_machine))


def _flexible_jobs(rows: list[_Line], machines: int, first_machine: int) -> tuple[Job, ...]:
    problem_jobs = []
    for index, line in enumerate(rows):
        operations = []
        for number in range(line.take("the number of operations", 1)):
            alternatives: list[Alternative] = []
            for _ in range(line.take("the number of alternatives", 1, machines)):
                alternatives.append(_alternative(line, machines, first_machine, alternatives))
            predecessors = (number - 1,) if number else ()
            operations.append(Operation(f"{number}", tuple(alternatives), predecessors))
        line.finish("the last operation of the job")
        problem_jobs.append(Job(f"{index}", tuple(operations)))
    return tuple(problem_jobs)


def read_sdst(source: str | Path, *, first_machine: int = 1) -> SchedulingProblem:
    """Read a flexible job shop with sequence-dependent setup times.

    Each operation is a setup family of its own. Arguments and errors as in `read_fjsp`.
    """
    lines, jobs, machines = _header(source)
    if len(lines) < 1 + jobs:
        raise _short(lines, f"the file ends after {len(lines) - 1} of {jobs} jobs")
    plain = _flexible_jobs(lines[1 : 1 + jobs], machines, first_machine)
    count = sum(len(job.operations) for job in plain)
    rows = lines[1 + jobs :]
    if len(rows) < machines * count:
        raise _short(
            lines, f"the file ends after {len(rows)} of {machines} times {count} lines of setups"
        )
    if len(rows) > machines * count:
        raise rows[machines * count].error("unexpected line after the last setups")
    matrices = []
    for machine in range(machines):
        matrix = []
        for line in rows[machine * count : (machine + 1) * count]:
            matrix.append(tuple(line.take("a setup time", 0, FOREVER_MS) for _ in range(count)))
            line.finish(f"{count} setup times")
        matrices.append(tuple(matrix))
    numbered = []
    number = 0
    for job in plain:
        operations = []
        for operation in job.operations:
            ways = tuple(replace(way, family=number) for way in operation.alternatives)
            operations.append(replace(operation, alternatives=ways))
            number += 1
        numbered.append(replace(job, operations=tuple(operations)))
    cells = tuple(Cell(f"{machine}", setups=matrices[machine]) for machine in range(machines))
    return SchedulingProblem(cells, tuple(numbered))


def read_jsp(source: str | Path, *, first_machine: int = 0) -> SchedulingProblem:
    """Read a job shop; arguments and errors as in `read_fjsp`."""
    lines, jobs, machines = _header(source)
    problem_jobs = []
    for index, line in enumerate(_job_lines(lines, jobs)):
        operations: list[Operation] = []
        while line.more():
            number = len(operations)
            alternative = _alternative(line, machines, first_machine, [])
            predecessors = (number - 1,) if number else ()
            operations.append(Operation(f"{number}", (alternative,), predecessors))
        problem_jobs.append(Job(f"{index}", tuple(operations)))
    return SchedulingProblem(_cells(machines), tuple(problem_jobs))


def _alternative(
    line: _Line, machines: int, first_machine: int, before: list[Alternative]
) -> Alternative:
    machine = line.take("a machine", first_machine, first_machine + machines - 1) - first_machine
    if any(other.cell == machine for other in before):
        raise line.error(f"machine {machine + first_machine} is listed twice", at_last=True)
    return Alternative(machine, line.take("a duration", 1, FOREVER_MS))


def _cells(machines: int) -> tuple[Cell, ...]:
    return tuple(Cell(f"{machine}") for machine in range(machines))


def _header(source: str | Path) -> tuple[list[_Line], int, int]:
    if isinstance(source, str) and "\n" in source:
        name, text = "text", source
    else:
        name, text = str(source), Path(source).read_text(encoding="utf-8-sig", errors="replace")
    lines = [
        _Line(name, number, content)
        for number, content in enumerate(text.splitlines(), start=1)
        if content.strip() and not content.lstrip().startswith("#")
    ]
    if not lines:
        raise InstanceError(name, 1, 1, "the file is empty; expected 'jobs machines'")
    head = lines[0]
    jobs = head.take("the number of jobs", 1)
    machines = head.take("the number of machines", 1)
    if head.more():  # the mean number of alternatives, which nobody needs
        token = head.tokens[head.position][1]
        if not re.fullmatch(r"\d+(\.\d*)?", token):
            raise head.error(f"the mean number of alternatives must be a number, not {token!r}")
        head.position += 1
    head.finish("the header")
    return lines, jobs, machines


def _job_lines(lines: list[_Line], jobs: int) -> Iterator[_Line]:
    rows = lines[1:]
    if len(rows) < jobs:
        raise _short(lines, f"the file ends after {len(rows)} of {jobs} jobs")
    if len(rows) > jobs:
        raise rows[jobs].error(f"unexpected line after the last of {jobs} jobs")
    yield from rows


def _short(lines: list[_Line], what: str) -> InstanceError:
    """The error of a file that ends too early."""
    last = lines[-1]
    last.position = len(last.tokens)
    return last.error(what)

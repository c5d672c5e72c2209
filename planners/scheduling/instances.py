"""Readers of public benchmark files: flexible job shops (FJS, SDST) and job shops (JSP).

FJS (Brandimarte 1993): a line ``jobs machines [mean alternatives]``; then a line per job: the
number of operations, and per operation the number of alternatives and ``machine duration`` pairs.
JSP (OR-Library): a line ``jobs machines``; then a line per job of ``machine duration`` pairs.
SDST (Fattahi et al. with setups, as ai-for-decision-making-tue distributes them): an FJS file with
machines from 1; then, per machine, a square matrix of setup times with a line per operation of all
jobs before and a column per operation after. 1000000 stands where an operation cannot run. The
first operation on a machine needs no setup.
JSP (Taillard): the header in words, a line of numbers, a matrix ``Times`` and one ``Machines``,
which are numbered from 1.
What may stand between and around the numbers: `instance_lines`. Durations become milliseconds one
to one.
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from planners.scheduling.errors import InstanceError
from planners.scheduling.instance_lines import Line, flexible_length, lines_of, rewrapped
from planners.scheduling.problem import (
    FOREVER_MS,
    Alternative,
    Cell,
    Job,
    Operation,
    SchedulingProblem,
)

MOST_EXTRA_LINES = 2
"""Lines of numbers after the jobs that are taken for known bounds and the like."""


def read_fjsp(source: str | Path, *, first_machine: int = 0) -> SchedulingProblem:
    """Read a flexible job shop.

    Args:
        source: A path, or the content itself (a string with a line break).
        first_machine: Number of the first machine in the file: 0, or 1 as in the original files.

    Raises:
        InstanceError: The file breaks the format; says where.
    """
    lines, jobs, machines = _header(source)
    rows = _job_lines(_unwrapped(lines, jobs), jobs)
    return SchedulingProblem(_cells(machines), _flexible_jobs(rows, machines, first_machine))


def _flexible_jobs(rows: list[Line], machines: int, first_machine: int) -> tuple[Job, ...]:
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
    lines = _unwrapped(lines, jobs)
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
    if len(lines) != 1 + jobs and sum(len(x.words) for x in lines[1:]) == 2 * jobs * machines:
        lines = [lines[0], *rewrapped(lines[1:], [2 * machines] * jobs)]
    problem_jobs = []
    for index, line in enumerate(_job_lines(lines, jobs, width=2 * machines)):
        operations: list[Operation] = []
        while line.more():
            number = len(operations)
            alternative = _alternative(line, machines, first_machine, [])
            predecessors = (number - 1,) if number else ()
            operations.append(Operation(f"{number}", (alternative,), predecessors))
        problem_jobs.append(Job(f"{index}", tuple(operations)))
    return SchedulingProblem(_cells(machines), tuple(problem_jobs))


def _alternative(
    line: Line, machines: int, first_machine: int, before: list[Alternative]
) -> Alternative:
    machine = line.take("a machine", first_machine, first_machine + machines - 1) - first_machine
    if any(other.cell == machine for other in before):
        raise line.error(f"machine {machine + first_machine} is listed twice", at_last=True)
    return Alternative(machine, line.take("a duration", 0, FOREVER_MS))


def _cells(machines: int) -> tuple[Cell, ...]:
    return tuple(Cell(f"{machine}") for machine in range(machines))


def _header(source: str | Path) -> tuple[list[Line], int, int]:
    if isinstance(source, str) and "\n" in source:
        name, text = "text", source
    else:
        name, text = str(source), Path(source).read_text(encoding="utf-8-sig", errors="replace")
    lines = _untabled(lines_of(name, text))
    head = lines[0]
    jobs = head.take("the number of jobs", 1)
    machines = head.take("the number of machines", 1)
    head.skip_numbers()  # the mean number of alternatives, known bounds: nobody needs them
    return lines, jobs, machines


def _untabled(lines: list[Line]) -> list[Line]:
    """Taillard's two matrices as lines of machine and duration, machines from 0."""
    titles = [
        k for k, line in enumerate(lines) if line.words[0][2].lower() in ("times", "machines")
    ]
    if len(titles) != 2:
        return lines
    times, machines = lines[titles[0] + 1 : titles[1]], lines[titles[1] + 1 :]
    if len(times) != len(machines):
        raise lines[titles[1]].error(f"{len(times)} lines of times, {len(machines)} of machines")
    made = []
    for durations, order in zip(times, machines, strict=True):
        words = []
        for duration in durations.words:
            line, column = order.words[order.position][:2] if order.more() else order.end
            words.append((line, column, str(order.take("a machine", 1) - 1)))
            words.append(duration)
        order.finish("the machines of the job")
        made.append(Line(durations.source, words, durations.end))
    return [lines[0], *made]


def _unwrapped(lines: list[Line], jobs: int) -> list[Line]:
    """Jobs of a flexible shop one to a line, where the file has them on several."""
    if all(flexible_length(x.numbers) == len(x.words) for x in lines[1 : 1 + jobs]):
        return lines
    numbers = [number for line in lines[1:] for number in line.numbers]
    lengths, at = [], 0
    for _ in range(jobs):
        length = flexible_length(numbers, at)
        if length is None:
            return lines
        lengths.append(length)
        at += length
    if any(len(line.numbers) != len(line.words) for line in lines[1:]):
        return lines
    # Only where every job begins a line: else a wrong number would be taken for a wrapped line.
    begins = {line.words[0][:2] for line in lines[1:]}
    made = rewrapped(lines[1:], lengths)
    if any(line.words[0][:2] not in begins for line in made):
        return lines
    jobs_end = made[jobs - 1].words[-1][:2]
    rest = [line for line in lines[1:] if line.words[0][:2] > jobs_end]
    return [lines[0], *made[:jobs], *rest]


def _job_lines(lines: list[Line], jobs: int, width: int | None = None) -> list[Line]:
    """The lines of the jobs; numbers after them that can be no job (known bounds) are passed over.

    Raises:
        InstanceError: There are fewer or more jobs than the header says.
    """
    rows = lines[1:]
    if len(rows) < jobs:
        raise _short(lines, f"the file ends after {len(rows)} of {jobs} jobs")
    for line in rows[jobs:]:
        numbers = line.numbers
        is_job = len(numbers) == width if width else flexible_length(numbers) == len(numbers)
        if is_job or len(rows) > jobs + MOST_EXTRA_LINES or len(numbers) < len(line.words):
            raise rows[jobs].error(f"unexpected line after the last of {jobs} jobs")
    return rows[:jobs]


def _short(lines: list[Line], what: str) -> InstanceError:
    """The error of a file that ends too early."""
    last = lines[-1]
    last.position = len(last.words)
    return last.error(what)

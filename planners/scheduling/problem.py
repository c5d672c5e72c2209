"""The scheduling problem: which operations, on which cells, between which times.

A flexible job shop (Brandimarte, Annals of Operations Research 41, 1993) with calendars, release
and due dates, and assignments that are already running or confirmed. All times are integer
milliseconds from one origin that the caller chooses. Everything is checked when it is built, so
that whoever holds a problem may trust it.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass, field

from planners.scheduling.errors import ProblemError

FOREVER_MS = 10 * 365 * 24 * 3_600_000
"""The end of time (ten years). A calendar that is closed until then never opens again."""


def _check_time(value: object, what: str, *, job: str | None, operation: str | None = None) -> None:
    if isinstance(value, bool) or not isinstance(value, int):
        raise ProblemError(
            f"{what} must be whole milliseconds, not {value!r}", job=job, operation=operation
        )
    if not 0 <= value <= FOREVER_MS:
        raise ProblemError(
            f"{what} is {value} ms, outside 0..{FOREVER_MS}", job=job, operation=operation
        )


@dataclass(frozen=True, slots=True)
class Alternative:
    """One way to run an operation: a cell (index into the problem's cells) and its duration."""

    cell: int
    duration_ms: int


@dataclass(frozen=True, slots=True)
class Operation:
    """A piece of work that holds one cell from start to end without interruption.

    Predecessors are indices of operations of the same job. Operations that no chain of
    predecessors connects may run at the same time.
    """

    name: str
    alternatives: tuple[Alternative, ...]
    predecessors: tuple[int, ...] = ()


@dataclass(frozen=True, slots=True)
class Job:
    """The operations of one work unit; the predecessors form a directed acyclic graph.

    Raises:
        ProblemError: An operation has no alternatives, a duration below 1 ms, a predecessor that
            does not exist, or predecessors that form a cycle; a date or the weight is no valid
            number.
    """

    name: str
    operations: tuple[Operation, ...]
    release_ms: int = 0
    due_ms: int | None = None
    weight: float = 1.0
    order: tuple[int, ...] = field(init=False, repr=False, compare=False, hash=False)
    """Operation indices in a topological order; the lowest index first among equals."""

    def __post_init__(self) -> None:
        if not self.operations:
            raise ProblemError("has no operations", job=self.name)
        _check_time(self.release_ms, "release date", job=self.name)
        if self.due_ms is not None:
            _check_time(self.due_ms, "due date", job=self.name)
        if not (math.isfinite(self.weight) and self.weight >= 0):
            raise ProblemError(
                f"weight must be a finite number >= 0, not {self.weight!r}", job=self.name
            )
        for operation in self.operations:
            self._check_operation(operation)
        object.__setattr__(self, "order", self._topological_order())

    def _check_operation(self, operation: Operation) -> None:
        where = {"job": self.name, "operation": operation.name}
        if not operation.alternatives:
            raise ProblemError("no cell can run it (no alternatives)", **where)
        cells = [alternative.cell for alternative in operation.alternatives]
        if len(set(cells)) != len(cells):
            raise ProblemError(f"names a cell twice in its alternatives {cells}", **where)
        for alternative in operation.alternatives:
            _check_time(alternative.duration_ms, "duration", **where)
            if alternative.duration_ms < 1:
                raise ProblemError("duration must be at least 1 ms", **where)
        for predecessor in operation.predecessors:
            if not 0 <= predecessor < len(self.operations):
                raise ProblemError(
                    f"predecessor {predecessor} does not exist "
                    f"(operations are numbered 0..{len(self.operations) - 1})",
                    **where,
                )

    def _topological_order(self) -> tuple[int, ...]:
        open_predecessors = [set(operation.predecessors) for operation in self.operations]
        order: list[int] = []
        waiting = list(range(len(self.operations)))
        while waiting:
            ready = next((i for i in waiting if not open_predecessors[i]), None)
            if ready is None:
                names = [self.operations[i].name for i in waiting]
                raise ProblemError(
                    f"its predecessors form a cycle among {names}",
                    job=self.name,
                    operation=names[0],
                )
            waiting.remove(ready)
            order.append(ready)
            for predecessors in open_predecessors:
                predecessors.discard(ready)
        return tuple(order)


@dataclass(frozen=True, slots=True)
class Cell:
    """A cell and the half-open intervals ``[start, end)`` in ms in which nothing may run on it.

    The intervals may come unsorted and may touch or overlap; they are merged here.

    Raises:
        ProblemError: An interval is empty, reversed or outside ``0..FOREVER_MS``.
    """

    name: str
    unavailable: tuple[tuple[int, int], ...] = ()

    def __post_init__(self) -> None:
        for start, end in self.unavailable:
            for value in (start, end):
                _check_time(value, f"calendar of cell {self.name!r}", job=None)
            if start >= end:
                raise ProblemError(
                    f"calendar of cell {self.name!r}: [{start}, {end}) is empty or reversed"
                )
        object.__setattr__(self, "unavailable", merge_intervals(self.unavailable))


@dataclass(frozen=True, slots=True)
class Assignment:
    """An operation (job and operation index) on a cell (index), ``[start_ms, end_ms)``."""

    job: int
    operation: int
    cell: int
    start_ms: int
    end_ms: int


@dataclass(frozen=True, slots=True)
class SchedulingProblem:
    """Cells, jobs and what can no longer change.

    ``frozen`` assignments are running or confirmed: they are facts, so they may lie before
    ``earliest_start_ms``, take longer than the alternative says, or run into a closed time. What
    precedes a frozen operation must be frozen too. Nothing else starts before
    ``earliest_start_ms``.

    Raises:
        ProblemError: An index is out of range, an operation is frozen twice, or a frozen
            operation follows one that is not.
    """

    cells: tuple[Cell, ...]
    jobs: tuple[Job, ...]
    frozen: tuple[Assignment, ...] = ()
    earliest_start_ms: int = 0

    def __post_init__(self) -> None:
        if not self.cells:
            raise ProblemError("a problem needs at least one cell")
        _check_time(self.earliest_start_ms, "earliest start", job=None)
        for job in self.jobs:
            for operation in job.operations:
                for alternative in operation.alternatives:
                    if not 0 <= alternative.cell < len(self.cells):
                        raise ProblemError(
                            f"cell {alternative.cell} does not exist "
                            f"(cells are numbered 0..{len(self.cells) - 1})",
                            job=job.name,
                            operation=operation.name,
                        )
        self._check_frozen()

    def _check_frozen(self) -> None:
        keys: set[tuple[int, int]] = set()
        for fixed in self.frozen:
            if not 0 <= fixed.job < len(self.jobs):
                raise ProblemError(f"frozen assignment names job {fixed.job}, which does not exist")
            job = self.jobs[fixed.job]
            if not 0 <= fixed.operation < len(job.operations):
                raise ProblemError(
                    f"frozen assignment names operation {fixed.operation}, which does not exist",
                    job=job.name,
                )
            where = {"job": job.name, "operation": job.operations[fixed.operation].name}
            if not 0 <= fixed.cell < len(self.cells):
                raise ProblemError(f"frozen on cell {fixed.cell}, which does not exist", **where)
            _check_time(fixed.start_ms, "frozen start", **where)
            _check_time(fixed.end_ms, "frozen end", **where)
            if fixed.start_ms >= fixed.end_ms:
                raise ProblemError("frozen with an end that is not after its start", **where)
            if (fixed.job, fixed.operation) in keys:
                raise ProblemError("frozen twice", **where)
            keys.add((fixed.job, fixed.operation))
        for j, o in keys:
            job = self.jobs[j]
            for predecessor in job.operations[o].predecessors:
                if (j, predecessor) not in keys:
                    raise ProblemError(
                        f"is frozen, but its predecessor "
                        f"{job.operations[predecessor].name!r} is not: freeze both or neither",
                        job=job.name,
                        operation=job.operations[o].name,
                    )

    def operation_keys(self) -> Iterator[tuple[int, int]]:
        """All operations as (job index, operation index)."""
        for j, job in enumerate(self.jobs):
            for o in range(len(job.operations)):
                yield j, o

    def frozen_by_key(self) -> dict[tuple[int, int], Assignment]:
        """Frozen assignments by (job index, operation index)."""
        return {(fixed.job, fixed.operation): fixed for fixed in self.frozen}

    def blocked(self, cell: int) -> tuple[tuple[int, int], ...]:
        """Merged intervals of the cell in which no new operation may run: closed or frozen."""
        fixed = tuple((a.start_ms, a.end_ms) for a in self.frozen if a.cell == cell)
        return merge_intervals(self.cells[cell].unavailable + fixed)


def merge_intervals(intervals: tuple[tuple[int, int], ...]) -> tuple[tuple[int, int], ...]:
    """The same set of times as sorted, disjoint intervals that do not touch."""
    merged: list[tuple[int, int]] = []
    for start, end in sorted(intervals):
        if merged and start <= merged[-1][1]:
            merged[-1] = (merged[-1][0], max(merged[-1][1], end))
        else:
            merged.append((start, end))
    return tuple(merged)

"""What is to be done: jobs, their operations, the ways to run each, and what may be left out."""

from __future__ import annotations

import math
from dataclasses import dataclass, field

from planners.scheduling.errors import ProblemError
from planners.scheduling.intervals import check_time

Amounts = tuple[tuple[int, int], ...]
"""(index, amount) pairs: how many units of which resource, or how many people with which skill."""


def check_count(
    value: object, what: str, *, least: int, job: str | None = None, operation: str | None = None
) -> None:
    """Raise `ProblemError` unless the value is a whole number of at least ``least``."""
    if isinstance(value, bool) or not isinstance(value, int) or value < least:
        raise ProblemError(
            f"{what} must be a whole number >= {least}, not {value!r}",
            job=job,
            operation=operation,
        )


def check_cost(
    value: float, what: str, *, job: str | None = None, operation: str | None = None
) -> None:
    """Raise `ProblemError` unless the value is a finite number >= 0."""
    if not (math.isfinite(value) and value >= 0):
        raise ProblemError(
            f"{what} must be a finite number >= 0, not {value!r}", job=job, operation=operation
        )


def check_amounts(
    amounts: Amounts, what: str, *, job: str | None = None, operation: str | None = None
) -> None:
    """Raise `ProblemError` unless indices differ and amounts are at least 1."""
    for index, amount in amounts:
        check_count(index, f"index of {what}", least=0, job=job, operation=operation)
        check_count(amount, f"amount of {what} {index}", least=1, job=job, operation=operation)
    if len({index for index, _ in amounts}) != len(amounts):
        raise ProblemError(f"names a {what} twice in {amounts}", job=job, operation=operation)


@dataclass(frozen=True, slots=True)
class Alternative:
    """One way to run an operation.

    Attributes:
        cell: Index into the problem's cells.
        duration_ms: Working time.
        family: Setup family, an index into the setup matrix of the cell.
        needs: (resource, amount): held from start to end, pauses included.
        crew: (skill, amount): people who are there while the operation works.
        power_w: Electric power while it works, W.
    """

    cell: int
    duration_ms: int
    family: int = 0
    needs: Amounts = ()
    crew: Amounts = ()
    power_w: int = 0


@dataclass(frozen=True, slots=True)
class Operation:
    """A piece of work that holds one cell from start to end.

    Predecessors are indices of operations of the same job. Operations that no chain of
    predecessors connects may run at the same time. An interruptible operation pauses while its
    cell is closed and goes on there; any other runs in one piece.
    """

    name: str
    alternatives: tuple[Alternative, ...]
    predecessors: tuple[int, ...] = ()
    interruptible: bool = False


@dataclass(frozen=True, slots=True)
class OptionalWork:
    """Operations of one job that are done all together or left out all together (rework).

    What follows a left-out operation follows its predecessors instead. Work that has become
    certain is simply no longer optional.

    Attributes:
        name: For messages.
        operations: Indices of operations of the job.
        left_out_cost: What leaving them out costs, in the currency of the other costs.
    """

    name: str
    operations: tuple[int, ...]
    left_out_cost: float


@dataclass(frozen=True, slots=True)
class Job:
    """The operations of one work unit; the predecessors form a directed acyclic graph.

    ``holds`` are resources (pallets) that the job takes with its first operation and gives back
    at the end of its last one.

    Raises:
        ProblemError: An operation has no alternatives, a duration below 1 ms, a predecessor that
            does not exist, or predecessors that form a cycle; a date, weight, amount or optional
            part is not valid. Names the job and the operation.
    """

    name: str
    operations: tuple[Operation, ...]
    release_ms: int = 0
    due_ms: int | None = None
    weight: float = 1.0
    holds: Amounts = ()
    optional: tuple[OptionalWork, ...] = ()
    order: tuple[int, ...] = field(init=False, repr=False, compare=False, hash=False)
    """Operation indices in a topological order; the lowest index first among equals."""

    def __post_init__(self) -> None:
        if not self.operations:
            raise ProblemError("has no operations", job=self.name)
        check_time(self.release_ms, "release date", job=self.name)
        if self.due_ms is not None:
            check_time(self.due_ms, "due date", job=self.name)
        check_cost(self.weight, "weight", job=self.name)
        check_amounts(self.holds, "resource", job=self.name)
        for operation in self.operations:
            self._check_operation(operation)
        self._check_optional()
        object.__setattr__(self, "order", self._topological_order())

    def _check_operation(self, operation: Operation) -> None:
        job, name = self.name, operation.name
        if not operation.alternatives:
            raise ProblemError("no cell can run it (no alternatives)", job=job, operation=name)
        cells = [alternative.cell for alternative in operation.alternatives]
        if len(set(cells)) != len(cells):
            raise ProblemError(
                f"names a cell twice in its alternatives {cells}", job=job, operation=name
            )
        for alternative in operation.alternatives:
            check_time(alternative.duration_ms, "duration", job=job, operation=name)
            check_count(alternative.family, "setup family", least=0, job=job, operation=name)
            check_count(alternative.power_w, "power", least=0, job=job, operation=name)
            check_amounts(alternative.needs, "resource", job=job, operation=name)
            check_amounts(alternative.crew, "skill", job=job, operation=name)
            both = {r for r, _ in alternative.needs} & {r for r, _ in self.holds}
            if both:
                raise ProblemError(
                    f"needs resource {min(both)}, which its job already holds throughout: "
                    "leave it to one of them",
                    job=job,
                    operation=name,
                )
        for predecessor in operation.predecessors:
            if not 0 <= predecessor < len(self.operations):
                raise ProblemError(
                    f"predecessor {predecessor} does not exist "
                    f"(operations are numbered 0..{len(self.operations) - 1})",
                    job=job,
                    operation=name,
                )

    def _check_optional(self) -> None:
        seen: set[int] = set()
        for part in self.optional:
            if not part.operations:
                raise ProblemError(f"optional work {part.name!r} names no operation", job=self.name)
            check_cost(part.left_out_cost, f"cost of leaving out {part.name!r}", job=self.name)
            for o in part.operations:
                if not 0 <= o < len(self.operations):
                    raise ProblemError(
                        f"optional work {part.name!r} names operation {o}, which does not exist",
                        job=self.name,
                    )
                if o in seen:
                    raise ProblemError(
                        "is named twice by optional work",
                        job=self.name,
                        operation=self.operations[o].name,
                    )
                seen.add(o)
        if len(seen) == len(self.operations):
            raise ProblemError("has only optional operations", job=self.name)

    def _topological_order(self) -> tuple[int, ...]:
        missing = [len(set(operation.predecessors)) for operation in self.operations]
        successors: list[list[int]] = [[] for _ in self.operations]
        for o, operation in enumerate(self.operations):
            for p in set(operation.predecessors):
                successors[p].append(o)
        order: list[int] = []
        ready = sorted((o for o, count in enumerate(missing) if count == 0), reverse=True)
        while ready:
            o = ready.pop()
            order.append(o)
            for s in successors[o]:
                missing[s] -= 1
                if missing[s] == 0:
                    ready.append(s)
                    ready.sort(reverse=True)
        if len(order) < len(self.operations):
            stuck = sorted(set(range(len(self.operations))) - set(order))
            names = [self.operations[o].name for o in stuck]
            raise ProblemError(
                f"its predecessors form a cycle among {names}", job=self.name, operation=names[0]
            )
        return tuple(order)


@dataclass(frozen=True, slots=True)
class Assignment:
    """An operation (job and operation index) on a cell (index), ``[start_ms, end_ms)``."""

    job: int
    operation: int
    cell: int
    start_ms: int
    end_ms: int

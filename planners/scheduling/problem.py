"""The scheduling problem: which operations, on which cells, with what, between which times.

A flexible job shop (Brandimarte, Annals of Operations Research 41, 1993) with sequence-dependent
setups, calendars, transport, buffers, shared resources, people, energy, optional work, and
assignments that are already running or confirmed. All times are integer milliseconds from one
origin that the caller chooses. Everything is checked when it is built, so that whoever holds a
problem may trust it.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

from planners.scheduling.errors import ProblemError
from planners.scheduling.intervals import FOREVER_MS, Intervals, check_time, merge_intervals
from planners.scheduling.plant import Buffer, Cell, Operator, Resource, Skill, Tariff
from planners.scheduling.work import (
    Alternative,
    Amounts,
    Assignment,
    Job,
    Operation,
    OptionalWork,
    check_count,
)

__all__ = [
    "FOREVER_MS",
    "Alternative",
    "Assignment",
    "Buffer",
    "Cell",
    "Job",
    "Operation",
    "Operator",
    "OptionalWork",
    "Resource",
    "SchedulingProblem",
    "Skill",
    "Tariff",
    "merge_intervals",
]


@dataclass(frozen=True, slots=True)
class SchedulingProblem:
    """Cells, jobs, what they share, and what can no longer change.

    ``frozen`` assignments are running or confirmed: they are facts, so they may lie before
    ``earliest_start_ms``, take longer than the alternative says, run into a closed time, or exceed
    what they share among themselves. What precedes a frozen operation must be frozen too, unless
    it is optional work that is left out. Nothing else starts before ``earliest_start_ms``.

    Attributes:
        cells: Where work is done.
        jobs: What is done.
        frozen: What no engine may touch.
        earliest_start_ms: Now, usually.
        resources: Shared units of fixtures, pallets and the like.
        skills: What `Alternative.crew` and `Cell.setup_crew` refer to.
        operators: Who has which skill when.
        buffers: What `Cell.output_buffer` refers to.
        transport_ms: ``[from cell][to cell]``, with a zero diagonal; empty without transport.
        tariff: Price of energy.
        peak_power_w: Limit of the power of all work and setups at any moment.
        published: The plan that people act on; `Objective` tells how far a new one strays.

    Raises:
        ProblemError: An index is out of range, an operation is frozen twice, a frozen operation
            follows one that is not, more is needed than there ever is. Names job and operation.
    """

    cells: tuple[Cell, ...]
    jobs: tuple[Job, ...]
    frozen: tuple[Assignment, ...] = ()
    earliest_start_ms: int = 0
    resources: tuple[Resource, ...] = ()
    skills: tuple[Skill, ...] = ()
    operators: tuple[Operator, ...] = ()
    buffers: tuple[Buffer, ...] = ()
    transport_ms: tuple[tuple[int, ...], ...] = ()
    tariff: Tariff = Tariff()  # noqa: RUF009  # frozen
    peak_power_w: int | None = None
    published: tuple[Assignment, ...] = ()
    derived: dict[str, object] = field(default_factory=dict, init=False, repr=False, compare=False)
    """What others have worked out from it and do not want to work out again."""

    def __post_init__(self) -> None:
        if not self.cells:
            raise ProblemError("a problem needs at least one cell")
        check_time(self.earliest_start_ms, "earliest start")
        self._check_plant()
        for job in self.jobs:
            self._check_range(job.holds, "resource", len(self.resources), job.name, None)
            for operation in job.operations:
                for alternative in operation.alternatives:
                    self._check_alternative(job, operation, alternative)
        self._check_frozen()
        self._check_published()

    def transport(self, from_cell: int, to_cell: int) -> int:
        """Transport time between two cells, ms."""
        return self.transport_ms[from_cell][to_cell] if self.transport_ms else 0

    @property
    def is_graph_problem(self) -> bool:
        """Whether cells, precedence, setups and dates say it all: nothing couples cells.

        Such a problem is a disjunctive graph, whose schedules are longest paths.
        """
        return not (
            self.frozen
            or self.buffers
            or any(cell.unavailable or cell.setup_crew or cell.setup_needs for cell in self.cells)
            or any(job.holds or job.optional for job in self.jobs)
            or self.peak_power_w is not None
            or any(
                a.needs or a.crew or a.power_w
                for job in self.jobs
                for operation in job.operations
                for a in operation.alternatives
            )
            or any(cell.setup_power_w or cell.standby_power_w for cell in self.cells)
        )

    def _check_plant(self) -> None:
        count = len(self.cells)
        for cell in self.cells:
            where = f"setup of cell {cell.name!r}"
            self._check_range(cell.setup_crew, "skill", len(self.skills), None, None, where)
            self._check_range(cell.setup_needs, "resource", len(self.resources), None, None, where)
            if cell.output_buffer is not None and not 0 <= cell.output_buffer < len(self.buffers):
                raise ProblemError(
                    f"cell {cell.name!r} names buffer {cell.output_buffer}, which does not exist"
                )
        for operator in self.operators:
            for skill in operator.skills:
                if not 0 <= skill < len(self.skills):
                    raise ProblemError(
                        f"operator {operator.name!r} names skill {skill}, which does not exist"
                    )
        if self.transport_ms:
            if [len(row) for row in self.transport_ms] != [count] * count:
                raise ProblemError(f"transport times must form a {count} by {count} matrix")
            for c, row in enumerate(self.transport_ms):
                for value in row:
                    check_time(value, f"transport from cell {self.cells[c].name!r}: a time")
                if row[c] != 0:
                    raise ProblemError(
                        f"transport from cell {self.cells[c].name!r} to itself must take 0 ms"
                    )
        if self.peak_power_w is not None:
            check_count(self.peak_power_w, "peak power", least=0)

    @staticmethod
    def _check_range(
        amounts: Amounts,
        what: str,
        count: int,
        job: str | None,
        operation: str | None,
        where: str | None = None,
    ) -> None:
        for index, _ in amounts:
            if index >= count:
                prefix = f"{where}: " if where else ""
                raise ProblemError(
                    f"{prefix}{what} {index} does not exist (there are {count})",
                    job=job,
                    operation=operation,
                )

    @property
    def _is_shared(self) -> bool:
        shared = self.resources or self.skills or self.buffers or self.peak_power_w is not None
        return bool(shared) or any(job.optional for job in self.jobs)

    def _check_alternative(self, job: Job, operation: Operation, alternative: Alternative) -> None:
        if alternative.duration_ms == 0 and self._is_shared:
            raise ProblemError(
                "takes no time, which is planned only where cells share no people, resources, "
                "buffers or power, and no work is optional; give it 1 ms",
                job=job.name,
                operation=operation.name,
            )
        if not 0 <= alternative.cell < len(self.cells):
            raise ProblemError(
                f"cell {alternative.cell} does not exist "
                f"(cells are numbered 0..{len(self.cells) - 1})",
                job=job.name,
                operation=operation.name,
            )
        cell = self.cells[alternative.cell]
        if cell.setups and alternative.family >= len(cell.setups):
            raise ProblemError(
                f"setup family {alternative.family} is not in the setups of cell {cell.name!r} "
                f"(families are numbered 0..{len(cell.setups) - 1})",
                job=job.name,
                operation=operation.name,
            )
        names = (job.name, operation.name)
        self._check_range(alternative.needs, "resource", len(self.resources), *names)
        self._check_range(alternative.crew, "skill", len(self.skills), *names)

    def _check_frozen(self) -> None:
        keys: set[tuple[int, int]] = set()
        for fixed in self.frozen:
            self._check_assignment(fixed, "frozen")
            if (fixed.job, fixed.operation) in keys:
                job = self.jobs[fixed.job]
                raise ProblemError(
                    "frozen twice", job=job.name, operation=job.operations[fixed.operation].name
                )
            keys.add((fixed.job, fixed.operation))
        self.decided_optional()

    def _check_published(self) -> None:
        seen: set[tuple[int, int]] = set()
        for a in self.published:
            self._check_assignment(a, "published")
            if (a.job, a.operation) in seen:
                job = self.jobs[a.job]
                raise ProblemError(
                    "published twice", job=job.name, operation=job.operations[a.operation].name
                )
            seen.add((a.job, a.operation))

    def _check_assignment(self, a: Assignment, what: str) -> None:
        if not 0 <= a.job < len(self.jobs):
            raise ProblemError(f"{what} assignment names job {a.job}, which does not exist")
        job = self.jobs[a.job]
        if not 0 <= a.operation < len(job.operations):
            raise ProblemError(
                f"{what} assignment names operation {a.operation}, which does not exist",
                job=job.name,
            )
        name = job.operations[a.operation].name
        if not 0 <= a.cell < len(self.cells):
            raise ProblemError(
                f"{what} on cell {a.cell}, which does not exist", job=job.name, operation=name
            )
        check_time(a.start_ms, f"{what} start", job=job.name, operation=name)
        check_time(a.end_ms, f"{what} end", job=job.name, operation=name)
        if a.start_ms > a.end_ms:
            raise ProblemError(f"{what} with an end before its start", job=job.name, operation=name)

    def operation_keys(self) -> Iterator[tuple[int, int]]:
        """All operations as (job index, operation index)."""
        for j, job in enumerate(self.jobs):
            for o in range(len(job.operations)):
                yield j, o

    def frozen_by_key(self) -> dict[tuple[int, int], Assignment]:
        """Frozen assignments by (job index, operation index)."""
        return {(fixed.job, fixed.operation): fixed for fixed in self.frozen}

    def decided_optional(self) -> dict[tuple[int, int], bool]:
        """Optional work, as (job, index in ``Job.optional``), that frozen work decides.

        True: begun, so done to its end. False: work after it is frozen without it.

        Raises:
            ProblemError: A frozen operation follows one that is neither frozen nor left out.
        """
        frozen = {(fixed.job, fixed.operation) for fixed in self.frozen}
        decided: dict[tuple[int, int], bool] = {}
        for j in sorted({fixed.job for fixed in self.frozen}):
            job = self.jobs[j]
            part_of = {o: k for k, part in enumerate(job.optional) for o in part.operations}
            begun = {k for o, k in part_of.items() if (j, o) in frozen}
            decided |= {(j, k): True for k in begun}
            for o in (o for o in job.order if (j, o) in frozen):
                stack = list(job.operations[o].predecessors)
                while stack:
                    p = stack.pop()
                    if (j, p) in frozen:
                        continue
                    if p not in part_of or part_of[p] in begun:
                        raise ProblemError(
                            f"is frozen, but its predecessor {job.operations[p].name!r} is not: "
                            f"freeze both or neither",
                            job=job.name,
                            operation=job.operations[o].name,
                        )
                    decided[j, part_of[p]] = False
                    stack.extend(job.operations[p].predecessors)
        return decided

    def blocked(self, cell: int) -> Intervals:
        """Merged intervals of the cell in which no new operation may run: closed or frozen."""
        fixed = tuple((a.start_ms, a.end_ms) for a in self.frozen if a.cell == cell)
        return merge_intervals(self.cells[cell].unavailable + fixed)

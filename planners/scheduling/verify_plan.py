"""A plan laid out for checking: who precedes whom, what is set up when, what works when."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

from planners.scheduling.problem import Alternative, Assignment, SchedulingProblem
from planners.scheduling.schedule import Schedule

ViolationKind = Literal[
    "unknown",
    "missing",
    "duplicate",
    "optional",
    "frozen",
    "cell",
    "duration",
    "earliest_start",
    "release",
    "calendar",
    "precedence",
    "transport",
    "overlap",
    "setup",
    "blocking",
    "buffer",
    "resource",
    "crew",
    "peak",
    "objective",
]


@dataclass(frozen=True, slots=True)
class Violation:
    """One broken constraint. Indices are None where a violation is not about one of them."""

    kind: ViolationKind
    job: int | None
    operation: int | None
    cell: int | None
    at_ms: int | None
    message: str

    @staticmethod
    def at(
        problem: SchedulingProblem,
        kind: ViolationKind,
        a: Assignment,
        what: str,
        at_ms: int | None = None,
    ) -> Violation:
        """A violation by one assignment, at its start unless another time is given."""
        job = problem.jobs[a.job]
        return Violation(
            kind,
            a.job,
            a.operation,
            a.cell,
            a.start_ms if at_ms is None else at_ms,
            f"job {job.name!r}, operation {job.operations[a.operation].name!r}: {what}",
        )


@dataclass(slots=True)
class Placed:
    """One assignment with what follows from the rest of the plan."""

    assignment: Assignment
    way: Alternative | None
    """How it runs; None if its cell cannot run it."""
    fact: bool
    """Whether it is frozen: then only others can be at fault."""
    setup_ms: int = 0
    works: tuple[tuple[int, int], ...] = ()


class PlanUnderTest:
    """All placed operations; each is there once or, if it is optional, not at all."""

    def __init__(self, problem: SchedulingProblem, schedule: Schedule) -> None:
        self.problem = problem
        facts = {(f.job, f.operation) for f in problem.frozen}
        self.placed: list[Placed] = []
        self.by_key: dict[tuple[int, int], Placed] = {}
        self.on_cell: dict[int, list[Placed]] = {}
        for a in sorted(schedule.assignments, key=lambda a: (a.start_ms, a.end_ms)):
            ways = problem.jobs[a.job].operations[a.operation].alternatives
            way = next((w for w in ways if w.cell == a.cell), None)
            p = Placed(a, way, (a.job, a.operation) in facts)
            p.works = tuple(self._works(p))
            self.placed.append(p)
            self.by_key[a.job, a.operation] = p
            self.on_cell.setdefault(a.cell, []).append(p)
        for c, members in self.on_cell.items():
            self._set_up(c, members)

    def _works(self, p: Placed) -> Iterator[tuple[int, int]]:
        a = p.assignment
        at = a.start_ms
        operation = self.problem.jobs[a.job].operations[a.operation]
        if operation.interruptible and not p.fact:
            for closed, opened in sorted(self.problem.cells[a.cell].unavailable):
                if at < closed < a.end_ms:
                    yield at, closed
                if closed < a.end_ms and opened > at:
                    at = max(at, opened)
        if at < a.end_ms:
            yield at, a.end_ms

    def _set_up(self, c: int, members: list[Placed]) -> None:
        cell = self.problem.cells[c]
        if not cell.setups:
            return
        family, fact = cell.initial_family, True
        for p in members:
            now = p.way.family if p.way is not None else None
            if family is not None and now is not None and not (fact and p.fact):
                p.setup_ms = cell.setups[family][now]
            family, fact = now, p.fact

    def way_ms(self, from_cell: int, to_cell: int) -> int:
        """Transport time between two cells, ms."""
        matrix = self.problem.transport_ms
        return matrix[from_cell][to_cell] if matrix else 0

    def before(self, p: Placed) -> list[Placed]:
        """What an operation directly follows; through what is left out, what that follows."""
        a = p.assignment
        operations = self.problem.jobs[a.job].operations
        found: dict[int, Placed] = {}
        seen: set[int] = set()
        stack = list(operations[a.operation].predecessors)
        while stack:
            o = stack.pop()
            if o in seen:
                continue
            seen.add(o)
            there = self.by_key.get((a.job, o))
            if there is not None:
                found[o] = there
            else:
                stack.extend(operations[o].predecessors)
        return list(found.values())

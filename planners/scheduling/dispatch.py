"""Dispatch rules: a feasible plan in milliseconds, and the floor under every other engine.

Active schedules are generated as by Giffler and Thompson (Operations Research 8, 1960), extended
to alternative cells: each waiting operation takes the cell on which it would end first; the cell
that would end first overall is decided, and the rule chooses among the operations that compete
for it. Operations also enter gaps between earlier ones and between closed times.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

from planners.scheduling.errors import Conflict, InfeasibleProblem
from planners.scheduling.problem import Assignment, SchedulingProblem
from planners.scheduling.schedule import ObjectiveWeights, Schedule, evaluate, in_order
from planners.scheduling.timeline import Timeline

ATC_LOOK_AHEAD = 2.0
"""Scaling parameter k of the ATC rule (Vepsalainen and Morton, Management Science 33, 1987)."""


@dataclass(frozen=True, slots=True)
class Candidate:
    """A waiting operation on the cell on which it would end first, and what a rule may look at."""

    job: int
    operation: int
    cell: int
    start_ms: int
    end_ms: int
    ready_ms: int
    remaining_ms: int
    """Longest chain of shortest durations in its job from this operation on, itself included."""
    release_ms: int
    due_ms: int | None
    weight: float
    mean_duration_ms: float
    """Mean of the shortest durations of all operations of the problem."""

    @property
    def duration_ms(self) -> int:
        """Length of the operation on the chosen cell."""
        return self.end_ms - self.start_ms


Rule = Callable[[Candidate], float]


def _apparent_tardiness_cost(c: Candidate) -> float:
    """Weight over work, discounted by the slack that is left (ATC, ibid., eq. 6)."""
    urgency = max(c.weight, 1e-9) / c.remaining_ms
    if c.due_ms is None:
        return -urgency * 1e-6
    slack = max(0, c.due_ms - c.start_ms - c.remaining_ms)
    return -urgency * math.exp(-slack / (ATC_LOOK_AHEAD * c.mean_duration_ms))


RULES: dict[str, Rule] = {
    "ATC": _apparent_tardiness_cost,
    "EDD": lambda c: math.inf if c.due_ms is None else c.due_ms,
    "ECT": lambda c: c.end_ms,
    "FIFO": lambda c: c.ready_ms,
    "MWKR": lambda c: -c.remaining_ms,
    "SPT": lambda c: c.duration_ms,
}
"""Smallest first: apparent tardiness cost, earliest due date, earliest completion time, first in
first out, most work remaining, shortest processing time."""


def dispatch(problem: SchedulingProblem, rule: Rule) -> tuple[Assignment, ...]:
    """Build an active schedule with one rule.

    Raises:
        InfeasibleProblem: An operation found no room before the end of time. For a calendar that
            never ends this is no proof that no plan exists.
    """
    return _Dispatcher(problem, rule).run()


class _Dispatcher:
    """One pass of schedule generation; holds the timelines and the operations that wait."""

    def __init__(self, problem: SchedulingProblem, rule: Rule) -> None:
        self.problem = problem
        self.rule = rule
        self.timelines = [Timeline(problem.blocked(cell)) for cell in range(len(problem.cells))]
        self.remaining = [remaining_work(problem, job) for job in range(len(problem.jobs))]
        shortest = [
            min(alternative.duration_ms for alternative in operation.alternatives)
            for job in problem.jobs
            for operation in job.operations
        ]
        self.mean_duration = sum(shortest) / max(1, len(shortest))
        self.done: dict[tuple[int, int], Assignment] = problem.frozen_by_key()
        self.waiting: dict[tuple[int, int], Candidate] = {}
        self.open_predecessors = {
            (j, o): sum(
                (j, p) not in self.done for p in set(problem.jobs[j].operations[o].predecessors)
            )
            for j, o in problem.operation_keys()
            if (j, o) not in self.done
        }
        self.successors: dict[tuple[int, int], list[tuple[int, int]]] = {}
        for j, o in self.open_predecessors:
            for p in set(problem.jobs[j].operations[o].predecessors):
                self.successors.setdefault((j, p), []).append((j, o))

    def run(self) -> tuple[Assignment, ...]:
        for key, count in self.open_predecessors.items():
            if count == 0:
                self.waiting[key] = self.candidate(*key)
        while self.waiting:
            chosen = self.choose()
            self.place(chosen)
        return in_order(self.done.values())

    def choose(self) -> Candidate:
        first = min(self.waiting.values(), key=lambda c: (c.end_ms, c.cell, c.job, c.operation))
        rivals = [
            c for c in self.waiting.values() if c.cell == first.cell and c.start_ms < first.end_ms
        ]
        return min(rivals, key=lambda c: (self.rule(c), c.end_ms, c.job, c.operation))

    def place(self, chosen: Candidate) -> None:
        key = (chosen.job, chosen.operation)
        del self.waiting[key]
        self.timelines[chosen.cell].occupy(chosen.start_ms, chosen.end_ms)
        self.done[key] = Assignment(*key, chosen.cell, chosen.start_ms, chosen.end_ms)
        for successor in self.successors.get(key, ()):
            self.open_predecessors[successor] -= 1
            if self.open_predecessors[successor] == 0:
                self.waiting[successor] = self.candidate(*successor)
        for other, candidate in self.waiting.items():
            # A candidate only gets later when its own cell fills up, so the others stay valid.
            if candidate.cell == chosen.cell and candidate.end_ms > chosen.start_ms:
                self.waiting[other] = self.candidate(*other)

    def candidate(self, j: int, o: int) -> Candidate:
        job = self.problem.jobs[j]
        operation = job.operations[o]
        ready = max(
            [job.release_ms, self.problem.earliest_start_ms]
            + [self.done[(j, p)].end_ms for p in operation.predecessors]
        )
        best: tuple[int, int, int] | None = None
        for alternative in operation.alternatives:
            start = self.timelines[alternative.cell].earliest_start(ready, alternative.duration_ms)
            if start is None:
                continue
            option = (start + alternative.duration_ms, alternative.cell, start)
            best = option if best is None else min(best, option)
        if best is None:
            cells = [self.problem.cells[a.cell].name for a in operation.alternatives]
            raise InfeasibleProblem(
                (
                    Conflict(
                        "capacity",
                        job.name,
                        operation.name,
                        None,
                        f"job {job.name!r}, operation {operation.name!r}: found no open time left "
                        f"on {cells} after {ready} ms",
                    ),
                )
            )
        end, cell, start = best
        return Candidate(
            job=j,
            operation=o,
            cell=cell,
            start_ms=start,
            end_ms=end,
            ready_ms=ready,
            remaining_ms=self.remaining[j][o],
            release_ms=job.release_ms,
            due_ms=job.due_ms,
            weight=job.weight,
            mean_duration_ms=self.mean_duration,
        )


def remaining_work(problem: SchedulingProblem, job: int) -> list[int]:
    """Per operation of a job: the longest chain of shortest durations from its start on, in ms."""
    operations = problem.jobs[job].operations
    shortest = [min(a.duration_ms for a in operation.alternatives) for operation in operations]
    chain = list(shortest)
    for o in reversed(problem.jobs[job].order):
        for p in operations[o].predecessors:
            chain[p] = max(chain[p], shortest[p] + chain[o])
    return chain


def follow(problem: SchedulingProblem, plan: Schedule) -> tuple[Assignment, ...]:
    """Dispatch in the order of an earlier plan, which may no longer fit the problem exactly."""
    names = {(a.job, a.operation): a.start_ms for a in plan.assignments}
    return dispatch(problem, lambda c: names.get((c.job, c.operation), math.inf))


def best_of(
    problem: SchedulingProblem,
    weights: ObjectiveWeights | None = None,
    *,
    out_of_time: Callable[[], bool] = lambda: False,
) -> Schedule:
    """The best plan of all rules; the first rule always runs to its end.

    Args:
        problem: What to plan.
        weights: How the objective's terms are traded.
        out_of_time: Asked between rules; True keeps what was found so far.

    Raises:
        InfeasibleProblem: No rule found room for every operation.
    """
    weights = weights or ObjectiveWeights()
    best: Schedule | None = None
    failure: InfeasibleProblem | None = None
    for name, rule in RULES.items():
        if best is not None and out_of_time():
            break
        try:
            assignments = dispatch(problem, rule)
        except InfeasibleProblem as error:
            failure = error
            continue
        objective = evaluate(problem, assignments, weights)
        if best is None or objective.rank < best.objective.rank:
            best = Schedule(assignments, "feasible", f"dispatch:{name}", objective)
    if best is None:
        assert failure is not None  # RULES is not empty
        raise failure
    return best

"""The compiled schedule generation from Python: (order, cells) -> plan that keeps everything.

It serves local search on problems that couple cells. Importing this module imports numba.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

import planners.scheduling.columns as columns
from planners.scheduling.arrays import Floats, Ints, SchedulingArrays, arrays_of
from planners.scheduling.compiled.decode import NO_MEMORY, TERMS, decode, evaluate
from planners.scheduling.compiled.state import State, new_state
from planners.scheduling.errors import Conflict, InfeasibleProblem
from planners.scheduling.problem import Assignment, SchedulingProblem
from planners.scheduling.schedule import ObjectiveWeights


def weight_array(weights: ObjectiveWeights) -> Floats:
    """The weights in the places of the terms (see `compiled.decode`)."""
    return np.array(
        [
            0.0,
            0.0,
            weights.makespan,
            weights.tardiness,
            weights.setup,
            weights.energy,
            weights.labour,
            weights.left_out,
            weights.moved,
            weights.resequenced,
            weights.shifted,
        ]
    )


@dataclass(slots=True)
class Genes:
    """What a plan is decoded from.

    Attributes:
        order: All operations, predecessors first.
        choice: Per operation the alternative (numbered through), or -1 for the one that ends first.
        not_before: Per operation, ms.
        groups: Per group of optional work: done (1) or left out (0).
    """

    order: Ints
    choice: Ints
    not_before: Ints
    groups: Ints

    def copy(self) -> Genes:
        """An independent copy."""
        return Genes(*(x.copy() for x in (self.order, self.choice, self.not_before, self.groups)))


class Decoder:
    """Decodes plans of one problem in one thread; keeps its work space."""

    def __init__(self, problem: SchedulingProblem) -> None:
        self.problem = problem
        self.arrays: SchedulingArrays = arrays_of(problem)
        self.state: State = new_state(self.arrays.problem)
        self.terms: Floats = np.zeros(TERMS)
        self._spare = 1

    def decode(self, genes: Genes) -> int:
        """Build the plan in ``state``; DONE, or the operation that found no place."""
        while True:
            result = decode(
                self.arrays.problem,
                self.state,
                genes.order,
                genes.choice,
                genes.not_before,
                genes.groups,
            )
            if result != NO_MEMORY:
                return int(result)
            self.enlarge()

    def enlarge(self) -> None:
        """Make room for more interrupted work."""
        self._spare *= 4
        self.state = new_state(self.arrays.problem, self._spare)

    def score(self, groups: Ints, weights: ObjectiveWeights) -> tuple[float, float]:
        """Objective value and sum of starts of the complete plan in ``state``."""
        p, q = self.arrays.problem, self.arrays.cost
        evaluate(p, q, self.state, groups, weight_array(weights), self.terms)
        return float(self.terms[0]), float(self.terms[1])

    def assignments(self) -> tuple[Assignment, ...]:
        """The plan that was decoded last."""
        return plan_of(self.arrays, self.state)


def plan_of(arrays: SchedulingArrays, s: State) -> tuple[Assignment, ...]:
    """The plan in a state."""
    planned = np.flatnonzero(s.op[:, columns.ON] >= 0)
    job = arrays.job[planned]
    operation = planned - arrays.first_operation[job]
    cell, start, end = (s.op[planned, k] for k in (columns.ON, columns.START, columns.END))
    usual = np.lexsort((operation, job, cell, start))
    fields = (column[usual].tolist() for column in (job, operation, cell, start, end))
    return tuple(map(Assignment, *fields))


def default_groups(arrays: SchedulingArrays) -> Ints:
    """Optional work is done, unless frozen work says otherwise."""
    return np.where(arrays.group_decided == 0, 0, 1).astype(np.int64)


def topological(problem: SchedulingProblem, jobs: list[int]) -> Ints:
    """All operations, job after job, each job in its topological order."""
    first = arrays_of(problem).first_operation.tolist()
    return np.array([first[j] + o for j in jobs for o in problem.jobs[j].order], dtype=np.int64)


def genes_of(problem: SchedulingProblem, plan: tuple[Assignment, ...]) -> Genes:
    """Genes whose decoding is the plan, or one whose operations start no later.

    Operations that the plan does not have are optional work that it leaves out, and come last.
    """
    arrays = arrays_of(problem)
    p = arrays.problem
    n = len(arrays.job)
    start = np.full(n, np.iinfo(np.int64).max, dtype=np.int64)
    choice = np.full(n, -1, dtype=np.int64)
    lasts = np.ones(n, dtype=np.bool_)  # what takes no time goes before what starts with it
    groups = np.where(arrays.group_decided == 1, 1, 0).astype(np.int64)
    first = arrays.first_operation.tolist()
    ways, cells = p.op[:, columns.WAYS].tolist(), p.way[:, columns.CELL].tolist()
    for a in plan:
        i = first[a.job] + a.operation
        start[i] = a.start_ms
        lasts[i] = a.end_ms > a.start_ms
        for k in range(ways[i], ways[i + 1]):
            if cells[k] == a.cell:
                choice[i] = k
                break
        if groups.size and p.op[i, columns.GROUP] >= 0:
            groups[p.op[i, columns.GROUP]] = 1
    before = p.flat[: p.op[n, columns.PREDECESSORS]]
    after = np.repeat(np.arange(n), np.diff(p.op[:, columns.PREDECESSORS]))
    if (start[before] > start[after]).any():
        # A left-out operation goes right before what follows it, so that precedence holds.
        for j, job in enumerate(problem.jobs):
            for o in reversed(job.order):
                i = first[j] + o
                begin, end = p.op[i, columns.PREDECESSORS], p.op[i + 1, columns.PREDECESSORS]
                for q in p.flat[begin:end]:
                    start[q] = min(start[q], start[i])
    rank = np.zeros(n, dtype=np.int64)
    rank[topological(problem, list(range(len(problem.jobs))))] = np.arange(n)
    order = np.lexsort((rank, lasts, start)).astype(np.int64)
    return Genes(order, choice, np.zeros(n, dtype=np.int64), groups)


def no_place(problem: SchedulingProblem, operation: int) -> InfeasibleProblem:
    """The error for an operation (numbered through) that found no place."""
    arrays = arrays_of(problem)
    j = int(arrays.job[operation])
    job = problem.jobs[j]
    step = job.operations[operation - int(arrays.first_operation[j])]
    cells = [problem.cells[a.cell].name for a in step.alternatives]
    limits = [f"open time left on {cells}"]
    limits += sorted(
        {f"resource {problem.resources[r].name!r}" for a in step.alternatives for r, _ in a.needs}
        | {f"skill {problem.skills[k].name!r}" for a in step.alternatives for k, _ in a.crew}
        | {f"resource {problem.resources[r].name!r} (held by the job)" for r, _ in job.holds}
    )
    return InfeasibleProblem(
        (
            Conflict(
                "capacity",
                job.name,
                step.name,
                None,
                f"job {job.name!r}, operation {step.name!r}: found no room; it needs "
                + ", ".join(limits),
            ),
        )
    )

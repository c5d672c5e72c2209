"""The flexible job shop as a CP-SAT model: variables, constraints, objective.

One start variable per operation; one presence literal and one optional interval per alternative;
no overlap per cell with the closed and frozen times as fixed intervals. Bounds that CP-SAT finds
late (calendar-aware loads, chains of a job) are stated, and identical units start in order.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from itertools import pairwise

from ortools.sat.python import cp_model

from planners.scheduling.bounds import Bounds, remaining_work
from planners.scheduling.problem import FOREVER_MS, Alternative, Assignment, SchedulingProblem
from planners.scheduling.schedule import ObjectiveWeights
from planners.scheduling.tidy import identical_jobs

MAX_OBJECTIVE = 2**60
"""Largest absolute objective value that is stated; CP-SAT computes in 64-bit integers."""
COEFFICIENT_SCALE = 1000
"""Weights are rounded to 1/1000."""


@dataclass(frozen=True, slots=True)
class OperationVariables:
    """Start, end and the alternatives with their presence literals (true when there is one)."""

    start: cp_model.IntVar
    end: cp_model.IntVar
    choices: tuple[tuple[Alternative, cp_model.IntVar], ...]


class JobShopModel:
    """The model of one problem, from which plans are read and to which hints are given."""

    def __init__(
        self, problem: SchedulingProblem, bounds: Bounds, weights: ObjectiveWeights
    ) -> None:
        self.problem = problem
        self.bounds = bounds
        self.model = cp_model.CpModel()
        self.horizon = _horizon(problem)
        self.operations: dict[tuple[int, int], OperationVariables] = {}
        self._frozen = problem.frozen_by_key()
        self._add_operations()
        self._add_cells()
        self._add_symmetry_breaking()
        self._add_objective(weights)

    def _add_operations(self) -> None:
        model = self.model
        self._intervals: list[list[cp_model.IntervalVar]] = [[] for _ in self.problem.cells]
        self._loads: list[list[tuple[int, cp_model.IntVar]]] = [[] for _ in self.problem.cells]
        for j, job in enumerate(self.problem.jobs):
            tails = remaining_work(self.problem, j)
            for o in job.order:
                if (j, o) in self._frozen:
                    continue
                operation = job.operations[o]
                name = f"{j}.{o}"
                latest = self.horizon - tails[o]
                start = model.new_int_var(
                    self.bounds.earliest_start_ms[(j, o)], latest, f"start {name}"
                )
                end = model.new_int_var(0, self.horizon, f"end {name}")
                choices = []
                for alternative in operation.alternatives:
                    present = (
                        model.new_constant(1)
                        if len(operation.alternatives) == 1
                        else model.new_bool_var(f"on {name}.{alternative.cell}")
                    )
                    interval = model.new_optional_interval_var(
                        start, alternative.duration_ms, end, present, f"run {name}"
                    )
                    self._intervals[alternative.cell].append(interval)
                    self._loads[alternative.cell].append((alternative.duration_ms, present))
                    choices.append((alternative, present))
                if len(choices) > 1:
                    model.add_exactly_one(present for _, present in choices)
                self.operations[(j, o)] = OperationVariables(start, end, tuple(choices))
                for p in operation.predecessors:
                    if (j, p) in self._frozen:
                        model.add(start >= self._frozen[(j, p)].end_ms)
                    else:
                        model.add(start >= self.operations[(j, p)].end)

    def _add_cells(self) -> None:
        self.makespan = self.model.new_int_var(
            self.bounds.makespan_ms, max(self.horizon, self.bounds.makespan_ms), "makespan"
        )
        for variables in self.operations.values():
            self.model.add(self.makespan >= variables.end)
        for c in range(len(self.problem.cells)):
            closed = [
                self.model.new_fixed_size_interval_var(start, end - start, f"closed {c}")
                for start, end in self.problem.blocked(c)
            ]
            if self._intervals[c]:
                self.model.add_no_overlap(self._intervals[c] + closed)
            self._add_load(c)

    def _add_load(self, c: int) -> None:
        """A cell cannot do more between its first possible start and the makespan than fits."""
        if not self._loads[c]:
            return
        keys = [
            key
            for key, variables in self.operations.items()
            if any(alternative.cell == c for alternative, _ in variables.choices)
        ]
        head = min(self.bounds.earliest_start_ms[key] for key in keys)
        closed = sum(
            max(0, min(end, self.bounds.makespan_ms) - max(start, head))
            for start, end in self.problem.blocked(c)
        )
        work = sum(duration * present for duration, present in self._loads[c])
        self.model.add(work + closed + head <= self.makespan)

    def _add_symmetry_breaking(self) -> None:
        for group in identical_jobs(self.problem):
            for first, second in pairwise(group):
                self.model.add(
                    self.operations[(first, 0)].start <= self.operations[(second, 0)].start
                )

    def _add_objective(self, weights: ObjectiveWeights) -> None:
        terms: list[tuple[float, cp_model.IntVar]] = []
        for j, job in enumerate(self.problem.jobs):
            if job.due_ms is None or job.weight == 0 or weights.tardiness == 0:
                continue
            least = max(0, self.bounds.completion_ms[j] - job.due_ms)
            late = self.model.new_int_var(least, max(self.horizon, least), f"tardiness {j}")
            for o in range(len(job.operations)):
                if (j, o) in self.operations:
                    self.model.add(late >= self.operations[(j, o)].end - job.due_ms)
            terms.append((weights.tardiness * job.weight, late))
        if weights.makespan > 0:
            terms.append((weights.makespan, self.makespan))
        coefficients = [max(1, round(weight * COEFFICIENT_SCALE)) for weight, _ in terms]
        divisor = math.gcd(*coefficients) if coefficients else 1
        scale = COEFFICIENT_SCALE / divisor
        coefficients = [c // divisor for c in coefficients]
        while sum(coefficients) * max(self.horizon, 1) > MAX_OBJECTIVE:
            coefficients = [max(1, c // 2) for c in coefficients]
            scale /= 2
            if max(coefficients) == 1:
                break
        self.scale = scale
        """CP-SAT's integer objective over the objective's value."""
        self.exact = all(
            math.isclose(coefficient, weight * scale, rel_tol=1e-12)
            for coefficient, (weight, _) in zip(coefficients, terms, strict=True)
        )
        """Whether the integer coefficients equal the scaled weights: only then its bound holds."""
        self.primary = sum(c * term for c, (_, term) in zip(coefficients, terms, strict=True))
        self.model.minimize(self.primary)

    def hint(self, assignments: tuple[Assignment, ...]) -> None:
        """Start the search from a plan with identical units in order."""
        self.model.clear_hints()
        for a in assignments:
            variables = self.operations.get((a.job, a.operation))
            if variables is None:
                continue
            self.model.add_hint(variables.start, a.start_ms)
            self.model.add_hint(variables.end, a.end_ms)
            if len(variables.choices) > 1:
                for alternative, present in variables.choices:
                    self.model.add_hint(present, alternative.cell == a.cell)
        makespan = max((a.end_ms for a in assignments), default=0)
        self.model.add_hint(self.makespan, makespan)

    def read(
        self, solution: cp_model.CpSolver | cp_model.CpSolverSolutionCallback
    ) -> tuple[Assignment, ...]:
        """The plan of a solution."""
        plan = list(self.problem.frozen)
        for (j, o), variables in self.operations.items():
            start = solution.value(variables.start)
            for alternative, present in variables.choices:
                if solution.value(present):
                    plan.append(
                        Assignment(j, o, alternative.cell, start, start + alternative.duration_ms)
                    )
        return tuple(plan)


def _horizon(problem: SchedulingProblem) -> int:
    """An end by which every left-shifted plan is done, ms.

    Once every date, every closed time and every frozen operation is past, some cell always works.
    """
    dates = [problem.earliest_start_ms, *(job.release_ms for job in problem.jobs)]
    for cell in range(len(problem.cells)):
        dates.extend(end for _, end in problem.blocked(cell) if end < FOREVER_MS)
    work = sum(
        max(alternative.duration_ms for alternative in operation.alternatives)
        for job in problem.jobs
        for operation in job.operations
    )
    return min(FOREVER_MS, max(dates) + work)

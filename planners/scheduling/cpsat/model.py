"""The whole model of one problem, from which plans are read and to which hints are given."""

from __future__ import annotations

from ortools.sat.python import cp_model

from planners.scheduling.bounds import Bounds
from planners.scheduling.cpsat.constraints import (
    add_cells,
    add_holds,
    add_loads,
    add_precedence,
    add_symmetry_breaking,
)
from planners.scheduling.cpsat.objective import add_objective, least_makespan
from planners.scheduling.cpsat.setups import add_setups
from planners.scheduling.cpsat.shared import add_shared
from planners.scheduling.cpsat.variables import Variables, Window, add_variables
from planners.scheduling.problem import Assignment, SchedulingProblem
from planners.scheduling.schedule import ObjectiveWeights

COMPLETION_S = 2.0
"""Time to complete a hint: everything that matters is fixed, so it is propagation only."""


class PlantModel:
    """Variables, constraints and objective of a problem."""

    def __init__(
        self,
        problem: SchedulingProblem,
        bounds: Bounds,
        weights: ObjectiveWeights,
        *,
        explain: bool = False,
        end_by: int | None = None,
        window: Window | None = None,
    ) -> None:
        self.problem = problem
        self.variables: Variables = add_variables(
            problem, bounds, explain=explain, end_by=end_by, window=window
        )
        self.model: cp_model.CpModel = self.variables.model
        v = self.variables
        add_precedence(v)
        add_holds(v)
        add_cells(v)
        setups = add_setups(v)
        add_shared(v, setups)
        if explain:
            return
        self.makespan = least_makespan(v)
        if window is None:
            add_loads(v, self.makespan)
            add_symmetry_breaking(v)
        self.scale, exact = add_objective(v, setups, self.makespan, weights)
        """CP-SAT's integer objective over the objective's value."""
        self.exact: bool = v.exact and exact
        """Whether its optimum is the optimum; its bound is a bound in any case."""

    def hint(self, assignments: tuple[Assignment, ...]) -> None:
        """Start the search from a plan with identical units in order."""
        self.model.clear_hints()
        fixed = self.model.clone()
        known: list[tuple[cp_model.IntVar, int]] = []
        planned = {(a.job, a.operation): a for a in assignments}
        for key, op in self.variables.operations.items():
            if op.fact is not None:
                continue
            a = planned.get(key)
            if a is not None:
                known += [(op.start, a.start_ms), (op.end, a.end_ms)]
            if len(op.choices) > 1:
                known += [
                    (c.chosen, int(a is not None and a.cell == c.way.cell)) for c in op.choices
                ]
        for (j, k), done in self.variables.groups.items():
            first = self.problem.jobs[j].optional[k].operations[0]
            known.append((done, int((j, first) in planned)))
        for variable, value in known:
            fixed.add(fixed.get_int_var_from_proto_index(variable.index) == value)
        solver = cp_model.CpSolver()
        solver.parameters.num_workers = 1
        solver.parameters.max_deterministic_time = COMPLETION_S
        solver.parameters.max_time_in_seconds = 5 * COMPLETION_S
        solver.parameters.stop_after_first_solution = True
        if solver.solve(fixed) in (cp_model.OPTIMAL, cp_model.FEASIBLE):
            values = solver.response_proto.solution
            for index, value in enumerate(values):
                self.model.add_hint(self.model.get_int_var_from_proto_index(index), value)
            return
        # The plan does not fit the model, which is no fault of it: identical units, say.
        for variable, value in {v.index: (v, x) for v, x in known}.values():
            self.model.add_hint(variable, value)

    def read(
        self, solution: cp_model.CpSolver | cp_model.CpSolverSolutionCallback
    ) -> tuple[Assignment, ...]:
        """The plan of a solution."""
        plan = []
        for (j, o), op in self.variables.operations.items():
            if op.fact is not None:
                plan.append(op.fact)
                continue
            for choice in op.choices:
                if solution.value(choice.chosen):
                    start, end = solution.value(op.start), solution.value(op.end)
                    plan.append(Assignment(j, o, choice.way.cell, start, end))
        return tuple(plan)

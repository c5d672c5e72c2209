"""Which limits exclude each other: every limit is an assumption, and the proof names a few.

The core that CP-SAT gives is made irreducible: a limit without which there is still no plan is
left out of it.
"""

from __future__ import annotations

import time

from ortools.sat.python import cp_model

from planners.scheduling.bounds import Bounds
from planners.scheduling.cpsat.model import PlantModel
from planners.scheduling.errors import Conflict, InfeasibleProblem
from planners.scheduling.problem import SchedulingProblem
from planners.scheduling.schedule import ObjectiveWeights


def conflicts_of(
    problem: SchedulingProblem, bounds: Bounds, *, seconds: float = 3.0
) -> tuple[str, ...] | None:
    """Names of limits that no plan keeps together; None if that is not proved in time.

    An empty tuple says that the work contradicts itself, whatever the calendars and resources.
    """
    deadline = time.monotonic() + seconds
    shop = PlantModel(problem, bounds, ObjectiveWeights(), explain=True)
    literals = shop.variables.assumptions
    core = _core(shop, list(literals), deadline)
    if core is None:
        return None
    for name in list(core):
        rest = [other for other in core if other != name]
        smaller = _core(shop, rest, deadline)
        if smaller is not None:
            core = [other for other in core if other in smaller]
    return tuple(core)


def too_tight(
    problem: SchedulingProblem,
    known: Bounds,
    failure: InfeasibleProblem | None,
    core: tuple[str, ...] | None,
) -> InfeasibleProblem:
    """CP-SAT's proof in words: every operation fits alone, but not all of them together."""
    stuck = failure.conflicts[0] if failure is not None else None
    closing = [
        f"{cell.name!r} closes for good at {cell.unavailable[-1][0]} ms"
        for cell in problem.cells
        if cell.unavailable
    ]
    message = (
        "each operation fits into the open windows alone, but not all of them together"
        + (f" ({'; '.join(closing)})" if closing else "")
        + (f"; these limits exclude each other: {', '.join(core)}" if core else "")
        + (f"; first to find no room: {stuck.message}" if stuck is not None else "")
        + f"; with room, the plan would take at least until {known.makespan_ms} ms"
    )
    return InfeasibleProblem(
        (
            Conflict(
                "capacity",
                stuck.job if stuck is not None else None,
                stuck.operation if stuck is not None else None,
                None,
                message,
            ),
        )
    )


def _core(shop: PlantModel, names: list[str], deadline: float) -> list[str] | None:
    """A part of the named limits that is infeasible; None if they are not proved to be."""
    literals = shop.variables.assumptions
    by_index = {literals[name].index: name for name in names}
    shop.model.clear_assumptions()
    shop.model.add_assumptions([literals[name] for name in names])
    solver = cp_model.CpSolver()
    solver.parameters.num_workers = 1
    solver.parameters.max_time_in_seconds = max(0.01, deadline - time.monotonic())
    if solver.solve(shop.model) != cp_model.INFEASIBLE:
        return None
    found = solver.sufficient_assumptions_for_infeasibility()
    return [by_index[index] for index in found if index in by_index]

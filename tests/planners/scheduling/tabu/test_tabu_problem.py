"""From a scheduling problem to the graph: what is taken over, and what is refused."""

from __future__ import annotations

import numpy as np
import pytest
from tabu_cases import random_problem, violations

from planners.scheduling import (
    Alternative,
    Assignment,
    Cell,
    Job,
    Operation,
    SchedulingProblem,
    verify,
)
from planners.scheduling.errors import ProblemError
from planners.scheduling.schedule import ObjectiveWeights, Schedule, evaluate
from planners.scheduling.tabu import (
    GraphProblem,
    Terms,
    UnsupportedByGraph,
    from_problem,
    search,
    to_assignments,
)
from planners.scheduling.tabu.graph_problem import NO_DUE
from planners.scheduling.tabu.translate import SEARCH_HORIZON, search_unit


def two_jobs(**changes):
    step = Operation("a", (Alternative(0, 10), Alternative(1, 20)))
    after = Operation("b", (Alternative(1, 5),), (0,))
    fields = {
        "cells": (Cell("x", ((0, 7),)), Cell("y")),
        "jobs": (Job("j", (step, after), release_ms=3), Job("k", (step, after), due_ms=30)),
        "earliest_start_ms": 2,
    }
    return SchedulingProblem(**{**fields, **changes})


def test_frozen_work_and_late_cells_are_kept():
    problem = two_jobs(frozen=(Assignment(0, 0, 0, 1, 12),))
    graph = from_problem(problem)
    found = search(graph, iterations=200)
    assignments = to_assignments(problem, found.plan)
    objective = evaluate(problem, assignments, ObjectiveWeights())
    assert verify(problem, Schedule(assignments, "feasible", "tabu", objective)) == []
    assert objective.value == pytest.approx(found.plan.value)


def test_a_cell_that_closes_later_is_refused():
    with pytest.raises(UnsupportedByGraph, match="closes at 50") as raised:
        from_problem(two_jobs(cells=(Cell("x", ((50, 60),)), Cell("y"))))
    assert raised.value.feature == "calendar"


def test_plans_too_long_for_32_bits_are_searched_coarsely_and_decoded_exactly():
    rng = np.random.default_rng(5)
    small = random_problem(rng, setups=True, transport=True)
    large = GraphProblem(
        **{
            name: getattr(small, name)
            for name in small.__slots__
            if name not in ("order", "alt_duration", "terms")
        },
        alt_duration=small.alt_duration * 1_000_000_007,
    )
    assert search_unit(small) == 1
    assert search_unit(large) > 1_000_000_007 * 100 // SEARCH_HORIZON
    found = search(large, iterations=2_000)
    assert violations(large, found.plan) == []
    assert found.plan.makespan == max(found.plan.end)


def arrays(**changes):
    fields = {
        "alt_ptr": [0, 1, 2],
        "alt_cell": [0, 1],
        "alt_duration": [1, 1],
        "pred_ptr": [0, 0, 1],
        "pred": [0],
        "pred_lag": [0],
        "job": [0, 0],
        "release": [0, 0],
        "due": [NO_DUE],
        "weight": [1.0],
        "available": [0, 0],
    }
    fields.update(changes)
    return GraphProblem(**{name: np.array(value) for name, value in fields.items()})


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"alt_cell": [0, 2]}, "alt_cell"),
        ({"alt_duration": [-1, 1]}, "alt_duration"),
        ({"alt_ptr": [0, 0, 2]}, "alt_ptr"),
        ({"pred": [5]}, "pred"),
        ({"pred_ptr": [0, 1, 2], "pred": [1, 0], "pred_lag": [0, 0]}, "cycle"),
        ({"pred_lag": [-1]}, "pred_lag"),
        ({"release": [0]}, "release"),
        ({"job": [0, 1]}, "job"),
        (
            {"fixed_cell": [-1, 0], "fixed_start": [-1, 0], "fixed_duration": [-1, 1]},
            "predecessor",
        ),
    ],
    ids=str,
)
def test_arrays_that_do_not_fit_are_refused(changes, message):
    with pytest.raises(ProblemError, match=message):
        arrays(**changes)


def test_weights_below_zero_are_refused():
    with pytest.raises(ProblemError, match="tardiness"):
        Terms(tardiness=-1.0)

"""Whatever the verifier accepts is a plan of CP-SAT's model: it may be wider, never narrower."""

from __future__ import annotations

from coupled_cases import WEIGHTS, coupled_problems
from hypothesis import HealthCheck, given, settings
from ortools.sat.python import cp_model

from planners.scheduling import InfeasibleProblem, best_of, verify
from planners.scheduling.bounds import bounds
from planners.scheduling.cpsat.model import PlantModel
from planners.scheduling.generate import BENCHMARK, generate
from planners.scheduling.tidy import units_in_order


def is_a_plan_of_the_model(problem, assignments):
    """Whether the model with every start, cell and choice as in the plan has a solution."""
    shop = PlantModel(problem, bounds(problem), WEIGHTS)
    planned = {(a.job, a.operation): a for a in units_in_order(problem, assignments)}
    for key, op in shop.variables.operations.items():
        a = planned.get(key)
        shop.model.add(op.present == int(a is not None))
        if a is not None and op.fact is None:
            shop.model.add(op.start == a.start_ms)
            shop.model.add(op.end == a.end_ms)
            for choice in op.choices:
                shop.model.add(choice.chosen == int(choice.way.cell == a.cell))
    solver = cp_model.CpSolver()
    solver.parameters.num_workers = 1
    return solver.solve(shop.model) in (cp_model.OPTIMAL, cp_model.FEASIBLE)


@settings(
    max_examples=100,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
)
@given(coupled_problems(most_operations=9, longest=4))
def test_every_plan_is_a_plan_of_the_model(problem):
    try:
        plan = best_of(problem, WEIGHTS)
    except InfeasibleProblem:
        return
    assert verify(problem, plan) == []
    assert is_a_plan_of_the_model(problem, plan.assignments)


def test_setups_and_waits_that_take_no_time_need_nobody():
    # The operator of a setup of 0 ms may be at work elsewhere; so may the only place of a buffer.
    for seed in (1, 2, 3):
        problem = generate(seed, jobs=8, cells=4, features=BENCHMARK)
        assert is_a_plan_of_the_model(problem, best_of(problem).assignments)

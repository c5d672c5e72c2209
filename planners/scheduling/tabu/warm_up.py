"""Compiles the kernel ahead of time, so that nobody who waits for a plan waits for that."""

from __future__ import annotations

import numpy as np

from planners.scheduling.tabu.arrays import new_state
from planners.scheduling.tabu.graph_problem import GraphProblem, Terms
from planners.scheduling.tabu.relinking import between
from planners.scheduling.tabu.search import search
from planners.scheduling.tabu.translate import search_unit, to_given
from planners.scheduling.tabu.worker import Tuning


def warm_up() -> None:
    """Compile every function of the kernel, or load it from disk where it has been compiled.

    About a minute of one core the first time, then a fraction of a second. A search that runs
    without it compiles what it needs itself.
    """
    for terms in (Terms(), Terms(makespan=1.0, tardiness=1.0, setup=1.0, moved=1.0, shifted=1.0)):
        problem = GraphProblem(
            alt_ptr=np.array([0, 2, 4, 6, 8]),
            alt_cell=np.array([0, 1, 0, 1, 0, 1, 0, 1]),
            alt_duration=np.array([3, 4, 2, 2, 5, 3, 1, 4]),
            pred_ptr=np.array([0, 0, 1, 1, 2]),
            pred=np.array([0, 2]),
            pred_lag=np.array([0, 0]),
            job=np.array([0, 0, 1, 1]),
            release=np.zeros(4, dtype=np.int64),
            due=np.array([4, 4]),
            weight=np.array([1.0, 1.0]),
            available=np.zeros(2, dtype=np.int64),
            family=np.array([0, 1, 0, 1]),
            setup=np.ones((1, 2, 2), dtype=np.int64),
            setup_row=np.zeros(2, dtype=np.int64),
            published_cell=np.zeros(4, dtype=np.int64),
            published_start=np.zeros(4, dtype=np.int64),
            terms=terms,
        )
        found = search(problem, iterations=2_000, tuning=Tuning(patience=50, children=2))
        search(problem, found.plan, iterations=1)
        # So small a problem seldom has two plans that differ enough to begin between them.
        order, alternatives = np.arange(4, dtype=np.int32), np.zeros(4, dtype=np.int32)
        random = new_state(to_given(problem, search_unit(problem)), seed=0).random
        between(
            order, alternatives, order, alternatives, 50, random, order.copy(), alternatives.copy()
        )

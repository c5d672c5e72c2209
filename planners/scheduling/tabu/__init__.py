"""Tabu search on the disjunctive graph: good plans of large shops in a second (see search.py)."""

from planners.scheduling.tabu.graph_plan import GraphPlan, in_turn, plan_from
from planners.scheduling.tabu.graph_problem import (
    FREE,
    NO_DUE,
    UNPUBLISHED,
    GraphProblem,
    Terms,
    UnsupportedByGraph,
)
from planners.scheduling.tabu.search import SearchResult, search
from planners.scheduling.tabu.translate import from_problem, to_assignments
from planners.scheduling.tabu.warm_up import warm_up
from planners.scheduling.tabu.worker import Tuning

__all__ = [
    "FREE",
    "NO_DUE",
    "UNPUBLISHED",
    "GraphPlan",
    "GraphProblem",
    "SearchResult",
    "Terms",
    "Tuning",
    "UnsupportedByGraph",
    "from_problem",
    "in_turn",
    "plan_from",
    "search",
    "to_assignments",
    "warm_up",
]

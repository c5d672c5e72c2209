"""Compiles what the engines need, so that nobody waits for it later."""

from __future__ import annotations


def warm_up() -> None:
    """Compile every compiled function and keep the machine code on disk (half a minute, once).

    Without it the first use compiles.
    """
    import time

    from planners.scheduling.dispatch import best_of
    from planners.scheduling.generate import generate
    from planners.scheduling.order_search import OrderSearch, SearchLimits
    from planners.scheduling.schedule import ObjectiveWeights

    problem = generate(1, jobs=3, cells=3)
    weights = ObjectiveWeights()
    search = OrderSearch(problem, best_of(problem, weights), weights, workers=1)
    search.run(SearchLimits(time.monotonic() + 60.0, trials=1))

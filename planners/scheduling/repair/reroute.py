"""Compiled: what is hit goes where it delays least, and what need not have moved goes home.

The places are those of k-insertion (Mastrolilli and Gambardella, Journal of Scheduling 3, 2000),
estimated from heads and tails as in the search (`planners.scheduling.tabu.moves`).
"""

from __future__ import annotations

from planners.compiled import compiled_into as compiled
from planners.scheduling.tabu.access import of
from planners.scheduling.tabu.arrays import (
    ALT,
    CELL,
    DUR,
    HEAD,
    MP,
    TAIL,
    Given,
    Int32,
    State,
)
from planners.scheduling.tabu.graph import load, makespan
from planners.scheduling.tabu.moves import best_insertion
from planners.scheduling.tabu.update import apply_move


@compiled
def right_shift(given: Given, state: State, order: Int32, alternatives: Int32) -> int:
    """Load a plan in its order on its cells, everything as early as that allows; its makespan."""
    load(given, state, order, alternatives)
    return makespan(given, state.rows)


@compiled
def reroute(given: Given, state: State, hit: Int32, target: int, most: int) -> int:
    """Move hit operations, one after the other, to where the longest path through them is shortest.

    Args:
        given: The problem.
        state: The right-shifted plan; changed.
        hit: Operations in the order in which they are asked.
        target: An operation whose longest path is no longer than this stays.
        most: How many may move.

    Returns:
        How many have moved.
    """
    rows = state.rows
    count = 0
    for i in range(len(hit)):
        if count >= most:
            break
        v = hit[i]
        best = of(rows, v, HEAD) + of(rows, v, DUR) + of(rows, v, TAIL)
        if best <= target:
            continue
        to, behind = -1, -1
        for a in range(given.alt_ptr[v], given.alt_ptr[v + 1]):
            if a != of(rows, v, ALT):
                path, x = best_insertion(given, state, v, a, best)
                if path < best:
                    best, to, behind = path, a, x
        if to >= 0 and apply_move(given, state, v, to, behind):
            count += 1
    return count


@compiled
def go_home(given: Given, state: State, homes: Int32) -> int:
    """Take moved operations back to their published cells where the plan then ends no later.

    Args:
        given: The problem.
        state: A plan; changed.
        homes: Per operation the alternative on its published cell, or -1.

    Returns:
        How many went home.
    """
    rows = state.rows
    limit = makespan(given, rows)
    count = 0
    for v in range(len(state.order)):
        a = homes[v]
        if a < 0 or a == of(rows, v, ALT) or given.fixed[v]:
            continue
        old_a, old_x = of(rows, v, ALT), of(rows, v, MP)
        path, x = best_insertion(given, state, v, a, limit + 1)
        if path > limit or not apply_move(given, state, v, a, x):
            continue
        if makespan(given, rows) <= limit:
            count += 1
        else:
            apply_move(given, state, v, old_a, old_x)
    return count


@compiled
def read_plan(state: State, cell: Int32, start: Int32, alternatives: Int32) -> None:
    """Copy the plan out of a state."""
    for v in range(len(state.order)):
        cell[v] = of(state.rows, v, CELL)
        start[v] = of(state.rows, v, HEAD)
        alternatives[v] = of(state.rows, v, ALT)

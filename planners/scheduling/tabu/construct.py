"""Plans to start from: dispatched greedily, with as much chance as is asked for.

An active schedule after Giffler and Thompson (Operations Research 8, 1960) with the cell on which
each operation ends first; among the operations that compete for a cell, the one with the most work
remaining (MWKR) goes first. Disturbed priorities give different plans for different threads.
"""

from __future__ import annotations

from planners.compiled import compiled_into as compiled
from planners.scheduling.tabu.access import nth, of, put
from planners.scheduling.tabu.arrays import (
    CELL,
    DUR,
    HEAD,
    NONE,
    RELEASE,
    Given,
    Int32,
    State,
)
from planners.scheduling.tabu.graph import after, choose_alternative, job_ready, reset_rows
from planners.scheduling.tabu.moves import random_below

CHANCE = 1000


@compiled
def _remaining_work(given: Given, topological: Int32, remaining: Int32) -> None:
    """Longest chain of shortest durations from the start of each operation on."""
    for i in range(len(topological) - 1, -1, -1):
        v = topological[i]
        shortest = nth(given.alt_dur, nth(given.alt_ptr, v))
        for a in range(nth(given.alt_ptr, v) + 1, nth(given.alt_ptr, v + 1)):
            shortest = min(shortest, nth(given.alt_dur, a))
        chain = 0
        for j in range(nth(given.succ_ptr, v), nth(given.succ_ptr, v + 1)):
            chain = max(chain, remaining[nth(given.succ_op, j)] + nth(given.succ_lag, j))
        remaining[v] = chain + shortest


@compiled
def _choose_cell(given: Given, state: State, thrift: int, v: int) -> tuple[int, int]:
    """Alternative on which v would end first if ``thrift`` durations came on top; the true end."""
    best, end, least = NONE, 0, 1 << 60
    for a in range(nth(given.alt_ptr, v), nth(given.alt_ptr, v + 1)):
        k = nth(given.alt_cell, a)
        start = max(
            job_ready(given, state.rows, v, k), after(given, state.rows, k, state.last[k], v)
        )
        cost = start + nth(given.alt_dur, a) * (1 + thrift)
        if cost < least:
            best, end, least = a, start + nth(given.alt_dur, a), cost
    return best, end


@compiled
def greedy(
    given: Given,
    state: State,
    topological: Int32,
    eager: bool,
    thrift: int,
    disturb: int,
    scratch: Int32,
    order: Int32,
    alternatives: Int32,
) -> None:
    """Write a dispatched plan to ``order`` and ``alternatives``.

    Args:
        given: The problem.
        state: Overwritten.
        topological: Some order that respects the precedences, fixed operations first.
        eager: Let the operation that ends first go first, instead of the one with the most
            work remaining.
        thrift: How much more a duration counts than a wait when a cell is chosen.
        disturb: 0: plain MWKR; up to CHANCE: that share (per mille) of a priority is chance.
        scratch: ``(5, n)``.
        order: The result.
        alternatives: The result.
    """
    rows = state.rows
    n = len(order)
    remaining, missing, ready, ends, priority = (
        scratch[0],
        scratch[1],
        scratch[2],
        scratch[3],
        scratch[4],
    )
    reset_rows(given, rows)
    state.last[:] = NONE
    _remaining_work(given, topological, remaining)
    for v in range(n):
        chance = random_below(state.random, CHANCE + 1)
        priority[v] = remaining[v] - (remaining[v] * disturb // CHANCE) * chance // CHANCE
        missing[v] = nth(given.pred_ptr, v + 1) - nth(given.pred_ptr, v)
    count = write = 0
    for v in range(n):
        if nth(given.fixed, v):
            order[write] = v
            write += 1
            alternatives[v] = nth(given.alt_ptr, v)
            choose_alternative(given, rows, v, nth(given.alt_ptr, v))
            put(rows, v, HEAD, of(rows, v, RELEASE))
            for i in range(nth(given.succ_ptr, v), nth(given.succ_ptr, v + 1)):
                missing[nth(given.succ_op, i)] -= 1
    for v in range(n):
        if not nth(given.fixed, v) and missing[v] == 0:
            ready[count] = v
            count += 1
    for i in range(count):
        alternatives[ready[i]], ends[ready[i]] = _choose_cell(given, state, thrift, ready[i])
    while count:
        first = ready[0]
        for i in range(1, count):
            if ends[ready[i]] < ends[first]:
                first = ready[i]
        k = given.alt_cell[alternatives[first]]
        at = NONE
        for i in range(count):
            v = ready[i]
            a = alternatives[v]
            if eager:
                if v == first:
                    at = i
            elif (
                nth(given.alt_cell, a) == k
                and ends[v] - nth(given.alt_dur, a) < ends[first]
                and (at == NONE or priority[v] > priority[ready[at]])
            ):
                at = i
        v = ready[at]
        count -= 1
        ready[at] = ready[count]
        order[write] = v
        write += 1
        choose_alternative(given, rows, v, alternatives[v])
        put(rows, v, HEAD, ends[v] - of(rows, v, DUR))
        state.last[of(rows, v, CELL)] = v
        for i in range(nth(given.succ_ptr, v), nth(given.succ_ptr, v + 1)):
            s = nth(given.succ_op, i)
            missing[s] -= 1
            if missing[s] == 0:
                ready[count] = s
                count += 1
                alternatives[s], ends[s] = _choose_cell(given, state, thrift, s)
        for i in range(count):
            u = ready[i]
            if given.alt_cell[alternatives[u]] == k:
                alternatives[u], ends[u] = _choose_cell(given, state, thrift, u)

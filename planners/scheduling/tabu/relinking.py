"""Plans between two plans: every order that both agree on is kept.

Path relinking (Peng, Lu and Cheng, Computers & Operations Research 53, 2015) needs plans on the
way from one elite plan to another. Taking operations from the front of one or the other plan's
order, at random (the precedence preservative crossover of Bierwirth, Mattfeld and Kopfer, PPSN IV,
1996), yields them without a repair: a pair of operations keeps its order wherever both agree, and
so the result has no cycle. How often the other plan is asked sets how far along the way it lies.
"""

from __future__ import annotations

from planners.compiled import compiled_into as compiled
from planners.scheduling.tabu.arrays import NONE, Int32, UInt64
from planners.scheduling.tabu.moves import random_below


@compiled
def between(
    order_a: Int32,
    alternatives_a: Int32,
    order_b: Int32,
    alternatives_b: Int32,
    percent_b: int,
    random: UInt64,
    order: Int32,
    alternatives: Int32,
) -> None:
    """Write a random plan between a and b to ``order`` and ``alternatives``."""
    n = len(order)
    alternatives[:] = -2
    i = j = 0
    for write in range(n):
        while i < n and alternatives[order_a[i]] != -2:
            i += 1
        while j < n and alternatives[order_b[j]] != -2:
            j += 1
        if random_below(random, 100) < percent_b:
            v = order_b[j]
            alternatives[v] = alternatives_b[v]
        else:
            v = order_a[i]
            alternatives[v] = alternatives_a[v]
        order[write] = v


@compiled
def distance(
    order_a: Int32, cells_a: Int32, order_b: Int32, cells_b: Int32, place: Int32, last: Int32
) -> int:
    """Operations on another cell, plus neighbours on a cell of a that are reversed in b."""
    n = len(order_a)
    for i in range(n):
        place[order_b[i]] = i
    last[:] = NONE
    different = 0
    for i in range(n):
        v = order_a[i]
        k = cells_a[v]
        if cells_b[v] != k:
            different += 1
            continue
        if last[k] != NONE and place[last[k]] > place[v]:
            different += 1
        last[k] = v
    return different

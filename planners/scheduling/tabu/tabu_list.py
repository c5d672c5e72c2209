"""What the search may not do for a while: undo what it has just done.

Pairs of numbers are tabu until a step: (u, v) says that u may not come before v on their cell
again (Dell'Amico and Trubian, Annals of Operations Research 41, 1993); an operation that has
changed its cell may not return to it, nor change again for a shorter time (Mastrolilli and
Gambardella 2000 forbid the former). The pairs live in a table without chains: two pairs that share
a slot share their fate, which is rare and harmless.
"""

from __future__ import annotations

from planners.compiled import compiled_into as compiled
from planners.scheduling.tabu.access import of
from planners.scheduling.tabu.arrays import (
    ALT,
    CELL,
    HEAD,
    ITERATION,
    MP,
    MS,
    NONE,
    TABU_SLOTS,
    TENURE,
    TENURE_MOVED,
    TENURE_STAY,
    State,
)
from planners.scheduling.tabu.moves import random_below

ANYWHERE = -1


@compiled
def slot_of(a: int, b: int) -> int:
    """The place of a pair in the tabu table (multiplicative hashing; Knuth, TAOCP 3, 6.4)."""
    return ((int(a) * 0x1E3779B97F4A7C15 + int(b) * 0x42B2AE3D27D4EB4F) >> 40) & (TABU_SLOTS - 1)


@compiled
def is_tabu(state: State, a: int, b: int) -> bool:
    """Whether the pair is tabu at this step."""
    return bool(state.tabu_until[slot_of(a, b)] > state.numbers[ITERATION])


@compiled
def may_not_enter(state: State, v: int, cell: int) -> bool:
    """Whether it is tabu to move v to another cell, or to this one."""
    return is_tabu(state, -1 - v, cell) or is_tabu(state, -1 - v, ANYWHERE)


@compiled
def forbid(state: State, a: int, b: int, steps: int) -> None:
    """Make a pair tabu for about so many steps."""
    until = state.numbers[ITERATION] + steps + random_below(state.random, steps // 2 + 1)
    state.tabu_until[slot_of(a, b)] = until


@compiled
def forbid_return(state: State, v: int, a: int, x: int) -> None:
    """Forbid to undo the move of v to alternative a behind x, which is about to be made."""
    rows, numbers = state.rows, state.numbers
    if a != of(rows, v, ALT):
        forbid(state, -1 - v, of(rows, v, CELL), numbers[TENURE_MOVED])
        forbid(state, -1 - v, ANYWHERE, numbers[TENURE_STAY])
    elif x != NONE and of(rows, x, HEAD) > of(rows, v, HEAD):
        w = v
        while w != x:
            w = of(rows, w, MS)
            forbid(state, v, w, numbers[TENURE])
    else:
        w = v
        while of(rows, w, MP) != x:
            w = of(rows, w, MP)
            forbid(state, w, v, numbers[TENURE])

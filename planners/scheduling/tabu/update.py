"""Moves an operation in the graph, and brings order, heads and tails up to date.

The topological order is repaired between the two places that the move touches (after Pearce and
Kelly, ACM Journal of Experimental Algorithmics 11, 2006); a new arc closes a cycle if and only if
the repair meets its other end. Then heads are computed again in that order, from the first
operation whose arcs changed to the last that a change has reached, and tails likewise backwards.
Passing over what has not changed costs less than keeping account of what has: going through the
positions one by one is what a processor does best.

What is done forwards with machine predecessors is done backwards with machine successors, so each
function here takes its direction: ``FORWARD`` or ``BACKWARD``. It is a constant wherever they are
called, so each call compiles to the code for that direction.
"""

from __future__ import annotations

from planners.compiled import compiled_into as compiled
from planners.scheduling.tabu.access import nth, of, put
from planners.scheduling.tabu.arrays import (
    ALT,
    CELL,
    DUR,
    HEAD,
    IS_PLAIN,
    JP,
    JS,
    LAG_P,
    LAG_S,
    MANY,
    MP,
    MS,
    NEVER,
    NONE,
    OWN_TAIL,
    POS,
    RELEASE,
    TAIL,
    Given,
    Int32,
    State,
)
from planners.scheduling.tabu.graph import head_of, link, tail_of, unlink

FORWARD = 1
BACKWARD = -1


@compiled
def _is_linked_to_marked(given: Given, state: State, u: int, direction: int) -> bool:
    """Whether an operation right before u (BACKWARD: right after it) is marked."""
    rows, mark = state.rows, state.mark
    on_cell = of(rows, u, MP) if direction == FORWARD else of(rows, u, MS)
    if on_cell >= 0 and nth(mark, on_cell):
        return True
    in_job = of(rows, u, JP) if direction == FORWARD else of(rows, u, JS)
    if in_job >= 0:
        return bool(nth(mark, in_job))
    if in_job == MANY:
        if direction == FORWARD:
            for i in range(nth(given.pred_ptr, u), nth(given.pred_ptr, u + 1)):
                if nth(mark, nth(given.pred_op, i)):
                    return True
        else:
            for i in range(nth(given.succ_ptr, u), nth(given.succ_ptr, u + 1)):
                if nth(mark, nth(given.succ_op, i)):
                    return True
    return False


@compiled
def restore_order(state: State, low: int, high: int) -> None:
    """Put back the part of the order that the last repair changed."""
    for i in range(low, high + 1):
        u = nth(state.saved, i)
        state.order[i] = u
        put(state.rows, u, POS, i)


@compiled
def _carry(given: Given, state: State, v: int, goal: int, direction: int) -> tuple[int, int, bool]:
    """Put v behind ``goal`` (BACKWARD: before it) in the order, and what hangs on v with it."""
    rows, order, mark, moved = state.rows, state.order, state.mark, state.moved
    at, end = of(rows, v, POS), of(rows, goal, POS)
    low, high = min(at, end), max(at, end)
    for i in range(low, high + 1):
        state.saved[i] = nth(order, i)
    mark[v] = 1
    moved[0] = v
    count = 1
    write = at
    while at != end:
        at += direction
        u = nth(order, at)
        if _is_linked_to_marked(given, state, u, direction):
            mark[u] = 1
            moved[count] = u
            count += 1
        else:
            order[write] = u
            put(rows, u, POS, write)
            write += direction
    cyclic = nth(mark, goal)
    for i in range(count):
        u = moved[i]
        mark[u] = 0
        order[write] = u
        put(rows, u, POS, write)
        write += direction
    if cyclic:
        restore_order(state, low, high)
    return low, high, not cyclic


@compiled
def repair_order(given: Given, state: State, v: int) -> tuple[int, int, bool]:
    """Make the order topological again after v was linked at a new place.

    Returns:
        First and last changed position (low > high: none), and whether the graph has no cycle.
        If it has one, the order is as before.
    """
    rows = state.rows
    x, y = of(rows, v, MP), of(rows, v, MS)
    if x >= 0 and of(rows, x, POS) > of(rows, v, POS):
        return _carry(given, state, v, x, FORWARD)
    if y >= 0 and of(rows, y, POS) < of(rows, v, POS):
        return _carry(given, state, v, y, BACKWARD)
    return 0, -1, True


@compiled
def _new_head(given: Given, rows: Int32, u: int) -> int:
    """The head of u; where there are neither setups nor ways between cells, in short."""
    jp, mp = of(rows, u, JP), of(rows, u, MP)
    if not given.switches[IS_PLAIN] or jp == MANY or mp < NONE:
        general: int = head_of(given, rows, u)
        return general
    head: int = of(rows, u, RELEASE)
    if jp >= 0:
        head = max(head, of(rows, jp, HEAD) + of(rows, jp, DUR) + of(rows, u, LAG_P))
    if mp >= 0:
        return max(head, of(rows, mp, HEAD) + of(rows, mp, DUR))
    return max(head, nth(given.available, of(rows, u, CELL)))


@compiled
def _new_tail(given: Given, rows: Int32, u: int) -> int:
    """The tail of u, likewise."""
    js, ms = of(rows, u, JS), of(rows, u, MS)
    if not given.switches[IS_PLAIN] or js == MANY:
        general: int = tail_of(given, rows, u)
        return general
    tail: int = (
        of(rows, u, OWN_TAIL)
        if js == NONE
        else of(rows, js, TAIL) + of(rows, js, DUR) + of(rows, u, LAG_S)
    )
    if ms >= 0:
        tail = max(tail, of(rows, ms, TAIL) + of(rows, ms, DUR))
    return max(tail, NEVER)


@compiled
def update_heads(given: Given, state: State, v: int, w: int) -> int:
    """Recompute the heads that v (moved) and w (its old successor on the cell, or NONE) reach.

    Returns:
        How many heads changed; the old ones are logged in ``log_op`` and ``log_head``.
    """
    rows, order = state.rows, state.order
    at = far = of(rows, v, POS)
    y = of(rows, v, MS)
    if y >= 0:
        far = max(far, of(rows, y, POS))
    if w >= 0:
        at = min(at, of(rows, w, POS))
        far = max(far, of(rows, w, POS))
    logged = 0
    while at <= far:
        u = nth(order, at)
        at += 1
        head = _new_head(given, rows, u)
        if head != of(rows, u, HEAD):
            state.log_op[logged] = u
            state.log_head[logged] = of(rows, u, HEAD)
            logged += 1
            put(rows, u, HEAD, head)
        elif u != v:  # v itself may have another duration now
            continue
        ms, js = of(rows, u, MS), of(rows, u, JS)
        if ms >= 0:
            far = max(far, of(rows, ms, POS))
        if js >= 0:
            far = max(far, of(rows, js, POS))
        elif js == MANY:
            for i in range(nth(given.succ_ptr, u), nth(given.succ_ptr, u + 1)):
                far = max(far, of(rows, nth(given.succ_op, i), POS))
    return logged


@compiled
def update_tails(given: Given, state: State, v: int, w: int) -> None:
    """Recompute the tails that reach v (moved) and w (its old predecessor on the cell, or NONE)."""
    rows, order = state.rows, state.order
    at = far = of(rows, v, POS)
    x = of(rows, v, MP)
    if x >= 0:
        far = min(far, of(rows, x, POS))
    if w >= 0:
        at = max(at, of(rows, w, POS))
        far = min(far, of(rows, w, POS))
    while at >= far:
        u = nth(order, at)
        at -= 1
        tail = _new_tail(given, rows, u)
        if tail != of(rows, u, TAIL):
            put(rows, u, TAIL, tail)
        elif u != v:
            continue
        mp, jp = of(rows, u, MP), of(rows, u, JP)
        if mp >= 0:
            far = min(far, of(rows, mp, POS))
        if jp >= 0:
            far = min(far, of(rows, jp, POS))
        elif jp == MANY:
            for i in range(nth(given.pred_ptr, u), nth(given.pred_ptr, u + 1)):
                far = min(far, of(rows, nth(given.pred_op, i), POS))


@compiled
def apply_move(given: Given, state: State, v: int, a: int, x: int) -> bool:
    """Move v to alternative a, right after x (NONE: first), and bring heads and tails up to date.

    Returns:
        False, and nothing has changed, if the move would close a cycle.
    """
    rows = state.rows
    old_a, old_x, old_y = of(rows, v, ALT), of(rows, v, MP), of(rows, v, MS)
    unlink(state, v)
    link(given, state, v, a, x)
    _, _, acyclic = repair_order(given, state, v)
    if not acyclic:
        unlink(state, v)
        link(given, state, v, old_a, old_x)
        return False
    update_heads(given, state, v, old_y)
    update_tails(given, state, v, old_x)
    return True

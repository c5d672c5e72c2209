"""The disjunctive graph: heads, tails, the sequences of the cells.

The head of an operation is its earliest start, the tail the longest path from its end to the
target (Roy and Sussmann 1964; Balas, Operations Research 17, 1969).
"""

from __future__ import annotations

from planners.compiled import compiled_into as compiled
from planners.scheduling.tabu.access import nth, of, put
from planners.scheduling.tabu.arrays import (
    ALT,
    CELL,
    DUR,
    FAMILY,
    FIXED,
    HAS_SETUP,
    HAS_TRANSPORT,
    HEAD,
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


@compiled
def job_ready(given: Given, rows: Int32, v: int, cell: int) -> int:
    """Earliest start of v on a cell as its release and predecessors allow."""
    ready: int = of(rows, v, RELEASE)
    jp = of(rows, v, JP)
    if jp >= 0:
        t = of(rows, jp, HEAD) + of(rows, jp, DUR) + of(rows, v, LAG_P)
        if given.switches[HAS_TRANSPORT]:
            t += given.transport[of(rows, jp, CELL), cell]
        ready = max(ready, t)
    elif jp == MANY:
        for i in range(nth(given.pred_ptr, v), nth(given.pred_ptr, v + 1)):
            p = nth(given.pred_op, i)
            t = of(rows, p, HEAD) + of(rows, p, DUR) + nth(given.pred_lag, i)
            if given.switches[HAS_TRANSPORT]:
                t += given.transport[of(rows, p, CELL), cell]
            ready = max(ready, t)
    return ready


@compiled
def job_tail(given: Given, rows: Int32, v: int, cell: int) -> int:
    """Longest path to the target from the end of v on a cell, through its job's successors."""
    js = of(rows, v, JS)
    if js >= 0:
        t: int = of(rows, js, TAIL) + of(rows, js, DUR) + of(rows, v, LAG_S)
        if given.switches[HAS_TRANSPORT]:
            t += given.transport[cell, of(rows, js, CELL)]
        return max(t, NEVER)
    if js == NONE:
        own: int = of(rows, v, OWN_TAIL)
        return own
    tail = NEVER
    for i in range(nth(given.succ_ptr, v), nth(given.succ_ptr, v + 1)):
        s = nth(given.succ_op, i)
        t = of(rows, s, TAIL) + of(rows, s, DUR) + nth(given.succ_lag, i)
        if given.switches[HAS_TRANSPORT]:
            t += given.transport[cell, of(rows, s, CELL)]
        tail = max(tail, t)
    return tail


@compiled
def setup(given: Given, rows: Int32, cell: int, u: int, v: int) -> int:
    """Setup on the cell between u and v, or before its first operation v if u is NONE."""
    if not given.switches[HAS_SETUP]:
        return 0
    gap: int
    if u == NONE:
        gap = given.first_setup[cell, of(rows, v, FAMILY)]
    else:
        gap = given.setup[nth(given.setup_row, cell), of(rows, u, FAMILY), of(rows, v, FAMILY)]
    return gap


@compiled
def after(given: Given, rows: Int32, cell: int, u: int, v: int) -> int:
    """When the cell is ready for v if u runs before it (NONE: if v is the first)."""
    if u == FIXED:
        return 0
    at: int = nth(given.available, cell) if u == NONE else of(rows, u, HEAD) + of(rows, u, DUR)
    return at + setup(given, rows, cell, u, v)


@compiled
def before(given: Given, rows: Int32, cell: int, v: int, w: int) -> int:
    """Tail of v through the operation w that runs after it on its cell (NONE: never)."""
    if w == NONE:
        return NEVER
    tail: int = of(rows, w, TAIL) + of(rows, w, DUR) + setup(given, rows, cell, v, w)
    return max(NEVER, tail)


@compiled
def head_of(given: Given, rows: Int32, v: int) -> int:
    """The head of v from the heads of what comes before it."""
    cell = of(rows, v, CELL)
    return max(job_ready(given, rows, v, cell), after(given, rows, cell, of(rows, v, MP), v))


@compiled
def tail_of(given: Given, rows: Int32, v: int) -> int:
    """The tail of v from the tails of what comes after it."""
    cell = of(rows, v, CELL)
    return max(job_tail(given, rows, v, cell), before(given, rows, cell, v, of(rows, v, MS)))


@compiled
def makespan(given: Given, rows: Int32) -> int:
    """The end of the plan."""
    end = 0
    for i in range(len(given.sinks)):
        v = nth(given.sinks, i)
        end = max(end, of(rows, v, HEAD) + of(rows, v, DUR))
    return end


@compiled
def reset_rows(given: Given, rows: Int32) -> None:
    """Fill in what never changes."""
    for v in range(len(given.release)):
        preds = nth(given.pred_ptr, v + 1) - nth(given.pred_ptr, v)
        succs = nth(given.succ_ptr, v + 1) - nth(given.succ_ptr, v)
        put(rows, v, JP, NONE)
        put(rows, v, JS, NONE)
        if preds == 1:
            put(rows, v, JP, nth(given.pred_op, nth(given.pred_ptr, v)))
            put(rows, v, LAG_P, nth(given.pred_lag, nth(given.pred_ptr, v)))
        elif preds > 1:
            put(rows, v, JP, MANY)
        if succs == 1:
            put(rows, v, JS, nth(given.succ_op, nth(given.succ_ptr, v)))
            put(rows, v, LAG_S, nth(given.succ_lag, nth(given.succ_ptr, v)))
        elif succs > 1:
            put(rows, v, JS, MANY)
        put(rows, v, RELEASE, nth(given.release, v))
        put(rows, v, FAMILY, nth(given.family, v))
        put(rows, v, OWN_TAIL, 0)
        put(rows, v, MP, NONE)
        put(rows, v, MS, NONE)


@compiled
def choose_alternative(given: Given, rows: Int32, v: int, a: int) -> None:
    """Write the alternative into the row of v."""
    put(rows, v, ALT, a)
    put(rows, v, CELL, nth(given.alt_cell, a))
    put(rows, v, DUR, nth(given.alt_dur, a))


@compiled
def load(given: Given, state: State, order: Int32, alternatives: Int32) -> None:
    """Build the plan in which the cells run their operations in the given order.

    Args:
        given: The problem.
        state: Where the plan is built; heads and tails are complete afterwards.
        order: The operations in an order that respects the precedences.
        alternatives: Per operation its alternative, or NONE for the one that ends first.
    """
    rows = state.rows
    reset_rows(given, rows)
    state.first[:] = NONE
    state.last[:] = NONE
    for i in range(len(order)):
        v = nth(order, i)
        state.order[i] = v
        put(rows, v, POS, i)
        a = alternatives[v]
        if a == NONE:
            earliest = 1 << 60
            for b in range(nth(given.alt_ptr, v), nth(given.alt_ptr, v + 1)):
                k = nth(given.alt_cell, b)
                start = max(job_ready(given, rows, v, k), after(given, rows, k, state.last[k], v))
                if start + nth(given.alt_dur, b) < earliest:
                    earliest = start + nth(given.alt_dur, b)
                    a = b
        choose_alternative(given, rows, v, a)
        if nth(given.fixed, v):
            put(rows, v, MP, FIXED)
            put(rows, v, HEAD, of(rows, v, RELEASE))
            continue
        k = of(rows, v, CELL)
        u = state.last[k]
        put(rows, v, MP, u)
        if u == NONE:
            state.first[k] = v
        else:
            put(rows, u, MS, v)
        state.last[k] = v
        put(rows, v, HEAD, head_of(given, rows, v))
    all_tails(given, state)


@compiled
def all_tails(given: Given, state: State) -> None:
    """Compute every tail."""
    for i in range(len(state.order) - 1, -1, -1):
        v = nth(state.order, i)
        put(state.rows, v, TAIL, tail_of(given, state.rows, v))


@compiled
def unlink(state: State, v: int) -> None:
    """Take v out of the sequence of its cell."""
    rows = state.rows
    k, u, w = of(rows, v, CELL), of(rows, v, MP), of(rows, v, MS)
    if u == NONE:
        state.first[k] = w
    else:
        put(rows, u, MS, w)
    if w == NONE:
        state.last[k] = u
    else:
        put(rows, w, MP, u)


@compiled
def link(given: Given, state: State, v: int, a: int, x: int) -> None:
    """Put v on the cell of alternative a, right after x (NONE: first)."""
    rows = state.rows
    choose_alternative(given, rows, v, a)
    k = of(rows, v, CELL)
    w = state.first[k] if x == NONE else of(rows, x, MS)
    put(rows, v, MP, x)
    put(rows, v, MS, w)
    if x == NONE:
        state.first[k] = v
    else:
        put(rows, x, MS, v)
    if w == NONE:
        state.last[k] = v
    else:
        put(rows, w, MP, v)

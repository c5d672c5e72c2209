"""The disjunctive graph: heads, tails, and a topological order that is repaired move by move.

The head of an operation is its earliest start, the tail the longest path from its end to the
target (Roy and Sussmann 1964; Balas, Operations Research 17, 1969). A move changes at most three
arcs, so only what they reach is computed again, in topological order. The order itself is repaired
between the two places that the move touches (after Pearce and Kelly, ACM Journal of Experimental
Algorithmics 11, 2006); a new arc closes a cycle if and only if the repair meets its other end.
"""

from __future__ import annotations

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
from planners.scheduling.tabu.compiled import compiled


@compiled
def job_ready(given: Given, rows: Int32, v: int, cell: int) -> int:
    """Earliest start of v on a cell as its release and predecessors allow."""
    ready: int = rows[v, RELEASE]
    jp = rows[v, JP]
    if jp >= 0:
        t = rows[jp, HEAD] + rows[jp, DUR] + rows[v, LAG_P]
        if given.switches[HAS_TRANSPORT]:
            t += given.transport[rows[jp, CELL], cell]
        ready = max(ready, t)
    elif jp == MANY:
        for i in range(given.pred_ptr[v], given.pred_ptr[v + 1]):
            p = given.pred_op[i]
            t = rows[p, HEAD] + rows[p, DUR] + given.pred_lag[i]
            if given.switches[HAS_TRANSPORT]:
                t += given.transport[rows[p, CELL], cell]
            ready = max(ready, t)
    return ready


@compiled
def job_tail(given: Given, rows: Int32, v: int, cell: int) -> int:
    """Longest path to the target from the end of v on a cell, through its job's successors."""
    js = rows[v, JS]
    if js >= 0:
        t: int = rows[js, TAIL] + rows[js, DUR] + rows[v, LAG_S]
        if given.switches[HAS_TRANSPORT]:
            t += given.transport[cell, rows[js, CELL]]
        return max(t, NEVER)
    if js == NONE:
        own: int = rows[v, OWN_TAIL]
        return own
    tail = NEVER
    for i in range(given.succ_ptr[v], given.succ_ptr[v + 1]):
        s = given.succ_op[i]
        t = rows[s, TAIL] + rows[s, DUR] + given.succ_lag[i]
        if given.switches[HAS_TRANSPORT]:
            t += given.transport[cell, rows[s, CELL]]
        tail = max(tail, t)
    return tail


@compiled
def setup(given: Given, rows: Int32, cell: int, u: int, v: int) -> int:
    """Setup on the cell between u and v, or before its first operation v if u is NONE."""
    if not given.switches[HAS_SETUP]:
        return 0
    gap: int
    if u == NONE:
        gap = given.first_setup[cell, rows[v, FAMILY]]
    else:
        gap = given.setup[given.setup_row[cell], rows[u, FAMILY], rows[v, FAMILY]]
    return gap


@compiled
def after(given: Given, rows: Int32, cell: int, u: int, v: int) -> int:
    """When the cell is ready for v if u runs before it (NONE: if v is the first)."""
    if u == FIXED:
        return 0
    at: int = given.available[cell] if u == NONE else rows[u, HEAD] + rows[u, DUR]
    return at + setup(given, rows, cell, u, v)


@compiled
def before(given: Given, rows: Int32, cell: int, v: int, w: int) -> int:
    """Tail of v through the operation w that runs after it on its cell (NONE: never)."""
    if w == NONE:
        return NEVER
    tail: int = rows[w, TAIL] + rows[w, DUR] + setup(given, rows, cell, v, w)
    return max(NEVER, tail)


@compiled
def head_of(given: Given, rows: Int32, v: int) -> int:
    """The head of v from the heads of what comes before it."""
    cell = rows[v, CELL]
    return max(job_ready(given, rows, v, cell), after(given, rows, cell, rows[v, MP], v))


@compiled
def tail_of(given: Given, rows: Int32, v: int) -> int:
    """The tail of v from the tails of what comes after it."""
    cell = rows[v, CELL]
    return max(job_tail(given, rows, v, cell), before(given, rows, cell, v, rows[v, MS]))


@compiled
def makespan(given: Given, rows: Int32) -> int:
    """The end of the plan."""
    end = 0
    for i in range(len(given.sinks)):
        v = given.sinks[i]
        end = max(end, rows[v, HEAD] + rows[v, DUR])
    return end


@compiled
def reset_rows(given: Given, rows: Int32) -> None:
    """Fill in what never changes."""
    for v in range(len(rows)):
        preds = given.pred_ptr[v + 1] - given.pred_ptr[v]
        succs = given.succ_ptr[v + 1] - given.succ_ptr[v]
        rows[v, JP] = NONE
        rows[v, JS] = NONE
        if preds == 1:
            rows[v, JP] = given.pred_op[given.pred_ptr[v]]
            rows[v, LAG_P] = given.pred_lag[given.pred_ptr[v]]
        elif preds > 1:
            rows[v, JP] = MANY
        if succs == 1:
            rows[v, JS] = given.succ_op[given.succ_ptr[v]]
            rows[v, LAG_S] = given.succ_lag[given.succ_ptr[v]]
        elif succs > 1:
            rows[v, JS] = MANY
        rows[v, RELEASE] = given.release[v]
        rows[v, FAMILY] = given.family[v]
        rows[v, OWN_TAIL] = 0
        rows[v, MP] = NONE
        rows[v, MS] = NONE


@compiled
def choose_alternative(given: Given, rows: Int32, v: int, a: int) -> None:
    """Write the alternative into the row of v."""
    rows[v, ALT] = a
    rows[v, CELL] = given.alt_cell[a]
    rows[v, DUR] = given.alt_dur[a]


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
        v = order[i]
        state.order[i] = v
        rows[v, POS] = i
        a = alternatives[v]
        if a == NONE:
            earliest = 1 << 60
            for b in range(given.alt_ptr[v], given.alt_ptr[v + 1]):
                k = given.alt_cell[b]
                start = max(job_ready(given, rows, v, k), after(given, rows, k, state.last[k], v))
                if start + given.alt_dur[b] < earliest:
                    earliest = start + given.alt_dur[b]
                    a = b
        choose_alternative(given, rows, v, a)
        if given.fixed[v]:
            rows[v, MP] = FIXED
            rows[v, HEAD] = rows[v, RELEASE]
            continue
        k = rows[v, CELL]
        u = state.last[k]
        rows[v, MP] = u
        if u == NONE:
            state.first[k] = v
        else:
            rows[u, MS] = v
        state.last[k] = v
        rows[v, HEAD] = head_of(given, rows, v)
    all_tails(given, state)


@compiled
def all_tails(given: Given, state: State) -> None:
    """Compute every tail."""
    for i in range(len(state.order) - 1, -1, -1):
        v = state.order[i]
        state.rows[v, TAIL] = tail_of(given, state.rows, v)


@compiled
def unlink(state: State, v: int) -> None:
    """Take v out of the sequence of its cell."""
    rows = state.rows
    k, u, w = rows[v, CELL], rows[v, MP], rows[v, MS]
    if u == NONE:
        state.first[k] = w
    else:
        rows[u, MS] = w
    if w == NONE:
        state.last[k] = u
    else:
        rows[w, MP] = u


@compiled
def link(given: Given, state: State, v: int, a: int, x: int) -> None:
    """Put v on the cell of alternative a, right after x (NONE: first)."""
    rows = state.rows
    choose_alternative(given, rows, v, a)
    k = rows[v, CELL]
    w = state.first[k] if x == NONE else rows[x, MS]
    rows[v, MP] = x
    rows[v, MS] = w
    if x == NONE:
        state.first[k] = v
    else:
        rows[x, MS] = v
    if w == NONE:
        state.last[k] = v
    else:
        rows[w, MP] = v


@compiled
def _follows_marked(given: Given, state: State, u: int) -> bool:
    rows, mark = state.rows, state.mark
    mp = rows[u, MP]
    if mp >= 0 and mark[mp]:
        return True
    jp = rows[u, JP]
    if jp >= 0:
        return bool(mark[jp])
    if jp == MANY:
        for i in range(given.pred_ptr[u], given.pred_ptr[u + 1]):
            if mark[given.pred_op[i]]:
                return True
    return False


@compiled
def _precedes_marked(given: Given, state: State, u: int) -> bool:
    rows, mark = state.rows, state.mark
    ms = rows[u, MS]
    if ms >= 0 and mark[ms]:
        return True
    js = rows[u, JS]
    if js >= 0:
        return bool(mark[js])
    if js == MANY:
        for i in range(given.succ_ptr[u], given.succ_ptr[u + 1]):
            if mark[given.succ_op[i]]:
                return True
    return False


@compiled
def restore_order(state: State, low: int, high: int) -> None:
    """Put back the part of the order that the last repair changed."""
    for i in range(low, high + 1):
        u = state.saved[i]
        state.order[i] = u
        state.rows[u, POS] = i


@compiled
def repair_order(given: Given, state: State, v: int) -> tuple[int, int, bool]:
    """Make the order topological again after v was linked at a new place.

    Returns:
        First and last changed position (low > high: none), and whether the graph has no cycle.
        If it has one, the order is as before.
    """
    rows, order, mark, moved = state.rows, state.order, state.mark, state.moved
    x, y = rows[v, MP], rows[v, MS]
    at = rows[v, POS]
    if x >= 0 and rows[x, POS] > at:
        low, high = at, rows[x, POS]
        for i in range(low, high + 1):
            state.saved[i] = order[i]
        mark[v] = 1
        moved[0] = v
        count = 1
        write = low
        for i in range(low + 1, high + 1):
            u = order[i]
            if _follows_marked(given, state, u):
                mark[u] = 1
                moved[count] = u
                count += 1
            else:
                order[write] = u
                rows[u, POS] = write
                write += 1
        cyclic = mark[x]
        for i in range(count):
            u = moved[i]
            mark[u] = 0
            order[write + i] = u
            rows[u, POS] = write + i
        if cyclic:
            restore_order(state, low, high)
        return low, high, not cyclic
    if y >= 0 and rows[y, POS] < at:
        low, high = rows[y, POS], at
        for i in range(low, high + 1):
            state.saved[i] = order[i]
        mark[v] = 1
        moved[0] = v
        count = 1
        write = high
        for i in range(high - 1, low - 1, -1):
            u = order[i]
            if _precedes_marked(given, state, u):
                mark[u] = 1
                moved[count] = u
                count += 1
            else:
                order[write] = u
                rows[u, POS] = write
                write -= 1
        cyclic = mark[y]
        for i in range(count):
            u = moved[i]
            mark[u] = 0
            order[write - i] = u
            rows[u, POS] = write - i
        if cyclic:
            restore_order(state, low, high)
        return low, high, not cyclic
    return 0, -1, True


@compiled
def _touch(state: State, v: int, pending: int) -> int:
    at = state.rows[v, POS]
    if state.dirty[at]:
        return pending
    state.dirty[at] = 1
    return pending + 1


@compiled
def update_heads(given: Given, state: State, v: int, w: int) -> int:
    """Recompute the heads that v (moved) and w (its old successor on the cell, or NONE) reach.

    Returns:
        How many heads changed; the old ones are logged in ``log_op`` and ``log_head``.
    """
    rows, dirty, order = state.rows, state.dirty, state.order
    pending = _touch(state, v, 0)
    at = rows[v, POS]
    y = rows[v, MS]
    if w >= 0:
        pending = _touch(state, w, pending)
        at = min(at, rows[w, POS])
    if y >= 0:
        pending = _touch(state, y, pending)
    logged = 0
    while pending:
        while not dirty[at]:
            at += 1
        dirty[at] = 0
        pending -= 1
        u = order[at]
        head = head_of(given, rows, u)
        if head != rows[u, HEAD]:
            state.log_op[logged] = u
            state.log_head[logged] = rows[u, HEAD]
            logged += 1
            rows[u, HEAD] = head
        elif u != v:
            continue
        ms, js = rows[u, MS], rows[u, JS]
        if ms >= 0:
            pending = _touch(state, ms, pending)
        if js >= 0:
            pending = _touch(state, js, pending)
        elif js == MANY:
            for i in range(given.succ_ptr[u], given.succ_ptr[u + 1]):
                pending = _touch(state, given.succ_op[i], pending)
    return logged


@compiled
def update_tails(given: Given, state: State, v: int, w: int) -> None:
    """Recompute the tails that reach v (moved) and w (its old predecessor on the cell, or NONE)."""
    rows, dirty, order = state.rows, state.dirty, state.order
    pending = _touch(state, v, 0)
    at = rows[v, POS]
    x = rows[v, MP]
    if w >= 0:
        pending = _touch(state, w, pending)
        at = max(at, rows[w, POS])
    if x >= 0:
        pending = _touch(state, x, pending)
    while pending:
        while not dirty[at]:
            at -= 1
        dirty[at] = 0
        pending -= 1
        u = order[at]
        tail = tail_of(given, rows, u)
        if tail != rows[u, TAIL]:
            rows[u, TAIL] = tail
        elif u != v:
            continue
        mp, jp = rows[u, MP], rows[u, JP]
        if mp >= 0:
            pending = _touch(state, mp, pending)
        if jp >= 0:
            pending = _touch(state, jp, pending)
        elif jp == MANY:
            for i in range(given.pred_ptr[u], given.pred_ptr[u + 1]):
                pending = _touch(state, given.pred_op[i], pending)


@compiled
def apply_move(given: Given, state: State, v: int, a: int, x: int) -> bool:
    """Move v to alternative a, right after x (NONE: first), and bring heads and tails up to date.

    Returns:
        False, and nothing has changed, if the move would close a cycle.
    """
    rows = state.rows
    old_a, old_x, old_y = rows[v, ALT], rows[v, MP], rows[v, MS]
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

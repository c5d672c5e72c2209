"""Moves on the critical path, and what they promise, estimated from heads and tails.

Within a block of the critical path (operations that follow each other without a gap on one cell):
the moves of Zhang, Li, Guan and Rao (Computers & Operations Research 34, 2007; N7), which take an
operation of the block right behind its last or before its first one, or its first or last one into
it. To another cell: k-insertion (Mastrolilli and Gambardella, Journal of Scheduling 3, 2000). The
estimates are those of Balas and Vazacopoulos (Management Science 44, 1998): the longest path
through what was moved, with the heads and tails of everything else as they were.
"""

from __future__ import annotations

import numpy as np

from planners.compiled import compiled_into as compiled
from planners.scheduling.tabu.access import nth, of
from planners.scheduling.tabu.arrays import (
    CELL,
    DUR,
    FIXED,
    HAS_SETUP,
    HAS_TRANSPORT,
    HEAD,
    JP,
    JS,
    MANY,
    MP,
    MS,
    NEVER,
    NONE,
    TAIL,
    Given,
    Int32,
    State,
    UInt64,
)
from planners.scheduling.tabu.graph import after, before, job_ready, job_tail, setup

_7, _13, _17, _33 = np.uint64(7), np.uint64(13), np.uint64(17), np.uint64(33)


@compiled
def random_below(random: UInt64, limit: int) -> int:
    """The next number in ``0..limit - 1`` (xorshift64; Marsaglia, J. Statistical Software 8)."""
    x = random[0]
    x ^= x << _13
    x ^= x >> _7
    x ^= x << _17
    random[0] = x
    return (int(np.int64(x >> _33)) * limit) >> 31


@compiled
def trace_path(given: Given, state: State, end: int) -> int:
    """Write a random longest path that ends at ``end`` to ``state.path``, last first.

    Returns:
        Its length.
    """
    rows = state.rows
    last = NONE
    seen = 0
    for i in range(len(given.sinks)):
        v = nth(given.sinks, i)
        if of(rows, v, HEAD) + of(rows, v, DUR) == end:
            seen += 1
            if random_below(state.random, seen) == 0:
                last = v
    if last == NONE:
        return 0
    return trace_from(given, state, last)


@compiled
def trace_from(given: Given, state: State, last: int) -> int:
    """Write a random longest path to ``last`` to ``state.path``, last first."""
    rows, path = state.rows, state.path
    length = 0
    u = last
    while u != NONE:
        path[length] = u
        length += 1
        cell, head = of(rows, u, CELL), of(rows, u, HEAD)
        before_on_cell = of(rows, u, MP)
        if before_on_cell == FIXED or after(given, rows, cell, before_on_cell, u) != head:
            before_on_cell = NONE
        before_in_job = NONE
        jp = of(rows, u, JP)
        if jp >= 0 or jp == MANY:
            for i in range(nth(given.pred_ptr, u), nth(given.pred_ptr, u + 1)):
                p = nth(given.pred_op, i)
                t = of(rows, p, HEAD) + of(rows, p, DUR) + nth(given.pred_lag, i)
                if given.switches[HAS_TRANSPORT]:
                    t += given.transport[of(rows, p, CELL), cell]
                if t == head:
                    before_in_job = p
        if before_in_job == NONE:
            u = before_on_cell
        elif before_on_cell == NONE or random_below(state.random, 2):
            u = before_in_job
        else:
            u = before_on_cell
    return length


@compiled
def may_follow(given: Given, rows: Int32, u: int, x: int) -> bool:
    """Whether no path leads from a successor of u in its job to x, for certain.

    A path would make x start after that successor ends, and the successor's tail hold x.
    """
    js = of(rows, u, JS)
    if js == NONE:
        return True
    if js >= 0:
        return bool(
            of(rows, x, HEAD) < of(rows, js, HEAD) + of(rows, js, DUR)
            or of(rows, js, TAIL) < of(rows, x, TAIL) + of(rows, x, DUR)
        )
    for i in range(nth(given.succ_ptr, u), nth(given.succ_ptr, u + 1)):
        s = nth(given.succ_op, i)
        if of(rows, x, HEAD) >= of(rows, s, HEAD) + of(rows, s, DUR) and of(rows, s, TAIL) >= of(
            rows, x, TAIL
        ) + of(rows, x, DUR):
            return False
    return True


@compiled
def may_precede(given: Given, rows: Int32, u: int, y: int) -> bool:
    """Whether no path leads from y to a predecessor of u in its job, for certain."""
    jp = of(rows, u, JP)
    if jp == NONE:
        return True
    if jp >= 0:
        return bool(
            of(rows, jp, HEAD) < of(rows, y, HEAD) + of(rows, y, DUR)
            or of(rows, y, TAIL) < of(rows, jp, TAIL) + of(rows, jp, DUR)
        )
    for i in range(nth(given.pred_ptr, u), nth(given.pred_ptr, u + 1)):
        p = nth(given.pred_op, i)
        if of(rows, p, HEAD) >= of(rows, y, HEAD) + of(rows, y, DUR) and of(rows, y, TAIL) >= of(
            rows, p, TAIL
        ) + of(rows, p, DUR):
            return False
    return True


@compiled
def estimate_segment(given: Given, state: State, length: int, x: int, y: int, limit: int) -> int:
    """Longest path through the first operations of ``state.segment`` in that order.

    They run between x and y (NONE: nothing) on the cell of the first of them. Once it is known to
    be longer than ``limit``, how much longer is not found out.
    """
    rows, segment, heads = state.rows, state.segment, state.heads
    v = nth(segment, 0)
    cell = of(rows, v, CELL)
    head = max(job_ready(given, rows, v, cell), after(given, rows, cell, x, v))
    heads[0] = head
    for i in range(1, length):
        u = v
        v = nth(segment, i)
        t = head + of(rows, u, DUR) + setup(given, rows, cell, u, v)
        head = max(job_ready(given, rows, v, cell), t)
        heads[i] = head
    tail = max(job_tail(given, rows, v, cell), before(given, rows, cell, v, y))
    longest: int = head + of(rows, v, DUR) + tail
    for i in range(length - 2, -1, -1):
        if longest > limit:
            break
        w = v
        v = nth(segment, i)
        t = tail + of(rows, w, DUR) + setup(given, rows, cell, v, w)
        tail = max(job_tail(given, rows, v, cell), t)
        longest = max(longest, nth(heads, i) + of(rows, v, DUR) + tail)
    return longest


@compiled
def fill_forward(state: State, u: int, v: int) -> int:
    """Write the sequence from u to v with u behind v to ``state.segment``; its length."""
    rows, segment = state.rows, state.segment
    length = 0
    w = u
    while w != v:
        w = of(rows, w, MS)
        segment[length] = w
        length += 1
    segment[length] = u
    return length + 1


@compiled
def fill_backward(state: State, u: int, v: int) -> int:
    """Write the sequence from u to v with v before u to ``state.segment``; its length."""
    rows, segment = state.rows, state.segment
    segment[0] = v
    length = 1
    w = u
    while w != v:
        segment[length] = w
        length += 1
        w = of(rows, w, MS)
    return length


@compiled
def best_insertion(given: Given, state: State, v: int, a: int, limit: int) -> tuple[int, int]:
    """Best place for v on the cell of its alternative a, which is not its present one.

    Returns:
        The longest path through v there (``limit`` if no place is below it), and the operation
        that it would follow (NONE: none, v comes first).
    """
    rows = state.rows
    k, duration = nth(given.alt_cell, a), nth(given.alt_dur, a)
    ready = job_ready(given, rows, v, k)
    tail = job_tail(given, rows, v, k)
    best, place = limit, NONE
    x, y = NONE, state.first[k]
    while True:
        enter = after(given, rows, k, x, v)
        if x != NONE and (enter + duration + tail >= best or not may_follow(given, rows, v, x)):
            break
        path = max(ready, enter) + duration + max(tail, before(given, rows, k, v, y))
        if path < best and (y == NONE or may_precede(given, rows, v, y)):
            best, place = path, x
        if y == NONE:
            break
        x, y = y, of(rows, y, MS)
    return best, place


@compiled
def closing_path(given: Given, rows: Int32, v: int) -> int:
    """Longest path over the gap that v leaves on its cell; it can grow where there are setups."""
    u, w = of(rows, v, MP), of(rows, v, MS)
    if not given.switches[HAS_SETUP] or w == NONE:
        return NEVER
    k = of(rows, v, CELL)
    length: int = after(given, rows, k, u, w) + of(rows, w, DUR) + of(rows, w, TAIL)
    return length

"""Dispatch rules: active schedules in one pass over the operations that may start.

Giffler and Thompson (Operations Research 8, 1960) with alternative cells: each waiting operation
takes the cell on which it would end first; the cell that would end first overall is decided, and
the rule chooses among the operations that compete for it. What an operation would get is computed
only when it matters: until then an older answer is a bound, since places only fill up.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np

from planners.compiled import compiled_lean as compiled
from planners.scheduling.arrays import CostArrays, Ints, ProblemArrays
from planners.scheduling.columns import (
    CELL,
    DUE,
    DURATION,
    END,
    JOB,
    LEFT_OUT,
    ON,
    PREDECESSORS,
    RELEASE,
    SETUPS,
    SUCCESSORS,
    WAYS,
)
from planners.scheduling.compiled.decode import DONE, NO_MEMORY, try_place
from planners.scheduling.compiled.placement import earliest, place_frozen
from planners.scheduling.compiled.profiles import NEVER
from planners.scheduling.compiled.state import EVENTS, FULL, PLACED, State, gather_before, reset

SPT, MWKR, ECT, FIFO, EDD, ATC, ATCS = 0, 1, 2, 3, 4, 5, 6

_BITS = 22
_MASK = (1 << _BITS) - 1
MAX_OPERATIONS = 1 << _BITS
"""An end (38 bits) and an operation share one 64-bit key."""


class Waiting(NamedTuple):
    """Operations that may start, what each would get, and lists of them by cell."""

    start: Ints
    end: Ints
    alternative: Ints
    setup: Ints
    cell: Ints
    ready: Ints
    following: Ints
    previous: Ints
    first: Ints
    """Per cell."""
    missing: Ints
    """Per operation: predecessors that are not done."""
    known: Ints
    """How many operations were placed when it was last asked what it would get."""
    changed: Ints
    """Per cell: how many operations were placed when it last received one."""
    least_start: Ints
    """Per way: where it would have started when last asked; places only fill up."""
    least_end: Ints
    heap: Ints
    stack: Ints
    blocked: Ints
    tail: Ints
    """Longest chain of shortest durations from the operation's start on, ms."""


def new_waiting(p: ProblemArrays) -> Waiting:
    """Work space for `dispatch`."""
    n = len(p.op) - 1
    cells, ways = len(p.cell) - 1, len(p.way)
    sizes = {"first": cells, "changed": cells, "least_start": ways, "least_end": ways}
    return Waiting(
        **{name: np.full(sizes.get(name, n + 1), -1, dtype=np.int64) for name in Waiting._fields}
    )


@compiled
def _sift_down(heap: Ints, size: int) -> None:
    k = 0
    key = heap[0]
    while True:
        child = 2 * k + 1
        if child >= size:
            break
        if child + 1 < size and heap[child + 1] < heap[child]:
            child += 1
        if heap[child] >= key:
            break
        heap[k] = heap[child]
        k = child
    heap[k] = key


@compiled
def _push(heap: Ints, size: int, key: int) -> None:
    k = size
    while k > 0:
        parent = (k - 1) >> 1
        if heap[parent] <= key:
            break
        heap[k] = heap[parent]
        k = parent
    heap[k] = key


@compiled
def _unlist(w: Waiting, i: int) -> None:
    c = w.cell[i]
    if c < 0:
        return
    if w.previous[i] >= 0:
        w.following[w.previous[i]] = w.following[i]
    else:
        w.first[c] = w.following[i]
    if w.following[i] >= 0:
        w.previous[w.following[i]] = w.previous[i]
    w.cell[i] = -1


@compiled
def _refresh(p: ProblemArrays, s: State, w: Waiting, i: int) -> None:
    """Find out anew what an operation would get, and list it with that cell."""
    if w.known[i] == s.flags[PLACED]:
        return
    if p.resource.shape[0] == 1 and w.cell[i] >= 0 and w.changed[w.cell[i]] <= w.known[i]:
        # Nothing is shared and its cell is as it was: the other cells can only have become worse.
        return
    asked = w.known[i]
    w.known[i] = s.flags[PLACED]
    count = gather_before(p, s, i)
    ready = p.job[p.op[i, JOB], RELEASE]
    for k in range(count):
        ready = max(ready, s.op[s.before[k], END])
    w.ready[i] = ready
    best_start, best_end, best_setup, best = NEVER, NEVER, 0, -1
    for a in range(p.op[i, WAYS], p.op[i + 1, WAYS]):
        c = p.way[a, CELL]
        if p.resource.shape[0] > 1 or p.cell[c, SETUPS] >= 0:
            start, end, setup, _ = earliest(p, s, i, a, count, 0)
        elif w.least_start[a] >= NEVER or (asked >= 0 and w.changed[c] <= asked):
            start, end, setup = w.least_start[a], w.least_end[a], 0
        else:
            start, end, setup, _ = earliest(p, s, i, a, count, w.least_start[a])
            w.least_start[a], w.least_end[a] = start, end
        if start < NEVER and (
            end < best_end or (end == best_end and start - setup > best_start - best_setup)
        ):
            best_start, best_end, best_setup, best = start, end, setup, a
    _unlist(w, i)
    w.start[i], w.end[i], w.setup[i], w.alternative[i] = best_start, best_end, best_setup, best
    if best >= 0:
        c = p.way[best, CELL]
        w.cell[i] = c
        w.previous[i] = -1
        w.following[i] = w.first[c]
        if w.first[c] >= 0:
            w.previous[w.first[c]] = i
        w.first[c] = i


@compiled
def _priority(
    p: ProblemArrays,
    q: CostArrays,
    w: Waiting,
    i: int,
    rule: int,
    k1: float,
    k2: float,
    work: float,
    setup: float,
) -> float:
    """What a rule looks at; the smallest goes first. Means of work and setup are in ms."""
    j = p.op[i, JOB]
    if rule == SPT:
        return float(p.way[w.alternative[i], DURATION])
    if rule == MWKR:
        return -float(w.tail[i])
    if rule == ECT:
        return float(w.end[i])
    if rule == FIFO:
        return float(w.ready[i])
    if rule == EDD:
        return math.inf if p.job[j, DUE] < 0 else float(p.job[j, DUE])
    # Apparent tardiness cost (Vepsalainen and Morton, Management Science 33, 1987, eq. 6), with
    # setups (Lee, Bhaskaran and Pinedo, IIE Transactions 29, 1997).
    urgency = max(q.weight[j], 1e-9) / max(1.0, w.tail[i])
    if p.job[j, DUE] < 0:
        urgency *= 1e-6
    else:
        slack = max(0, p.job[j, DUE] - w.start[i] - w.tail[i])
        urgency *= math.exp(-slack / (k1 * work))
    if rule == ATCS:
        urgency *= math.exp(-w.setup[i] / (k2 * setup))
    return -urgency


@compiled
def tails(p: ProblemArrays, order: Ints, tail: Ints) -> float:
    """Fill the tails along a topological order; returns the mean shortest duration, ms."""
    total = 0.0
    for k in range(order.shape[0] - 1, -1, -1):
        i = order[k]
        shortest = p.way[p.op[i, WAYS], DURATION]
        for a in range(p.op[i, WAYS], p.op[i + 1, WAYS]):
            shortest = min(shortest, p.way[a, DURATION])
        longest = 0
        for m in range(p.op[i, SUCCESSORS], p.op[i + 1, SUCCESSORS]):
            longest = max(longest, tail[p.flat[m]])
        tail[i] = shortest + longest
        total += shortest
    return total / max(1, order.shape[0])


@compiled
def _free(
    p: ProblemArrays, s: State, w: Waiting, i: int, size: int, blocked: int
) -> tuple[int, int]:
    """Operation i is done: its successors may start; new sizes of the heap and of the blocked."""
    top = 1
    w.stack[0] = i
    while top > 0:
        top -= 1
        i = w.stack[top]
        for k in range(p.op[i, SUCCESSORS], p.op[i + 1, SUCCESSORS]):
            m = p.flat[k]
            w.missing[m] -= 1
            if w.missing[m] == 0 and s.op[m, ON] < 0:
                if s.op[m, LEFT_OUT] != 0:
                    w.stack[top] = m
                    top += 1
                else:
                    size, blocked = _enter(p, s, w, m, size, blocked)
    return size, blocked


@compiled
def _enter(
    p: ProblemArrays, s: State, w: Waiting, i: int, size: int, blocked: int
) -> tuple[int, int]:
    _refresh(p, s, w, i)
    if w.end[i] < NEVER:
        _push(w.heap, size, (w.end[i] << _BITS) | i)
        return size + 1, blocked
    w.blocked[blocked] = i
    return size, blocked + 1


@compiled
def _choose(
    p: ProblemArrays,
    q: CostArrays,
    s: State,
    w: Waiting,
    i: int,
    rule: int,
    k1: float,
    k2: float,
    work: float,
    setup: float,
) -> int:
    """The rule's choice among what competes with the operation that would end first."""
    c, until = w.cell[i], w.end[i]
    best, value = i, _priority(p, q, w, i, rule, k1, k2, work, setup)
    r = w.first[c]
    while r >= 0:
        rival = r
        r = w.following[r]
        if rival == i or w.start[rival] >= until:
            continue
        if _priority(p, q, w, rival, rule, k1, k2, work, setup) >= value:
            continue
        _refresh(p, s, w, rival)
        if w.cell[rival] == c and w.start[rival] < until:
            other = _priority(p, q, w, rival, rule, k1, k2, work, setup)
            if other < value:
                best, value = rival, other
    return best


@compiled
def dispatch(
    p: ProblemArrays,
    q: CostArrays,
    s: State,
    w: Waiting,
    groups: Ints,
    rule: int,
    k1: float,
    k2: float,
    work: float,
    setup: float,
) -> int:
    """Build a plan by one rule; results as of `decode`. ``w.tail`` is filled already."""
    reset(p, s, groups)
    place_frozen(p, s)
    w.first[:] = -1
    w.cell[:] = -1
    w.known[:] = -1
    w.changed[:] = 0
    w.least_start[:] = 0
    n = p.op.shape[0] - 1
    size, blocked = 0, 0
    for i in range(n):
        w.missing[i] = p.op[i + 1, PREDECESSORS] - p.op[i, PREDECESSORS]
        w.following[i] = -1
        w.previous[i] = -1
    for i in range(n):
        if p.op[i, PREDECESSORS] == p.op[i + 1, PREDECESSORS] and s.op[i, ON] < 0:
            if s.op[i, LEFT_OUT] != 0:
                size, blocked = _free(p, s, w, i, size, blocked)
            else:
                size, blocked = _enter(p, s, w, i, size, blocked)
    for k in range(p.frozen.shape[0]):
        size, blocked = _free(p, s, w, p.frozen[k, 0], size, blocked)
    while size > 0:
        key = w.heap[0]
        i = key & _MASK
        if s.op[i, ON] >= 0:
            size -= 1
            w.heap[0] = w.heap[size]
            _sift_down(w.heap, size)
            continue
        _refresh(p, s, w, i)
        if w.end[i] >= NEVER:
            size -= 1
            w.heap[0] = w.heap[size]
            _sift_down(w.heap, size)
            w.blocked[blocked] = i
            blocked += 1
            continue
        if w.end[i] > key >> _BITS:
            w.heap[0] = (w.end[i] << _BITS) | i
            _sift_down(w.heap, size)
            continue
        best = _choose(p, q, s, w, i, rule, k1, k2, work, setup)
        events = s.flags[EVENTS]
        chosen = w.alternative[best]
        _unlist(w, best)
        if not try_place(p, s, best, chosen, 0):
            return best
        if s.flags[FULL] != 0:
            return NO_MEMORY
        w.changed[p.way[chosen, CELL]] = s.flags[PLACED]
        size, blocked = _free(p, s, w, best, size, blocked)
        if blocked > 0 and s.flags[EVENTS] > events:
            again = blocked
            for k in range(again):
                w.stack[k] = w.blocked[k]
            blocked = 0
            for k in range(again):
                size, blocked = _enter(p, s, w, w.stack[k], size, blocked)
    return DONE if blocked == 0 else w.blocked[0]

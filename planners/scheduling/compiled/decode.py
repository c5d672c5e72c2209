"""Serial schedule generation: from an order of operations and a choice of cells to a plan.

Each operation in its turn takes the earliest place that every constraint leaves (Kolisch, European
Journal of Operational Research 90, 1996). What cannot be placed yet, because a part without a known
end is in the way, waits and is tried again whenever one gets its end.
"""

from __future__ import annotations

from planners.compiled import compiled_lean as compiled
from planners.scheduling.arrays import CostArrays, Floats, Ints, ProblemArrays
from planners.scheduling.columns import (
    CELL,
    CLOSED,
    DUE,
    END,
    FACT,
    FINISH,
    FIRST_ON,
    FOLLOWING,
    INTERRUPTIBLE,
    LAST_ON,
    LEFT_OUT,
    ON,
    PUBLISHED_BEFORE,
    PUBLISHED_CELL,
    PUBLISHED_START,
    SETUP,
    START,
    WAY,
    WAYS,
)
from planners.scheduling.compiled.placement import earliest, place, place_frozen
from planners.scheduling.compiled.profiles import NEVER
from planners.scheduling.compiled.state import EVENTS, FULL, PLACED, State, gather_before, reset

DONE = -1
"""Result of `decode`: everything is placed. Otherwise the operation that found no place."""
NO_MEMORY = -2
"""Result of `decode`: a profile is full; make a larger state."""

T_VALUE, T_STARTS, T_MAKESPAN, T_TARDINESS, T_SETUP, T_ENERGY, T_LABOUR = 0, 1, 2, 3, 4, 5, 6
T_LEFT_OUT, T_MOVED, T_RESEQUENCED, T_SHIFTED = 7, 8, 9, 10
TERMS = 11
"""Places in the array of terms; weights use the same places from T_MAKESPAN on."""
ENERGY_UNIT = 3.6e9
"""W ms per kWh."""


@compiled
def try_place(p: ProblemArrays, s: State, i: int, choice: int, not_before: int) -> bool:
    """Place one operation on the chosen alternative, or (-1) where it ends first."""
    count = gather_before(p, s, i)
    for k in range(count):
        if s.op[s.before[k], ON] < 0:
            return False
    best_start, best_end, best_setup, best_prev, best = NEVER, NEVER, 0, -1, -1
    for a in range(p.op[i, WAYS], p.op[i + 1, WAYS]):
        if choice >= 0 and a != choice:
            continue
        start, end, setup, prev = earliest(p, s, i, a, count, not_before)
        if start < NEVER and (
            end < best_end or (end == best_end and start - setup > best_start - best_setup)
        ):
            best_start, best_end, best_setup, best_prev, best = start, end, setup, prev, a
    if best < 0:
        return False
    place(p, s, i, best, p.way[best, CELL], best_start, best_end, best_setup, best_prev, count)
    return True


@compiled
def decode(
    p: ProblemArrays, s: State, order: Ints, choice: Ints, not_before: Ints, groups: Ints
) -> int:
    """Build the plan of an order; returns DONE, NO_MEMORY or an operation without a place.

    Args:
        p: The problem.
        s: Filled with the plan.
        order: All operations; predecessors first. Frozen and left out ones are skipped.
        choice: Per operation the alternative, or -1 for the one that ends first.
        not_before: Per operation, ms.
        groups: Per group of optional work: done (1) or left out (0).
    """
    reset(p, s, groups)
    place_frozen(p, s)
    waiting = 0
    for k in range(order.shape[0]):
        i = order[k]
        if s.op[i, ON] >= 0 or s.op[i, LEFT_OUT] != 0:
            continue
        events = s.flags[EVENTS]
        if not try_place(p, s, i, choice[i], not_before[i]):
            s.waiting[waiting] = i
            waiting += 1
        elif waiting > 0 and s.flags[EVENTS] > events:
            waiting = _retry(p, s, waiting, choice, not_before, False)
        if s.flags[FULL] != 0:
            return NO_MEMORY
    if waiting > 0:
        waiting = _retry(p, s, waiting, choice, not_before, True)
    if s.flags[FULL] != 0:
        return NO_MEMORY
    return DONE if waiting == 0 else s.waiting[0]


@compiled
def _retry(
    p: ProblemArrays, s: State, waiting: int, choice: Ints, not_before: Ints, anywhere: bool
) -> int:
    """Try what waits, in its order, as long as something gets its end; how much still waits."""
    again = True
    while again and waiting > 0:
        again = False
        kept = 0
        for k in range(waiting):
            i = s.waiting[k]
            events, placed = s.flags[EVENTS], s.flags[PLACED]
            done = try_place(p, s, i, choice[i], not_before[i])
            if not done and anywhere:
                done = try_place(p, s, i, -1, not_before[i])
            if done:
                # What waits for this one comes after it; what waits for an end may come before.
                again = again or s.flags[EVENTS] > events or (anywhere and s.flags[PLACED] > placed)
            else:
                s.waiting[kept] = i
                kept += 1
        waiting = kept
    return waiting


@compiled
def paid_until(q: CostArrays, t: int) -> float:
    """Integral of the energy price from 0, in price times ms."""
    low, high = 0, q.tariff.shape[0]
    while low < high:
        middle = (low + high) >> 1
        if q.tariff[middle, 0] <= t:
            low = middle + 1
        else:
            high = middle
    k = low - 1
    return q.tariff[k, 2] + q.tariff[k, 1] * (t - q.tariff[k, 0])


@compiled
def _work_of(p: ProblemArrays, q: CostArrays, s: State, i: int) -> tuple[int, float]:
    """How long a placed operation works, ms, and the integral of the price meanwhile."""
    at, end, c = s.op[i, START], s.op[i, END], s.op[i, ON]
    worked, paid = 0, 0.0
    if p.op[i, INTERRUPTIBLE] != 0 and s.op[i, FACT] == 0:
        for k in range(p.cell[c, CLOSED], p.cell[c + 1, CLOSED]):
            if p.pairs[k, 1] <= at:
                continue
            if p.pairs[k, 0] >= end:
                break
            worked += p.pairs[k, 0] - at
            paid += paid_until(q, p.pairs[k, 0]) - paid_until(q, at)
            at = p.pairs[k, 1]
    return worked + end - at, paid + paid_until(q, end) - paid_until(q, at)


@compiled
def _costs(p: ProblemArrays, q: CostArrays, s: State, terms: Floats) -> None:
    """Setup, energy and labour of a plan."""
    energy, labour, setups = 0.0, 0.0, 0
    priced = False
    for k in range(q.tariff.shape[0]):
        priced = priced or q.tariff[k, 1] > 0.0
    for c in range(s.cell.shape[0]):
        i = s.cell[c, FIRST_ON]
        busy = 0.0
        while i >= 0:
            a = s.op[i, WAY]
            setup = s.op[i, SETUP]
            setups += setup
            if priced:
                worked, paid = _work_of(p, q, s, i)
                paid_setup = paid_until(q, s.op[i, START]) - paid_until(q, s.op[i, START] - setup)
                energy += (q.way[a, 0] if a >= 0 else 0.0) * paid + q.cell[c, 0] * paid_setup
                busy += paid + paid_setup
            elif a >= 0 and q.way[a, 1] > 0.0:
                worked, _ = _work_of(p, q, s, i)
            else:
                worked = 0
            if a >= 0:
                labour += q.way[a, 1] * worked
            labour += q.cell[c, 1] * setup
            i = s.op[i, FOLLOWING]
        if priced and q.cell[c, 2] > 0.0 and s.cell[c, FIRST_ON] >= 0:
            first = s.cell[c, FIRST_ON]
            span = paid_until(q, s.op[s.cell[c, LAST_ON], END]) - paid_until(
                q, s.op[first, START] - s.op[first, SETUP]
            )
            energy += q.cell[c, 2] * (span - busy)
    terms[T_SETUP] = setups
    terms[T_ENERGY] = energy / ENERGY_UNIT
    terms[T_LABOUR] = labour


@compiled
def evaluate(
    p: ProblemArrays, q: CostArrays, s: State, groups: Ints, weights: Floats, terms: Floats
) -> None:
    """Fill the terms of a complete plan; VALUE is their weighted sum, STARTS the sum of starts."""
    makespan, starts, tardiness = 0, 0, 0.0
    for j in range(q.weight.shape[0]):
        makespan = max(makespan, s.job[j, FINISH])
        if p.job[j, DUE] >= 0 and s.job[j, FINISH] > p.job[j, DUE]:
            tardiness += q.weight[j] * (s.job[j, FINISH] - p.job[j, DUE])
    moved, resequenced, shifted = 0, 0, 0
    for i in range(p.op.shape[0] - 1):
        if s.op[i, LEFT_OUT] != 0:
            continue
        starts += s.op[i, START]
        c = p.op[i, PUBLISHED_CELL]
        if c >= 0:
            shifted += abs(s.op[i, START] - p.op[i, PUBLISHED_START])
            if c != s.op[i, ON]:
                moved += 1
            else:
                b = p.op[i, PUBLISHED_BEFORE]
                if (
                    b >= 0
                    and s.op[b, LEFT_OUT] == 0
                    and s.op[b, ON] == c
                    and s.op[b, START] > s.op[i, START]
                ):
                    resequenced += 1
    left_out = 0.0
    for g in range(groups.shape[0]):
        if groups[g] == 0:
            left_out += q.group[g]
    terms[T_STARTS] = starts
    terms[T_MAKESPAN] = makespan
    terms[T_TARDINESS] = tardiness
    terms[T_LEFT_OUT] = left_out
    terms[T_MOVED] = moved
    terms[T_RESEQUENCED] = resequenced
    terms[T_SHIFTED] = shifted
    _costs(p, q, s, terms)
    value = 0.0
    for k in range(T_MAKESPAN, TERMS):
        value += weights[k] * terms[k]
    terms[T_VALUE] = value

"""Simulated annealing over orders and cells, each trial decoded with every constraint in place.

(Kirkpatrick, Gelatt and Vecchi, Science 220, 1983; the representation is Kolisch's, see `decode`.)
"""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np

from planners.compiled import compiled_lean as compiled
from planners.scheduling.arrays import CostArrays, Floats, Ints, ProblemArrays
from planners.scheduling.columns import (
    DUE,
    END,
    FINISH,
    FIRST,
    FOLLOWING,
    JOB,
    LEFT_OUT,
    ON,
    PREDECESSORS,
    PUBLISHED_START,
    SEQUENCE,
    START,
    SUCCESSORS,
    WAYS,
)
from planners.scheduling.compiled.decode import DONE, NO_MEMORY, T_STARTS, T_VALUE, decode, evaluate
from planners.scheduling.compiled.state import State

REACH = 40
"""An operation moves at most so many places at once."""
TIE_BREAK = 1e-3
"""Weight of the mean start against the value when a trial is accepted."""

# Places in `Memory.numbers`.
NOW, NOW_STARTS, BEST, BEST_STARTS, DELTAS, DELTA_COUNT, ACCEPTED = 0, 1, 2, 3, 4, 5, 6
NUMBERS = 8

# Bits of `Memory.options`.
BY_START = 0
"""Whether the order of the starts stands for the same plan (nothing has an unknown end)."""
MAY_WAIT = 1
"""Whether starting later can pay (tariff, published starts)."""
LEFT_SHIFT = 2
OPTIONS = 3

_MULTIPLIER = 6364136223846793005
_INCREMENT = 1442695040888963407


class Memory(NamedTuple):
    """What one thread searches with: three genomes, positions, numbers, random state."""

    order: Ints
    """(3, operations): now, trial, best"""
    choice: Ints
    not_before: Ints
    groups: Ints
    position: Ints
    key: Ints
    free: Ints
    """Operations that may be moved."""
    open_groups: Ints
    numbers: Floats
    terms: Floats
    options: Ints
    rng: Ints


@compiled
def draw(rng: Ints, n: int) -> int:
    """A random number in 0..n-1 (linear congruential generator of Knuth, upper bits)."""
    rng[0] = rng[0] * _MULTIPLIER + _INCREMENT
    return ((rng[0] >> 31) & 0x7FFFFFFF) % n


@compiled
def _chance(rng: Ints) -> float:
    return draw(rng, 1 << 30) / float(1 << 30)


@compiled
def _sort(order: Ints, key: Ints) -> None:
    """Stable insertion sort of what is almost in order."""
    for k in range(1, order.shape[0]):
        i = order[k]
        m = k
        while m > 0 and key[order[m - 1]] > key[i]:
            order[m] = order[m - 1]
            m -= 1
        order[m] = i


@compiled
def _normalise(p: ProblemArrays, s: State, m: Memory) -> None:
    """Put the present order into that of the starts, or of the placing, and note the positions."""
    order = m.order[0]
    column = START if m.options[BY_START] != 0 else SEQUENCE
    for k in range(order.shape[0]):
        i = order[k]
        if s.op[i, LEFT_OUT] == 0:
            # What takes no time goes before what starts with it.
            m.key[i] = 2 * s.op[i, column] + (s.op[i, END] > s.op[i, START])
        else:
            latest = -1
            for b in range(p.op[i, PREDECESSORS], p.op[i + 1, PREDECESSORS]):
                latest = max(latest, m.key[p.flat[b]])
            m.key[i] = latest
    _sort(order, m.key)
    for k in range(order.shape[0]):
        m.position[order[k]] = k


@compiled
def _window(p: ProblemArrays, m: Memory, i: int) -> tuple[int, int]:
    """First and last position that an operation may take without passing what it depends on."""
    at = m.position[i]
    first, last = max(0, at - REACH), min(m.order.shape[1] - 1, at + REACH)
    for k in range(p.op[i, PREDECESSORS], p.op[i + 1, PREDECESSORS]):
        first = max(first, m.position[p.flat[k]] + 1)
    for k in range(p.op[i, SUCCESSORS], p.op[i + 1, SUCCESSORS]):
        last = min(last, m.position[p.flat[k]] - 1)
    return first, last


@compiled
def _insert(order: Ints, at: int, to: int) -> None:
    i = order[at]
    if to < at:
        for k in range(at, to, -1):
            order[k] = order[k - 1]
    else:
        for k in range(at, to):
            order[k] = order[k + 1]
    order[to] = i


@compiled
def _pick(p: ProblemArrays, q: CostArrays, s: State, m: Memory) -> int:
    """An operation to move: often one of a job that is late, or that ends last."""
    i = m.free[draw(m.rng, m.free.shape[0])]
    if draw(m.rng, 2) == 0:
        return i
    worst = -1.0
    for _ in range(3):
        other = m.free[draw(m.rng, m.free.shape[0])]
        j = p.op[other, JOB]
        late = float(s.job[j, FINISH])
        if p.job[j, DUE] >= 0:
            late = q.weight[j] * max(0, s.job[j, FINISH] - p.job[j, DUE])
        if late > worst:
            worst, i = late, other
    return i


@compiled
def _shift_job(p: ProblemArrays, m: Memory, i: int) -> None:
    """Move all operations of a job by the same number of places."""
    j = p.op[i, JOB]
    order = m.order[1]
    by = 2 * (draw(m.rng, 2 * REACH) - REACH) + 1
    if draw(m.rng, 4) != 0:
        by = -abs(by)
    for k in range(order.shape[0]):
        m.key[order[k]] = 2 * k
    for b in range(p.job[j, FIRST], p.job[j + 1, FIRST]):
        m.key[b] += 2 * by
    _sort(order, m.key)


@compiled
def _wait(p: ProblemArrays, q: CostArrays, m: Memory, i: int) -> None:
    """Let an operation wait for another price or its published start, or wait no longer."""
    pick = draw(m.rng, 3)
    if pick == 0 or m.not_before[0, i] > 0:
        m.not_before[1, i] = 0
    elif pick == 1 and p.op[i, PUBLISHED_START] >= 0:
        m.not_before[1, i] = p.op[i, PUBLISHED_START]
    else:
        k = draw(m.rng, q.tariff.shape[0])
        m.not_before[1, i] = int(q.tariff[k, 0])


@compiled
def _mutate(p: ProblemArrays, q: CostArrays, s_now: Ints, s: State, m: Memory) -> None:
    """Change the trial genome a little; ``s_now`` is each operation's follower on its cell now."""
    order = m.order[1]
    i = _pick(p, q, s, m)
    if m.open_groups.shape[0] > 0 and draw(m.rng, 8) == 0:
        g = m.open_groups[draw(m.rng, m.open_groups.shape[0])]
        m.groups[1, g] = 1 - m.groups[1, g]
        return
    if m.options[MAY_WAIT] != 0 and draw(m.rng, 4) == 0:
        _wait(p, q, m, i)
        return
    kind = draw(m.rng, 16)
    if kind < 2:
        _shift_job(p, m, i)
        return
    if kind < 5:
        x = s_now[i]
        if x >= 0:
            first, _ = _window(p, m, x)
            if first <= m.position[i] < m.position[x]:
                _insert(order, m.position[x], m.position[i])
                return
    ways = p.op[i + 1, WAYS] - p.op[i, WAYS]
    if ways > 1 and kind < 11:
        way = draw(m.rng, ways + 1)
        m.choice[1, i] = -1 if way == ways else p.op[i, WAYS] + way
        if kind < 8:
            return
    first, last = _window(p, m, i)
    if first < last:
        to = first + draw(m.rng, last - first + 1)
        _insert(order, m.position[i], to)


@compiled
def _copy(m: Memory, source: int, target: int) -> None:
    for k in range(m.order.shape[1]):
        m.order[target, k] = m.order[source, k]
        m.choice[target, k] = m.choice[source, k]
        m.not_before[target, k] = m.not_before[source, k]
    for g in range(m.groups.shape[1]):
        m.groups[target, g] = m.groups[source, g]


@compiled
def begin(
    p: ProblemArrays, q: CostArrays, s: State, m: Memory, weights: Floats, followers: Ints
) -> int:
    """Decode the present genome (row 0) and make it the best; results as of `decode`."""
    result = decode(p, s, m.order[0], m.choice[0], m.not_before[0], m.groups[0])
    if result != DONE:
        return result
    evaluate(p, q, s, m.groups[0], weights, m.terms)
    m.numbers[NOW] = m.terms[T_VALUE]
    m.numbers[NOW_STARTS] = m.terms[T_STARTS]
    m.numbers[BEST] = m.terms[T_VALUE]
    m.numbers[BEST_STARTS] = m.terms[T_STARTS]
    _normalise(p, s, m)
    _copy(m, 0, 2)
    for i in range(followers.shape[0]):
        followers[i] = s.op[i, FOLLOWING] if s.op[i, ON] >= 0 else -1
    return DONE


@compiled
def anneal(
    p: ProblemArrays,
    q: CostArrays,
    s: State,
    m: Memory,
    weights: Floats,
    followers: Ints,
    trials: int,
    temperature: float,
    floor: float,
) -> int:
    """Try so many changes; returns DONE, or NO_MEMORY if the state must be made larger first."""
    numbers = m.numbers
    n = max(1, p.op.shape[0] - 1)
    tie = TIE_BREAK / n if m.options[LEFT_SHIFT] != 0 else 0.0
    for _ in range(trials):
        if numbers[BEST] <= floor and tie == 0.0:
            break
        _copy(m, 0, 1)
        _mutate(p, q, followers, s, m)
        result = decode(p, s, m.order[1], m.choice[1], m.not_before[1], m.groups[1])
        if result == NO_MEMORY:
            return NO_MEMORY
        if result != DONE:
            continue
        evaluate(p, q, s, m.groups[1], weights, m.terms)
        value, starts = m.terms[T_VALUE], m.terms[T_STARTS]
        delta = value - numbers[NOW] + tie * (starts - numbers[NOW_STARTS])
        if delta > 0.0:
            numbers[DELTAS] += math.log(delta)
            numbers[DELTA_COUNT] += 1.0
            if temperature <= 0.0 or _chance(m.rng) >= math.exp(-delta / temperature):
                continue
        numbers[ACCEPTED] += 1.0
        _copy(m, 1, 0)
        numbers[NOW], numbers[NOW_STARTS] = value, starts
        _normalise(p, s, m)
        for i in range(followers.shape[0]):
            followers[i] = s.op[i, FOLLOWING] if s.op[i, ON] >= 0 else -1
        if value < numbers[BEST] or (
            tie > 0.0 and value == numbers[BEST] and starts < numbers[BEST_STARTS]
        ):
            numbers[BEST], numbers[BEST_STARTS] = value, starts
            _copy(m, 0, 2)
    return DONE


def new_memory(p: ProblemArrays, seed: int) -> Memory:
    """Empty memory for a problem."""
    n = len(p.op) - 1
    return Memory(
        order=np.zeros((3, n), dtype=np.int64),
        choice=np.full((3, n), -1, dtype=np.int64),
        not_before=np.zeros((3, n), dtype=np.int64),
        groups=np.ones((3, p.groups), dtype=np.int64),
        position=np.zeros(n, dtype=np.int64),
        key=np.zeros(n, dtype=np.int64),
        free=np.setdiff1d(np.arange(n), p.frozen[:, 0]).astype(np.int64),
        open_groups=np.zeros(0, dtype=np.int64),
        numbers=np.zeros(NUMBERS),
        terms=np.zeros(16),
        options=np.zeros(OPTIONS, dtype=np.int64),
        rng=np.array([(seed * 2654435761 + 88172645463325252) & 0x7FFFFFFFFFFFFFFF]),
    )

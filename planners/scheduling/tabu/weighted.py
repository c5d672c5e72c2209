"""The compiled loop of the search for a weighted objective: makespan, tardiness, setups, stability.

Each step takes one thing that costs, a late job or the end of the plan, by lot in proportion to
its cost. Tails lead to it, moves are those on the longest path to it (after Mati, Dauzère-Pérès and
Lahlou, European Journal of Operational Research 212, 2011), and an estimate of its new completion
ranks them. Such an estimate knows nothing of the other jobs, so the best candidates are made on
trial, and the objective is read from the heads.
"""

from __future__ import annotations

from planners.compiled import compiled_into as compiled
from planners.scheduling.tabu.access import nth, of, put
from planners.scheduling.tabu.arrays import (
    ALT,
    BEST,
    BEST_VALUE,
    CANDIDATES,
    DUR,
    END_OF_PLAN,
    FIXED,
    HEAD,
    ITERATION,
    LAST_GAIN,
    MAKESPAN,
    MOVED_COST,
    MOVED_COUNT,
    MP,
    MS,
    NEVER,
    NONE,
    SAMPLE,
    SETUP_COST,
    SETUP_TIME,
    STEPS_REFUSED,
    TARGET,
    VALUE,
    Given,
    Int32,
    State,
)
from planners.scheduling.tabu.graph import (
    link,
    load,
    unlink,
)
from planners.scheduling.tabu.kernel import keep_best
from planners.scheduling.tabu.moves import (
    best_insertion,
    closing_path,
    estimate_segment,
    fill_backward,
    fill_forward,
    may_follow,
    may_precede,
    random_below,
    trace_from,
)
from planners.scheduling.tabu.tabu_list import forbid_return, is_tabu, may_not_enter
from planners.scheduling.tabu.update import repair_order, restore_order, update_heads, update_tails
from planners.scheduling.tabu.valuation import (
    account,
    aim_at,
    choose_target,
    count_afresh,
    evaluate,
    score_of,
)

# Columns of State.candidate.
MOVED = 0
TO = 1
BEHIND = 2
IS_TABU = 3

UNREACHED = 1 << 60
OFF_PATH = 4
"""Operations off the path that a step looks at where setups or stability cost."""


@compiled
def start_from(given: Given, state: State, order: Int32, alternatives: Int32) -> None:
    """Load a plan, forget what is tabu, and take the plan as the best so far."""
    load(given, state, order, alternatives)
    state.tabu_until[:] = 0
    count_afresh(given, state)
    state.numbers[TARGET] = END_OF_PLAN
    value = evaluate(given, state)
    state.values[VALUE] = value
    state.values[BEST_VALUE] = value
    state.numbers[BEST] = state.numbers[MAKESPAN]
    state.numbers[LAST_GAIN] = state.numbers[ITERATION]
    keep_best(state)


@compiled
def _offer(state: State, count: int, score: float, move: tuple[int, int, int, bool]) -> int:
    """Keep a candidate if it is among the best; returns how many there are."""
    limit: int = state.numbers[CANDIDATES]
    scores, candidate = state.score, state.candidate
    if count == limit and score >= scores[count - 1]:
        return count
    at = count if count < limit else limit - 1
    while at > 0 and scores[at - 1] > score:
        scores[at] = scores[at - 1]
        for c in range(4):
            candidate[at, c] = candidate[at - 1, c]
        at -= 1
    scores[at] = score
    candidate[at, MOVED], candidate[at, TO], candidate[at, BEHIND] = move[0], move[1], move[2]
    candidate[at, IS_TABU] = move[3]
    return min(count + 1, limit)


@compiled
def _scan_block(given: Given, state: State, count: int, i: int, b: int, e: int) -> int:
    rows, path = state.rows, state.path
    u = nth(path, i)
    a = of(rows, u, ALT)
    for j in range(i + 1, e + 1):
        w = nth(path, j)
        if not may_follow(given, rows, u, w):
            break
        if i == b or j == e or j == i + 1:
            length = fill_forward(state, u, w)
            end = estimate_segment(
                given, state, length, of(rows, u, MP), of(rows, w, MS), UNREACHED
            )
            score = score_of(given, state, end, u, a, w)
            count = _offer(state, count, score, (u, a, w, is_tabu(state, w, u)))
    for j in range(i - 2, b - 1, -1):
        w = nth(path, j)
        if not may_precede(given, rows, u, nth(path, j + 1)) or not may_precede(given, rows, u, w):
            break
        if i == e or j == b:
            length = fill_backward(state, w, u)
            end = estimate_segment(
                given, state, length, of(rows, w, MP), of(rows, u, MS), UNREACHED
            )
            x = of(rows, w, MP)
            score = score_of(given, state, end, u, a, x)
            count = _offer(state, count, score, (u, a, x, is_tabu(state, u, w)))
    return count


@compiled
def _scan_other_cells(given: Given, state: State, count: int, v: int, least: int) -> int:
    rows = state.rows
    closing = max(least, closing_path(given, rows, v))
    for a in range(nth(given.alt_ptr, v), nth(given.alt_ptr, v + 1)):
        if a != of(rows, v, ALT):
            end, x = best_insertion(given, state, v, a, UNREACHED)
            if end < UNREACHED:
                score = score_of(given, state, max(end, closing), v, a, x)
                tabu = may_not_enter(state, v, nth(given.alt_cell, a))
                count = _offer(state, count, score, (v, a, x, tabu))
    return count


@compiled
def _collect(given: Given, state: State, length: int, end: int) -> int:
    """The best candidates along the path (and a few off it); returns how many."""
    rows, path = state.rows, state.path
    for i in range(length // 2):
        path[i], path[length - 1 - i] = path[length - 1 - i], path[i]
    sample = state.numbers[SAMPLE]
    every = sample == 0 or sample >= length
    count = 0
    b, e = 0, -1
    for number in range(length if every else sample):
        i = number if every else random_below(state.random, length)
        if not every or i > e:
            b = i
            while b > 0 and of(rows, nth(path, b), MP) == nth(path, b - 1):
                b -= 1
            e = i
            while e + 1 < length and of(rows, nth(path, e), MS) == nth(path, e + 1):
                e += 1
        if e > b:
            count = _scan_block(given, state, count, i, b, e)
        count = _scan_other_cells(given, state, count, nth(path, i), NEVER)
    if given.costs[SETUP_COST] > 0 or given.costs[MOVED_COST] > 0:
        for _ in range(OFF_PATH):
            v = random_below(state.random, len(state.order))
            if of(rows, v, MP) != FIXED:
                count = _scan_other_cells(given, state, count, v, end)
                w = of(rows, v, MS)
                if w != NONE and may_follow(given, rows, v, w):
                    length = fill_forward(state, v, w)
                    t = estimate_segment(
                        given, state, length, of(rows, v, MP), of(rows, w, MS), UNREACHED
                    )
                    score = score_of(given, state, max(t, end), v, of(rows, v, ALT), w)
                    tabu = is_tabu(state, w, v)
                    count = _offer(state, count, score, (v, of(rows, v, ALT), w, tabu))
    return count


@compiled
def value_after(given: Given, state: State, v: int, a: int, x: int) -> tuple[float, bool]:
    """The objective if v moved to alternative a behind x, and whether it can; nothing changes."""
    rows, numbers = state.rows, state.numbers
    old_a, old_x, old_y = of(rows, v, ALT), of(rows, v, MP), of(rows, v, MS)
    setup_gain, moved_gain = account(given, state, v, a, x)
    unlink(state, v)
    link(given, state, v, a, x)
    low, high, acyclic = repair_order(given, state, v)
    value = 0.0
    if acyclic:
        numbers[SETUP_TIME] += setup_gain
        numbers[MOVED_COUNT] += moved_gain
        logged = update_heads(given, state, v, old_y)
        value = evaluate(given, state)
        for i in range(logged - 1, -1, -1):
            put(rows, state.log_op[i], HEAD, state.log_head[i])
        numbers[SETUP_TIME] -= setup_gain
        numbers[MOVED_COUNT] -= moved_gain
        if low <= high:
            restore_order(state, low, high)
    unlink(state, v)
    link(given, state, v, old_a, old_x)
    return value, acyclic


@compiled
def make_move(given: Given, state: State, v: int, a: int, x: int) -> bool:
    """Move v, bring all numbers up to date, keep the plan if it is the best so far."""
    rows, numbers, values = state.rows, state.numbers, state.values
    forbid_return(state, v, a, x)
    old_a, old_x, old_y = of(rows, v, ALT), of(rows, v, MP), of(rows, v, MS)
    setup_gain, moved_gain = account(given, state, v, a, x)
    unlink(state, v)
    link(given, state, v, a, x)
    _, _, acyclic = repair_order(given, state, v)
    if not acyclic:
        unlink(state, v)
        link(given, state, v, old_a, old_x)
        values[VALUE] = evaluate(given, state)
        numbers[STEPS_REFUSED] += 1
        return False
    update_heads(given, state, v, old_y)
    update_tails(given, state, v, old_x)
    numbers[SETUP_TIME] += setup_gain
    numbers[MOVED_COUNT] += moved_gain
    value = evaluate(given, state)
    values[VALUE] = value
    if value < values[BEST_VALUE] * (1 - 1e-12):
        values[BEST_VALUE] = value
        numbers[BEST] = numbers[MAKESPAN]
        numbers[LAST_GAIN] = numbers[ITERATION]
        keep_best(state)
    return True


@compiled
def _best_candidate(given: Given, state: State, count: int) -> int:
    """The admissible candidate with the best value; one by lot if all are tabu."""
    candidate = state.candidate
    best, best_value = NONE, 0.0
    for i in range(count):
        v, a, x = candidate[i, MOVED], candidate[i, TO], candidate[i, BEHIND]
        value, acyclic = value_after(given, state, v, a, x)
        if not acyclic:
            continue
        if candidate[i, IS_TABU] and value >= state.values[BEST_VALUE]:
            continue
        if best == NONE or value < best_value:
            best, best_value = i, value
    return random_below(state.random, count) if best == NONE else best


@compiled
def run(given: Given, state: State, steps: int, patience: int, target: float) -> int:
    """Search for a number of steps, or until nothing was gained for ``patience`` steps.

    Returns:
        Steps made. Fewer than asked for: out of patience, or at the target.
    """
    numbers, candidate = state.numbers, state.candidate
    for step in range(steps):
        if (
            state.values[BEST_VALUE] <= target
            or numbers[ITERATION] - numbers[LAST_GAIN] >= patience
        ):
            return step
        numbers[ITERATION] += 1
        last = aim_at(given, state, choose_target(given, state))
        if last == NONE:
            return step
        end = of(state.rows, last, HEAD) + of(state.rows, last, DUR)
        length = trace_from(given, state, last)
        count = _collect(given, state, length, end)
        if count == 0:
            continue
        at = _best_candidate(given, state, count)
        v, a, x = candidate[at, MOVED], candidate[at, TO], candidate[at, BEHIND]
        make_move(given, state, v, a, x)
    return steps

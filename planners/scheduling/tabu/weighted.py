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
    CELL,
    DUR,
    END_OF_PLAN,
    FIXED,
    HAS_SETUP,
    HEAD,
    ITERATION,
    LAST_GAIN,
    MAKESPAN,
    MAKESPAN_COST,
    MOVED_COST,
    MOVED_COUNT,
    MP,
    MS,
    NEVER,
    NONE,
    OWN_TAIL,
    SAMPLE,
    SETUP_COST,
    SETUP_TIME,
    SHIFTED_COST,
    STEPS_REFUSED,
    TARGET,
    VALUE,
    Given,
    Int32,
    State,
)
from planners.scheduling.tabu.graph import (
    all_tails,
    link,
    load,
    setup,
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

# Columns of State.candidate.
MOVED = 0
TO = 1
BEHIND = 2
IS_TABU = 3

UNREACHED = 1 << 60
OFF_PATH = 4
"""Operations off the path that a step looks at where setups or stability cost."""
LOT = 1 << 30


@compiled
def evaluate(given: Given, state: State) -> float:
    """The objective of the present plan; also brings makespan and completions up to date."""
    rows, completion, numbers = state.rows, state.completion, state.numbers
    completion[:] = 0
    end = 0
    for i in range(len(given.sinks)):
        v = nth(given.sinks, i)
        t = of(rows, v, HEAD) + of(rows, v, DUR)
        end = max(end, t)
        j = nth(given.job, v)
        completion[j] = max(completion[j], t)
    numbers[MAKESPAN] = end
    value: float = (
        given.costs[MAKESPAN_COST] * end
        + given.costs[SETUP_COST] * numbers[SETUP_TIME]
        + given.costs[MOVED_COST] * numbers[MOVED_COUNT]
    )
    for j in range(len(completion)):
        late = completion[j] - given.due[j]
        if late > 0:
            value += given.late_cost[j] * late
    if given.costs[SHIFTED_COST] > 0:
        shifted = 0
        for v in range(len(state.order)):
            if nth(given.published_cell, v) >= 0:
                shifted += abs(of(rows, v, HEAD) - nth(given.published_start, v))
        value += given.costs[SHIFTED_COST] * shifted
    return value


@compiled
def count_afresh(given: Given, state: State) -> None:
    """Setup time and operations on another cell than published, from nothing."""
    rows = state.rows
    setup_time = moved = 0
    for v in range(len(state.order)):
        if of(rows, v, MP) != FIXED:
            setup_time += setup(given, rows, of(rows, v, CELL), of(rows, v, MP), v)
        if nth(given.published_cell, v) >= 0 and nth(given.published_cell, v) != of(rows, v, CELL):
            moved += 1
    state.numbers[SETUP_TIME] = setup_time
    state.numbers[MOVED_COUNT] = moved


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
def _setup_gain(given: Given, rows: Int32, v: int, a: int, x: int, first: int) -> int:
    """Change of the setup time if v moves to alternative a behind x; ``first`` leads that cell."""
    if not given.switches[HAS_SETUP]:
        return 0
    k, new = of(rows, v, CELL), nth(given.alt_cell, a)
    u, w = of(rows, v, MP), of(rows, v, MS)
    gain = -setup(given, rows, k, u, v)
    if w != NONE:
        gain += setup(given, rows, k, u, w) - setup(given, rows, k, v, w)
    y = first if x == NONE else of(rows, x, MS)
    if y == v:
        y = w
    # v may come to stand where it left a gap: between u and w, whose arc is in the account.
    gain += setup(given, rows, new, x, v)
    if y != NONE:
        gain += setup(given, rows, new, v, y) - setup(given, rows, new, x, y)
    return gain


@compiled
def _moved_gain(given: Given, rows: Int32, v: int, a: int) -> int:
    """Change of the number of operations that are not on their published cell."""
    published = nth(given.published_cell, v)
    if published < 0:
        return 0
    was, becomes = of(rows, v, CELL) != published, nth(given.alt_cell, a) != published
    return int(becomes) - int(was)


@compiled
def choose_target(given: Given, state: State) -> int:
    """A late job or END_OF_PLAN, by lot in proportion to the cost."""
    completion = state.completion
    end_cost = given.costs[MAKESPAN_COST] * state.numbers[MAKESPAN]
    total = end_cost
    for j in range(len(completion)):
        late = completion[j] - given.due[j]
        if late > 0:
            total += given.late_cost[j] * late
    mark = total * random_below(state.random, LOT) / LOT
    if mark <= end_cost:
        return END_OF_PLAN
    mark -= end_cost
    last = END_OF_PLAN
    for j in range(len(completion)):
        late = completion[j] - given.due[j]
        if late > 0 and given.late_cost[j] > 0:
            last = j
            mark -= given.late_cost[j] * late
            if mark <= 0:
                break
    return last


@compiled
def aim_at(given: Given, state: State, target: int) -> int:
    """Let all tails lead to the target; returns the last operation before it (by lot)."""
    rows = state.rows
    last = NONE
    end = seen = 0
    change = target != state.numbers[TARGET]
    whole = target == END_OF_PLAN
    for i in range(len(given.sinks)):
        v = nth(given.sinks, i)
        hit = whole or nth(given.job, v) == target
        if change:
            put(rows, v, OWN_TAIL, 0 if hit else NEVER)
        if hit:
            t = of(rows, v, HEAD) + of(rows, v, DUR)
            if t > end:
                end, seen = t, 0
            if t == end:
                seen += 1
                if random_below(state.random, seen) == 0:
                    last = v
    if change:
        state.numbers[TARGET] = target
        all_tails(given, state)
    return last


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
def _score(given: Given, state: State, end: int, v: int, a: int, x: int) -> float:
    """What the target would cost if it ended then, and what setups and stability would change."""
    rows, target = state.rows, state.numbers[TARGET]
    if target == END_OF_PLAN:
        value: float = given.costs[MAKESPAN_COST] * end
    else:
        # Before its due date, earlier is still a little better: it makes room for others.
        late = end - given.due[target]
        value = given.late_cost[target] * (late if late > 0 else 0.01 * late)
    if given.costs[SETUP_COST] > 0:
        first = state.first[nth(given.alt_cell, a)]
        value += given.costs[SETUP_COST] * _setup_gain(given, rows, v, a, x, first)
    if given.costs[MOVED_COST] > 0:
        value += given.costs[MOVED_COST] * _moved_gain(given, rows, v, a)
    return value


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
            score = _score(given, state, end, u, a, w)
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
            score = _score(given, state, end, u, a, x)
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
                score = _score(given, state, max(end, closing), v, a, x)
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
                    score = _score(given, state, max(t, end), v, of(rows, v, ALT), w)
                    tabu = is_tabu(state, w, v)
                    count = _offer(state, count, score, (v, of(rows, v, ALT), w, tabu))
    return count


@compiled
def _account(given: Given, state: State, v: int, a: int, x: int) -> tuple[int, int]:
    rows = state.rows
    first = state.first[nth(given.alt_cell, a)]
    return _setup_gain(given, rows, v, a, x, first), _moved_gain(given, rows, v, a)


@compiled
def value_after(given: Given, state: State, v: int, a: int, x: int) -> tuple[float, bool]:
    """The objective if v moved to alternative a behind x, and whether it can; nothing changes."""
    rows, numbers = state.rows, state.numbers
    old_a, old_x, old_y = of(rows, v, ALT), of(rows, v, MP), of(rows, v, MS)
    setup_gain, moved_gain = _account(given, state, v, a, x)
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
    setup_gain, moved_gain = _account(given, state, v, a, x)
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

"""What a plan costs by a weighted objective, what of it costs most, and what a move changes."""

from __future__ import annotations

from planners.compiled import compiled_into as compiled
from planners.scheduling.tabu.access import nth, of, put
from planners.scheduling.tabu.arrays import (
    CELL,
    DUR,
    END_OF_PLAN,
    FIXED,
    HAS_SETUP,
    HEAD,
    MAKESPAN,
    MAKESPAN_COST,
    MOVED_COST,
    MOVED_COUNT,
    MP,
    MS,
    NEVER,
    NONE,
    OWN_TAIL,
    SETUP_COST,
    SETUP_TIME,
    SHIFTED_COST,
    TARGET,
    Given,
    Int32,
    State,
)
from planners.scheduling.tabu.graph import all_tails, setup
from planners.scheduling.tabu.moves import random_below

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
def setup_gain(given: Given, rows: Int32, v: int, a: int, x: int, first: int) -> int:
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
def moved_gain(given: Given, rows: Int32, v: int, a: int) -> int:
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
def score_of(given: Given, state: State, end: int, v: int, a: int, x: int) -> float:
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
        value += given.costs[SETUP_COST] * setup_gain(given, rows, v, a, x, first)
    if given.costs[MOVED_COST] > 0:
        value += given.costs[MOVED_COST] * moved_gain(given, rows, v, a)
    return value


@compiled
def account(given: Given, state: State, v: int, a: int, x: int) -> tuple[int, int]:
    """Change of the setup time and of the operations moved if v goes to alternative a behind x."""
    rows = state.rows
    first = state.first[nth(given.alt_cell, a)]
    return setup_gain(given, rows, v, a, x, first), moved_gain(given, rows, v, a)

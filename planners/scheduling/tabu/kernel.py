"""The compiled loop of the search for a short plan: one move per step, along the critical path."""

from __future__ import annotations

from planners.compiled import compiled_into as compiled
from planners.scheduling.tabu.access import nth, of
from planners.scheduling.tabu.arrays import (
    ALL_ENDS,
    ALT,
    BEST,
    CELL,
    HEAD,
    ITERATION,
    LAST_GAIN,
    MAKESPAN,
    MOVED_COUNT,
    MOVED_LIMIT,
    MP,
    MS,
    NONE,
    SAMPLE,
    STEPS_REFUSED,
    Given,
    Int32,
    State,
)
from planners.scheduling.tabu.graph import load, makespan
from planners.scheduling.tabu.moves import (
    best_insertion,
    closing_path,
    estimate_segment,
    fill_backward,
    fill_forward,
    may_follow,
    may_precede,
    random_below,
    trace_path,
)
from planners.scheduling.tabu.tabu_list import forbid_return, is_tabu, may_not_enter
from planners.scheduling.tabu.update import apply_move

# Numbers in State.choice: the best admissible move, how many are as good, and any move at all.
VALUE = 0
MOVED = 1
TO = 2
BEHIND = 3
TIES = 4
ANY_MOVED = 5
ANY_TO = 6
ANY_BEHIND = 7
COUNT = 8

NOTHING = 1 << 60


@compiled
def start_from(given: Given, state: State, order: Int32, alternatives: Int32) -> None:
    """Load a plan, forget what is tabu, and take the plan as the best so far."""
    load(given, state, order, alternatives)
    state.tabu_until[:] = 0
    end = makespan(given, state.rows)
    state.numbers[MAKESPAN] = end
    state.numbers[BEST] = end
    state.numbers[LAST_GAIN] = state.numbers[ITERATION]
    moved = 0
    for v in range(len(state.order)):
        moved += is_moved(given, v, of(state.rows, v, CELL))
    state.numbers[MOVED_COUNT] = moved
    keep_best(state)


@compiled
def is_moved(given: Given, v: int, cell: int) -> int:
    """1 if that cell is another than the published one of v, else 0."""
    return int(given.published_cell[v] >= 0 and given.published_cell[v] != cell)


@compiled
def keep_best(state: State) -> None:
    """Remember the present plan."""
    for v in range(len(state.order)):
        state.best_alt[v] = of(state.rows, v, ALT)
        state.best_start[v] = of(state.rows, v, HEAD)


@compiled
def _promising(state: State, value: int, v: int, a: int, x: int) -> bool:
    """Count a candidate move, and say whether it is worth asking if it is tabu."""
    choice = state.choice
    choice[COUNT] += 1
    if random_below(state.random, choice[COUNT]) == 0:
        choice[ANY_MOVED], choice[ANY_TO], choice[ANY_BEHIND] = v, a, x
    return bool(value <= choice[VALUE])


@compiled
def _take(state: State, value: int, v: int, a: int, x: int) -> None:
    """Take an admissible candidate if it is the best so far, or by lot among the best."""
    choice = state.choice
    if value < choice[VALUE]:
        choice[TIES] = 1
    else:
        choice[TIES] += 1
        if random_below(state.random, choice[TIES]) != 0:
            return
    choice[VALUE], choice[MOVED], choice[TO], choice[BEHIND] = value, v, a, x


@compiled
def _scan_block(
    given: Given, state: State, i: int, b: int, e: int, ends: tuple[bool, bool]
) -> None:
    """Moves of the i-th operation of the path within its block, the b-th to the e-th.

    ``ends`` says whether another first, and whether another last operation could help at all.
    """
    rows, path, choice = state.rows, state.path, state.choice
    u = nth(path, i)
    for j in range(i + 1, e + 1):
        w = nth(path, j)
        if not may_follow(given, rows, u, w):
            break
        if (i == b and ends[0]) or (j == e and ends[1]):
            length = fill_forward(state, u, w)
            value = estimate_segment(
                given, state, length, of(rows, u, MP), of(rows, w, MS), choice[VALUE]
            )
            if _promising(state, value, u, of(rows, u, ALT), w) and (
                value < state.numbers[BEST] or not is_tabu(state, w, u)
            ):
                _take(state, value, u, of(rows, u, ALT), w)
    for j in range(i - 2, b - 1, -1):
        w = nth(path, j)
        if not may_precede(given, rows, u, nth(path, j + 1)) or not may_precede(given, rows, u, w):
            break
        if (i == e and ends[1]) or (j == b and ends[0]):
            length = fill_backward(state, w, u)
            value = estimate_segment(
                given, state, length, of(rows, w, MP), of(rows, u, MS), choice[VALUE]
            )
            if _promising(state, value, u, of(rows, u, ALT), of(rows, w, MP)) and (
                value < state.numbers[BEST] or not is_tabu(state, u, w)
            ):
                _take(state, value, u, of(rows, u, ALT), of(rows, w, MP))


@compiled
def _useful_ends(given: Given, state: State, b: int, e: int, length: int) -> tuple[bool, bool]:
    """Whether the block could gain from another first operation, and from another last one.

    A path that begins with its cell, or ends with the plan, is as long in any order of its block
    there (Nowicki and Smutnicki, Management Science 42, 1996), unless setups differ. With a choice
    of cells such moves help all the same: they make room for others.
    """
    rows, v = state.rows, nth(state.path, b)
    if given.switches[ALL_ENDS]:
        return True, True
    at_start = b == 0 and of(rows, v, HEAD) == nth(given.available, of(rows, v, CELL))
    return not at_start, e != length - 1


@compiled
def _scan_other_cells(given: Given, state: State, v: int) -> None:
    """Moves of v to its other cells, the best place on each."""
    rows, numbers = state.rows, state.numbers
    if (
        numbers[MOVED_COUNT] >= numbers[MOVED_LIMIT]
        and given.published_cell[v] >= 0
        and not is_moved(given, v, of(rows, v, CELL))
    ):
        return
    closing = closing_path(given, rows, v)
    for a in range(nth(given.alt_ptr, v), nth(given.alt_ptr, v + 1)):
        if a != of(rows, v, ALT):
            value, x = best_insertion(given, state, v, a, NOTHING)
            if value < NOTHING:
                value = max(value, closing)
                if _promising(state, value, v, a, x) and (
                    value < state.numbers[BEST]
                    or not may_not_enter(state, v, nth(given.alt_cell, a))
                ):
                    _take(state, value, v, a, x)


@compiled
def _scan_path(given: Given, state: State, length: int) -> None:
    """Fill ``state.choice`` from all operations of the path, or from a sample of them."""
    rows, path = state.rows, state.path
    for i in range(length // 2):
        path[i], path[length - 1 - i] = path[length - 1 - i], path[i]
    choice = state.choice
    choice[VALUE] = NOTHING
    choice[MOVED] = NONE
    choice[COUNT] = 0
    sample = state.numbers[SAMPLE]
    every = sample == 0 or sample >= length
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
            _scan_block(given, state, i, b, e, _useful_ends(given, state, b, e, length))
        if nth(given.alt_ptr, nth(path, i) + 1) - nth(given.alt_ptr, nth(path, i)) > 1:
            _scan_other_cells(given, state, nth(path, i))


@compiled
def _make_move(given: Given, state: State, v: int, a: int, x: int) -> None:
    """Move v, forbid its way back, keep the plan if it is the best so far."""
    rows, numbers = state.rows, state.numbers
    forbid_return(state, v, a, x)
    was_moved = is_moved(given, v, of(rows, v, CELL))
    if not apply_move(given, state, v, a, x):
        numbers[STEPS_REFUSED] += 1
        return
    numbers[MOVED_COUNT] += is_moved(given, v, of(rows, v, CELL)) - was_moved
    end = makespan(given, rows)
    numbers[MAKESPAN] = end
    if end < numbers[BEST]:
        numbers[BEST] = end
        numbers[LAST_GAIN] = numbers[ITERATION]
        keep_best(state)


@compiled
def run(given: Given, state: State, steps: int, patience: int, target: int) -> int:
    """Search for a number of steps, or until nothing was gained for ``patience`` steps.

    Returns:
        Steps made. Fewer than asked for: out of patience, at the target, or no move is left.
    """
    numbers, choice = state.numbers, state.choice
    for step in range(steps):
        if numbers[BEST] <= target or numbers[ITERATION] - numbers[LAST_GAIN] >= patience:
            return step
        numbers[ITERATION] += 1
        length = trace_path(given, state, numbers[MAKESPAN])
        _scan_path(given, state, length)
        if choice[MOVED] != NONE:
            _make_move(given, state, choice[MOVED], choice[TO], choice[BEHIND])
        elif choice[COUNT] > 0:
            _make_move(given, state, choice[ANY_MOVED], choice[ANY_TO], choice[ANY_BEHIND])
        elif numbers[SAMPLE] == 0 or length == 0:
            return step
    return steps

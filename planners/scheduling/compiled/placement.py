"""The earliest start of one operation on one cell, with every constraint, and placing it there."""

from __future__ import annotations

from planners.compiled import compiled_lean as compiled
from planners.scheduling.arrays import ProblemArrays
from planners.scheduling.columns import (
    BEGIN,
    BUFFER,
    CAPACITY,
    CELL,
    CLOSED,
    DURATION,
    ELSEWHERE,
    END,
    FACT,
    FAMILIES,
    FAMILY,
    FINISH,
    FIRST,
    FIRST_ON,
    FOLLOWING,
    FULL_TO,
    HOLDS,
    INITIAL,
    INTERRUPTIBLE,
    JOB,
    LAST_ON,
    LEAVES,
    LEFT,
    LEFT_OUT,
    MOVED,
    NEEDS,
    ON,
    PENDING,
    PREVIOUS,
    RELEASE,
    SEQUENCE,
    SET_UP_FOR,
    SETUP,
    SETUP_NEEDS,
    SETUPS,
    SHORTEST,
    START,
    WAY,
    WAYS,
    WAYS_FROM,
    WHILE_WORKING,
)
from planners.scheduling.compiled.profiles import NEVER, add_use, free_from, next_fit
from planners.scheduling.compiled.state import EVENTS, FULL, PLACED, State, gather_before
from planners.scheduling.intervals import FOREVER_MS


@compiled
def setup_time(p: ProblemArrays, c: int, before: int, family: int) -> int:
    """Setup of a cell from one family to another, ms; none if either is unknown."""
    if p.cell[c, SETUPS] < 0 or before < 0 or family < 0:
        return 0
    return p.flat[p.cell[c, SETUPS] + before * p.cell[c, FAMILIES] + family]


@compiled
def open_at(
    p: ProblemArrays, c: int, t: int, setup: int, duration: int, interruptible: int
) -> tuple[int, int]:
    """First start >= t, and its end, in the open times of a cell, with the setup right before."""
    low, high = p.cell[c, CLOSED], p.cell[c + 1, CLOSED]
    last = high
    while low < high:
        middle = (low + high) >> 1
        if p.pairs[middle, 1] > t - setup:
            high = middle
        else:
            low = middle + 1
    k = low
    while k < last:
        if interruptible == 0:
            if p.pairs[k, 0] >= t + duration:
                break
        elif p.pairs[k, 0] > t:
            break
        t = p.pairs[k, 1] + setup
        k += 1
    end = t + duration
    if interruptible != 0:
        while k < last and p.pairs[k, 0] < end:
            end += p.pairs[k, 1] - p.pairs[k, 0]
            k += 1
    if end > FOREVER_MS:
        return NEVER, NEVER
    return t, end


@compiled
def _work_fit(p: ProblemArrays, s: State, c: int, r: int, room: int, t: int, end: int) -> int:
    """First start >= t whose pieces of work, between closed times, find room in a profile."""
    at = t
    for k in range(p.cell[c, CLOSED], p.cell[c + 1, CLOSED]):
        if p.pairs[k, 1] <= at:
            continue
        if p.pairs[k, 0] >= end:
            break
        u = next_fit(s.profile, r, room, at, p.pairs[k, 0] - at)
        if u > at:
            return u
        at = p.pairs[k, 1]
    u = next_fit(s.profile, r, room, at, end - at)
    return u if u > at else t


@compiled
def _stays(p: ProblemArrays, i: int, c: int) -> bool:
    """Whether an operation can run on this cell only: what waits for it here need not leave."""
    elsewhere = 0
    for a in range(p.op[i, WAYS], p.op[i + 1, WAYS]):
        if p.way[a, CELL] != c:
            elsewhere += 1
    return elsewhere == 0


@compiled
def _leaves(s: State, prev: int, follows: int) -> int:
    """When the part of the operation before leaves for good; NEVER if that is not known yet.

    ``follows`` is 1 if the operation at hand is one of those that it waits for.
    """
    if s.op[prev, PENDING] - follows > 0:
        return NEVER
    return s.op[prev, LEAVES] if s.op[prev, ELSEWHERE] != 0 else s.op[prev, END]


@compiled
def _fit(
    p: ProblemArrays,
    s: State,
    i: int,
    a: int,
    t: int,
    setup: int,
    limit: int,
    prev: int,
    follows: int,
) -> tuple[int, int]:
    """First start >= t at which alternative a of i can run and end by ``limit``, and its end."""
    c = p.way[a, CELL]
    j = p.op[i, JOB]
    begins = p.job[j, HOLDS] < p.job[j + 1, HOLDS] and s.job[j, BEGIN] < 0
    b = p.cell[c, BUFFER]
    while True:
        t, end = open_at(p, c, t, setup, p.way[a, DURATION], p.op[i, INTERRUPTIBLE])
        if end > limit:
            return NEVER, NEVER
        opened = t
        if setup > 0:
            for k in range(p.cell[c, SETUP_NEEDS], p.cell[c + 1, SETUP_NEEDS]):
                r = p.pairs[k, 0]
                room = p.resource[r, CAPACITY] - p.pairs[k, 1]
                u = next_fit(s.profile, r, room, t - setup, setup)
                t = max(t, u + setup)
        if t == opened:
            for k in range(p.way[a, NEEDS], p.way[a + 1, NEEDS]):
                r = p.pairs[k, 0]
                room = p.resource[r, CAPACITY] - p.pairs[k, 1]
                if p.op[i, INTERRUPTIBLE] != 0 and p.resource[r, WHILE_WORKING] != 0:
                    u = _work_fit(p, s, c, r, room, t, end)
                else:
                    u = next_fit(s.profile, r, room, t, end - t)
                if u > t:
                    t = u
                    break
        if t == opened and begins:
            for k in range(p.job[j, HOLDS], p.job[j + 1, HOLDS]):
                r = p.pairs[k, 0]
                room = p.resource[r, CAPACITY] - p.pairs[k, 1]
                t = max(t, free_from(s.profile, r, room, t, NEVER))
        if t == opened and b >= 0 and prev >= 0:
            leaves = _leaves(s, prev, follows)
            if t - setup < leaves:
                room = p.resource[b, CAPACITY] - 1
                u = free_from(s.profile, b, room, t - setup, leaves)
                t = max(t, min(u, leaves) + setup)
        if t >= FOREVER_MS:
            return NEVER, NEVER
        if t == opened:
            return t, end


@compiled
def _room_before(p: ProblemArrays, s: State, c: int, family: int, x: int) -> int:
    """When an operation of a family must end at the latest to go right before x; -1: never."""
    if p.cell[c, SETUPS] < 0:
        return s.op[x, START]
    setup = setup_time(p, c, family, s.op[x, SET_UP_FOR])
    at = s.op[x, START] - setup
    if setup <= s.op[x, SETUP]:
        return at
    if p.cell[c, SETUP_NEEDS] < p.cell[c + 1, SETUP_NEEDS] or at < p.now:
        return -1
    for k in range(p.cell[c, CLOSED], p.cell[c + 1, CLOSED]):
        if p.pairs[k, 0] < s.op[x, START] and at < p.pairs[k, 1]:
            return -1
    return at


@compiled
def earliest(
    p: ProblemArrays, s: State, i: int, a: int, count: int, not_before: int
) -> tuple[int, int, int, int]:
    """Where alternative a of operation i would start first: start, end, setup, operation before.

    ``s.before[:count]`` is what i follows. The start is NEVER if there is no room (yet).
    """
    c = p.way[a, CELL]
    j = p.op[i, JOB]
    family = p.way[a, FAMILY]
    ready = max(p.job[j, RELEASE], not_before)
    if s.job[j, BEGIN] > ready and p.job[j, HOLDS] < p.job[j + 1, HOLDS]:
        ready = s.job[j, BEGIN]
    follows = 0
    limited = p.cell[c, BUFFER] >= 0
    for k in range(count):
        b = s.before[k]
        ready = max(ready, s.op[b, END] + p.flat[p.cell[s.op[b, ON], WAYS_FROM] + c])
        if limited and b == s.cell[c, LAST_ON] and not _stays(p, i, c):
            follows = 1
    prev = s.cell[c, LAST_ON]
    if not limited:
        full = s.cell[c, FULL_TO]
        while prev >= 0 and prev != full and s.op[prev, START] > ready:
            prev = s.op[prev, PREVIOUS]
    while True:
        x = s.op[prev, FOLLOWING] if prev >= 0 else s.cell[c, FIRST_ON]
        limit = _room_before(p, s, c, family, x) if x >= 0 else NEVER - 1
        if limit >= ready + p.way[a, DURATION]:
            setup = setup_time(
                p, c, s.op[prev, SET_UP_FOR] if prev >= 0 else p.cell[c, INITIAL], family
            )
            free = max(s.op[prev, END], p.now) if prev >= 0 else p.now
            start, end = _fit(p, s, i, a, max(ready, free + setup), setup, limit, prev, follows)
            if start < NEVER:
                return start, end, setup, prev
        if x < 0:
            return NEVER, NEVER, 0, -1
        prev = x


@compiled
def _use(s: State, r: int, start: int, end: int, amount: int) -> None:
    if not add_use(s.profile, r, start, end, amount):
        s.flags[FULL] = 1


@compiled
def _use_setup(p: ProblemArrays, s: State, c: int, start: int, end: int, sign: int) -> None:
    for k in range(p.cell[c, SETUP_NEEDS], p.cell[c + 1, SETUP_NEEDS]):
        _use(s, p.pairs[k, 0], start, end, sign * p.pairs[k, 1])


@compiled
def _use_work(p: ProblemArrays, s: State, i: int, a: int, start: int, end: int) -> None:
    c = p.way[a, CELL]
    for k in range(p.way[a, NEEDS], p.way[a + 1, NEEDS]):
        r, amount = p.pairs[k, 0], p.pairs[k, 1]
        at = start
        if p.op[i, INTERRUPTIBLE] != 0 and p.resource[r, WHILE_WORKING] != 0 and s.op[i, FACT] == 0:
            for m in range(p.cell[c, CLOSED], p.cell[c + 1, CLOSED]):
                if p.pairs[m, 1] <= at:
                    continue
                if p.pairs[m, 0] >= end:
                    break
                _use(s, r, at, p.pairs[m, 0], amount)
                at = p.pairs[m, 1]
        _use(s, r, at, end, amount)


@compiled
def _settle(p: ProblemArrays, s: State, b: int) -> None:
    """All successors of b are placed: its part leaves the buffer when the last one fetches it."""
    leaves = s.op[b, LEAVES] if s.op[b, ELSEWHERE] != 0 else s.op[b, END]
    if s.op[b, MOVED] >= 0:
        _use(s, p.cell[s.op[b, ON], BUFFER], max(s.op[b, MOVED], leaves), NEVER, -1)
        s.flags[EVENTS] += 1


@compiled
def _fill(p: ProblemArrays, s: State, c: int, full: int) -> None:
    """Note how far the cell has become full, from the operation up to which it was."""
    free = s.op[full, END] if full >= 0 else p.now
    x = s.op[full, FOLLOWING] if full >= 0 else s.cell[c, FIRST_ON]
    while x >= 0 and s.op[x, START] - free < p.cell[c, SHORTEST]:
        free = max(free, s.op[x, END])
        s.cell[c, FULL_TO] = x
        x = s.op[x, FOLLOWING]


@compiled
def place(
    p: ProblemArrays,
    s: State,
    i: int,
    a: int,
    c: int,
    start: int,
    end: int,
    setup: int,
    prev: int,
    count: int,
) -> None:
    """Put an operation where `earliest` found room; ``a`` may be -1 for frozen work."""
    x = s.op[prev, FOLLOWING] if prev >= 0 else s.cell[c, FIRST_ON]
    s.op[i, START], s.op[i, END], s.op[i, ON], s.op[i, WAY] = start, end, c, a
    s.op[i, SET_UP_FOR] = p.way[a, FAMILY] if a >= 0 else -1
    s.op[i, SETUP] = setup
    s.op[i, SEQUENCE] = s.flags[PLACED]
    s.flags[PLACED] += 1
    s.op[i, PREVIOUS], s.op[i, FOLLOWING] = prev, x
    if prev >= 0:
        s.op[prev, FOLLOWING] = i
    else:
        s.cell[c, FIRST_ON] = i
    if x >= 0:
        s.op[x, PREVIOUS] = i
        now = setup_time(p, c, s.op[i, SET_UP_FOR], s.op[x, SET_UP_FOR])
        if now != s.op[x, SETUP]:
            _use_setup(p, s, c, s.op[x, START] - s.op[x, SETUP], s.op[x, START], -1)
            _use_setup(p, s, c, s.op[x, START] - now, s.op[x, START], 1)
            s.op[x, SETUP] = now
    else:
        s.cell[c, LAST_ON] = i
    full = s.cell[c, FULL_TO]
    if full == prev or full < 0:
        _fill(p, s, c, full)
    if a >= 0:
        _use_work(p, s, i, a, start, end)
    if setup > 0:
        _use_setup(p, s, c, start - setup, start, 1)
    for k in range(count):
        b = s.before[k]
        if p.cell[s.op[b, ON], BUFFER] >= 0:
            waited_for = not _stays(p, i, s.op[b, ON])
            if waited_for:
                s.op[b, PENDING] -= 1
            if s.op[b, ON] != c:
                s.op[b, ELSEWHERE] = 1
                s.op[b, LEAVES] = max(
                    s.op[b, LEAVES],
                    start - p.flat[p.cell[s.op[b, ON], WAYS_FROM] + c],
                    s.op[b, END],
                )
            if waited_for and s.op[b, PENDING] == 0:
                _settle(p, s, b)
    if p.cell[c, BUFFER] >= 0 and prev >= 0:
        leaves = _leaves(s, prev, 0)
        gone = max(s.op[prev, END], start - setup)
        if gone < leaves:
            _use(s, p.cell[c, BUFFER], gone, leaves, 1)
            s.op[prev, MOVED] = gone
    j = p.op[i, JOB]
    if p.job[j, HOLDS] < p.job[j + 1, HOLDS] and s.job[j, BEGIN] < 0:
        for k in range(p.job[j, HOLDS], p.job[j + 1, HOLDS]):
            _use(s, p.pairs[k, 0], start, NEVER, p.pairs[k, 1])
    if s.job[j, BEGIN] < 0 or start < s.job[j, BEGIN]:
        s.job[j, BEGIN] = start
    s.job[j, FINISH] = max(s.job[j, FINISH], end)
    s.job[j, LEFT] -= 1
    if s.job[j, LEFT] == 0 and p.job[j, HOLDS] < p.job[j + 1, HOLDS]:
        for k in range(p.job[j, HOLDS], p.job[j + 1, HOLDS]):
            _use(s, p.pairs[k, 0], s.job[j, FINISH], NEVER, -p.pairs[k, 1])
        s.flags[EVENTS] += 1
    if p.cell[c, BUFFER] >= 0 and s.op[i, PENDING] > 0:
        # Nobody knows yet where the next operations run, but for those that can run here only.
        for o in range(p.job[j, FIRST], p.job[j + 1, FIRST]):
            if s.op[o, LEFT_OUT] == 0 and s.op[o, ON] < 0 and _stays(p, o, c):
                for k in range(gather_before(p, s, o)):
                    if s.before[k] == i:
                        s.op[i, PENDING] -= 1


@compiled
def place_frozen(p: ProblemArrays, s: State) -> None:
    """Put the frozen operations where they are, in the order of their starts."""
    for k in range(p.frozen.shape[0]):
        i, c = p.frozen[k, 0], p.frozen[k, 1]
        s.op[i, FACT] = 1
        way = -1
        for a in range(p.op[i, WAYS], p.op[i + 1, WAYS]):
            if p.way[a, CELL] == c:
                way = a
        count = _frozen_before(p, s, i)
        place(p, s, i, way, c, p.frozen[k, 2], p.frozen[k, 3], 0, s.cell[c, LAST_ON], count)


@compiled
def _frozen_before(p: ProblemArrays, s: State, i: int) -> int:
    """Predecessors of a frozen operation that are placed (all, unless the facts contradict)."""
    from_state = gather_before(p, s, i)
    count = 0
    for k in range(from_state):
        if s.op[s.before[k], ON] >= 0:
            s.before[count] = s.before[k]
            count += 1
    return count

"""A plan that is being built: where each operation lies, and what is in use when."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

import planners.scheduling.columns as columns
from planners.compiled import compiled_lean as compiled
from planners.scheduling.arrays import Ints, ProblemArrays
from planners.scheduling.columns import (
    BASE,
    BEGIN,
    BUFFER,
    ELSEWHERE,
    FACT,
    FINISH,
    FIRST,
    FIRST_ON,
    GROUP,
    LAST_ON,
    LEAVES,
    LEFT,
    LEFT_OUT,
    MOVED,
    ON,
    PENDING,
    PREDECESSORS,
    SEEN,
    SETUP,
    WAY,
)

FULL = 0
"""Flag: a profile had no room for another step; the state must be made larger."""
EVENTS = 1
"""Flag that counts how often something that had no known end was given back."""
STAMP = 2
"""Flag that counts the walks through optional work, to mark what a walk has seen."""
PLACED = 3
"""Flag that counts what is placed."""


class State(NamedTuple):
    """Work space of one thread; filled by `reset`. The columns are named in `columns`."""

    op: Ints
    """(operations, columns)"""
    cell: Ints
    """(cells, columns)"""
    job: Ints
    """(jobs, columns)"""
    profile: Ints
    """(cumulative resources, 2, steps), see `profiles`"""
    before: Ints
    """Scratch: what the operation at hand follows."""
    stack: Ints
    waiting: Ints
    flags: Ints


def new_state(p: ProblemArrays, spare: int = 1) -> State:
    """Work space for a problem; ``spare`` multiplies the room for interrupted work."""
    n, cells, jobs = len(p.op) - 1, len(p.cell) - 1, len(p.job) - 1
    resources = len(p.resource) - 1
    base = int(np.diff(p.resource[:, columns.BASE]).max()) if resources else 0
    steps = base + spare * (4 * n + 2 * jobs) + 8 if resources else 1
    return State(
        op=np.full((n, columns.STATE_OF_OPERATION), -1, dtype=np.int64),
        cell=np.full((cells, columns.STATE_OF_CELL), -1, dtype=np.int64),
        job=np.full((jobs, columns.STATE_OF_JOB), -1, dtype=np.int64),
        profile=np.zeros((resources, 2, steps), dtype=np.int64),
        before=np.zeros(n + 1, dtype=np.int64),
        stack=np.zeros(n + len(p.flat) + 1, dtype=np.int64),
        waiting=np.zeros(n + 1, dtype=np.int64),
        flags=np.zeros(4, dtype=np.int64),
    )


@compiled
def gather_before(p: ProblemArrays, s: State, i: int) -> int:
    """Fill ``s.before`` with what i follows, looking through what is left out; the number of it."""
    count = 0
    top = 0
    for k in range(p.op[i, PREDECESSORS], p.op[i + 1, PREDECESSORS]):
        s.stack[top] = p.flat[k]
        top += 1
    if p.groups == 0:
        for k in range(top):
            s.before[k] = s.stack[k]
        return top
    s.flags[STAMP] += 1
    while top > 0:
        top -= 1
        b = s.stack[top]
        if s.op[b, SEEN] == s.flags[STAMP]:
            continue
        s.op[b, SEEN] = s.flags[STAMP]
        if s.op[b, LEFT_OUT] == 0:
            s.before[count] = b
            count += 1
            continue
        for k in range(p.op[b, PREDECESSORS], p.op[b + 1, PREDECESSORS]):
            s.stack[top] = p.flat[k]
            top += 1
    return count


@compiled
def reset(p: ProblemArrays, s: State, groups: Ints) -> None:
    """An empty plan; ``groups`` says per group of optional work whether it is done (1) or not."""
    n = p.op.shape[0] - 1
    for i in range(n):
        s.op[i, WAY] = -1
        s.op[i, ON] = -1
        s.op[i, SETUP] = 0
        s.op[i, FACT] = 0
        s.op[i, LEFT_OUT] = 1 if p.op[i, GROUP] >= 0 and groups[p.op[i, GROUP]] == 0 else 0
    s.cell[:, FIRST_ON] = -1
    s.cell[:, LAST_ON] = -1
    for j in range(p.job.shape[0] - 1):
        s.job[j, BEGIN] = -1
        s.job[j, FINISH] = 0
        left = 0
        for i in range(p.job[j, FIRST], p.job[j + 1, FIRST]):
            left += 1 - s.op[i, LEFT_OUT]
        s.job[j, LEFT] = left
    limited = False
    for c in range(p.cell.shape[0] - 1):
        limited = limited or p.cell[c, BUFFER] >= 0
    if limited:
        for i in range(n):
            s.op[i, PENDING] = 0
            s.op[i, LEAVES] = -1
            s.op[i, ELSEWHERE] = 0
            s.op[i, MOVED] = -1
        for i in range(n):
            if s.op[i, LEFT_OUT] == 0:
                for k in range(gather_before(p, s, i)):
                    s.op[s.before[k], PENDING] += 1
    for r in range(p.resource.shape[0] - 1):
        at = p.resource[r, BASE]
        length = p.resource[r + 1, BASE] - at
        for k in range(length):
            s.profile[r, 0, k] = p.pairs[at + k, 0]
            s.profile[r, 1, k] = p.pairs[at + k, 1]
        s.profile[r, 0, s.profile.shape[2] - 1] = length
    s.flags[FULL] = 0
    s.flags[EVENTS] = 0
    s.flags[PLACED] = 0

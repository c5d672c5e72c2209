"""The verifier rejects a thousand plans that were damaged at random, each in a way that matters."""

from __future__ import annotations

import random
from dataclasses import replace
from itertools import pairwise

import pytest

from planners.scheduling import FOREVER_MS, ObjectiveWeights, best_of, verify
from planners.scheduling.generate import generate
from planners.scheduling.schedule import evaluate
from planners.scheduling.verify import ViolationKind

WEIGHTS = ObjectiveWeights()
PLANTS = 10
DAMAGES = 100


def shorter(problem, plan, rng):
    """Work that ends before it is done."""
    a = rng.choice(plan)
    return problem, swap(plan, a, end_ms=a.end_ms - 1)


def sooner(problem, plan, rng):
    """An operation that starts before its predecessor ends."""
    ends = {(a.job, a.operation): a.end_ms for a in plan}
    late = [
        (a, p)
        for a in plan
        for p in problem.jobs[a.job].operations[a.operation].predecessors
        if (a.job, p) in ends
    ]
    a, p = rng.choice(late)
    return problem, moved(plan, a, ends[a.job, p] - 1)


def on_top(problem, plan, rng):
    """Two operations on a cell at once."""
    a, b = rng.choice([(a, b) for a in plan for b in plan if a.cell == b.cell and a is not b])
    return problem, moved(plan, a, b.start_ms)


def elsewhere(problem, plan, rng):
    """An operation on a cell that cannot run it."""
    a = rng.choice(plan)
    able = {w.cell for w in problem.jobs[a.job].operations[a.operation].alternatives}
    others = [c for c in range(len(problem.cells)) if c not in able]
    return problem, swap(plan, a, cell=rng.choice(others or [len(problem.cells)]))


def early(problem, plan, rng):
    """Work before anything may start."""
    a = rng.choice(plan)
    later = replace(problem, earliest_start_ms=a.start_ms + 1)
    return later, plan


def lost(problem, plan, rng):
    """An operation that nobody does."""
    must = {
        (j, o)
        for j, job in enumerate(problem.jobs)
        for o in range(len(job.operations))
        if not any(o in part.operations for part in job.optional)
    }
    a = rng.choice([a for a in plan if (a.job, a.operation) in must])
    return problem, tuple(b for b in plan if b is not a)


def twice(problem, plan, rng):
    """An operation that is done twice."""
    a = rng.choice(plan)
    return problem, (*plan, replace(a, start_ms=a.start_ms + 10**9, end_ms=a.end_ms + 10**9))


def closed(problem, plan, rng):
    """A cell that closes in the middle of work which cannot pause, or at its start."""
    a = rng.choice(plan)
    cell = problem.cells[a.cell]
    shut = replace(cell, unavailable=(*cell.unavailable, (a.start_ms, a.start_ms + 1)))
    cells = tuple(shut if c == a.cell else other for c, other in enumerate(problem.cells))
    return replace(problem, cells=cells), plan


def unfetched(problem, plan, rng):
    """A transport that takes longer than there is time."""
    ends = {(a.job, a.operation): a for a in plan}
    a, b = rng.choice(
        [
            (ends[b.job, p], b)
            for b in plan
            for p in problem.jobs[b.job].operations[b.operation].predecessors
            if (b.job, p) in ends and ends[b.job, p].cell != b.cell
        ]
    )
    matrix = [list(row) for row in problem.transport_ms]
    matrix[a.cell][b.cell] = b.start_ms - a.end_ms + 1
    return replace(problem, transport_ms=tuple(map(tuple, matrix))), plan


def unstaffed(problem, plan, rng):
    """Everybody with a skill is away while it is needed."""
    a, skill = rng.choice([(a, k) for a in plan for k, _ in way_of(problem, a).crew])
    away = ((a.start_ms, a.start_ms + 1),)
    operators = tuple(
        replace(o, unavailable=(*o.unavailable, *away)) if skill in o.skills else o
        for o in problem.operators
    )
    return replace(problem, operators=operators), plan


def without_fixture(problem, plan, rng):
    """A fixture that is away while it is needed."""
    a, r = rng.choice([(a, r) for a in plan for r, _ in way_of(problem, a).needs])
    gone = replace(problem.resources[r], unavailable=((a.end_ms - 1, FOREVER_MS),))
    resources = tuple(gone if k == r else x for k, x in enumerate(problem.resources))
    return replace(problem, resources=resources), plan


def without_pallet(problem, plan, rng):
    """One pallet less than jobs hold at once."""
    count = {}
    for j, job in enumerate(problem.jobs):
        own = [a for a in plan if a.job == j]
        if job.holds:
            t = rng.choice(own).start_ms
            count[t] = sum(
                bool(other.holds)
                and min(a.start_ms for a in plan if a.job == k) <= t
                and max(a.end_ms for a in plan if a.job == k) > t
                for k, other in enumerate(problem.jobs)
            )
    fewer = replace(problem.resources[1], capacity=max(count.values()) - 1)
    return replace(problem, resources=(problem.resources[0], fewer)), plan


def weaker(problem, plan, rng):
    """A peak limit below what one operation draws."""
    a = rng.choice([a for a in plan if way_of(problem, a).power_w])
    return replace(problem, peak_power_w=way_of(problem, a).power_w - 1), plan


def slower_setup(problem, plan, rng):
    """A setup for which there is no time."""
    rows = []
    for c, cell in enumerate(problem.cells):
        own = sorted((a for a in plan if a.cell == c), key=lambda a: a.start_ms)
        rows += [(c, a, b) for a, b in pairwise(own) if cell.setups]
    c, a, b = rng.choice(rows)
    setups = [list(row) for row in problem.cells[c].setups]
    setups[way_of(problem, a).family][way_of(problem, b).family] = b.start_ms - a.end_ms + 1
    changed = replace(problem.cells[c], setups=tuple(map(tuple, setups)))
    cells = tuple(changed if k == c else cell for k, cell in enumerate(problem.cells))
    return replace(problem, cells=cells), plan


def without_rack(problem, plan, rng):
    """No place in a buffer in which a part waits."""
    at = {(a.job, a.operation): a for a in plan}
    fetched = {}
    for b in plan:
        for p in problem.jobs[b.job].operations[b.operation].predecessors:
            a = at.get((b.job, p))
            if a is not None and a.cell != b.cell:
                fetched[a] = max(fetched.get(a, 0), b.start_ms - problem.transport(a.cell, b.cell))
    waiting = []
    for c, cell in enumerate(problem.cells):
        own = sorted((a for a in plan if a.cell == c), key=lambda a: a.start_ms)
        waiting += [
            cell.output_buffer
            for a, following in pairwise(own)
            if cell.output_buffer is not None and fetched.get(a, 0) > following.start_ms
        ]
    gone = rng.choice(waiting)
    buffers = tuple(
        replace(buffer, places=0) if k == gone else buffer
        for k, buffer in enumerate(problem.buffers)
    )
    return replace(problem, buffers=buffers), plan


EXPECTED: dict[object, tuple[ViolationKind, ...]] = {
    shorter: ("duration", "calendar"),
    sooner: ("precedence", "earliest_start"),
    on_top: ("overlap",),
    elsewhere: ("cell", "unknown"),
    early: ("earliest_start",),
    lost: ("missing",),
    twice: ("duplicate",),
    closed: ("calendar",),
    unfetched: ("transport",),
    unstaffed: ("crew",),
    without_fixture: ("resource",),
    without_pallet: ("resource",),
    weaker: ("peak",),
    slower_setup: ("setup",),
    without_rack: ("blocking",),
}


def way_of(problem, a):
    ways = problem.jobs[a.job].operations[a.operation].alternatives
    return next(w for w in ways if w.cell == a.cell)


def swap(plan, a, **change):
    return tuple(replace(b, **change) if b is a else b for b in plan)


def moved(plan, a, start):
    start = max(0, start)
    return swap(plan, a, start_ms=start, end_ms=start + a.end_ms - a.start_ms)


@pytest.mark.parametrize("seed", range(PLANTS))
def test_every_damaged_plan_is_rejected(seed):
    rng = random.Random(seed)
    problem = generate(seed, jobs=10, cells=5)
    sound = best_of(problem, WEIGHTS)
    assert verify(problem, sound) == []
    kinds = list(EXPECTED)
    for k in range(DAMAGES):
        damage = kinds[k % len(kinds)]
        try:
            damaged, plan = damage(problem, sound.assignments, rng)
        except IndexError:  # this plan has nothing that could be damaged in this way
            damage = shorter
            damaged, plan = damage(problem, sound.assignments, rng)
        if damage is not elsewhere:
            # Its terms are stated right, so that nothing but the damage can be at fault.
            objective = evaluate(damaged, plan, WEIGHTS) if damage is not lost else sound.objective
            stated = replace(sound, assignments=plan, objective=objective)
        else:
            stated = replace(sound, assignments=plan)
        found = {violation.kind for violation in verify(damaged, stated)}
        assert found & set(EXPECTED[damage]), (damage.__name__, found)

"""Small problems in which everything couples, and the best of all their plans by enumeration."""

from __future__ import annotations

from itertools import product

from hypothesis import strategies as st

from planners.scheduling import (
    Alternative,
    Assignment,
    Buffer,
    Cell,
    InfeasibleProblem,
    Job,
    ObjectiveWeights,
    Operation,
    Operator,
    OptionalWork,
    Resource,
    SchedulingProblem,
    Skill,
    Tariff,
    best_of,
    verify,
)
from planners.scheduling.schedule import Schedule, evaluate

CELLS = 2
WEIGHTS = ObjectiveWeights(
    tardiness=10.0,
    setup=0.5,
    energy=1e6,
    labour=1e6,
    left_out=1.0,
    moved=3.0,
    resequenced=2.0,
    shifted=0.25,
)
"""A watt-millisecond and a man-millisecond cost about as much as a millisecond."""


@st.composite
def intervals(draw, most: int = 1) -> tuple[tuple[int, int], ...]:
    starts = draw(st.lists(st.integers(1, 9), max_size=most))
    return tuple((start, start + draw(st.integers(1, 3))) for start in starts)


@st.composite
def alternatives(draw, longest: int) -> tuple[Alternative, ...]:
    cells = sorted(draw(st.sets(st.integers(0, CELLS - 1), min_size=1)))
    return tuple(
        Alternative(
            c,
            draw(st.integers(1, longest)),
            draw(st.integers(0, 1)),
            needs=draw(st.sampled_from(((), (), ((0, 1),)))),
            crew=draw(st.sampled_from(((), (), ((0, 1),), ((1, 1),)))),
            power_w=draw(st.sampled_from((0, 1, 2))),
        )
        for c in cells
    )


@st.composite
def coupled_jobs(draw, number: int, count: int, longest: int) -> Job:
    operations = tuple(
        Operation(
            f"{number}.{o}",
            draw(alternatives(longest)),
            tuple(sorted(draw(st.sets(st.integers(0, o - 1))))) if o else (),
            interruptible=draw(st.integers(0, 3)) == 0,
        )
        for o in range(count)
    )
    optional: tuple[OptionalWork, ...] = ()
    if count > 1 and draw(st.integers(0, 2)) == 0:
        which = draw(st.integers(0, count - 1))
        optional = (OptionalWork("rework", (which,), draw(st.sampled_from((1.0, 20.0)))),)
    return Job(
        f"job {number}",
        operations,
        release_ms=draw(st.integers(0, 2)),
        due_ms=draw(st.none() | st.integers(0, 8)),
        weight=draw(st.sampled_from((0.5, 1.0, 2.0))),
        holds=draw(st.sampled_from(((), ((1, 1),)))),
        optional=optional,
    )


@st.composite
def coupled_problems(
    draw, *, most_operations: int = 3, longest: int = 2, frozen: bool = True
) -> SchedulingProblem:
    sizes = draw(
        st.lists(st.integers(1, 3), min_size=1, max_size=3).filter(
            lambda s: sum(s) <= most_operations
        )
    )
    jobs = tuple(draw(coupled_jobs(j, count, longest)) for j, count in enumerate(sizes))
    limited = draw(st.booleans())
    cells = tuple(
        Cell(
            f"cell {c}",
            draw(intervals()),
            setups=draw(st.sampled_from(((), ((0, 1), (2, 0))))),
            initial_family=None,
            setup_crew=draw(st.sampled_from(((), ((0, 1),)))),
            output_buffer=0 if limited and draw(st.booleans()) else None,
            setup_power_w=draw(st.sampled_from((0, 1))),
            standby_power_w=draw(st.sampled_from((0, 0, 1))),
        )
        for c in range(CELLS)
    )
    problem = SchedulingProblem(
        cells,
        jobs,
        resources=(Resource("fixture", 1, draw(intervals())), Resource("pallet", 1)),
        skills=(Skill("handling", 0.9), Skill("checking", 1.8)),
        operators=(
            Operator("a", (0,), draw(intervals())),
            Operator("b", draw(st.sampled_from(((1,), (0, 1))))),
        ),
        buffers=(Buffer("between", draw(st.integers(0, 1))),),
        transport_ms=draw(st.sampled_from(((), ((0, 1), (1, 0))))),
        tariff=Tariff(draw(st.sampled_from((((0, 900.0),), ((0, 1800.0), (5, 900.0)))))),
        peak_power_w=draw(st.sampled_from((None, 3))),
    )
    if frozen and draw(st.integers(0, 2)) == 0:
        return _some_frozen(problem, draw(st.integers(1, most_operations)))
    return problem


def _some_frozen(problem: SchedulingProblem, count: int) -> SchedulingProblem:
    """The same problem a little later: what has begun by then is frozen, all is published."""
    try:
        plan = best_of(problem, WEIGHTS)
    except InfeasibleProblem:
        return problem
    now = sorted(a.start_ms for a in plan.assignments)[min(count, len(plan.assignments)) - 1]
    return SchedulingProblem(
        problem.cells,
        problem.jobs,
        tuple(a for a in plan.assignments if a.start_ms < now),
        now,
        problem.resources,
        problem.skills,
        problem.operators,
        problem.buffers,
        problem.transport_ms,
        problem.tariff,
        problem.peak_power_w,
        plan.assignments,
    )


def best_of_all(problem: SchedulingProblem, horizon: int) -> float | None:
    """Least value of any plan that ends by the horizon: every start, cell and choice is tried."""
    facts = {(a.job, a.operation): a for a in problem.frozen}
    keys = [(j, o) for j, job in enumerate(problem.jobs) for o in job.order]
    options: list[list[Assignment | None]] = []
    for j, o in keys:
        if (j, o) in facts:
            options.append([facts[j, o]])
            continue
        job = problem.jobs[j]
        some: list[Assignment | None] = []
        if any(o in part.operations for part in job.optional):
            some.append(None)
        first = max(job.release_ms, problem.earliest_start_ms)
        for way in job.operations[o].alternatives:
            longest = way.duration_ms
            if job.operations[o].interruptible:
                longest += sum(b - a for a, b in problem.cells[way.cell].unavailable)
            some.extend(
                Assignment(j, o, way.cell, start, start + length)
                for start in range(first, horizon)
                for length in range(way.duration_ms, longest + 1)
                if start + length <= horizon
            )
        options.append([a for a in some if a is None or _alone(problem, a)])
    best = None
    for chosen in product(*options):
        plan = tuple(a for a in chosen if a is not None)
        if not _ordered(problem, plan):
            continue
        objective = evaluate(problem, plan, WEIGHTS)
        if best is not None and objective.value >= best:
            continue
        if not verify(problem, Schedule(plan, "feasible", "all", objective)):
            best = objective.value
    return best


def _alone(problem: SchedulingProblem, a: Assignment) -> bool:
    """Whether one assignment keeps its calendar and works as long as it must."""
    closed = problem.cells[a.cell].unavailable
    way = next(
        w for w in problem.jobs[a.job].operations[a.operation].alternatives if w.cell == a.cell
    )
    if any(s <= a.start_ms < e or s < a.end_ms <= e for s, e in closed):
        return False
    inside = sum(max(0, min(e, a.end_ms) - max(s, a.start_ms)) for s, e in closed)
    return a.end_ms - a.start_ms - inside == way.duration_ms


def _ordered(problem: SchedulingProblem, plan: tuple[Assignment, ...]) -> bool:
    """A quick look at order and overlap, before the verifier is asked."""
    ends = {(a.job, a.operation): a.end_ms for a in plan}
    for a in plan:
        for p in problem.jobs[a.job].operations[a.operation].predecessors:
            if ends.get((a.job, p), 0) > a.start_ms:
                return False
    for c in range(CELLS):
        at = 0
        for a in sorted((a for a in plan if a.cell == c), key=lambda a: a.start_ms):
            if a.start_ms < at:
                return False
            at = a.end_ms
    return True

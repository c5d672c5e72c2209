"""The variables of the model: when each operation runs, where, and whether at all."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from ortools.sat.python import cp_model

from planners.scheduling.bounds import Bounds, may_be_left_out, remaining_work
from planners.scheduling.costs import alternative_of
from planners.scheduling.problem import FOREVER_MS, Alternative, Assignment, SchedulingProblem

Key = tuple[int, int]
"""(job, operation)"""


@dataclass(frozen=True, slots=True)
class Window:
    """What may change: everything that is ``fixed`` is a fact to the model, like frozen work.

    Free operations lie within ``begin_ms`` and ``end_ms``. Optional work of which nothing is free
    stays done or left out.
    """

    free: frozenset[Key]
    fixed: Mapping[Key, Assignment]
    begin_ms: int
    end_ms: int


@dataclass(frozen=True, slots=True)
class Choice:
    """One way to run an operation: chosen or not, and its work as an optional interval."""

    way: Alternative
    chosen: cp_model.IntVar
    work: cp_model.IntervalVar
    pauses: bool
    """Whether the work may be interrupted by a closed time."""


@dataclass(slots=True)
class OperationVariables:
    """When an operation starts and ends; one that is left out takes no time."""

    start: cp_model.IntVar
    end: cp_model.IntVar
    present: cp_model.IntVar
    choices: tuple[Choice, ...]
    fact: Assignment | None = None
    hold: cp_model.IntVar | None = None
    """Until when the part keeps its cell, where a buffer is limited."""
    leaves: cp_model.IntVar | None = None
    """When the part is fetched for good."""


@dataclass(slots=True)
class Variables:
    """The model with the variables that everything else refers to."""

    problem: SchedulingProblem
    bounds: Bounds
    explain: bool = False
    """Whether limits may be switched off one by one, to see which are in conflict."""
    window: Window | None = None
    """What may change; by default all that is not frozen."""
    model: cp_model.CpModel = field(default_factory=cp_model.CpModel)
    operations: dict[Key, OperationVariables] = field(default_factory=dict)
    groups: dict[tuple[int, int], cp_model.IntVar] = field(default_factory=dict)
    """Per (job, optional part): whether it is done."""
    assumptions: dict[str, cp_model.IntVar] = field(default_factory=dict)
    horizon: int = 0
    exact: bool = True
    """Whether every plan of the model is a plan of the problem, and its objective the same."""

    def is_settled(self, key: Key) -> bool:
        """Whether a window leaves an operation as it is, so that what it costs does not matter."""
        return self.window is not None and self.operations[key].fact is not None

    def limit(self, name: str) -> cp_model.IntVar:
        """A literal that stands for a limit: true, unless conflicts are to be explained."""
        if not self.explain:
            return self.model.new_constant(1)
        if name not in self.assumptions:
            self.assumptions[name] = self.model.new_bool_var(name)
        return self.assumptions[name]


def add_variables(
    problem: SchedulingProblem,
    bounds: Bounds,
    *,
    explain: bool = False,
    end_by: int | None = None,
    window: Window | None = None,
) -> Variables:
    """Start, end, presence and choices of every operation.

    Args:
        problem: What to plan.
        bounds: Its bounds.
        explain: Whether limits may be switched off one by one.
        end_by: When everything has to be done; by default there is time enough for every plan.
        window: What may change; by default all that is not frozen.
    """
    v = Variables(problem, bounds, explain, window)
    v.horizon = _horizon(problem) if end_by is None else end_by
    decided = problem.decided_optional()
    part_of: dict[Key, cp_model.IntVar] = {}
    for j, job in enumerate(problem.jobs):
        for k, part in enumerate(job.optional):
            done = decided.get((j, k))
            if window is not None and done is None:
                done = _done_already(window, {(j, o) for o in part.operations})
            literal = (
                v.model.new_bool_var(f"done {j}.{k}")
                if done is None
                else v.model.new_constant(int(done))
            )
            v.groups[j, k] = literal
            for o in part.operations:
                part_of[j, o] = literal
    facts = problem.frozen_by_key() | dict(window.fixed if window is not None else {})
    for j, job in enumerate(problem.jobs):
        tails = remaining_work(problem, j)
        optional = may_be_left_out(problem, j)
        for o in job.order:
            if (j, o) in facts:
                v.operations[j, o] = _fact(v, facts[j, o])
                continue
            present = part_of.get((j, o)) if o in optional else None
            latest = v.horizon - tails[o]
            v.operations[j, o] = _operation(v, (j, o), present, latest)
    return v


def _done_already(window: Window, part: set[Key]) -> bool | None:
    """Whether a window finds optional work done (True), left out (False), or undecided."""
    if any(key in window.fixed for key in part):
        return True
    return None if part & window.free else False


def _fact(v: Variables, a: Assignment) -> OperationVariables:
    model = v.model
    yes = model.new_constant(1)
    start, end = model.new_constant(a.start_ms), model.new_constant(a.end_ms)
    way = alternative_of(v.problem, a) or Alternative(a.cell, a.end_ms - a.start_ms)
    work = model.new_fixed_size_interval_var(a.start_ms, a.end_ms - a.start_ms, "frozen")
    return OperationVariables(start, end, yes, (Choice(way, yes, work, False),), fact=a)


def _operation(
    v: Variables, key: Key, present: cp_model.IntVar | None, latest: int
) -> OperationVariables:
    model, name = v.model, f"{key[0]}.{key[1]}"
    operation = v.problem.jobs[key[0]].operations[key[1]]
    yes = model.new_constant(1)
    earliest = v.bounds.earliest_start_ms[key]
    shortest = 0 if present is not None else min(w.duration_ms for w in operation.alternatives)
    if v.window is not None and present is None:  # what is left out lies between its neighbours
        earliest = max(earliest, v.window.begin_ms)
        latest = min(latest, v.window.end_ms - shortest)
    start = model.new_int_var(earliest, latest, f"start {name}")
    end = model.new_int_var(earliest + shortest, latest + shortest, f"end {name}")
    choices = []
    for way in operation.alternatives:
        if len(operation.alternatives) == 1:
            chosen = yes if present is None else present
        else:
            chosen = model.new_bool_var(f"on {name}.{way.cell}")
        pauses = operation.interruptible and any(
            closed < v.horizon for closed, _ in v.problem.cells[way.cell].unavailable
        )
        if pauses:
            work = _pausing_work(v, way, start, end, chosen, name)
        else:
            work = model.new_optional_interval_var(
                start, way.duration_ms, end, chosen, f"run {name}.{way.cell}"
            )
        choices.append(Choice(way, chosen, work, pauses))
    if len(choices) > 1 and present is None:
        model.add_exactly_one(c.chosen for c in choices)
    elif len(choices) > 1:
        model.add(sum(c.chosen for c in choices) == present)
    if present is None and not any(c.pauses for c in choices):
        # The intervals say so one by one; only in one line does the relaxation know it, too.
        model.add(end == start + sum(c.way.duration_ms * c.chosen for c in choices))
    if present is not None:
        model.add(end == start).only_enforce_if(present.Not())
    return OperationVariables(start, end, yes if present is None else present, tuple(choices))


def _pausing_work(
    v: Variables,
    way: Alternative,
    start: cp_model.IntVar,
    end: cp_model.IntVar,
    chosen: cp_model.IntVar,
    name: str,
) -> cp_model.IntervalVar:
    """Work that goes on after closed times; each lies before, after, or within its span."""
    model = v.model
    pauses = []
    limit = v.limit(f"calendar of cell {v.problem.cells[way.cell].name!r}")
    for k, (closed, opened) in enumerate(v.problem.cells[way.cell].unavailable):
        if closed >= v.horizon:
            break
        before, after, within = (
            model.new_bool_var(f"{kind} {name}.{way.cell}.{k}")
            for kind in ("before", "after", "within")
        )
        model.add_exactly_one(before, after, within)
        model.add(end <= closed).only_enforce_if(before, chosen, limit)
        model.add(start >= opened).only_enforce_if(after, chosen, limit)
        model.add(start < closed).only_enforce_if(within, chosen, limit)
        model.add(end > opened).only_enforce_if(within, chosen, limit)
        # Without this a free cell (conflicts only) could pause at will.
        pauses.append((opened - closed) * within)
    size = model.new_int_var(way.duration_ms, v.horizon, f"span {name}.{way.cell}")
    model.add(size == way.duration_ms + sum(pauses)).only_enforce_if(chosen)
    return model.new_optional_interval_var(start, size, end, chosen, f"run {name}.{way.cell}")


def _horizon(problem: SchedulingProblem) -> int:
    """An end by which every plan that does not wait without reason is done, ms.

    Once every date, closed time, price change and frozen operation is past, something always
    works, is set up or under way.
    """
    dates = [problem.earliest_start_ms, *(job.release_ms for job in problem.jobs)]
    calendars = [problem.blocked(cell) for cell in range(len(problem.cells))]
    calendars += [resource.unavailable for resource in problem.resources]
    calendars += [operator.unavailable for operator in problem.operators]
    dates.extend(end for some in calendars for _, end in some if end < FOREVER_MS)
    dates.extend(at for at, _ in problem.tariff.steps)
    dates.extend(a.end_ms for a in problem.published)
    transport = max((max(row) for row in problem.transport_ms), default=0)
    setup = max((max(row) for cell in problem.cells for row in cell.setups), default=0)
    work = sum(
        max(alternative.duration_ms for alternative in operation.alternatives) + setup + transport
        for job in problem.jobs
        for operation in job.operations
    )
    return min(FOREVER_MS, max(dates) + work)

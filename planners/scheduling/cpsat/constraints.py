"""What a plan must keep: order and transport, one operation per cell, dates, identical units."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import pairwise

from ortools.sat.python import cp_model

from planners.scheduling.bounds import remaining_work
from planners.scheduling.cpsat.variables import Choice, Key, OperationVariables, Variables
from planners.scheduling.problem import Assignment
from planners.scheduling.tidy import identical_jobs


def add_precedence(v: Variables) -> None:
    """Operations follow their predecessors, after the way between the cells."""
    for (j, o), after in v.operations.items():
        operation = v.problem.jobs[j].operations[o]
        if after.fact is not None and all(
            v.operations[j, p].fact is not None for p in operation.predecessors
        ):
            continue
        for p in operation.predecessors:
            v.model.add(after.start >= v.operations[j, p].end)
        if not v.problem.transport_ms:
            continue
        for before, absent in followed(v, (j, o)):
            for a in v.operations[before].choices:
                for b in after.choices:
                    way = v.problem.transport(a.way.cell, b.way.cell)
                    if way > 0:
                        v.model.add(after.start >= v.operations[before].end + way).only_enforce_if(
                            a.chosen, b.chosen, *absent
                        )


def followed(v: Variables, key: Key) -> Iterator[tuple[Key, tuple[cp_model.IntVar, ...]]]:
    """What an operation may directly follow, and what must be left out between for that."""
    j, o = key
    stack: list[tuple[int, tuple[cp_model.IntVar, ...]]] = [
        (p, ()) for p in sorted(set(v.problem.jobs[j].operations[o].predecessors))
    ]
    optional = {
        member: v.groups[j, k]
        for k, part in enumerate(v.problem.jobs[j].optional)
        for member in part.operations
    }
    while stack:
        p, absent = stack.pop()
        yield (j, p), absent
        if p in optional and v.operations[j, p].fact is None:
            without = (*absent, optional[p].Not())
            stack.extend((q, without) for q in set(v.problem.jobs[j].operations[p].predecessors))


def add_holds(v: Variables) -> None:
    """Where a buffer is limited, a part keeps its cell until it is fetched or has a place."""
    limited = [cell.output_buffer is not None for cell in v.problem.cells]
    if not any(limited):
        return
    fetchers: dict[Key, list[tuple[Key, tuple[cp_model.IntVar, ...]]]] = {}
    for key in v.operations:
        for before, absent in followed(v, key):
            fetchers.setdefault(before, []).append((key, absent))
    model = v.model
    for key, variables in v.operations.items():
        if key not in fetchers or not any(limited[c.way.cell] for c in variables.choices):
            continue
        name = f"{key[0]}.{key[1]}"
        if variables.fact is not None:
            leaves = _fetched(v, variables.fact, [after for after, _ in fetchers[key]])
            if leaves is not None:
                if leaves > variables.fact.end_ms:
                    variables.leaves = model.new_constant(leaves)
                    variables.hold = model.new_int_var(
                        variables.fact.end_ms, leaves, f"hold {name}"
                    )
                continue
        variables.leaves = model.new_int_var(0, v.horizon, f"leaves {name}")
        variables.hold = model.new_int_var(0, v.horizon, f"hold {name}")
        model.add(variables.leaves >= variables.end)
        model.add(variables.hold >= variables.end)
        model.add(variables.hold <= variables.leaves)
        for after, absent in fetchers[key]:
            for a in variables.choices:
                for b in v.operations[after].choices:
                    if a.way.cell != b.way.cell and limited[a.way.cell]:
                        way = v.problem.transport(a.way.cell, b.way.cell)
                        start = v.operations[after].start
                        model.add(variables.leaves >= start - way).only_enforce_if(
                            a.chosen, b.chosen, *absent
                        )


def _fetched(v: Variables, part: Assignment, by: list[Key]) -> int | None:
    """When a part is fetched for good, ms, if all that may fetch it are facts."""
    leaves = part.end_ms
    for key in by:
        after = v.operations[key].fact
        if after is None:
            return None
        if after.cell != part.cell:
            leaves = max(leaves, after.start_ms - v.problem.transport(part.cell, after.cell))
    return leaves


def add_cells(v: Variables) -> None:
    """One operation at a time on each cell, in its open times."""
    for c in range(len(v.problem.cells)):
        members = on_cell(v, c)
        whole = [_stay(v, op, choice) for _, op, choice in members if op.fact is None]
        for run in runs_of_facts(v, c):
            whole += _occupied(v, run)
        if not any(op.fact is None or op.hold is not None for _, op, _ in members):
            continue
        v.model.add_no_overlap(whole)
        closed = closed_intervals(v, c)
        if closed:
            v.model.add_no_overlap(
                [choice.work for _, op, choice in members if op.fact is None and not choice.pauses]
                + closed
            )


Fact = tuple[Key, OperationVariables, Assignment]


def runs_of_facts(v: Variables, c: int) -> list[list[Fact]]:
    """The facts of a cell in turn; those between which nothing new finds room are together."""
    members = on_cell(v, c)
    facts = sorted(
        ((key, op, op.fact) for key, op, _ in members if op.fact is not None),
        key=lambda fact: (fact[2].start_ms, fact[2].end_ms),
    )
    shortest = min((way.way.duration_ms for _, op, way in members if op.fact is None), default=None)
    begin, end = v.problem.earliest_start_ms, v.horizon
    if v.window is not None:
        begin, end = v.window.begin_ms, v.window.end_ms
    runs: list[list[Fact]] = []
    for fact in facts:
        if runs:
            room = min(fact[2].start_ms, end) - max(runs[-1][-1][2].end_ms, begin)
            if shortest is None or room < shortest:
                runs[-1].append(fact)
                continue
        runs.append([fact])
    return runs


def _occupied(v: Variables, run: list[Fact]) -> list[cp_model.IntervalVar]:
    """The times that a run of facts takes, and that its last part may stay on."""
    first, (_, op, last) = run[0][2], run[-1]
    for (_, before, _), (_, _, after) in pairwise(run):
        if before.hold is not None:
            v.model.add(before.hold <= after.start_ms)
    length = last.end_ms - first.start_ms
    taken = [v.model.new_fixed_size_interval_var(first.start_ms, length, "taken")]
    if op.hold is not None:
        size = v.model.new_int_var(0, v.horizon, "stay")
        taken.append(v.model.new_interval_var(last.end_ms, size, op.hold, "stay"))
    return taken


def closed_intervals(v: Variables, c: int) -> list[cp_model.IntervalVar]:
    """The closed times of a cell."""
    cell = v.problem.cells[c]
    if not cell.unavailable:
        return []
    limit = v.limit(f"calendar of cell {cell.name!r}")
    return [
        v.model.new_optional_fixed_size_interval_var(start, end - start, limit, f"closed {c}")
        for start, end in cell.unavailable
    ]


def on_cell(v: Variables, c: int) -> list[tuple[Key, OperationVariables, Choice]]:
    """The operations that may run on a cell."""
    return [
        (key, variables, choice)
        for key, variables in v.operations.items()
        for choice in variables.choices
        if choice.way.cell == c
    ]


def _stay(v: Variables, variables: OperationVariables, choice: Choice) -> cp_model.IntervalVar:
    """How long an operation keeps its cell."""
    buffer = v.problem.cells[choice.way.cell].output_buffer
    if variables.hold is None or buffer is None:
        return choice.work
    size = v.model.new_int_var(0, v.horizon, "stay")
    return v.model.new_optional_interval_var(
        variables.start, size, variables.hold, choice.chosen, "stay"
    )


def add_loads(v: Variables, makespan: cp_model.IntVar) -> None:
    """A cell cannot do more than fits between its first possible start and its last possible end.

    Work on the cell is followed, in its job, by no less than the least tail of all of it.
    """
    if v.explain:
        return
    tails: dict[Key, int] = {}
    for j, job in enumerate(v.problem.jobs):
        for o, chain in enumerate(remaining_work(v.problem, j)):
            shortest = min(way.duration_ms for way in job.operations[o].alternatives)
            tails[j, o] = max(0, chain - shortest)
    for c in range(len(v.problem.cells)):
        members = [(key, choice) for key, op, choice in on_cell(v, c) if op.fact is None]
        if not members:
            continue
        head = min(v.bounds.earliest_start_ms[key] for key, _ in members)
        closed = sum(
            max(0, min(end, v.bounds.makespan_ms) - max(start, head))
            for start, end in v.problem.blocked(c)
        )
        work = sum(choice.way.duration_ms * choice.chosen for _, choice in members)
        # Closed time is counted as far as the bound, into which the tail may reach.
        tail = 0 if closed else min(tails[key] for key, _ in members)
        v.model.add(work + closed + head + tail <= makespan)


def add_symmetry_breaking(v: Variables) -> None:
    """Identical units start in order: every plan can be renamed to do so."""
    for group in identical_jobs(v.problem):
        for first, second in pairwise(group):
            v.model.add(v.operations[first, 0].start <= v.operations[second, 0].start)

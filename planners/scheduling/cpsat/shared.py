"""What cells share: resources, people (as sets of skills), the peak of power, buffers."""

from __future__ import annotations

from collections.abc import Callable
from itertools import accumulate

from ortools.sat.python import cp_model

from planners.scheduling.costs import working_times
from planners.scheduling.cpsat.setups import Setup
from planners.scheduling.cpsat.variables import Variables
from planners.scheduling.crew import skill_sets
from planners.scheduling.intervals import Intervals
from planners.scheduling.problem import Alternative

Use = tuple[cp_model.IntervalVar, int]


def add_shared(v: Variables, setups: list[Setup]) -> None:
    """One cumulative constraint for each thing that is shared."""
    problem = v.problem
    for r, resource in enumerate(problem.resources):
        uses = [
            (choice.work, amount)
            for op in v.operations.values()
            if op.fact is None
            for choice in op.choices
            for need, amount in choice.way.needs
            if need == r
        ]
        needs = [dict(cell.setup_needs).get(r, 0) for cell in problem.cells]
        uses += _of_setups(setups, needs)
        facts = [
            (op.fact.start_ms, op.fact.end_ms, amount)
            for op in v.operations.values()
            if op.fact is not None
            for need, amount in op.choices[0].way.needs
            if need == r
        ]
        facts += _settled_setups(setups, needs)
        held, held_by_facts = _held_by_jobs(v, r)
        uses += held
        facts += held_by_facts
        off = [resource.unavailable] * resource.capacity
        _cumulative(v, f"resource {resource.name!r}", resource.capacity, uses, facts, off)
    for people in skill_sets(problem):
        names = ", ".join(repr(problem.skills[k].name) for k in people.skills)
        members = set(people.skills)
        wants = [sum(n for k, n in cell.setup_crew if k in members) for cell in problem.cells]
        uses, facts = _of_work(v, _wanted_of(set(people.skills)))
        uses += _of_setups(setups, wants)
        facts += _settled_setups(setups, wants)
        _cumulative(v, f"operators with skills {names}", people.people, uses, facts, people.off)
    if problem.peak_power_w is not None:
        uses, facts = _of_work(v, lambda w: w.power_w)
        power = [cell.setup_power_w for cell in problem.cells]
        uses += _of_setups(setups, power)
        facts += _settled_setups(setups, power)
        _cumulative(v, "peak power", problem.peak_power_w, uses, facts, ())
    for b, buffer in enumerate(problem.buffers):
        _cumulative(v, f"buffer {buffer.name!r}", buffer.places, _waiting_parts(v, b), [], ())


def _wanted_of(skills: set[int]) -> Callable[[Alternative], int]:
    """People that a way to run an operation wants with one of some skills."""
    return lambda way: sum(amount for skill, amount in way.crew if skill in skills)


def _of_work(
    v: Variables, amount_of: Callable[[Alternative], int]
) -> tuple[list[Use], list[tuple[int, int, int]]]:
    """Uses while operations work. Work with pauses is left to the verifier: the model is wider."""
    uses: list[Use] = []
    facts: list[tuple[int, int, int]] = []
    frozen = v.problem.frozen_by_key()
    for key, op in v.operations.items():
        for choice in op.choices:
            amount = amount_of(choice.way)
            if not amount:
                continue
            if op.fact is not None:
                pieces = working_times(v.problem, op.fact, frozen=key in frozen)
                facts += [(start, end, amount) for start, end in pieces]
            elif choice.pauses:
                v.exact = False
            else:
                uses.append((choice.work, amount))
    return uses, facts


def _of_setups(setups: list[Setup], amount_on_cell: list[int]) -> list[Use]:
    return [
        (setup.interval, amount_on_cell[setup.cell])
        for setup in setups
        if setup.interval is not None and amount_on_cell[setup.cell]
    ]


def _settled_setups(setups: list[Setup], amount_on_cell: list[int]) -> list[tuple[int, int, int]]:
    return [
        (*setup.fact, amount_on_cell[setup.cell])
        for setup in setups
        if setup.fact is not None and amount_on_cell[setup.cell]
    ]


def _held_by_jobs(v: Variables, r: int) -> tuple[list[Use], list[tuple[int, int, int]]]:
    """What jobs hold from their first start to their last end; what they hold as a fact."""
    uses: list[Use] = []
    facts: list[tuple[int, int, int]] = []
    model = v.model
    for j, job in enumerate(v.problem.jobs):
        amount = dict(job.holds).get(r, 0)
        if not amount:
            continue
        known = [v.operations[j, o].fact for o in range(len(job.operations))]
        settled = [fact for fact in known if fact is not None]
        if len(settled) == len(known):
            begin_ms = min(fact.start_ms for fact in settled)
            facts.append((begin_ms, max(fact.end_ms for fact in settled), amount))
            continue
        begin = model.new_int_var(0, v.horizon, f"job {j} begins")
        finish = model.new_int_var(0, v.horizon, f"job {j} finishes")
        size = model.new_int_var(0, v.horizon, f"job {j} takes")
        for o in range(len(job.operations)):
            op = v.operations[j, o]
            model.add(begin <= op.start).only_enforce_if(op.present)
            model.add(finish >= op.end).only_enforce_if(op.present)
        uses.append((model.new_interval_var(begin, size, finish, f"job {j}"), amount))
    return uses, facts


def _waiting_parts(v: Variables, b: int) -> list[Use]:
    uses: list[Use] = []
    for (j, o), op in v.operations.items():
        if op.hold is None or op.leaves is None:
            continue
        for choice in op.choices:
            if v.problem.cells[choice.way.cell].output_buffer == b:
                size = v.model.new_int_var(0, v.horizon, f"waits {j}.{o}")
                waits = v.model.new_optional_interval_var(
                    op.hold, size, op.leaves, choice.chosen, f"waits {j}.{o}"
                )
                uses.append((waits, 1))
    return uses


def _profile(
    off: tuple[Intervals, ...] | list[Intervals], facts: list[tuple[int, int, int]]
) -> list[tuple[int, int]]:
    """(time, use from then on) of what is off, one each, and of facts, as much as they use."""
    changes: dict[int, int] = {}
    for start, end, amount in [*((*span, 1) for some in off for span in some), *facts]:
        changes[start] = changes.get(start, 0) + amount
        changes[end] = changes.get(end, 0) - amount
    return list(zip(sorted(changes), accumulate(changes[t] for t in sorted(changes)), strict=True))


def _cumulative(
    v: Variables,
    name: str,
    capacity: int,
    uses: list[Use],
    facts: list[tuple[int, int, int]],
    off: tuple[Intervals, ...] | list[Intervals],
) -> None:
    """At most ``capacity`` at any time, less what is off; facts may exceed it on their own."""
    if not uses:
        return
    base = _profile(off, facts)
    model = v.model
    limit = v.limit(name)
    intervals = [interval for interval, _ in uses]
    demands = [amount for _, amount in uses]
    for k, (at, use) in enumerate(base):
        end = base[k + 1][0] if k + 1 < len(base) else v.horizon
        if use > 0 and end > at:
            intervals.append(
                model.new_optional_fixed_size_interval_var(at, end - at, limit, f"{name} taken")
            )
            demands.append(min(use, capacity))
    if v.explain:
        most = sum(demands) + capacity
        room = model.new_int_var(0, most, f"{name} room")
        model.add(room <= capacity).only_enforce_if(limit)
        model.add_cumulative(intervals, demands, room)
    else:  # never add_no_overlap: a setup or a wait of 0 ms may lie in the middle of another use
        model.add_cumulative(intervals, demands, capacity)

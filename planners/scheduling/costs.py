"""What a plan costs beside time: setups, energy, labour, deviation from the published plan."""

from __future__ import annotations

from bisect import bisect_right
from itertools import accumulate, groupby, pairwise

from planners.scheduling.problem import Alternative, Assignment, SchedulingProblem

MS_PER_H = 3_600_000
W_MS_PER_KWH = 3_600_000_000

Plan = tuple[Assignment, ...]
Setups = dict[tuple[int, int], int]
"""Per (job, operation): length in ms of the setup that ends at its start."""


def setups_before(problem: SchedulingProblem, plan: Plan) -> Setups:
    """The setup before each operation of a plan."""
    setups: Setups = {}
    if not any(cell.setups for cell in problem.cells):
        return setups
    frozen = {(a.job, a.operation) for a in problem.frozen}
    for c, members in groupby(sorted(plan, key=_in_turn), lambda a: a.cell):
        cell = problem.cells[c]
        before, before_is_fact = cell.initial_family, True
        for a in members:
            key, way = (a.job, a.operation), alternative_of(problem, a)
            family = way.family if way is not None else None
            is_fact = key in frozen
            if family is not None and not (is_fact and before_is_fact):
                setups[key] = cell.setup_ms(before, family)
            before, before_is_fact = family, is_fact
    return setups


def _in_turn(a: Assignment) -> tuple[int, int, int]:
    return a.cell, a.start_ms, a.end_ms


class Prices:
    """The price of energy, integrated."""

    def __init__(self, problem: SchedulingProblem) -> None:
        steps = problem.tariff.steps
        self._at = [at for at, _ in steps]
        self._price = [price for _, price in steps]
        paid = (price * (after - at) for (at, price), (after, _) in pairwise(steps))
        self._paid = list(accumulate(paid, initial=0.0))

    def until(self, ms: int) -> float:
        """Integral of the price per kWh from 0, in price times ms."""
        i = bisect_right(self._at, ms) - 1
        return self._paid[i] + self._price[i] * (ms - self._at[i])

    def between(self, start_ms: int, end_ms: int) -> float:
        """Integral of the price per kWh, in price times ms."""
        return self.until(end_ms) - self.until(start_ms)


def working_times(
    problem: SchedulingProblem, a: Assignment, *, frozen: bool
) -> list[tuple[int, int]]:
    """When an assignment works: all the time, or, if it is interruptible, while its cell is open.

    Frozen work is taken to work all the time.
    """
    operation = problem.jobs[a.job].operations[a.operation]
    if not operation.interruptible or frozen:
        return [(a.start_ms, a.end_ms)]
    pieces, start = [], a.start_ms
    for closed_from, closed_to in problem.cells[a.cell].unavailable:
        if closed_to <= start:
            continue
        if closed_from >= a.end_ms:
            break
        pieces.append((start, closed_from))
        start = closed_to
    pieces.append((start, a.end_ms))
    return pieces


def energy_cost(problem: SchedulingProblem, plan: Plan, setups: Setups) -> float:
    """What the energy of work, setups and standby costs."""
    if not any(price for _, price in problem.tariff.steps):
        return 0.0
    prices = Prices(problem)
    frozen = set(problem.frozen)
    total = 0.0
    uses: dict[int, list[tuple[int, int]]] = {}
    for a in plan:
        alternative = alternative_of(problem, a)
        power = alternative.power_w if alternative is not None else 0
        cell = problem.cells[a.cell]
        setup = (a.start_ms - setups.get((a.job, a.operation), 0), a.start_ms)
        works = working_times(problem, a, frozen=a in frozen)
        total += power * sum(prices.between(*piece) for piece in works)
        total += cell.setup_power_w * prices.between(*setup)
        if cell.standby_power_w:
            uses.setdefault(a.cell, []).extend([setup, *works])
    for c, pieces in uses.items():
        first, last = min(start for start, _ in pieces), max(end for _, end in pieces)
        waiting = prices.between(first, last) - sum(prices.between(*piece) for piece in pieces)
        total += problem.cells[c].standby_power_w * waiting
    return total / W_MS_PER_KWH


def labour_cost(problem: SchedulingProblem, plan: Plan, setups: Setups) -> float:
    """What the people cost while they are needed."""
    if not any(skill.cost_per_h for skill in problem.skills):
        return 0.0
    total = 0.0
    frozen = set(problem.frozen)
    for a in plan:
        alternative = alternative_of(problem, a)
        worked = sum(end - start for start, end in working_times(problem, a, frozen=a in frozen))
        for skill, amount in alternative.crew if alternative is not None else ():
            total += amount * worked * problem.skills[skill].cost_per_h
        for skill, amount in problem.cells[a.cell].setup_crew:
            setup = setups.get((a.job, a.operation), 0)
            total += amount * setup * problem.skills[skill].cost_per_h
    return total / MS_PER_H


def deviation(problem: SchedulingProblem, plan: Plan) -> tuple[int, int, int]:
    """Operations on another cell than published, neighbours swapped, ms of shifted starts.

    Neighbours are counted where both stayed on their cell and now start the other way round.
    Operations that only one of the two plans has do not count.
    """
    if not problem.published:
        return 0, 0, 0
    now = {(a.job, a.operation): a for a in plan}
    both = [(a, now[a.job, a.operation]) for a in problem.published if (a.job, a.operation) in now]
    moved = sum(old.cell != new.cell for old, new in both)
    shifted = sum(abs(old.start_ms - new.start_ms) for old, new in both)
    swapped = sum(
        now[first].cell == now[second].cell == cell and now[first].start_ms > now[second].start_ms
        for cell, first, second in published_neighbours(problem)
        if first in now and second in now
    )
    return moved, swapped, shifted


def published_neighbours(
    problem: SchedulingProblem,
) -> list[tuple[int, tuple[int, int], tuple[int, int]]]:
    """(cell, first, second): operations that follow each other on a cell of the published plan."""
    by_cell = sorted(problem.published, key=lambda a: (a.cell, a.start_ms, a.job, a.operation))
    return [
        (a.cell, (a.job, a.operation), (b.job, b.operation))
        for a, b in pairwise(by_cell)
        if a.cell == b.cell
    ]


def alternative_of(problem: SchedulingProblem, a: Assignment) -> Alternative | None:
    """The way in which an assignment runs; None if its cell was never meant for it (frozen)."""
    for alternative in problem.jobs[a.job].operations[a.operation].alternatives:
        if alternative.cell == a.cell:
            return alternative
    return None

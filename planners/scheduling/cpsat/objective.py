"""What the model minimises: the weighted terms of the objective as integers.

Coefficients are rounded down where they are no multiples of a common unit, so that CP-SAT's bound
always bounds the true value. Energy of work that pauses is counted at the least price, and standby
not at all: then, too, the bound holds, and only the bound.
"""

from __future__ import annotations

import math

from ortools.sat.python import cp_model

from planners.scheduling.costs import MS_PER_H, W_MS_PER_KWH, published_neighbours
from planners.scheduling.cpsat.setups import Setup
from planners.scheduling.cpsat.variables import OperationVariables, Variables
from planners.scheduling.schedule import ObjectiveWeights

MAX_OBJECTIVE = 2**58
"""Largest objective value that is stated; CP-SAT computes in 64-bit integers."""
UNIT = 1000
"""Weights that are multiples of 1 / UNIT are exact."""
PRICE_UNIT = 10_000
"""Prices are rounded down to multiples of 1 / PRICE_UNIT."""


class Terms:
    """Collects the terms: (weight, integer expression, its largest value)."""

    def __init__(self, v: Variables) -> None:
        self.v = v
        self.terms: list[tuple[float, cp_model.LinearExprT, int]] = []
        self.constant = 0.0

    def add(self, weight: float, expression: cp_model.LinearExprT, most: int) -> None:
        """Add a term that is at least 0 and at most ``most``."""
        if weight > 0:
            self.terms.append((weight, expression, max(1, most)))

    def minimize(self) -> tuple[float, bool]:
        """State the objective; its scale, and whether the coefficients are exact."""
        if not self.terms:
            self.v.model.minimize(0)
            return 1.0, True
        scale, coefficients = self._coefficients()
        self.v.model.minimize(
            sum(c * term for c, (_, term, _) in zip(coefficients, self.terms, strict=True))
        )
        exact = all(
            math.isclose(c, weight * scale, rel_tol=1e-12)
            for c, (weight, _, _) in zip(coefficients, self.terms, strict=True)
        )
        return scale, exact

    def _coefficients(self) -> tuple[float, list[int]]:
        weights = [weight for weight, _, _ in self.terms]
        scaled = [round(weight * UNIT) for weight in weights]
        if all(
            math.isclose(s, weight * UNIT, rel_tol=1e-12)
            for s, weight in zip(scaled, weights, strict=True)
        ):
            divisor = math.gcd(*scaled)
            coefficients, scale = [s // divisor for s in scaled], UNIT / divisor
            if self._size(coefficients) <= MAX_OBJECTIVE:
                return scale, coefficients
        scale = MAX_OBJECTIVE / sum(weight * most for weight, _, most in self.terms)
        scale = min(2.0 ** math.floor(math.log2(scale)), 2.0**20)
        return scale, [math.floor(weight * scale) for weight in weights]

    def _size(self, coefficients: list[int]) -> int:
        return sum(c * most for c, (_, _, most) in zip(coefficients, self.terms, strict=True))


def add_objective(
    v: Variables, setups: list[Setup], makespan: cp_model.IntVar, weights: ObjectiveWeights
) -> tuple[float, bool]:
    """All terms; the scale of the integer objective, and whether it is exact."""
    terms = Terms(v)
    terms.add(weights.makespan, makespan, v.horizon)
    _tardiness(v, terms, weights)
    for setup in setups:
        if setup.fact is not None:
            continue
        most = max(max(row) for row in v.problem.cells[setup.cell].setups)
        labour = sum(
            n * v.problem.skills[k].cost_per_h for k, n in v.problem.cells[setup.cell].setup_crew
        )
        weight = weights.setup + weights.labour * labour / MS_PER_H
        power = v.problem.cells[setup.cell].setup_power_w
        least = min(price for _, price in v.problem.tariff.steps)
        if power and any(price > least for _, price in v.problem.tariff.steps):
            v.exact = False
        terms.add(weight + weights.energy * power * least / W_MS_PER_KWH, setup.length, most)
    _labour(v, terms, weights)
    _energy(v, terms, weights)
    for (j, k), done in v.groups.items():
        cost = v.problem.jobs[j].optional[k].left_out_cost
        terms.add(weights.left_out * cost, 1 - done, 1)
    _stability(v, terms, weights)
    return terms.minimize()


def _tardiness(v: Variables, terms: Terms, weights: ObjectiveWeights) -> None:
    for j, job in enumerate(v.problem.jobs):
        if job.due_ms is None or job.weight == 0 or weights.tardiness == 0:
            continue
        if all(v.is_settled((j, o)) for o in range(len(job.operations))):
            continue
        least = max(0, v.bounds.completion_ms[j] - job.due_ms)
        late = v.model.new_int_var(least, max(v.horizon, least), f"tardiness {j}")
        for o in range(len(job.operations)):
            op = v.operations[j, o]
            v.model.add(late >= op.end - job.due_ms).only_enforce_if(op.present)
        terms.add(weights.tardiness * job.weight, late, v.horizon)


def _labour(v: Variables, terms: Terms, weights: ObjectiveWeights) -> None:
    skills = v.problem.skills
    if not any(skill.cost_per_h for skill in skills) or weights.labour == 0:
        return
    for key, op in v.operations.items():
        for choice in () if v.is_settled(key) else op.choices:
            rate = sum(n * skills[k].cost_per_h for k, n in choice.way.crew) / MS_PER_H
            worked = _worked(op, choice.way.duration_ms)
            terms.add(weights.labour * rate * worked, choice.chosen, 1)


def _worked(op: OperationVariables, duration_ms: int) -> int:
    return duration_ms if op.fact is None else op.fact.end_ms - op.fact.start_ms


def _energy(v: Variables, terms: Terms, weights: ObjectiveWeights) -> None:
    prices = [price for _, price in v.problem.tariff.steps]
    if not any(prices) or weights.energy == 0:
        return
    if any(cell.standby_power_w for cell in v.problem.cells):
        v.exact = False
    least = min(prices)
    varies = max(prices) > least
    for key, op in v.operations.items():
        powered = [choice for choice in op.choices if choice.way.power_w]
        if v.is_settled(key):
            continue
        for choice in powered:
            cost = choice.way.power_w * least * _worked(op, choice.way.duration_ms) / W_MS_PER_KWH
            terms.add(weights.energy * cost, choice.chosen, 1)
        if not (varies and powered) or op.fact is not None:
            v.exact = v.exact and not (varies and powered)
            continue
        if any(choice.pauses for choice in powered):
            v.exact = False
            continue
        _above_least_price(v, terms, weights, op, f"{key[0]}.{key[1]}")


def _above_least_price(
    v: Variables, terms: Terms, weights: ObjectiveWeights, op: OperationVariables, name: str
) -> None:
    """What an operation pays above the least price: piecewise linear in its start and end."""
    steps = v.problem.tariff.steps
    least = min(price for _, price in steps)
    above = [(at, math.floor((price - least) * PRICE_UNIT)) for at, price in steps]
    if any(
        not math.isclose(p, (price - least) * PRICE_UNIT, rel_tol=1e-9, abs_tol=1e-9)
        for (_, p), (_, price) in zip(above, steps, strict=True)
    ):
        v.exact = False
    model = v.model
    most = max(p for _, p in above) * v.horizon
    paid: list[cp_model.IntVar] = []
    for what, t in (("start", op.start), ("end", op.end)):
        integral = model.new_int_var(0, most, f"paid at {what} {name}")
        within, total = [], 0
        ends = [at for at, _ in above[1:]] + [v.horizon]
        for (at, price), end in zip(above, ends, strict=True):
            if at > v.horizon:
                break
            step = model.new_bool_var(f"{what} {name} after {at}")
            model.add_linear_constraint(t, at, min(end, v.horizon)).only_enforce_if(step)
            model.add(integral == total + price * (t - at)).only_enforce_if(step)
            within.append(step)
            total += price * (end - at)
        model.add_exactly_one(within)
        paid.append(integral)
    powers = {choice.way.power_w for choice in op.choices}
    scale = weights.energy / (PRICE_UNIT * W_MS_PER_KWH)
    if len(powers) == 1:
        terms.add(scale * powers.pop(), paid[1] - paid[0], most)
        return
    for choice in op.choices:
        if choice.way.power_w:
            here = model.new_int_var(0, most, f"paid {name}.{choice.way.cell}")
            model.add(here >= paid[1] - paid[0]).only_enforce_if(choice.chosen)
            terms.add(scale * choice.way.power_w, here, most)


def _stability(v: Variables, terms: Terms, weights: ObjectiveWeights) -> None:
    model = v.model
    where = {}
    for a in v.problem.published:
        op = v.operations[a.job, a.operation]
        here = [choice.chosen for choice in op.choices if choice.way.cell == a.cell]
        where[a.job, a.operation] = here[0] if here else model.new_constant(0)
        if v.is_settled((a.job, a.operation)):
            continue
        for choice in op.choices:
            if choice.way.cell != a.cell:
                terms.add(weights.moved, choice.chosen, 1)
        if weights.shifted:
            shift = model.new_int_var(0, v.horizon, f"shift {a.job}.{a.operation}")
            model.add(shift >= op.start - a.start_ms).only_enforce_if(op.present)
            model.add(shift >= a.start_ms - op.start).only_enforce_if(op.present)
            terms.add(weights.shifted, shift, v.horizon)
    if weights.resequenced:
        for _, first, second in published_neighbours(v.problem):
            if v.is_settled(first) and v.is_settled(second):
                continue
            swapped = model.new_bool_var(f"swapped {first} {second}")
            model.add(v.operations[first].start <= v.operations[second].start).only_enforce_if(
                swapped.Not(), where[first], where[second]
            )
            terms.add(weights.resequenced, swapped, 1)


def least_makespan(v: Variables) -> cp_model.IntVar:
    """The makespan, at least every end."""
    most = max(v.horizon, v.bounds.makespan_ms)
    makespan = v.model.new_int_var(v.bounds.makespan_ms, most, "makespan")
    settled = (op.fact.end_ms for op in v.operations.values() if op.fact is not None)
    v.model.add(makespan >= max(settled, default=0))
    for op in v.operations.values():
        if op.fact is None:
            v.model.add(makespan >= op.end).only_enforce_if(op.present)
    return makespan

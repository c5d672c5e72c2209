"""Dispatch rules: a feasible plan in milliseconds, and the floor under every other engine.

The rules themselves are compiled (`compiled.rules`); the list rules, which are the fastest, decode
an order that is fixed before anything is placed. Where buffers, pallets and their like make a rule
run into a deadlock, jobs are planned one after the other instead, each with all its operations:
behind what is planned already there is always room.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from planners.scheduling.errors import InfeasibleProblem
from planners.scheduling.problem import Assignment, SchedulingProblem
from planners.scheduling.schedule import ObjectiveWeights, Schedule, evaluate

if TYPE_CHECKING:
    from planners.scheduling.decoder import Decoder, Genes


@dataclass(frozen=True, slots=True)
class Rule:
    """A dispatch rule: its number in `compiled.rules` and the scaling of slack and of setups."""

    number: int
    k_slack: float = 2.0
    k_setup: float = 0.2


LIST_BY_LATEST_START, LIST_BY_EARLIEST_START = 100, 101
"""Numbers of the list rules."""

RULES: dict[str, Rule] = {
    "LST": Rule(LIST_BY_LATEST_START),
    "EST": Rule(LIST_BY_EARLIEST_START),
    "ATC": Rule(5, 2.0),
    "ECT": Rule(2),
    "EDD": Rule(4),
    "FIFO": Rule(3),
    "MWKR": Rule(1),
    "SPT": Rule(0),
}
"""Latest and earliest start of the job alone (list rules), apparent tardiness cost, earliest
completion time, earliest due date, first in first out, most work remaining, shortest processing
time."""

TUNED_ATC = tuple(Rule(5, k) for k in (0.5, 1.0, 4.0))
TUNED_ATCS = tuple(Rule(6, k, setup) for k in (1.0, 2.0, 4.0) for setup in (0.1, 0.3, 1.0))
"""ATC with setups; which scaling is good depends on how tight dates and how long setups are."""


def dispatch(problem: SchedulingProblem, rule: Rule | str) -> tuple[Assignment, ...]:
    """Build an active schedule with one rule.

    Raises:
        InfeasibleProblem: An operation found no room before the end of time. For a calendar that
            never ends this is no proof that no plan exists.
    """
    dispatcher = Dispatcher(problem)
    dispatcher.run(RULES[rule] if isinstance(rule, str) else rule, ObjectiveWeights())
    return dispatcher.decoder.assignments()


class Dispatcher:
    """Applies rules to one problem; keeps the work space between them."""

    def __init__(self, problem: SchedulingProblem) -> None:
        from planners.scheduling.compiled import rules
        from planners.scheduling.decoder import Decoder, default_groups, topological

        self.problem = problem
        self.decoder: Decoder = Decoder(problem)
        arrays = self.decoder.arrays
        p = arrays.problem
        if len(p.op) > rules.MAX_OPERATIONS:
            raise ValueError(f"more than {rules.MAX_OPERATIONS} operations")
        self._waiting = rules.new_waiting(p)
        self.groups = default_groups(arrays)
        order = topological(problem, list(range(len(problem.jobs))))
        self._work = max(1.0, rules.tails(p, order, self._waiting.tail))
        setups = [ms for cell in problem.cells for row in cell.setups for ms in row if ms > 0]
        self._setup = sum(setups) / len(setups) if setups else 1.0

    def run(self, rule: Rule, weights: ObjectiveWeights) -> tuple[float, float]:
        """Plan by one rule, or job after job if the rule gets stuck; the plan is in the decoder.

        Returns:
            Value of the plan and the sum of its starts.

        Raises:
            InfeasibleProblem: An operation found no room.
        """
        from planners.scheduling.compiled import decode, rules

        if rule.number in (LIST_BY_LATEST_START, LIST_BY_EARLIEST_START):
            stuck = self.decoder.decode(self._list(rule.number))
            if stuck != decode.DONE:
                self._job_after_job(int(stuck))
            return self.decoder.score(self.groups, weights)
        while True:
            stuck = rules.dispatch(
                self.decoder.arrays.problem,
                self.decoder.arrays.cost,
                self.decoder.state,
                self._waiting,
                self.groups,
                rule.number,
                rule.k_slack,
                rule.k_setup,
                self._work,
                self._setup,
            )
            if stuck != decode.NO_MEMORY:
                break
            self.decoder.enlarge()
        if stuck != decode.DONE:
            self._job_after_job(int(stuck))
        return self.decoder.score(self.groups, weights)

    def _list(self, number: int) -> Genes:
        """Genes in the order of a list rule; keys grow along every chain, so the order holds."""
        import numpy as np

        from planners.scheduling.columns import DUE, RELEASE
        from planners.scheduling.decoder import Genes

        arrays = self.decoder.arrays
        tail = self._waiting.tail[:-1]
        if not len(tail):
            return Genes(tail, tail, tail, self.groups)
        release = arrays.problem.job[arrays.job, RELEASE]
        if number == LIST_BY_EARLIEST_START:
            longest = np.maximum.reduceat(tail, arrays.first_operation[:-1])
            key = release + longest[arrays.job] - tail
        else:
            due = arrays.problem.job[arrays.job, DUE]
            key = np.where(due >= 0, due, max(0, int(due.max()))) - tail
        n = len(tail)
        return Genes(
            np.argsort(key, kind="stable").astype(np.int64),
            np.full(n, -1, dtype=np.int64),
            np.zeros(n, dtype=np.int64),
            self.groups,
        )

    def _job_after_job(self, stuck: int) -> None:
        """Place each job with all its operations before the next.

        Jobs with frozen operations come first: what they hold must be given back.

        Raises:
            InfeasibleProblem: An operation found no room.
        """
        import numpy as np

        from planners.scheduling.compiled import decode
        from planners.scheduling.decoder import Genes, no_place, topological

        problem = self.problem
        begun = {a.job for a in problem.frozen}

        def urgency(j: int) -> tuple[bool, float, int, int]:
            job = problem.jobs[j]
            due = float("inf") if job.due_ms is None else float(job.due_ms)
            return (j not in begun, due, job.release_ms, j)

        jobs = sorted(range(len(problem.jobs)), key=urgency)
        n = len(self.decoder.arrays.job)
        genes = Genes(
            topological(problem, jobs),
            np.full(n, -1, dtype=np.int64),
            np.zeros(n, dtype=np.int64),
            self.groups,
        )
        if self.decoder.decode(genes) != decode.DONE:
            raise no_place(problem, stuck)


def follow(problem: SchedulingProblem, plan: Schedule) -> tuple[Assignment, ...]:
    """Place operations in the order and on the cells of an earlier plan, as far as they still fit.

    Raises:
        InfeasibleProblem: An operation found no room.
    """
    from planners.scheduling.compiled import decode
    from planners.scheduling.decoder import Decoder, default_groups, genes_of, no_place

    known = tuple(
        a
        for a in plan.assignments
        if a.job < len(problem.jobs) and a.operation < len(problem.jobs[a.job].operations)
    )
    decoder = Decoder(problem)
    genes = genes_of(problem, known)
    planned = {(a.job, a.operation) for a in known}
    missing = [key for key in problem.operation_keys() if key not in planned]
    if missing:
        optional = [{o for part in job.optional for o in part.operations} for job in problem.jobs]
        if any(o not in optional[j] for j, o in missing):
            # Another problem: what the plan does not know is not left out for that.
            genes.groups = default_groups(decoder.arrays)
    genes.groups[decoder.arrays.group_decided == 0] = 0
    result = decoder.decode(genes)
    if result != decode.DONE:
        genes.choice[:] = -1
        result = decoder.decode(genes)
    if result != decode.DONE:
        raise no_place(problem, result)
    return decoder.assignments()


def best_of(
    problem: SchedulingProblem,
    weights: ObjectiveWeights | None = None,
    *,
    out_of_time: Callable[[], bool] = lambda: False,
    on_first: Callable[[Schedule], None] = lambda _schedule: None,
) -> Schedule:
    """The best plan of all rules; the first rule always runs to its end.

    Args:
        problem: What to plan.
        weights: How the objective's terms are traded.
        out_of_time: Asked between rules; True keeps what was found so far.
        on_first: Given the first plan at once.

    Raises:
        InfeasibleProblem: No rule found room for every operation.
    """
    weights = weights or ObjectiveWeights()
    rules = list(RULES.items())
    if any(job.due_ms is not None for job in problem.jobs):
        rules += [("ATC", rule) for rule in TUNED_ATC]
    if any(cell.setups for cell in problem.cells):
        rules += [("ATCS", rule) for rule in TUNED_ATCS]
    dispatcher = Dispatcher(problem)
    best: tuple[Assignment, ...] | None = None
    best_rank, best_name = (0.0, 0.0), ""
    failure: InfeasibleProblem | None = None
    for name, rule in rules:
        if best is not None and out_of_time():
            break
        try:
            rank = dispatcher.run(rule, weights)
        except InfeasibleProblem as error:
            failure = error
            continue
        if best is not None and rank >= best_rank:
            continue
        is_first = best is None
        best, best_rank, best_name = dispatcher.decoder.assignments(), rank, name
        if is_first:
            on_first(_as_schedule(problem, best, name, weights))
    if best is None:
        assert failure is not None  # RULES is not empty
        raise failure
    return _as_schedule(problem, best, best_name, weights)


def _as_schedule(
    problem: SchedulingProblem,
    plan: tuple[Assignment, ...],
    rule: str,
    weights: ObjectiveWeights,
) -> Schedule:
    return Schedule(plan, "feasible", f"dispatch:{rule}", evaluate(problem, plan, weights))

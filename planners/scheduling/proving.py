"""When CP-SAT is asked, and for what: a proof early where one is likely, the rest at the end."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from planners.scheduling.bounds import Bounds
from planners.scheduling.problem import SchedulingProblem
from planners.scheduling.schedule import ObjectiveWeights, Schedule

if TYPE_CHECKING:
    from planners.scheduling.cpsat import SearchResult, SearchSettings

MOST_OPERATIONS = 300
"""Above this no public instance was proved by anything but its bound."""
LARGEST_GAP = 0.3
"""Gap to the bound above which a proof is not tried before the search has had its time."""
SECOND_TRY = 120
"""Operations up to which a proof is tried a second time before the end, with other dice: most of
mk07's (100) take 10 s, and some do not end. A larger problem's time is left to the search."""
LAST_ATTEMPT = 2
OTHER_DICE = 7919
"""From the seed of one attempt to that of the next."""
DETERMINISTIC_SHARE = 0.1
"""CP-SAT's deterministic seconds per unit of effort: about ten times as many pass on the clock."""


def only_makespan_counts(problem: SchedulingProblem, weights: ObjectiveWeights) -> bool:
    """Whether the makespan is the whole objective, and nothing couples cells."""
    return (
        weights.makespan > 0
        and problem.is_graph_problem
        and not problem.published
        and (weights.tardiness == 0 or all(job.due_ms is None for job in problem.jobs))
        and (weights.setup == 0 or not any(cell.setups for cell in problem.cells))
    )


@dataclass(frozen=True, slots=True)
class Exact:
    """CP-SAT with one problem and the settings of one `solve`."""

    problem: SchedulingProblem
    weights: ObjectiveWeights
    workers: int
    seed: int
    effort: float | None
    should_stop: Callable[[], bool]
    on_improvement: Callable[[Schedule, float], None]

    @property
    def _operations(self) -> int:
        return sum(len(job.operations) for job in self.problem.jobs)

    def _provable(self) -> bool:
        few = self._operations <= MOST_OPERATIONS
        return few and only_makespan_counts(self.problem, self.weights)

    def worth_an_early_try(self, plan: Schedule, known: Bounds) -> bool:
        """Whether to try a proof before the search has had most of its time.

        Never where work is counted: there the clock must decide nothing.
        """
        if self.effort is not None:
            return False
        made = plan.objective.makespan_ms
        return (1 - LARGEST_GAP) * made <= known.makespan_ms < made and self._provable()

    def is_near(self, plan: Schedule, known: Bounds) -> bool:
        """Whether a plan at the bound itself is worth looking for."""
        return known.is_near(plan.objective.makespan_ms)

    @property
    def worth_a_second_try(self) -> bool:
        """Whether another try with other dice may prove what one did not."""
        return self._operations <= SECOND_TRY

    def tried(
        self, plan: Schedule, known: Bounds, until: float, attempt: int = 0
    ) -> tuple[Schedule, Bounds, bool]:
        """The plan or a better one, the bounds or better ones, and whether they meet."""
        if plan.objective.makespan_ms <= known.makespan_ms:
            return plan, known, True
        from planners.scheduling import cpsat

        result = cpsat.prove(
            self.problem, known, plan, self.weights, self._settings(until, float("inf"), attempt)
        )
        assert result.schedule is not None  # the plan at least
        if result.proof == "optimal":
            return result.schedule, known, True
        proved_ms = int(result.lower_bound / self.weights.makespan)
        return result.schedule, replace(known, makespan_ms=max(known.makespan_ms, proved_ms)), False

    def last(
        self, plan: Schedule | None, known: Bounds, deadline: float, patience_s: float
    ) -> SearchResult:
        """What CP-SAT makes of the rest of the time."""
        from planners.scheduling import cpsat

        settings = self._settings(deadline, patience_s, LAST_ATTEMPT)
        if plan is not None and self._provable():
            return cpsat.prove(self.problem, known, plan, self.weights, settings)
        return cpsat.improve(self.problem, known, plan, self.weights, settings)

    def _settings(self, deadline: float, patience_s: float, attempt: int = 0) -> SearchSettings:
        from planners.scheduling import cpsat

        return cpsat.SearchSettings(
            deadline=deadline,
            patience_s=patience_s,
            workers=self.workers,
            seed=self.seed + OTHER_DICE * attempt,
            effort=None if self.effort is None else DETERMINISTIC_SHARE * self.effort,
            should_stop=self.should_stop,
            on_improvement=self.on_improvement,
        )

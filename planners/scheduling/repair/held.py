"""A running plan in arrays, and what an event makes of it: what takes long is done before.

Building a `SchedulingProblem` of 1,000 operations takes 5 to 10 ms, more than a repair may. So
the running plan is held as a disjunctive graph, of which an event changes a few arrays.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from planners.scheduling.tabu import FREE, GraphPlan, GraphProblem, Terms

Bools = npt.NDArray[np.bool_]


@dataclass(frozen=True, slots=True)
class HeldPlan:
    """A plan that is being carried out, and the problem that it solves.

    Attributes:
        problem: Without anything fixed.
        plan: What people and cells act on.
        confirmed: ``(n,)`` operations that have not begun but must not be moved.
    """

    problem: GraphProblem
    plan: GraphPlan
    confirmed: Bools

    @classmethod
    def of(
        cls, problem: GraphProblem, plan: GraphPlan, confirmed: Collection[int] = ()
    ) -> HeldPlan:
        """Hold a plan; `confirmed` are numbers of operations."""
        marks = np.zeros(len(problem.job), dtype=np.bool_)
        marks[list(confirmed)] = True
        return cls(problem, plan, marks)

    def begun(self, now: int) -> Bools:
        """``(n,)`` which operations have begun by then."""
        begun: Bools = self.plan.start < now
        return begun

    def frozen(
        self, now: int, lost: int | None = None, ends: npt.NDArray[np.int64] | None = None
    ) -> Bools:
        """``(n,)`` what no repair may touch: begun, or confirmed with all that precedes it.

        What a lost cell was doing has to be done again, and its confirmations are void. So are
        those that late work (`ends` that are not as planned) leaves no room for.
        """
        begun = self.begun(now)
        end = self.plan.end if ends is None else ends
        frozen = begun | self.confirmed
        if lost is not None:
            frozen &= ~((self.plan.cell == lost) & (self.plan.end > now))
        # In the order of the plan, so that one pass is enough.
        for v in np.flatnonzero(frozen & ~begun)[
            np.argsort(self.plan.start[frozen & ~begun], kind="stable")
        ].tolist():
            preds = self.problem.pred[self.problem.pred_ptr[v] : self.problem.pred_ptr[v + 1]]
            beside = begun & (self.plan.cell == self.plan.cell[v])
            latest = max(int(end[preds].max(initial=0)), int(end[beside].max(initial=0)))
            frozen[v] = bool(frozen[preds].all()) and latest <= self.plan.start[v]
        return frozen

    def cell_down(self, cell: int, now: int, until: int) -> GraphProblem:
        """The rest of the work when a cell stands still from now on until then."""
        return self._rest(now, self.frozen(now, cell), cell, until)

    def operation_late(self, operation: int, now: int, end: int) -> GraphProblem:
        """The rest of the work when a running operation will not end before `end`."""
        ends = self.plan.end.copy()
        ends[operation] = max(end, int(ends[operation]))
        return self._rest(now, self.frozen(now, ends=ends), ends=ends)

    def _rest(
        self,
        now: int,
        frozen: Bools,
        lost: int | None = None,
        until: int = 0,
        ends: npt.NDArray[np.int64] | None = None,
    ) -> GraphProblem:
        """What is left to do at a moment: begun work is fixed, nothing else starts before now."""
        base, plan = self.problem, self.plan
        end = plan.end if ends is None else ends
        available = np.maximum(base.available, now)
        if lost is not None:
            available[lost] = max(int(available[lost]), until)
        return replace(
            base,
            release=np.maximum(base.release, now),
            available=available,
            fixed_cell=np.where(frozen, plan.cell, FREE),
            fixed_start=np.where(frozen, plan.start, FREE),
            fixed_duration=np.where(frozen, end - plan.start, FREE),
            published_cell=plan.cell,
            published_start=plan.start,
            terms=Terms(makespan=base.terms.makespan),
        )

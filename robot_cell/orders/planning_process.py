"""The process that plans for a scheduler: its node stays small and answers.

What is urgent goes first: a search for a better plan ends at once when a repair waits.
"""

from __future__ import annotations

from concurrent.futures import Future, ProcessPoolExecutor
from ctypes import c_bool
from multiprocessing import get_context
from typing import Final

from robot_cell.model import Plant
from robot_cell.orders import planning_job
from robot_cell.orders.planning_job import Moment, Plan

IMPROVE_WITHIN_S: Final = 10.0
"""Limit of the search for a better plan on a machine that is busy, wall time."""


class PlanningProcess:
    """Plans in a process of its own.

    Args:
        time_limit_s: for a plan of everything.
        seed: of every search.
    """

    def __init__(self, plant: Plant, *, time_limit_s: float, seed: int) -> None:
        context = get_context("forkserver")
        # A flag without a lock: semaphores would be reported as leaked by a node that is killed.
        self._urgent = context.RawValue(c_bool, False)
        self._time_limit_s, self._seed = time_limit_s, seed
        self._pool = ProcessPoolExecutor(
            1, mp_context=context, initializer=planning_job.listen, initargs=(self._urgent,)
        )
        self._prepared = self._pool.submit(planning_job.prepare, plant)

    def plan(self, at: Moment) -> Plan:
        """Plan everything that has not begun.

        Raises:
            RobotCellError: there is no plan.
        """
        self._urgent.value = True
        job = self._pool.submit(
            planning_job.make_plan, at, time_limit_s=self._time_limit_s, seed=self._seed
        )
        return job.result()

    def repair(self, at: Moment) -> Plan:
        """Change the published plan as far as it does not hold any more.

        Raises:
            RobotCellError: there is no plan.
        """
        self._urgent.value = True
        return self._pool.submit(planning_job.repair_plan, at).result()

    def improve(self, at: Moment) -> Future[Plan | None]:
        """Look for a plan that is worth publishing instead, in the background."""
        self._urgent.value = False
        return self._pool.submit(
            planning_job.better_plan, at, time_limit_s=IMPROVE_WITHIN_S, seed=self._seed
        )

    def close(self) -> None:
        """End the process; what it is doing is not waited for."""
        self._urgent.value = True
        self._pool.shutdown(wait=False, cancel_futures=True)

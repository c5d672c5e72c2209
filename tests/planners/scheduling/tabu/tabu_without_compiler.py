"""The kernel as plain Python on arrays that allow no index from the end or beyond; see its test.

Compiled code checks no index, and the compiled search runs for hours in one process.
"""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).parent))

from tabu_cases import FEATURES, random_problem

from planners.scheduling.tabu import Tuning
from planners.scheduling.tabu.elite import ElitePool
from planners.scheduling.tabu.translate import search_unit, to_given
from planners.scheduling.tabu.worker import Worker

STEPS, RUNS = 12, 3


class Guarded(np.ndarray):
    """An array that takes only indices within it, counted from the front."""

    def __getitem__(self, index):
        self._check(index)
        return super().__getitem__(index)

    def __setitem__(self, index, value):
        self._check(index)
        super().__setitem__(index, value)

    def _check(self, index):
        for i, size in zip(
            index if isinstance(index, tuple) else (index,), self.shape, strict=False
        ):
            if isinstance(i, (int, np.integer)) and not 0 <= i < size:
                raise IndexError(f"{i} of {size}")


def guarded(arrays):
    return arrays._replace(**{k: v.view(Guarded) for k, v in arrays._asdict().items()})


def walk(problem, seed):
    given = guarded(to_given(problem, search_unit(problem)))
    pool = ElitePool(given, 3)
    tuning = Tuning(patience=STEPS - 2, sample=(0, 3)[seed % 2], candidates=3)
    worker = Worker(given, problem.order.astype(np.int32), pool, seed, tuning)
    worker._state = guarded(worker._state)
    for run in range(RUNS):
        worker.start_greedily(500 * (run % 2), run, eager=seed % 2 == 0)
        worker.search(STEPS, 0.0)
        worker.restart()
    return worker.steps


def main() -> None:
    rng = np.random.default_rng(11)
    steps = 0
    for seed in range(4):
        for features in (*FEATURES, {"fixed": True}, {"weighted": True, "setups": True}):
            with np.errstate(over="ignore"):
                steps += walk(random_problem(rng, **features), seed)
    print(steps)


if __name__ == "__main__":
    main()

"""Exact signed distances of pairs of solids by coal; the same answer in any order of questions."""

from __future__ import annotations

from typing import Any, Final

import numpy as np

from planners.arrays import Array
from planners.kinematics.solids import Pairs

_DEPTH_TOLERANCE_M: Final = 1e-5


class ExactDistance:
    """Distances of the pairs of a scene.

    Every question starts from coal's default guess and a cleared result. Not to be shared between
    threads.
    """

    def __init__(self, pairs: Pairs) -> None:
        import coal

        self._coal = coal
        self._pairs = pairs
        self._request = coal.DistanceRequest()
        self._request.enable_signed_distance = True
        self._request.gjk_initial_guess = coal.GJKInitialGuess.DefaultGuess
        # Depths need no more digits than this, and round bodies take long for each.
        self._request.epa_tolerance = _DEPTH_TOLERANCE_M
        self._result = coal.DistanceResult()
        self._solvers: dict[int, Any] = {}
        self._still = {
            k: coal.Transform3s(pose[:, :3], pose[:, 3])
            for k, pose in enumerate(pairs.still)
            if pairs.link[k] == 0
        }

    def distance(self, poses: Array, pair: int) -> float:
        """Signed distance (m) of a pair with its solids at `poses` (s, 3, 4)."""
        a, b = self._pairs.pairs[pair].tolist()
        solver = self._solvers.get(pair)
        if solver is None:
            solids = self._pairs.solids
            solver = self._coal.ComputeDistance(solids[a].geometry, solids[b].geometry)
            self._solvers[pair] = solver
        self._result.clear()
        return float(
            solver(self._placed(poses, a), self._placed(poses, b), self._request, self._result)
        )

    def _placed(self, poses: Array, solid: int) -> Any:
        still = self._still.get(solid)
        if still is not None:
            return still
        pose = poses[solid]
        return self._coal.Transform3s(np.ascontiguousarray(pose[:, :3]), pose[:, 3].copy())

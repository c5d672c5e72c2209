"""Branches of calibrated arms that seeding anywhere finds and the solver does not, counted.

The seeds know nothing of the closed form; from each of them the exact chain is solved by damped
least squares. (That the chain and its solution are right is for the tests: they compare them with
pinocchio's and with scipy's.)
"""

from __future__ import annotations

from typing import Any, Final

import numba
import numpy as np

from planners.arrays import Array
from planners.kinematics import Robot
from planners.kinematics.refine import refine

SEEDS: Final = 120
ITERATIONS: Final = 60
EXACT: Final = 2e-10
SAME_RAD: Final = 1e-4
NEAR_SINGULAR: Final = 0.02
"""Smallest singular value (reach-scaled) below which a branch counts as next to a singularity."""

_AT_MOST: Final = 32
_TURN: Final = 2.0 * np.pi


@numba.njit(cache=False)
def _seeded(chain: Array, pose: Array, seeds: Array, found: Array) -> int:
    """Fills `found` (m, n) with different solutions from every seed (k, n); returns how many."""
    n, count = seeds.shape[1], 0
    frames, jacobian, matrix = np.empty((n + 1, 3, 4)), np.empty((6, n)), np.empty((6, 6))
    error, step = np.empty(6), np.empty(n)
    for k in range(seeds.shape[0]):
        q = seeds[k].copy()
        size = refine(chain, pose, q, 1e-12, ITERATIONS, frames, jacobian, matrix, error, step)
        if not size < EXACT or count == found.shape[0]:
            continue
        known = False
        for c in range(count):
            gap = q - found[c]
            known |= np.abs(gap - _TURN * np.floor(gap / _TURN + 0.5)).max() < SAME_RAD
        if not known:
            found[count] = q
            count += 1
    return count


def branches(robot: Robot, q: Array, seed: int = 0) -> dict[str, Any]:
    """Solutions of the poses of `q` (k, 6) by both ways, and who found what the other did not."""
    poses = robot.forward(q)
    found = robot.inverse(poses)
    rng = np.random.default_rng(seed)
    room = np.empty((_AT_MOST, robot.dof))
    chain = robot.model.chain
    most = total = full = 0
    missed: list[float] = []
    for k, pose in enumerate(poses):
        seeds = rng.uniform(-np.pi, np.pi, (SEEDS, robot.dof))
        count = _seeded(chain, np.ascontiguousarray(pose[:3]), seeds, room)
        mine = found.q[k][found.valid[k]]
        total, most = total + count, max(most, count)
        lost = room[:count][_apart(room[:count], mine).min(axis=1, initial=np.inf) > SAME_RAD]
        if not len(lost):
            continue
        between = np.triu(_apart(mine, mine) < SAME_RAD, 1)
        if len(mine) - int(between.any(axis=0).sum()) == found.q.shape[1]:
            full += len(lost)
        else:
            missed += robot.smallest_singular_value(lost).tolist()
    return {
        "poses": len(q),
        "seeds_per_pose": SEEDS,
        "branches_by_seeding": total,
        "most_branches_of_a_pose": most,
        "ninth_and_later_branches": full,
        "missed": len(missed),
        "missed_next_to_a_singularity": sum(value < NEAR_SINGULAR for value in missed),
    }


def _apart(a: Array, b: Array) -> Array:
    """Largest joint difference (k, m) of positions (k, n) and (m, n), full turns apart from it."""
    gap = a[:, None] - b
    return np.asarray(np.abs(gap - _TURN * np.round(gap / _TURN)).max(axis=-1))

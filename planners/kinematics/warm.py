"""Compiles every kernel of this package ahead of time; set-up calls it, so that nobody waits."""

from __future__ import annotations

import numpy as np

_DOF = (6, 7)


def warm_up() -> None:
    """Compile all kernels and keep them on disk: half a minute once, and nothing after that.

    The kernels are compiled for the argument types that the package passes; arrays of any size
    share one version.
    """
    from planners.kinematics.bounds import all_bounds
    from planners.kinematics.chain import forward_batch, jacobian_batch, links_batch
    from planners.kinematics.inverse import inverse_batch
    from planners.kinematics.layout import BRANCHES, PARAMETERS
    from planners.kinematics.newton_euler import torques_batch
    from planners.kinematics.numeric import elbow_angles, numeric_batch
    from planners.kinematics.sweep import first_undecided

    for dof in _DOF:
        chain = np.zeros((dof + 1, 3, 4))
        chain[:, :, :3] = np.eye(3)
        chain[:, 0, 3] = 0.1
        q, limits = np.zeros((1, dof)), np.ones((2, dof))
        poses = np.empty((1, 4, 4))
        forward_batch(chain, q, poses)
        jacobian_batch(chain, q, np.empty((1, 6, dof)))
        align = np.zeros((dof, 3, 3))
        links_batch(chain, align, np.eye(4), q, np.empty((1, dof + 1, 4, 4)))
        solutions = np.empty((1, BRANCHES, dof))
        valid, margin = np.empty((1, BRANCHES), dtype=np.bool_), np.empty((1, BRANCHES))
        seeds = np.zeros((1, dof))
        numeric_batch(chain, limits, poses, q, np.nan, seeds, 2, solutions, valid, margin)
        if dof == 6:
            parameters = np.ones(PARAMETERS)
            inverse_batch(
                False, True, parameters, chain, limits, poses, q, solutions, valid, margin
            )
        else:
            elbow_angles(chain, q, np.empty(1))
    link, pairs = np.zeros(2, dtype=np.int64), np.array([[0, 1]])
    place, half, radius, bound = np.zeros((2, 3, 4)), np.ones((2, 3)), np.ones(2), np.ones(1)
    all_bounds(chain, link, place, half, radius, pairs, q[0], place, bound)
    kind, first, points = np.zeros(2, dtype=np.int64), np.zeros(3, dtype=np.int64), np.ones((1, 3))
    first_undecided(
        chain, link, place, half, radius, kind, first, points, np.ones((2, dof)), pairs, bound,
        q, 0, bound.copy(), link[:1].copy(), bound.copy(), link[:1].copy(), place,
    )  # fmt: skip
    bodies = np.zeros((dof, 3, 3))
    torques_batch(
        chain,
        limits[0].copy(),
        bodies[:, 0].copy(),
        bodies,
        place[0, :, 0].copy(),
        q,
        q,
        q,
        q.copy(),
    )

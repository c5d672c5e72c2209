"""Compiled Levenberg-Marquardt on the exact chain: refines a seed to the last digits.

The damping is the error itself (Sugihara, "Solvability-unconcerned inverse kinematics by the
Levenberg-Marquardt method", IEEE Transactions on Robotics 27(5), 2011, eq. 22): quadratic at
regular solutions, and steady, if slower, where the Jacobian loses rank.
"""

from __future__ import annotations

from math import sqrt

import numpy as np

from planners.arrays import Array
from planners.compiled import compiled
from planners.kinematics.chain import chain_frames, chain_jacobian, pose_error


@compiled
def damped_step(jacobian: Array, error: Array, damping: float, matrix: Array, step: Array) -> None:
    """`step` = J' (J J' + damping I)^-1 error, by Cholesky's method in `matrix` (m, m)."""
    m, n = jacobian.shape
    for i in range(m):
        for k in range(i + 1):
            total = 0.0
            for j in range(n):
                total += jacobian[i, j] * jacobian[k, j]
            matrix[i, k] = total
        matrix[i, i] += damping
    for i in range(m):
        for k in range(i + 1):
            total = matrix[i, k]
            for j in range(k):
                total -= matrix[i, j] * matrix[k, j]
            if i == k:
                matrix[i, i] = sqrt(max(total, 1e-18))
            else:
                matrix[i, k] = total / matrix[k, k]
    for i in range(m):
        for k in range(i):
            error[i] -= matrix[i, k] * error[k]
        error[i] /= matrix[i, i]
    for i in range(m - 1, -1, -1):
        for k in range(i + 1, m):
            error[i] -= matrix[k, i] * error[k]
        error[i] /= matrix[i, i]
    for j in range(n):
        total = 0.0
        for i in range(m):
            total += jacobian[i, j] * error[i]
        step[j] = total


@compiled
def refine(
    chain: Array,
    pose: Array,
    q: Array,
    tolerance: float,
    iterations: int,
    frames: Array,
    jacobian: Array,
    matrix: Array,
    error: Array,
    step: Array,
) -> float:
    """Improve `q` (n,) in place until its pose error is below `tolerance`; returns the error.

    `frames` (n + 1, 3, 4), `jacobian` (6, n), `matrix` (6, 6), `error` (6,) and `step` (n,) are
    room to work in. Keeps the best position that it met.
    """
    n = q.shape[0]
    best = np.inf
    worse = 0
    trial = q.copy()
    for _ in range(iterations):
        chain_frames(chain, trial, frames)
        size = pose_error(pose, frames[n], error)
        if size < best:
            worse = 0 if size < 0.9 * best else worse + 1
            best = size
            for j in range(n):
                q[j] = trial[j]
            if size < tolerance:
                break
        else:
            worse += 1
        if worse > 12:
            break
        chain_jacobian(frames, jacobian)
        damped_step(jacobian, error, 0.5 * size * size + 1e-17, matrix, step)
        largest = 0.0
        for j in range(n):
            largest = max(largest, abs(step[j]))
        scale = min(1.0, 0.5 / largest) if largest > 0.0 else 1.0
        for j in range(n):
            trial[j] += scale * step[j]
    return best

"""Compiled joint torques of a chain: the recursive Newton-Euler algorithm in the base's axes.

Luh, Walker and Paul (Journal of Dynamic Systems, Measurement, and Control 102, 1980); as in
Featherstone, "Rigid Body Dynamics Algorithms", 2008, chapter 5. Friction and rotors are left out.
"""

from __future__ import annotations

import numpy as np

from planners.arrays import Array
from planners.compiled import compiled
from planners.kinematics.chain import chain_frames


@compiled
def _cross_add(a: Array, b: Array, out: Array) -> None:
    """Adds a x b to `out`; all (3,)."""
    out[0] += a[1] * b[2] - a[2] * b[1]
    out[1] += a[2] * b[0] - a[0] * b[2]
    out[2] += a[0] * b[1] - a[1] * b[0]


@compiled
def torques_batch(
    chain: Array,
    mass: Array,
    centre: Array,
    inertia: Array,
    gravity: Array,
    q: Array,
    velocity: Array,
    acceleration: Array,
    torques: Array,
) -> None:
    """Torques (k, n) of states (k, n).

    Args:
        chain: the arm (`chain.py`).
        mass: (n,) of the links.
        centre: (n, 3) of mass, in the frame of the link's joint, whose z axis is the joint's.
        inertia: (n, 3, 3) about that, in the same axes.
        gravity: (3,) acceleration of free fall in the base.
        q: (k, n) rad.
        velocity: (k, n) rad/s.
        acceleration: (k, n) rad/s^2.
        torques: filled.
    """
    n = q.shape[1]
    frames = np.empty((n + 1, 3, 4))
    force, moment, arm = np.empty((n, 3)), np.empty((n, 3)), np.empty((n, 3))
    spin, turn, lift = np.empty(3), np.empty(3), np.empty(3)
    axis, step, swept, local, about = (
        np.empty(3), np.empty(3), np.empty(3), np.empty(3), np.empty(3),
    )  # fmt: skip
    for k in range(q.shape[0]):
        chain_frames(chain, q[k], frames)
        for r in range(3):
            spin[r] = turn[r] = 0.0
            lift[r] = -gravity[r]
        for i in range(n):
            frame = frames[i]
            for r in range(3):
                step[r] = frame[r, 3] - (frames[i - 1, r, 3] if i > 0 else frame[r, 3])
            # The joint's origin as the link before moves it, then the joint's own motion.
            swept[:] = 0.0
            _cross_add(spin, step, swept)
            _cross_add(turn, step, lift)
            _cross_add(spin, swept, lift)
            for r in range(3):
                axis[r] = frame[r, 2] * velocity[k, i]
            _cross_add(spin, axis, turn)
            for r in range(3):
                spin[r] += axis[r]
                turn[r] += frame[r, 2] * acceleration[k, i]
            for r in range(3):
                arm[i, r] = (
                    frame[r, 0] * centre[i, 0] + frame[r, 1] * centre[i, 1]
                    + frame[r, 2] * centre[i, 2]
                )  # fmt: skip
                force[i, r] = lift[r]
            swept[:] = 0.0
            _cross_add(spin, arm[i], swept)
            _cross_add(turn, arm[i], force[i])
            _cross_add(spin, swept, force[i])
            for r in range(3):
                force[i, r] *= mass[i]
            # Inertia in the link's own axes: I w' + w x I w.
            for r in range(3):
                local[r] = frame[0, r] * spin[0] + frame[1, r] * spin[1] + frame[2, r] * spin[2]
                swept[r] = frame[0, r] * turn[0] + frame[1, r] * turn[1] + frame[2, r] * turn[2]
            for r in range(3):
                about[r] = step[r] = 0.0
                for c in range(3):
                    about[r] += inertia[i, r, c] * swept[c]
                    step[r] += inertia[i, r, c] * local[c]
            _cross_add(local, step, about)
            for r in range(3):
                moment[i, r] = (
                    frame[r, 0] * about[0] + frame[r, 1] * about[1] + frame[r, 2] * about[2]
                )
            _cross_add(arm[i], force[i], moment[i])
        for i in range(n - 1, -1, -1):
            if i < n - 1:
                for r in range(3):
                    step[r] = frames[i + 1, r, 3] - frames[i, r, 3]
                _cross_add(step, force[i + 1], moment[i])
                for r in range(3):
                    force[i, r] += force[i + 1, r]
                    moment[i, r] += moment[i + 1, r]
            torques[k, i] = (
                frames[i, 0, 2] * moment[i, 0] + frames[i, 1, 2] * moment[i, 1]
                + frames[i, 2, 2] * moment[i, 2]
            )  # fmt: skip

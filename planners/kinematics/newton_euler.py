"""Compiled joint torques of a chain: the recursive Newton-Euler algorithm in the base's axes.

Luh, Walker and Paul (Journal of Dynamic Systems, Measurement, and Control 102, 1980); as in
Featherstone, "Rigid Body Dynamics Algorithms", 2008, chapter 5. Friction and rotors are left out.
"""

from __future__ import annotations

import numpy as np

from planners.arrays import Array
from planners.compiled import compiled, compiled_inline
from planners.kinematics.chain import chain_frames


@compiled_inline
def _torques(
    frames: Array,
    mass: Array,
    centre: Array,
    inertia: Array,
    gravity: Array,
    velocity: Array,
    acceleration: Array,
    force: Array,
    moment: Array,
    torques: Array,
) -> None:
    """Torques (n,) at one state, with room to work in: `force` and `moment` (n, 3)."""
    n = velocity.shape[0]
    # Angular velocity w and acceleration t of the link, acceleration l of its joint's origin.
    w0 = w1 = w2 = t0 = t1 = t2 = 0.0
    l0, l1, l2 = -gravity[0], -gravity[1], -gravity[2]
    for i in range(n):
        frame = frames[i]
        if i > 0:
            # The joint's origin as the link before moves it, then the joint's own motion.
            x, y, z = (
                frame[0, 3] - frames[i - 1, 0, 3], frame[1, 3] - frames[i - 1, 1, 3],
                frame[2, 3] - frames[i - 1, 2, 3],
            )  # fmt: skip
            u0, u1, u2 = w1 * z - w2 * y, w2 * x - w0 * z, w0 * y - w1 * x
            l0 += t1 * z - t2 * y + w1 * u2 - w2 * u1
            l1 += t2 * x - t0 * z + w2 * u0 - w0 * u2
            l2 += t0 * y - t1 * x + w0 * u1 - w1 * u0
        speed, rate = velocity[i], acceleration[i]
        x, y, z = frame[0, 2], frame[1, 2], frame[2, 2]
        t0 += speed * (w1 * z - w2 * y) + rate * x
        t1 += speed * (w2 * x - w0 * z) + rate * y
        t2 += speed * (w0 * y - w1 * x) + rate * z
        w0, w1, w2 = w0 + speed * x, w1 + speed * y, w2 + speed * z
        c0, c1, c2 = centre[i, 0], centre[i, 1], centre[i, 2]
        x = frame[0, 0] * c0 + frame[0, 1] * c1 + frame[0, 2] * c2
        y = frame[1, 0] * c0 + frame[1, 1] * c1 + frame[1, 2] * c2
        z = frame[2, 0] * c0 + frame[2, 1] * c1 + frame[2, 2] * c2
        u0, u1, u2 = w1 * z - w2 * y, w2 * x - w0 * z, w0 * y - w1 * x
        f0 = mass[i] * (l0 + t1 * z - t2 * y + w1 * u2 - w2 * u1)
        f1 = mass[i] * (l1 + t2 * x - t0 * z + w2 * u0 - w0 * u2)
        f2 = mass[i] * (l2 + t0 * y - t1 * x + w0 * u1 - w1 * u0)
        # Inertia in the link's own axes: I w' + w x I w.
        v0 = frame[0, 0] * w0 + frame[1, 0] * w1 + frame[2, 0] * w2
        v1 = frame[0, 1] * w0 + frame[1, 1] * w1 + frame[2, 1] * w2
        v2 = frame[0, 2] * w0 + frame[1, 2] * w1 + frame[2, 2] * w2
        s0 = frame[0, 0] * t0 + frame[1, 0] * t1 + frame[2, 0] * t2
        s1 = frame[0, 1] * t0 + frame[1, 1] * t1 + frame[2, 1] * t2
        s2 = frame[0, 2] * t0 + frame[1, 2] * t1 + frame[2, 2] * t2
        h0 = inertia[i, 0, 0] * v0 + inertia[i, 0, 1] * v1 + inertia[i, 0, 2] * v2
        h1 = inertia[i, 1, 0] * v0 + inertia[i, 1, 1] * v1 + inertia[i, 1, 2] * v2
        h2 = inertia[i, 2, 0] * v0 + inertia[i, 2, 1] * v1 + inertia[i, 2, 2] * v2
        m0 = inertia[i, 0, 0] * s0 + inertia[i, 0, 1] * s1 + inertia[i, 0, 2] * s2
        m1 = inertia[i, 1, 0] * s0 + inertia[i, 1, 1] * s1 + inertia[i, 1, 2] * s2
        m2 = inertia[i, 2, 0] * s0 + inertia[i, 2, 1] * s1 + inertia[i, 2, 2] * s2
        m0, m1, m2 = m0 + v1 * h2 - v2 * h1, m1 + v2 * h0 - v0 * h2, m2 + v0 * h1 - v1 * h0
        for r in range(3):
            moment[i, r] = frame[r, 0] * m0 + frame[r, 1] * m1 + frame[r, 2] * m2
        moment[i, 0] += y * f2 - z * f1
        moment[i, 1] += z * f0 - x * f2
        moment[i, 2] += x * f1 - y * f0
        force[i, 0], force[i, 1], force[i, 2] = f0, f1, f2
    f0 = f1 = f2 = m0 = m1 = m2 = 0.0
    for i in range(n - 1, -1, -1):
        frame = frames[i]
        if i < n - 1:
            x, y, z = (
                frames[i + 1, 0, 3] - frame[0, 3], frames[i + 1, 1, 3] - frame[1, 3],
                frames[i + 1, 2, 3] - frame[2, 3],
            )  # fmt: skip
            m0, m1, m2 = m0 + y * f2 - z * f1, m1 + z * f0 - x * f2, m2 + x * f1 - y * f0
        m0, m1, m2 = m0 + moment[i, 0], m1 + moment[i, 1], m2 + moment[i, 2]
        f0, f1, f2 = f0 + force[i, 0], f1 + force[i, 1], f2 + force[i, 2]
        torques[i] = frame[0, 2] * m0 + frame[1, 2] * m1 + frame[2, 2] * m2


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
    frames, force, moment = np.empty((n + 1, 3, 4)), np.empty((n, 3)), np.empty((n, 3))
    for k in range(q.shape[0]):
        chain_frames(chain, q[k], frames)
        _torques(
            frames, mass, centre, inertia, gravity, velocity[k], acceleration[k], force, moment,
            torques[k],
        )  # fmt: skip


@compiled
def torque_terms_batch(
    chain: Array,
    mass: Array,
    centre: Array,
    inertia: Array,
    gravity: Array,
    q: Array,
    slope: Array,
    bend: Array,
    torques: Array,
) -> None:
    """Torques (3, k, n) on a path q(s): at rest, at d2s/dt2 = 1 from rest, and at ds/dt = 1.

    They are tau(q, 0, 0), tau(q, 0, q') and tau(q, q', q''); the rest is as in `torques_batch`.

    Args:
        chain: the arm.
        mass: (n,) of the links.
        centre: (n, 3) of mass.
        inertia: (n, 3, 3) about that.
        gravity: (3,) in the base.
        q: (k, n) rad.
        slope: (k, n) dq/ds.
        bend: (k, n) d2q/ds2.
        torques: filled.
    """
    n = q.shape[1]
    frames, force, moment = np.empty((n + 1, 3, 4)), np.empty((n, 3)), np.empty((n, 3))
    states = np.zeros((3, 2, n))
    for k in range(q.shape[0]):
        chain_frames(chain, q[k], frames)
        states[1, 1] = states[2, 0] = slope[k]
        states[2, 1] = bend[k]
        for c in range(3):
            _torques(
                frames, mass, centre, inertia, gravity, states[c, 0], states[c, 1], force, moment,
                torques[c, k],
            )  # fmt: skip

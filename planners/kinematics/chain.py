"""Compiled forward kinematics and Jacobian of a serial chain of revolute joints.

A chain is an array (n + 1, 3, 4) of rigid transforms: `chain[i]` leads from the frame that joint
i - 1 has turned to a frame whose z axis is joint i's axis; `chain[n]` leads to the tool. So every
joint is a rotation about z, which touches two columns of a matrix only.
"""

from __future__ import annotations

from math import acos, atan2, cos, sin, sqrt

import numpy as np

from planners.arrays import Array
from planners.compiled import compiled


@compiled
def chain_frames(chain: Array, q: Array, frames: Array) -> None:
    """Frames (n + 1, 3, 4) in the base: of each joint after its turn, and of the tool."""
    n = q.shape[0]
    for r in range(3):
        for c in range(4):
            frames[0, r, c] = chain[0, r, c]
    for i in range(n):
        cosine, sine = cos(q[i]), sin(q[i])
        for r in range(3):
            x, y = frames[i, r, 0], frames[i, r, 1]
            x, y = cosine * x + sine * y, cosine * y - sine * x
            z, p = frames[i, r, 2], frames[i, r, 3]
            frames[i, r, 0] = x
            frames[i, r, 1] = y
            for c in range(3):
                frames[i + 1, r, c] = (
                    x * chain[i + 1, 0, c] + y * chain[i + 1, 1, c] + z * chain[i + 1, 2, c]
                )
            frames[i + 1, r, 3] = (
                x * chain[i + 1, 0, 3] + y * chain[i + 1, 1, 3] + z * chain[i + 1, 2, 3] + p
            )


@compiled
def chain_jacobian(frames: Array, jacobian: Array) -> None:
    """Jacobian (6, n) from `chain_frames`: TCP velocity, then angular velocity, base axes."""
    n = frames.shape[0] - 1
    px, py, pz = frames[n, 0, 3], frames[n, 1, 3], frames[n, 2, 3]
    for i in range(n):
        ax, ay, az = frames[i, 0, 2], frames[i, 1, 2], frames[i, 2, 2]
        x, y, z = px - frames[i, 0, 3], py - frames[i, 1, 3], pz - frames[i, 2, 3]
        jacobian[0, i] = ay * z - az * y
        jacobian[1, i] = az * x - ax * z
        jacobian[2, i] = ax * y - ay * x
        jacobian[3, i] = ax
        jacobian[4, i] = ay
        jacobian[5, i] = az


@compiled
def forward_batch(chain: Array, q: Array, poses: Array) -> None:
    """Tool poses (m, 4, 4) of joint positions (m, n)."""
    n = q.shape[1]
    frames = np.empty((n + 1, 3, 4))
    for k in range(q.shape[0]):
        chain_frames(chain, q[k], frames)
        for r in range(3):
            for c in range(4):
                poses[k, r, c] = frames[n, r, c]
            poses[k, 3, r] = 0.0
        poses[k, 3, 3] = 1.0


@compiled
def jacobian_batch(chain: Array, q: Array, jacobians: Array) -> None:
    """Jacobians (m, 6, n) of joint positions (m, n)."""
    frames = np.empty((q.shape[1] + 1, 3, 4))
    for k in range(q.shape[0]):
        chain_frames(chain, q[k], frames)
        chain_jacobian(frames, jacobians[k])


@compiled
def links_batch(chain: Array, align: Array, base: Array, q: Array, links: Array) -> None:
    """Link poses (m, n + 1, 4, 4): `base` first, then each moving link.

    `align` (n, 3, 3) turns a link's frame so that its joint's axis is z.
    """
    n = q.shape[1]
    frames = np.empty((n + 1, 3, 4))
    for k in range(q.shape[0]):
        chain_frames(chain, q[k], frames)
        for r in range(4):
            for c in range(4):
                links[k, 0, r, c] = base[r, c]
        for i in range(n):
            for r in range(3):
                for c in range(3):
                    links[k, i + 1, r, c] = (
                        frames[i, r, 0] * align[i, c, 0]
                        + frames[i, r, 1] * align[i, c, 1]
                        + frames[i, r, 2] * align[i, c, 2]
                    )
                links[k, i + 1, r, 3] = frames[i, r, 3]
                links[k, i + 1, 3, r] = 0.0
            links[k, i + 1, 3, 3] = 1.0


@compiled
def pose_error(pose: Array, frame: Array, error: Array) -> float:
    """Position and rotation vector (6,) from `frame` to `pose`, base axes; returns its norm.

    The rotation vector is the logarithm of the rotation between them (Lynch and Park, "Modern
    Robotics", 2017, algorithm in 3.2.3.3).
    """
    m00 = m01 = m02 = m10 = m11 = m12 = m20 = m21 = m22 = 0.0
    for c in range(3):
        a, b, d = pose[0, c], pose[1, c], pose[2, c]
        e, f, g = frame[0, c], frame[1, c], frame[2, c]
        m00 += a * e
        m01 += a * f
        m02 += a * g
        m10 += b * e
        m11 += b * f
        m12 += b * g
        m20 += d * e
        m21 += d * f
        m22 += d * g
    x, y, z = (m21 - m12) / 2, (m02 - m20) / 2, (m10 - m01) / 2
    sine = sqrt(x * x + y * y + z * z)
    cosine = (m00 + m11 + m22 - 1) / 2
    if sine > 1e-6:
        scale = atan2(sine, cosine) / sine
        x, y, z = x * scale, y * scale, z * scale
    elif cosine < 0.0:
        # Half a turn: the axis is the longest column of the rotation plus one.
        angle = acos(max(-1.0, min(1.0, cosine)))
        if m00 >= m11 and m00 >= m22:
            x, y, z = m00 + 1, m10, m20
        elif m11 >= m22:
            x, y, z = m01, m11 + 1, m21
        else:
            x, y, z = m02, m12, m22 + 1
        scale = angle / sqrt(x * x + y * y + z * z)
        x, y, z = x * scale, y * scale, z * scale
    total = x * x + y * y + z * z
    error[3], error[4], error[5] = x, y, z
    for r in range(3):
        error[r] = pose[r, 3] - frame[r, 3]
        total += error[r] * error[r]
    return sqrt(total)

"""Compiled closed forms: all eight branches of arms with a spherical wrist or three parallel axes.

Both families are solved in one canonical frame, so that no convention of signs or zero positions
enters here (`geometry.py` finds the frame). In it, axis 1 is z, axes 2 and 3 (and 4) are parallel
to y, and the shoulder, axis 2, lies at (a1, 0) in the plane of x and z. Angles about y count from z
towards x.

Spherical wrist: Brandstötter, Angerer and Hofbaur, "An analytical solution of the inverse
kinematics problem of industrial serial manipulators with an ortho-parallel basis and a spherical
wrist" (2014).
Three parallel axes: own derivation, in the spirit of Hawkins, "Analytic inverse kinematics for the
Universal Robots UR-5/UR-10 arms" (2013).

Each angle is computed from the angles before it as they are, not as they should be, and polar
angles with atan2 from both components; so rounding near a singular position moves joints that
hardly move the tool, and the tool stays exact.

Branch b = 4 * behind + 2 * elbow down + wrist turned, in the words of an arm that stands upright.
"""

from __future__ import annotations

from math import atan2, cos, hypot, sin, sqrt
from typing import Final, TypeAlias

import numpy as np
from numpy.typing import NDArray

from planners.arrays import Array
from planners.compiled import compiled
from planners.kinematics.layout import (
    A1,
    ALPHA_2,
    ALPHA_3,
    BASE,
    CLIPPED,
    DELTA_4,
    DELTA_5,
    EXACT,
    FOREARM,
    GAMMA,
    LATERAL,
    LEVER,
    NONE,
    SIGN_3,
    SIGN_4,
    TOOL,
    TURN_COS,
    TURN_SIN,
    UPPER,
    WORDS,
)

_FREE: Final = 1e-10
"""Sine or length (m) below which a joint no longer moves the tool: it stays where it was."""

_ROUNDING_M: Final = 1e-13

State: TypeAlias = NDArray[np.int64]
"""(8,) one per branch, as `layout` names them."""


@compiled
def _canonical(p: Array, pose: Array, target: Array) -> None:
    """Rotation (3, 3) of the last joint's frame and wrist point, (3, 4), in the canonical frame."""
    for r in range(3):
        b0, b1, b2 = p[BASE + 4 * r], p[BASE + 4 * r + 1], p[BASE + 4 * r + 2]
        m0 = b0 * pose[0, 0] + b1 * pose[1, 0] + b2 * pose[2, 0]
        m1 = b0 * pose[0, 1] + b1 * pose[1, 1] + b2 * pose[2, 1]
        m2 = b0 * pose[0, 2] + b1 * pose[1, 2] + b2 * pose[2, 2]
        for c in range(3):
            target[r, c] = m0 * p[TOOL + c] + m1 * p[TOOL + 3 + c] + m2 * p[TOOL + 6 + c]
        target[r, 3] = (
            m0 * p[TOOL + 9] + m1 * p[TOOL + 10] + m2 * p[TOOL + 11]
            + b0 * pose[0, 3] + b1 * pose[1, 3] + b2 * pose[2, 3] + p[BASE + 4 * r + 3]
        )  # fmt: skip


@compiled
def _shoulder(
    p: Array, clip: float, x: float, y: float, behind: int, near: float
) -> tuple[int, float, float, float, float]:
    """State, q1, its cosine and sine, and x of the wrist in the turned plane."""
    lateral = p[LATERAL]
    squared = x * x + y * y
    radius = sqrt(squared)
    state = EXACT
    if radius < _FREE and abs(lateral) < _FREE:
        q1 = near if behind == 0 else near + 3.141592653589793
        c1, s1 = cos(q1), sin(q1)
        return state, q1, c1, s1, c1 * x + s1 * y
    gap = (radius - abs(lateral)) * (radius + abs(lateral))
    if gap < 0.0:
        short = abs(lateral) - radius
        if short > clip:
            return NONE, 0.0, 1.0, 0.0, 0.0
        if short > _ROUNDING_M:
            state = CLIPPED
        gap = 0.0
    along = sqrt(gap) if behind == 0 else -sqrt(gap)
    c1 = x * along + y * lateral
    s1 = y * along - x * lateral
    q1 = atan2(s1, c1)
    size = hypot(c1, s1)
    c1, s1 = c1 / size, s1 / size
    return state, q1, c1, s1, c1 * x + s1 * y


@compiled
def _two_links(
    p: Array, clip: float, x: float, z: float, bend: float, near: float
) -> tuple[int, float, float, float, float, float]:
    """State, cosine and sine of the upper arm's angle, then of the forearm's, and sine of elbow."""
    upper, forearm = p[UPPER], p[FOREARM]
    state = EXACT
    squared = x * x + z * z
    distance = sqrt(squared)
    longest, shortest = upper + forearm, abs(upper - forearm)
    over = max(distance - longest, shortest - distance)
    if over > clip:
        return NONE, 1.0, 0.0, 1.0, 0.0, 0.0
    if over > _ROUNDING_M:
        state = CLIPPED
    product = 2.0 * upper * forearm
    cosine = (squared - upper * upper - forearm * forearm) / product
    cosine = min(1.0, max(-1.0, cosine))
    inside = (
        (longest - distance) * (longest + distance) * (distance - shortest) * (distance + shortest)
    )
    sine = bend * sqrt(max(inside, 0.0)) / product
    size = hypot(cosine, sine)
    cosine, sine = cosine / size, sine / size
    along, across = upper + forearm * cosine, forearm * sine
    if distance < _FREE:
        c2, s2 = cos(near), sin(near)
    else:
        c2, s2 = z * along + x * across, x * along - z * across
        size = hypot(c2, s2)
        c2, s2 = c2 / size, s2 / size
    return state, c2, s2, c2 * cosine - s2 * sine, s2 * cosine + c2 * sine, sine


@compiled
def spherical_wrist(
    p: Array,
    clip: float,
    free: float,
    pose: Array,
    near: Array,
    target: Array,
    q: Array,
    state: State,
) -> None:
    """All branches: q (8, 6) and state (8,); `target` (3, 4) is room to work in.

    A pose that is out of reach by less than `clip` (m) gives the seed next to it. A wrist whose
    sine is below `free` counts as singular.
    """
    _canonical(p, pose, target)
    ct, st = p[TURN_COS], p[TURN_SIN]
    words = int(p[WORDS])
    for behind in range(2):
        found, q1, c1, s1, x = _shoulder(p, clip, target[0, 3], target[1, 3], behind, near[0])
        for elbow in range(2):
            b = (4 * behind + 2 * elbow) ^ words
            state[b] = NONE
            state[b + 1] = NONE
            if found == NONE:
                continue
            bend = 1.0 if behind == elbow else -1.0
            reached, c2, s2, c3, s3, _ = _two_links(
                p, clip, x - p[A1], target[2, 3], bend, near[1] + p[ALPHA_2]
            )
            if reached == NONE:
                continue
            q2 = atan2(s2, c2) - p[ALPHA_2]
            q3 = p[SIGN_3] * (atan2(s3, c3) - p[ALPHA_3] - q2)
            # Axes of the forearm's frame: z along axis 4, y along axes 2 and 3.
            cb, sb = c3 * ct - s3 * st, s3 * ct + c3 * st
            xx, xy, xz = cb * c1, cb * s1, -sb
            zx, zy, zz = sb * c1, sb * s1, cb
            m00 = xx * target[0, 0] + xy * target[1, 0] + xz * target[2, 0]
            m01 = xx * target[0, 1] + xy * target[1, 1] + xz * target[2, 1]
            m02 = xx * target[0, 2] + xy * target[1, 2] + xz * target[2, 2]
            m10 = c1 * target[1, 0] - s1 * target[0, 0]
            m11 = c1 * target[1, 1] - s1 * target[0, 1]
            m12 = c1 * target[1, 2] - s1 * target[0, 2]
            m22 = zx * target[0, 2] + zy * target[1, 2] + zz * target[2, 2]
            sine = hypot(m02, m12)
            for turned in range(2):
                if sine < free:
                    q4 = near[3]
                    c4, s4 = cos(q4 + p[DELTA_4]), sin(q4 + p[DELTA_4])
                    q5 = atan2(c4 * m02 + s4 * m12, m22)
                elif turned == 0:
                    c4, s4 = m02 / sine, m12 / sine
                    q4 = atan2(s4, c4) - p[DELTA_4]
                    q5 = atan2(sine, m22)
                else:
                    c4, s4 = -m02 / sine, -m12 / sine
                    q4 = atan2(s4, c4) - p[DELTA_4]
                    q5 = -atan2(sine, m22)
                q[b + turned, 0] = q1
                q[b + turned, 1] = q2
                q[b + turned, 2] = q3
                q[b + turned, 3] = q4
                q[b + turned, 4] = q5 - p[DELTA_5]
                q[b + turned, 5] = atan2(c4 * m10 - s4 * m00, c4 * m11 - s4 * m01)
                state[b + turned] = max(found, reached, CLIPPED if _FREE < sine < free else EXACT)


@compiled
def three_parallel(
    p: Array,
    clip: float,
    free: float,
    pose: Array,
    near: Array,
    target: Array,
    q: Array,
    state: State,
) -> None:
    """All branches: q (8, 6) and state (8,); `target` (3, 4) is room to work in.

    A pose that is out of reach by less than `clip` (m) gives the seed next to it. A wrist whose
    sine is below `free` counts as singular.
    """
    _canonical(p, pose, target)
    ct, st = p[TURN_COS], p[TURN_SIN]
    words = int(p[WORDS])
    for behind in range(2):
        found, q1, c1, s1, x = _shoulder(p, clip, target[0, 3], target[1, 3], behind, near[0])
        z = target[2, 3]
        for turned in range(2):
            b = (4 * behind + turned) ^ words
            state[b] = NONE
            state[b ^ 2] = NONE
            if found == NONE:
                continue
            # Rows of the tool's rotation seen in the turned plane.
            m00 = c1 * target[0, 0] + s1 * target[1, 0]
            m01 = c1 * target[0, 1] + s1 * target[1, 1]
            m02 = c1 * target[0, 2] + s1 * target[1, 2]
            m11 = c1 * target[1, 1] - s1 * target[0, 1]
            m20, m21, m22 = target[2, 0], target[2, 1], target[2, 2]
            sine = hypot(m01, m21)
            wrist = CLIPPED if _FREE < sine < free else EXACT
            if sine < free:
                # Axis 6 lies along axes 2 to 4: joint 6 stays, unless the elbow cannot reach then.
                c6, s6 = cos(near[5]), sin(near[5])
                cw, sw = m22 * c6 - m20 * s6, m02 * c6 - m00 * s6
                size = hypot(cw, sw)
                cw, sw = cw / size, sw / size
                cw, sw = _within_reach(p, x, z, cw, sw)
            elif turned == 0:
                cw, sw = -m01 / sine, m21 / sine
            else:
                cw, sw = m01 / sine, -m21 / sine
            q5 = atan2(m21 * sw - m01 * cw, m11) - p[DELTA_5]
            q6 = atan2(-(sw * m00 + cw * m20), sw * m02 + cw * m22)
            # Direction of the last lever in the plane, and the point of axis 4.
            px = x - p[LEVER] * (sw * ct + cw * st)
            pz = z - p[LEVER] * (cw * ct - sw * st)
            whole = atan2(sw, cw) - p[GAMMA]
            for elbow in range(2):
                bend = 1.0 if behind == elbow else -1.0
                reached, c2, s2, c3, s3, _ = _two_links(
                    p, clip, px - p[A1], pz, bend, near[1] + p[ALPHA_2]
                )
                if reached == NONE:
                    continue
                row = b ^ (2 * elbow)
                q2 = atan2(s2, c2) - p[ALPHA_2]
                forearm = atan2(s3, c3) - p[ALPHA_3]
                q[row, 0] = q1
                q[row, 1] = q2
                q[row, 2] = p[SIGN_3] * (forearm - q2)
                q[row, 3] = p[SIGN_4] * (whole - forearm)
                q[row, 4] = q5
                q[row, 5] = q6
                state[row] = max(found, reached, wrist)


@compiled
def _within_reach(p: Array, x: float, z: float, cw: float, sw: float) -> tuple[float, float]:
    """The angle of the wrist, turned as little as possible until the elbow can reach.

    The point of axis 4 lies on a circle around the wrist; its distance from the shoulder depends on
    the cosine of the angle between the lever and the line from the shoulder.
    """
    x, lever = x - p[A1], p[LEVER]
    distance = sqrt(x * x + z * z)
    if distance < _FREE or lever < _FREE:
        return cw, sw
    ct, st = p[TURN_COS], p[TURN_SIN]
    lx, lz = sw * ct + cw * st, cw * ct - sw * st
    ux, uz = x / distance, z / distance
    cosine, sine = lx * ux + lz * uz, lx * uz - lz * ux
    low = distance * distance + lever * lever - (p[UPPER] + p[FOREARM]) ** 2
    high = distance * distance + lever * lever - (p[UPPER] - p[FOREARM]) ** 2
    scale = 2.0 * distance * lever
    wanted = min(max(cosine, low / scale), high / scale)
    if wanted == cosine:
        return cw, sw
    wanted = min(1.0, max(-1.0, wanted))
    sine = (1.0 if sine >= 0.0 else -1.0) * sqrt(1.0 - wanted * wanted)
    lx, lz = wanted * ux + sine * uz, wanted * uz - sine * ux
    return lz * ct + lx * st, lx * ct - lz * st

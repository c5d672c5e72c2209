"""The compiled part of jerk-limited timing: Newton steps of a barrier method on a banded problem.

Unknown is a(tau) = sigma^2, the squared speed along a given timed path q(tau), as a quadratic
B-spline with one coefficient more than there are knots. With a' = da/dtau the joints have

    velocity      q' sqrt(a)
    acceleration  q'' a + q' a' / 2
    jerk          sqrt(a) (q''' a + 3/2 q'' a' + 1/2 q' a'')

(Debrouwere and others, "Time-optimal path following for robots with convex-concave constraints
using sequential convex programming", IEEE T-RO 29, 2013). The duration, the integral of 1/sqrt(a),
is minimised with a logarithmic barrier for the limits (Boyd and Vandenberghe, "Convex
Optimization", 2004, chapter 11). A jerk limit is written J / sqrt(a) -+ (...) >= 0; the part of its
second derivative that is not convex is left out, so every step goes downhill.
"""

from __future__ import annotations

import numpy as np

from planners.arrays import Array
from planners.compiled import compiled

_HALF = 0.5


@compiled
def _value(
    x: Array, h: float, cap: Array, lin: Array, free: Array, cube: Array, mu: float
) -> float:
    """Duration minus mu times the sum of the logarithms of all slacks; inf where one is gone.

    Args:
        x: (N + 2,) coefficients.
        h: knot spacing, s.
        cap: (N + 2,) most that each coefficient may be; a spline stays below its coefficients.
        lin: (N + 1, m, 2) factors of a and a' in rows that stay below 1 in size (acceleration).
        free: (N + 1, m) what such a row has without any speed (gravity's torque).
        cube: (N, 3, n, 3) factors of a, a', a'' in the jerk at start, middle, end of each interval.
        mu: weight of the barrier.
    """
    count = len(x) - 2
    total, logs = 0.0, 0.0
    for k in range(count + 2):
        if x[k] >= cap[k]:
            return np.inf
        logs += np.log(1.0 - x[k] / cap[k])
    for k in range(count + 1):
        a = _HALF * (x[k] + x[k + 1])
        slope = (x[k + 1] - x[k]) / h
        if a <= 0.0:
            return np.inf
        total += (h if 0 < k < count else _HALF * h) / np.sqrt(a)
        product = 1.0
        for i in range(lin.shape[1]):
            value = free[k, i] + lin[k, i, 0] * a + lin[k, i, 1] * slope
            slack = 1.0 - value * value
            if slack <= 0.0:
                return np.inf
            product *= slack
        logs += np.log(product)
    for k in range(count):
        bend = (x[k + 2] - 2.0 * x[k + 1] + x[k]) / (h * h)
        product = 1.0
        for e in range(3):
            f = _HALF * e
            a0, a2 = _HALF * (1.0 - f) * (1.0 - f), _HALF * f * f
            a = a0 * x[k] + (1.0 - a0 - a2) * x[k + 1] + a2 * x[k + 2]
            slope = ((1.0 - f) * (x[k + 1] - x[k]) + f * (x[k + 2] - x[k + 1])) / h
            if a <= 0.0:
                return np.inf
            most = 1.0 / a
            for i in range(cube.shape[2]):
                value = cube[k, e, i, 0] * a + cube[k, e, i, 1] * slope + cube[k, e, i, 2] * bend
                slack = most - value * value
                if slack <= 0.0:
                    return np.inf
                product *= slack
        logs += np.log(product)
    return total - mu * logs


@compiled
def _newton(
    x: Array, h: float, cap: Array, lin: Array, free: Array, cube: Array, mu: float, step: Array
) -> float:
    """Writes the Newton step and returns how much it lowers the value to first order."""
    count = len(x) - 2
    size = count + 2
    grad = np.zeros(size)
    band = np.zeros((size, 3))
    row, share, tilt = np.zeros(3), np.zeros(3), np.zeros(3)
    for k in range(size):
        room = 1.0 / (cap[k] - x[k])
        grad[k] += mu * room
        band[k, 0] += mu * room * room
    for k in range(count + 1):
        a = _HALF * (x[k] + x[k + 1])
        slope = (x[k + 1] - x[k]) / h
        weight = h if 0 < k < count else _HALF * h
        ga, gs, haa, has, hss = -0.5 * weight * a**-1.5, 0.0, 0.75 * weight * a**-2.5, 0.0, 0.0
        for i in range(lin.shape[1]):
            ca, cs = lin[k, i, 0], lin[k, i, 1]
            value = free[k, i] + ca * a + cs * slope
            up, down = 1.0 / (1.0 - value), 1.0 / (1.0 + value)
            g = mu * (up - down)
            w = mu * (up * up + down * down)
            ga += g * ca
            gs += g * cs
            haa += w * ca * ca
            has += w * ca * cs
            hss += w * cs * cs
        u0, u1, v0, v1 = _HALF, _HALF, -1.0 / h, 1.0 / h
        grad[k] += ga * u0 + gs * v0
        grad[k + 1] += ga * u1 + gs * v1
        band[k, 0] += haa * u0 * u0 + 2.0 * has * u0 * v0 + hss * v0 * v0
        band[k + 1, 0] += haa * u1 * u1 + 2.0 * has * u1 * v1 + hss * v1 * v1
        band[k, 1] += haa * u0 * u1 + has * (u0 * v1 + u1 * v0) + hss * v0 * v1
    per2 = 1.0 / (h * h)
    for k in range(count):
        bend = (x[k + 2] - 2.0 * x[k + 1] + x[k]) * per2
        for e in range(3):
            f = _HALF * e
            share[0], share[2] = _HALF * (1.0 - f) * (1.0 - f), _HALF * f * f
            share[1] = 1.0 - share[0] - share[2]
            tilt[0], tilt[1], tilt[2] = (f - 1.0) / h, (1.0 - 2.0 * f) / h, f / h
            a, slope = 0.0, 0.0
            for j in range(3):
                a += share[j] * x[k + j]
                slope += tilt[j] * x[k + j]
            most = a**-0.5
            fall = -0.5 * most / a
            for i in range(cube.shape[2]):
                c0, c1, c2 = cube[k, e, i, 0], cube[k, e, i, 1], cube[k, e, i, 2]
                value = c0 * a + c1 * slope + c2 * bend
                up, down = mu / (most - value), mu / (most + value)
                row[0] = c0 * share[0] + c1 * tilt[0] + c2 * per2
                row[1] = c0 * share[1] + c1 * tilt[1] - 2.0 * c2 * per2
                row[2] = c0 * share[2] + c1 * tilt[2] + c2 * per2
                up2, down2 = up * up / mu, down * down / mu
                for j in range(3):
                    s = fall * share[j]
                    grad[k + j] -= up * (s - row[j]) + down * (s + row[j])
                    for i2 in range(j, 3):
                        r = fall * share[i2]
                        band[k + j, i2 - j] += up2 * (s - row[j]) * (r - row[i2]) + down2 * (
                            s + row[j]
                        ) * (r + row[i2])
    # Cholesky of a matrix with two bands: band[k, d] is entry (k, k + d).
    for k in range(size):
        if band[k, 0] <= 0.0:
            return -1.0
        root = np.sqrt(band[k, 0])
        band[k, 0] = root
        for d in range(1, 3):
            if k + d < size:
                band[k, d] /= root
        for d in range(1, 3):
            for f in range(d, 3):
                if k + f < size:
                    band[k + d, f - d] -= band[k, d] * band[k, f]
    for k in range(size):
        value = -grad[k]
        for d in range(1, 3):
            if k - d >= 0:
                value -= band[k - d, d] * step[k - d]
        step[k] = value / band[k, 0]
    for k in range(size - 1, -1, -1):
        value = step[k]
        for d in range(1, 3):
            if k + d < size:
                value -= band[k, d] * step[k + d]
        step[k] = value / band[k, 0]
    gain = 0.0
    for k in range(size):
        gain -= grad[k] * step[k]
    return gain


@compiled
def fastest(
    x: Array,
    h: float,
    cap: Array,
    lin: Array,
    free: Array,
    cube: Array,
    first: float,
    accuracy: float,
) -> int:
    """Lowers the duration in place until it is within a share `accuracy` of the best; steps taken.

    `x` has to be strictly within all limits; -1 says that it is not. `first` is the share of the
    duration that the barrier weighs at first.
    """
    count = len(x) - 2
    rows = (count + 1) * (1 + 2 * lin.shape[1]) + count * 6 * cube.shape[2]
    step = np.zeros(count + 2)
    mu = first * count * h / rows
    steps = 0
    if not np.isfinite(_value(x, h, cap, lin, free, cube, mu)):
        return -1
    while True:
        last = mu * rows <= accuracy * count * h
        for _ in range(12):
            value = _value(x, h, cap, lin, free, cube, mu)
            gain = _newton(x, h, cap, lin, free, cube, mu, step)
            steps += 1
            if gain < 0.0:
                return steps
            length = 1.0
            while length > 1e-6:
                trial = x + length * step
                if _value(trial, h, cap, lin, free, cube, mu) <= value - 0.1 * length * gain:
                    break
                length *= 0.5
            if length <= 1e-6:
                break
            x += length * step
            if gain < (0.02 if last else 0.3) * mu * np.sqrt(rows):
                break
        if last:
            return steps
        mu *= 0.15

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

The two slacks of a limit, m - v and m + v, are dealt with together: one division for both.
"""

from __future__ import annotations

from math import log, sqrt

import numpy as np

from planners.arrays import Array
from planners.compiled import compiled

_HALF = 0.5
_FALL = 0.5
"""How much the barrier's weight falls at a time: so little that a step or two follow it."""

_CENTRED = 3.0
_CENTRED_LAST = 0.02
_TRIES = 12
_SHORTEST = 1e-6


@compiled
def _terms(
    x: Array, h: float, cap: Array, lin: Array, free: Array, cube: Array
) -> tuple[float, float]:
    """The duration, and the sum of the logarithms of all slacks; (inf, 0) where one is gone.

    Args:
        x: (N + 2,) coefficients.
        h: knot spacing, s.
        cap: (N + 2,) most that each coefficient may be; a spline stays below its coefficients.
        lin: (N + 1, m, 2) factors of a and a' in rows that stay below 1 in size (acceleration).
        free: (N + 1, m) what such a row has without any speed (gravity's torque).
        cube: (N, 3, n, 3) factors of a, a', a'' in the jerk at start, middle, end of each interval.
    """
    count = len(x) - 2
    total, logs = 0.0, 0.0
    for k in range(count + 2):
        if x[k] >= cap[k]:
            return np.inf, 0.0
    for k in range(count + 1):
        a = _HALF * (x[k] + x[k + 1])
        slope = (x[k + 1] - x[k]) / h
        if a <= 0.0:
            return np.inf, 0.0
        total += (h if 0 < k < count else _HALF * h) / sqrt(a)
        product, least = 1.0 - x[k] / cap[k], 1.0
        for i in range(lin.shape[1]):
            value = free[k, i] + lin[k, i, 0] * a + lin[k, i, 1] * slope
            slack = 1.0 - value * value
            least = min(least, slack)
            product *= slack
        if least <= 0.0:
            return np.inf, 0.0
        logs += log(product)
    logs += log(1.0 - x[count + 1] / cap[count + 1])
    for k in range(count):
        bend = (x[k + 2] - 2.0 * x[k + 1] + x[k]) / (h * h)
        product = 1.0
        for e in range(3):
            f = _HALF * e
            a0, a2 = _HALF * (1.0 - f) * (1.0 - f), _HALF * f * f
            a = a0 * x[k] + (1.0 - a0 - a2) * x[k + 1] + a2 * x[k + 2]
            slope = ((1.0 - f) * (x[k + 1] - x[k]) + f * (x[k + 2] - x[k + 1])) / h
            if a <= 0.0:
                return np.inf, 0.0
            most = 1.0 / a
            least = most
            for i in range(cube.shape[2]):
                value = cube[k, e, i, 0] * a + cube[k, e, i, 1] * slope + cube[k, e, i, 2] * bend
                slack = most - value * value
                least = min(least, slack)
                product *= slack
            if least <= 0.0:
                return np.inf, 0.0
        logs += log(product)
    return total, logs


@compiled
def _caps(x: Array, cap: Array, mu: float, grad: Array, band: Array) -> None:
    """First and second derivatives of the barrier of the caps: these fill `grad` and `band`."""
    for k in range(len(x)):
        room = 1.0 / (cap[k] - x[k])
        grad[k] = mu * room
        band[k, 0] = mu * room * room
        band[k, 1] = band[k, 2] = 0.0


@compiled
def _linear(
    x: Array, h: float, lin: Array, free: Array, mu: float, grad: Array, band: Array
) -> None:
    """Adds the derivatives of the duration, and of the barrier of what is linear in a and a'."""
    count = len(x) - 2
    for k in range(count + 1):
        a = _HALF * (x[k] + x[k + 1])
        slope = (x[k + 1] - x[k]) / h
        ga = gs = haa = has = hss = 0.0
        for i in range(lin.shape[1]):
            ca, cs = lin[k, i, 0], lin[k, i, 1]
            value = free[k, i] + ca * a + cs * slope
            per = 1.0 / (1.0 - value * value)
            g = 2.0 * value * per
            w = 2.0 * (1.0 + value * value) * per * per
            ga += g * ca
            gs += g * cs
            haa += w * ca * ca
            has += w * ca * cs
            hss += w * cs * cs
        weight = (h if 0 < k < count else _HALF * h) / (a * sqrt(a))
        ga = mu * ga - 0.5 * weight
        haa = mu * haa + 0.75 * weight / a
        gs, has, hss = mu * gs / h, mu * has / h, mu * hss / (h * h)
        grad[k] += _HALF * ga - gs
        grad[k + 1] += _HALF * ga + gs
        band[k, 0] += 0.25 * haa - has + hss
        band[k + 1, 0] += 0.25 * haa + has + hss
        band[k, 1] += 0.25 * haa - hss


@compiled
def _cubic(x: Array, h: float, cube: Array, mu: float, grad: Array, band: Array) -> None:
    """Adds the derivatives of the barrier of the jerks.

    With m = 1/sqrt(a), r = m' and p, n = 1/(m - v), 1/(m + v) they are sums over the joints of
    p + n, p - n, p^2 + n^2 and p^2 - n^2 times the factors of the jerk; then the chain rule.
    """
    per_h, per2 = 1.0 / h, 1.0 / (h * h)
    for k in range(len(x) - 2):
        bend = (x[k + 2] - 2.0 * x[k + 1] + x[k]) * per2
        for e in range(3):
            f = _HALF * e
            s0, s2 = _HALF * (1.0 - f) * (1.0 - f), _HALF * f * f
            s1 = 1.0 - s0 - s2
            t0, t1, t2 = (f - 1.0) * per_h, (1.0 - 2.0 * f) * per_h, f * per_h
            a = s0 * x[k] + s1 * x[k + 1] + s2 * x[k + 2]
            slope = t0 * x[k] + t1 * x[k + 1] + t2 * x[k + 2]
            square = 1.0 / a
            most = sqrt(square)
            fall = -0.5 * most * square
            plus = squares = g0 = g1 = g2 = d0 = d1 = d2 = 0.0
            h00 = h01 = h02 = h11 = h12 = h22 = 0.0
            for i in range(cube.shape[2]):
                c0, c1, c2 = cube[k, e, i, 0], cube[k, e, i, 1], cube[k, e, i, 2]
                value = c0 * a + c1 * slope + c2 * bend
                per = 1.0 / (square - value * value)
                minus = value * per
                across = minus * per
                both = (square + value * value) * per * per
                plus += per
                squares += both
                g0 += minus * c0
                g1 += minus * c1
                g2 += minus * c2
                d0 += across * c0
                d1 += across * c1
                d2 += across * c2
                h00 += both * c0 * c0
                h01 += both * c0 * c1
                h02 += both * c0 * c2
                h11 += both * c1 * c1
                h12 += both * c1 * c2
                h22 += both * c2 * c2
            tilt, two = 4.0 * fall * most, 2.0 * mu
            ga, gs, gb = two * (g0 - fall * most * plus), two * g1, two * g2 * per2
            haa = two * (h00 + fall * fall * squares - tilt * d0)
            has, hab = two * h01 - mu * tilt * d1, (two * h02 - mu * tilt * d2) * per2
            hss, hsb, hbb = two * h11, two * h12 * per2, two * h22 * per2 * per2
            grad[k] += ga * s0 + gs * t0 + gb
            grad[k + 1] += ga * s1 + gs * t1 - 2.0 * gb
            grad[k + 2] += ga * s2 + gs * t2 + gb
            a0, b0, c0 = haa * s0 + has * t0 + hab, has * s0 + hss * t0 + hsb, hab * s0 + hsb * t0
            a1, b1 = haa * s1 + has * t1 - 2.0 * hab, has * s1 + hss * t1 - 2.0 * hsb
            c1 = hab * s1 + hsb * t1 - 2.0 * hbb
            a2, b2, c2 = haa * s2 + has * t2 + hab, has * s2 + hss * t2 + hsb, hab * s2 + hsb * t2
            c0 += hbb
            c2 += hbb
            band[k, 0] += s0 * a0 + t0 * b0 + c0
            band[k, 1] += s0 * a1 + t0 * b1 + c1
            band[k, 2] += s0 * a2 + t0 * b2 + c2
            band[k + 1, 0] += s1 * a1 + t1 * b1 - 2.0 * c1
            band[k + 1, 1] += s1 * a2 + t1 * b2 - 2.0 * c2
            band[k + 2, 0] += s2 * a2 + t2 * b2 + c2


@compiled
def _solved(grad: Array, band: Array, step: Array) -> float:
    """Writes the Newton step; how much it lowers the value to first order, or -1 if nowhere.

    `band[k, d]` is entry (k, k + d); factored in place as L D L', 1/D on the diagonal.
    """
    size = grad.shape[0]
    for k in range(size):
        if not band[k, 0] > 0.0:
            return -1.0
        band[k, 0] = 1.0 / band[k, 0]
        near, far = band[k, 1], band[k, 2]
        band[k, 1] *= band[k, 0]
        band[k, 2] *= band[k, 0]
        if k + 1 < size:
            band[k + 1, 0] -= band[k, 1] * near
            band[k + 1, 1] -= band[k, 1] * far
        if k + 2 < size:
            band[k + 2, 0] -= band[k, 2] * far
    for k in range(size):
        step[k] = -grad[k]
        if k > 0:
            step[k] -= band[k - 1, 1] * step[k - 1]
        if k > 1:
            step[k] -= band[k - 2, 2] * step[k - 2]
    gain = 0.0
    for k in range(size - 1, -1, -1):
        step[k] *= band[k, 0]
        if k + 1 < size:
            step[k] -= band[k, 1] * step[k + 1]
        if k + 2 < size:
            step[k] -= band[k, 2] * step[k + 2]
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
    count, size = len(x) - 2, len(x)
    rows = (count + 1) * (1 + 2 * lin.shape[1]) + count * 6 * cube.shape[2]
    grad, step, trial = np.empty(size), np.empty(size), np.empty(size)
    band = np.empty((size, 3))
    mu = first * count * h / rows
    steps = 0
    total, logs = _terms(x, h, cap, lin, free, cube)
    if not np.isfinite(total):
        return -1
    while True:
        last = mu * rows <= accuracy * count * h
        for _ in range(_TRIES):
            _caps(x, cap, mu, grad, band)
            _linear(x, h, lin, free, mu, grad, band)
            _cubic(x, h, cube, mu, grad, band)
            gain = _solved(grad, band, step)
            steps += 1
            if gain < 0.0:
                return steps
            length, value = 1.0, total - mu * logs
            while length > _SHORTEST:
                for k in range(size):
                    trial[k] = x[k] + length * step[k]
                total, logs = _terms(trial, h, cap, lin, free, cube)
                if total - mu * logs <= value - 0.1 * length * gain:
                    break
                length *= 0.5
            if length <= _SHORTEST:
                total, logs = _terms(x, h, cap, lin, free, cube)
                break
            x[:] = trial
            if gain < (_CENTRED_LAST if last else _CENTRED) * mu * sqrt(rows):
                break
        if last:
            return steps
        mu *= _FALL

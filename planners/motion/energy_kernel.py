"""The compiled part of slack: the path speed that takes least energy, as a convex programme.

Unknown is a(tau) = sigma^2 at equally spaced points of a timed path q(tau), linear in between. With
a' = da/dtau the rigid body's torques are affine in a and a' (Verscheure and others, "Time-optimal
path tracking for robots: a convex optimization approach", IEEE TAC 54, 2009), and energy and time
per dtau are, with all factors summed over the joints,

    max(0, l(a, a') + k(a, a') / sqrt(a) + v sqrt(a))   and   1 / sqrt(a)

l is affine: mechanical work, coulomb friction, and what friction and torque heat together; k is the
square of the torques with coulomb friction, in the windings; v is viscous friction. k / sqrt(a) is
convex (a square over a concave function). v sqrt(a) is not, but its sum with the price of time is
where the viscous power is less than three times that price and what is lost in the windings.
"""

from __future__ import annotations

from math import inf, log, sqrt

import numpy as np

from planners.arrays import Array
from planners.compiled import compiled

_SMOOTH_W = 0.5
"""The corner of max(0, .) is rounded by so much power."""

_FIRST, _FALL, _LAST = 0.03, 0.2, 1e-5
_STEPS = 25
_SHORTEST = 1e-7


@compiled
def _value(a: Array, h: float, cost: Array, price_w: float, mu: float) -> float:
    """Energy and price of time (J) with the barrier of 0 < a < 1; inf outside."""
    total, logs = 0.0, 0.0
    for k in range(a.shape[0]):
        if not 0.0 < a[k] < 1.0:
            return inf
        logs += log(a[k] * (1.0 - a[k]))
    for k in range(a.shape[0] - 1):
        x, s = 0.5 * (a[k] + a[k + 1]), (a[k + 1] - a[k]) / h
        root, c = sqrt(x), cost[k]
        heat = c[3] + 2.0 * (c[4] * x + c[5] * s + c[7] * x * s) + c[6] * x * x + c[8] * s * s
        drawn = c[0] + c[1] * x + c[2] * s + heat / root + c[9] * root
        corner = _SMOOTH_W / root
        total += h * (0.5 * (drawn + sqrt(drawn * drawn + corner * corner)) + price_w / root)
    return total - mu * logs


@compiled
def _newton(
    a: Array, h: float, cost: Array, price_w: float, mu: float, step: Array, work: Array
) -> float:
    """Writes Newton's step; how much it lowers the value to first order."""
    n = a.shape[0]
    grad, near, next_to = work[0], work[1], work[2]
    for k in range(n):
        low, high = 1.0 / a[k], 1.0 / (1.0 - a[k])
        grad[k] = mu * (high - low)
        near[k] = mu * (high * high + low * low)
        next_to[k] = 0.0
    for k in range(n - 1):
        x, s = 0.5 * (a[k] + a[k + 1]), (a[k + 1] - a[k]) / h
        root, c = sqrt(x), cost[k]
        per1, per3, per5 = 1.0 / root, 1.0 / (x * root), 1.0 / (x * x * root)
        heat = c[3] + 2.0 * (c[4] * x + c[5] * s + c[7] * x * s) + c[6] * x * x + c[8] * s * s
        heat_x = 2.0 * (c[4] + c[6] * x + c[7] * s)
        heat_s = 2.0 * (c[5] + c[7] * x + c[8] * s)
        drawn = c[0] + c[1] * x + c[2] * s + heat * per1 + c[9] * root
        d_x = c[1] + heat_x * per1 - 0.5 * heat * per3 + 0.5 * c[9] * per1
        d_s = c[2] + heat_s * per1
        d_xx = 2.0 * c[6] * per1 - heat_x * per3 + 0.75 * heat * per5
        d_xs = 2.0 * c[7] * per1 - 0.5 * heat_s * per3
        d_ss = 2.0 * c[8] * per1
        corner = _SMOOTH_W * per1
        size = sqrt(drawn * drawn + corner * corner)
        slope, bend = 0.5 * (1.0 + drawn / size), 0.5 * corner * corner / (size * size * size)
        g_x, g_s = h * (slope * d_x - 0.5 * price_w * per3), slope * d_s
        h_xx = h * (slope * d_xx + bend * d_x * d_x + 0.75 * price_w * per5)
        h_xs, h_ss = slope * d_xs + bend * d_x * d_s, (slope * d_ss + bend * d_s * d_s) / h
        # What is not convex is left out: so every step goes downhill.
        h_xx = max(h_xx, h_xs * h_xs / h_ss if h_ss > 0.0 else 0.0)
        grad[k] += 0.5 * g_x - g_s
        grad[k + 1] += 0.5 * g_x + g_s
        near[k] += 0.25 * h_xx - h_xs + h_ss
        near[k + 1] += 0.25 * h_xx + h_xs + h_ss
        next_to[k] += 0.25 * h_xx - h_ss
    # A matrix with one band beside its diagonal (Golub and Van Loan, "Matrix Computations", 4.3.6).
    step[0] = -grad[0]
    for k in range(1, n):
        ratio = next_to[k - 1] / near[k - 1]
        near[k] -= ratio * next_to[k - 1]
        if near[k] <= 0.0:
            return -1.0
        step[k] = -grad[k] - ratio * step[k - 1]
    gain = 0.0
    for k in range(n - 1, -1, -1):
        if k + 1 < n:
            step[k] -= next_to[k] * step[k + 1]
        step[k] /= near[k]
        gain -= grad[k] * step[k]
    return gain


@compiled
def cheapest(a: Array, h: float, cost: Array, price_w: float) -> int:
    """Lowers energy and price of time in place; steps taken, or -1 where it is not convex enough.

    Args:
        a: (k,) squared path speeds to begin with, between 0 and 1.
        h: spacing of the points, s.
        cost: (k - 1, 10) factors between two points: l's of 1, a, a'; k's of 1, a, a', a^2, a a',
            a'^2, the mixed ones half; v.
        price_w: price of time, W; negative where time is to be spent.
    """
    n = a.shape[0]
    step, trial, work = np.empty(n), np.empty(n), np.empty((3, n))
    scale = _value(a, h, cost, 0.0, 0.0) / n
    mu, steps = _FIRST * scale, 0
    while mu > _LAST * scale:
        for _ in range(_STEPS):
            value = _value(a, h, cost, price_w, mu)
            gain = _newton(a, h, cost, price_w, mu, step, work)
            steps += 1
            if not gain >= 0.0:
                return -1
            length = 1.0
            while length > _SHORTEST:
                for k in range(n):
                    trial[k] = a[k] + length * step[k]
                if _value(trial, h, cost, price_w, mu) <= value - 0.1 * length * gain:
                    break
                length *= 0.5
            if length <= _SHORTEST:
                break
            a[:] = trial
            if gain < 0.1 * mu:
                break
        mu *= _FALL
    return steps

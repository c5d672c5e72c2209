"""Step functions of time: how much of each cumulative resource is in use.

``profile[r, 0, k]`` is when step k of resource r begins, ``profile[r, 1, k]`` the use from then to
the next step, the last for ever. The first step begins at 0. The number of steps is in the last
place, ``profile[r, 0, -1]``.
"""

from __future__ import annotations

from planners.compiled import compiled_lean as compiled
from planners.scheduling.arrays import Ints

NEVER = 1 << 60
"""Later than every time; sums of two still fit into 64 bits."""


@compiled
def step_at(profile: Ints, r: int, t: int) -> int:
    """Index of the step that holds at a time."""
    low, high = 0, profile[r, 0, profile.shape[2] - 1]
    while low < high:
        middle = (low + high) >> 1
        if profile[r, 0, middle] <= t:
            low = middle + 1
        else:
            high = middle
    return low - 1


@compiled
def next_fit(profile: Ints, r: int, room: int, start: int, length: int) -> int:
    """First t >= start such that the use is at most ``room`` on [t, t + length); or NEVER."""
    n = profile[r, 0, profile.shape[2] - 1]
    k = step_at(profile, r, start)
    t = start
    while k < n:
        if profile[r, 0, k] >= t + length:
            return t
        if profile[r, 1, k] > room:
            if k + 1 == n:
                return NEVER
            t = profile[r, 0, k + 1]
        k += 1
    return t


@compiled
def free_from(profile: Ints, r: int, room: int, start: int, until: int) -> int:
    """First t >= start such that the use is at most ``room`` on [t, until); or NEVER."""
    n = profile[r, 0, profile.shape[2] - 1]
    k = step_at(profile, r, until - 1)
    while k >= 0:
        ends = profile[r, 0, k + 1] if k + 1 < n else NEVER
        if ends <= start:
            return start
        if profile[r, 1, k] > room:
            return ends
        k -= 1
    return start


@compiled
def _insert(profile: Ints, r: int, n: int, k: int, t: int) -> None:
    """Split step k at t; the new step is k + 1."""
    for m in range(n, k + 1, -1):
        profile[r, 0, m] = profile[r, 0, m - 1]
        profile[r, 1, m] = profile[r, 1, m - 1]
    profile[r, 0, k + 1] = t
    profile[r, 1, k + 1] = profile[r, 1, k]


@compiled
def _remove(profile: Ints, r: int, n: int, k: int) -> None:
    for m in range(k, n - 1):
        profile[r, 0, m] = profile[r, 0, m + 1]
        profile[r, 1, m] = profile[r, 1, m + 1]


@compiled
def add_use(profile: Ints, r: int, start: int, end: int, amount: int) -> bool:
    """Add an amount on [start, end); False if there is no memory for more steps."""
    last = profile.shape[2] - 1
    n = profile[r, 0, last]
    if start >= end or amount == 0:
        return True
    if n + 2 >= last:
        return False
    first = step_at(profile, r, start)
    if profile[r, 0, first] != start:
        _insert(profile, r, n, first, start)
        n += 1
        first += 1
    after = n
    if end < NEVER:
        profile[r, 0, last] = n
        after = step_at(profile, r, end)
        if profile[r, 0, after] != end:
            _insert(profile, r, n, after, end)
            n += 1
            after += 1
    for k in range(first, after):
        profile[r, 1, k] += amount
    if after < n and profile[r, 1, after] == profile[r, 1, after - 1]:
        _remove(profile, r, n, after)
        n -= 1
    if first > 0 and profile[r, 1, first] == profile[r, 1, first - 1]:
        _remove(profile, r, n, first)
        n -= 1
    profile[r, 0, last] = n
    return True

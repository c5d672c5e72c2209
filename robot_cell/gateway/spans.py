"""Spans of plant time as sets: joined, in common, one without the other, and how long.

A set is an array of begins and ends, (2, n) in ns: its spans neither overlap nor touch, in order.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

import numpy as np
from numpy.typing import NDArray

Span = tuple[int, int]
"""From and to, plant time in ns."""

Instants = NDArray[np.int64]
Spans = NDArray[np.int64]
"""(2, n): begins and ends, ns."""

NONE: Final[Spans] = np.empty((2, 0), np.int64)
_EVER: Final = np.array([np.iinfo(np.int64).min, np.iinfo(np.int64).max])


def spans(given: Iterable[Span]) -> Spans:
    """Spans as they are, in any order."""
    listed = list(given)
    return np.array(listed, np.int64).T if listed else NONE


def merged(given: Spans) -> Spans:
    """The set of what is in any of some spans; `given` may overlap and be in any order."""
    given = given[:, given[1] > given[0]]
    if given.shape[1] < 2:
        return given
    begins, ends = given[:, np.argsort(given[0], kind="stable")]
    until = np.maximum.accumulate(ends)
    first = np.concatenate(([True], begins[1:] > until[:-1]))
    last = np.concatenate((first[1:], [True]))
    return np.stack((begins[first], until[last]))


def common(one: Spans, other: Spans) -> Spans:
    """What is in both of two sets."""
    # Of the other, the first that ends after a span begins, and those that begin before it ends.
    first = np.searchsorted(other[1], one[0], side="right")
    count = np.searchsorted(other[0], one[1], side="left") - first
    i = np.repeat(np.arange(one.shape[1]), count)
    j = np.arange(i.size) + np.repeat(first - (np.cumsum(count) - count), count)
    return np.stack((np.maximum(one[0, i], other[0, j]), np.minimum(one[1, i], other[1, j])))


def without(one: Spans, other: Spans) -> Spans:
    """What is in a set and not in another."""
    if not other.size:
        return one
    gaps = np.stack((np.concatenate((_EVER[:1], other[1])), np.concatenate((other[0], _EVER[1:]))))
    return common(one, gaps)


def length(of: Spans) -> int:
    """How long a set is altogether, ns."""
    return int((of[1] - of[0]).sum())


def length_until(of: Spans, instants: Instants) -> Instants:
    """How long a set is before each of some instants (...), ns."""
    if not of.size:
        return np.zeros_like(instants)
    whole = np.concatenate(([0], np.cumsum(of[1] - of[0])))
    begun = np.searchsorted(of[0], instants, side="right")
    after = np.maximum(of[1, np.maximum(begun - 1, 0)] - instants, 0)
    return whole[begun] - np.where(begun > 0, after, 0)

"""How well the servo's loop keeps time: counted by the loop, read by whoever wants to know.

Histograms with four bins to an octave, on the horizon page: counting costs no memory and no lock,
and a quantile is known to a fifth of itself. Real-time settings are told beside the figures: a loop
that was refused them is another loop.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any, Final

PERIOD: Final = 0
LATENESS: Final = 1
COMPUTE: Final = 2

WORDS: Final = 512
_CYCLES, _OVERRUNS, _NOMINAL, _SETTINGS, _LARGEST = 0, 1, 2, 3, 4
_HISTOGRAMS: Final = 16
_BINS: Final = 164
"""Up to 2^41 ns, twenty minutes."""

FIFO: Final = 1
LOCKED: Final = 2
FROZEN: Final = 4


@dataclass(frozen=True)
class Spread:
    """Of one figure, microseconds: quantiles (upper edges of their bins), and the largest."""

    median: float
    p99: float
    p999: float
    largest: float


@dataclass(frozen=True)
class LoopReport:
    """What a loop has done since it connected.

    Attributes:
        cycles: periods done.
        overruns: periods that were missed: the state came, or the answer left, a period late.
        nominal_us: the period that the arm asks for.
        period, lateness, compute: time between two states; a state's delay against absolute
            deadlines (nothing in simulation, where time waits); from a state to the end of the
            period's work.
        settings: which of `fifo`, `mlockall` and `gc_frozen` the loop runs with.
    """

    cycles: int
    overruns: int
    nominal_us: float
    period: Spread
    lateness: Spread
    compute: Spread
    settings: tuple[str, ...]

    def as_json(self) -> dict[str, Any]:
        """Plain values."""
        return asdict(self)


class LoopStatistics:
    """Counts on shared words; one writer."""

    def __init__(self, words: memoryview[int]) -> None:
        self._words = words

    def begin(self, nominal_ns: int, settings: int) -> None:
        """Count from zero."""
        for k in range(WORDS):
            self._words[k] = 0
        self._words[_NOMINAL] = nominal_ns
        self._words[_SETTINGS] = settings

    def count(self, what: int, ns: int) -> None:
        """One value of `PERIOD`, `LATENESS` or `COMPUTE`."""
        words = self._words
        if ns > words[_LARGEST + what]:
            words[_LARGEST + what] = ns
        bits = ns.bit_length() if ns >= 8 else 3
        words[_HISTOGRAMS + what * _BINS + min(4 * bits + (ns >> (bits - 3) & 3), _BINS - 1)] += 1

    def cycle(self) -> None:
        """One period is done."""
        self._words[_CYCLES] += 1

    def overrun(self) -> None:
        """A period was missed."""
        self._words[_OVERRUNS] += 1

    def report(self) -> LoopReport:
        """The figures so far."""
        names = ((FIFO, "fifo"), (LOCKED, "mlockall"), (FROZEN, "gc_frozen"))
        return LoopReport(
            cycles=self._words[_CYCLES],
            overruns=self._words[_OVERRUNS],
            nominal_us=self._words[_NOMINAL] / 1e3,
            period=self._spread(PERIOD),
            lateness=self._spread(LATENESS),
            compute=self._spread(COMPUTE),
            settings=tuple(name for bit, name in names if self._words[_SETTINGS] & bit),
        )

    def _spread(self, what: int) -> Spread:
        first = _HISTOGRAMS + what * _BINS
        counts = [self._words[first + k] for k in range(_BINS)]
        largest = self._words[_LARGEST + what]
        quantiles = (_quantile(counts, share, largest) for share in (0.5, 0.99, 0.999))
        return Spread(*(round(ns / 1e3, 1) for ns in (*quantiles, largest)))


def _quantile(counts: list[int], share: float, largest: int) -> int:
    left = share * sum(counts)
    for k, count in enumerate(counts):
        left -= count
        if left <= 0.0 and count:
            bits, quarter = divmod(k, 4)
            return min((5 + quarter) << max(bits - 3, 0), largest)
    return 0

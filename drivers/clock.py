"""The plant's clock, passed in wherever time matters.

On a real plant it is `WallClock`. In simulation it is `LockstepClock`: time stands still while a
controller is busy and passes while it waits, so what a controller thinks about costs no simulated
time, and a run is the same at any speed.

The pattern in a controller is always the same: it is *busy* from the moment it learns of something
until it has handed everything on; then it waits for named peers, for a deadline, or for both::

    before = clock.seq("cell_a/arm")       # how often the arm has signalled so far
    send_goal()                            # the arm becomes busy before it accepts
    clock.wait_for({"cell_a/arm": before}) # from here on time may pass, up to the arm's next signal
    result.wait()                          # the message that carries the result
    clock.busy()

Whoever answers gives its signal (`clock.signal()`) before it sends the answer and before it waits.

A participant of a cell reads its own cell's time and stops it at once when it is busy. One of the
whole plant (the scheduler) stops the plant only where the cells meet (`time_page.WINDOW_NS`):
`busy` returns there, and what it learned of goes into effect there. The cells meet the more seldom,
the longer their controllers know that they will have nothing to tell (`silent_until`).
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Mapping
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import Final, Protocol

from drivers.time_page import (
    FOREVER_NS,
    KIND_CONTROLLER,
    KIND_SIMULATOR,
    TICK_NS,
    WINDOW_NS,
    TimePage,
    cell_of,
    next_window_ns,
)
from drivers.wake import Poker

__all__ = ["FOREVER_NS", "TICK_NS", "LockstepClock", "PlantClock", "WallClock", "open_clock"]

_POLL_S: Final = 0.0005
_MEET_S: Final = 5.0
"""How long the plant's participants wait for the cells to meet, in wall time, before they act."""

_LIVENESS_PERIOD_S: Final = 0.25
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=timezone.utc)


class PlantClock(Protocol):
    """Time of the plant in nanoseconds since its start, and leave for it to pass."""

    def now_ns(self) -> int:
        """Plant time; never goes back."""

    def start(self) -> datetime:
        """The instant of plant time 0, in UTC."""

    def busy(self) -> None:
        """A decision is pending here: simulated time stands still."""

    def effective_ns(self, at_ns: int) -> int:
        """From when on the plant's participants may act upon what a cell did at an instant."""

    def wait_for(self, peers: Mapping[str, int] | None = None, until_ns: int = FOREVER_NS) -> None:
        """Let time pass up to `until_ns`, or until a peer signals beyond the given count."""

    def signal(self) -> None:
        """Tell whoever waits for this participant that there is something to do."""

    def silent_until(self, until_ns: int) -> None:
        """Promise to tell the plant and other cells nothing before that instant."""

    def speak(self) -> None:
        """Wait until nothing is promised any more: the plant is about to be told something."""

    def seq(self, peer: str) -> int:
        """How often a peer has signalled."""

    def sleep_until(self, until_ns: int, stop: Callable[[], bool] = lambda: False) -> bool:
        """Wait for an instant, then be busy; False if `stop` became true before it."""

    def close(self) -> None:
        """Leave: time no longer waits for this participant."""


def instant(clock: PlantClock, at_ns: int) -> datetime:
    """The calendar instant (UTC) of a plant time."""
    return clock.start() + timedelta(microseconds=at_ns / 1000)


class WallClock:
    """Time of a real plant: monotonic, starting at `start`, never waiting for anybody."""

    def __init__(self, start: datetime | None = None) -> None:
        now = datetime.now(timezone.utc)
        self._start = start or now
        self._offset_ns = int((now - self._start) / timedelta(microseconds=1)) * 1000
        self._zero_ns = time.monotonic_ns()
        self._never = threading.Event()

    def now_ns(self) -> int:
        """Plant time; unaffected by steps of the machine's wall clock."""
        return time.monotonic_ns() - self._zero_ns + self._offset_ns

    def start(self) -> datetime:
        """The instant of plant time 0, in UTC."""
        return self._start

    def busy(self) -> None:
        """Nothing to do: real time does not stand still."""

    def effective_ns(self, at_ns: int) -> int:
        """At once."""
        return at_ns

    def wait_for(self, peers: Mapping[str, int] | None = None, until_ns: int = FOREVER_NS) -> None:
        """Nothing to do: real time passes anyhow."""

    def signal(self) -> None:
        """Nothing to do: messages tell the peers."""

    def silent_until(self, until_ns: int) -> None:
        """Nothing to do: nobody waits."""

    def speak(self) -> None:
        """At once."""

    def seq(self, peer: str) -> int:  # noqa: ARG002 - the protocol names the peer
        """Always 0."""
        return 0

    def sleep_until(self, until_ns: int, stop: Callable[[], bool] = lambda: False) -> bool:
        """Wait for an instant; False if `stop` became true before it (seen within 20 ms)."""
        while not stop():
            left_s = (until_ns - self.now_ns()) * 1e-9
            if left_s <= 0.0:
                return True
            self._never.wait(min(left_s, 0.02))
        return False

    def close(self) -> None:
        """Nothing to leave."""


class LockstepClock:
    """Time of a simulated plant, as one controller takes part in it; its threads may share it."""

    def __init__(self, page: Path, participant: str) -> None:
        self._page = TimePage(page)
        self._slot = self._page.claim(participant, KIND_CONTROLLER)
        self._cell = cell_of(participant)
        self._poker = Poker(self._page)
        self._lock = threading.Lock()
        self._dead: dict[int, int] = {}
        self._checked_s = -_LIVENESS_PERIOD_S
        self._last_ns = 0

    def now_ns(self) -> int:
        """What the own cell's simulator has reached; for the plant's, what all living ones have."""
        page = self._page
        simulators = self._simulators()
        now_s = time.monotonic()
        if now_s - self._checked_s >= _LIVENESS_PERIOD_S:
            self._checked_s = now_s
            self._dead = {i: page.pid(i) for i in simulators if not page.alive(i)}
        living = [i for i in simulators if self._dead.get(i) != page.pid(i)]
        own = [i for i in living if self._cell and page.cell(i) == self._cell]
        reached = [page.reached(i) for i in own or living]
        if reached:
            self._last_ns = max(self._last_ns, min(reached))
        return self._last_ns

    def start(self) -> datetime:
        """The instant of plant time 0, in UTC."""
        return _EPOCH + timedelta(microseconds=self._page.start_unix_ns / 1000)

    def busy(self) -> None:
        """Time stands still until this participant waits; of the plant: where the cells meet."""
        if not self._cell:
            self._meet()
        with self._lock:
            self._page.set_busy(self._slot)

    def effective_ns(self, at_ns: int) -> int:
        """When the window after the one of that instant begins."""
        return next_window_ns(at_ns)

    def wait_for(self, peers: Mapping[str, int] | None = None, until_ns: int = FOREVER_NS) -> None:
        """Let time pass up to `until_ns`, or until a peer signals beyond the given count.

        For a participant of the plant both take effect when the next window begins.
        """
        watches = tuple((self._page.slot(name), seq) for name, seq in (peers or {}).items())
        page = self._page
        with self._lock:
            page.set_waiting(self._slot, until_ns, watches)
        self._poker.poke(
            i for i in self._simulators() if not self._cell or page.cell(i) == self._cell
        )

    def signal(self) -> None:
        """Whoever waits for this participant is busy from this tick on."""
        at_ns = self.now_ns()
        with self._lock:
            self._page.signal(self._slot, at_ns)

    def silent_until(self, until_ns: int) -> None:
        """Other cells need not wait for this one before that instant, as far as it is concerned."""
        self._page.set_silent(self._slot, until_ns)
        page = self._page
        self._poker.poke(i for i in self._simulators() if page.cell(i) != self._cell)

    def speak(self) -> None:
        """Wait for the promised instant, then be busy; returns at once where it has passed."""
        until_ns = self._page.silent_until(self._slot)
        if until_ns > self.now_ns():
            self.sleep_until(until_ns)

    def seq(self, peer: str) -> int:
        """How often a peer has signalled."""
        return self._page.seq(self._page.slot(peer))

    def sleep_until(self, until_ns: int, stop: Callable[[], bool] = lambda: False) -> bool:
        """Wait for an instant, then be busy; False if `stop` became true before it."""
        self.wait_for(until_ns=until_ns)
        try:
            while not stop():
                if self.now_ns() >= until_ns:
                    return True
                time.sleep(_POLL_S)
            return False
        finally:
            self.busy()

    def close(self) -> None:
        """Leave: time no longer waits for this participant. May be called twice."""
        if not self._page.closed:
            self._page.release(self._slot)
            self._poker.close()
            self._page.close()

    def _simulators(self) -> list[int]:
        page = self._page
        return [i for i in range(page.slot_count) if page.kind(i) == KIND_SIMULATOR]

    def _meet(self) -> None:
        """Have the cells meet, and wait for it; for nobody while time is held or does not begin."""
        page = self._page
        view = page.view(self._slot)
        if not view.waiting or not page.begun:
            return
        meeting_ns = -1
        until_s = time.monotonic() + _MEET_S
        while self.now_ns() < meeting_ns or meeting_ns < 0:
            # Where the cells stop next: nobody may have left that instant, now or in the meantime.
            latest_ns = max((page.departed(i) for i in self._simulators()), default=0)
            if latest_ns > meeting_ns:
                meeting_ns = -(-latest_ns // WINDOW_NS) * WINDOW_NS
                with self._lock:
                    until_ns = min(meeting_ns, view.until_ns)
                    page.set_waiting(self._slot, until_ns, view.watches)
            if page.held or time.monotonic() > until_s:
                return
            time.sleep(_POLL_S)


def open_clock(run_dir: Path, participant: str, start: datetime | None) -> PlantClock:
    """The clock of a process of the plant: the wall's from `start` on; lockstep without one."""
    if start is None:
        return LockstepClock(run_dir / "time.page", participant)
    return WallClock(start)

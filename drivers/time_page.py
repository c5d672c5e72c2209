"""The page of shared memory on which a simulated plant agrees about time.

A simulated plant has one clock. Its time advances in ticks of `TICK_NS`, and a tick happens only
if every participant allows it. There are two kinds of participants:

* a *simulator* steps physics; it publishes the instant towards which it has departed, so that the
  others know that it needs no more leave, and then the instant that it has reached;
* a *controller* decides; it is either busy (time stands still) or waiting, until a deadline, until
  one of the peers that it names gives a signal, or both.

Each participant owns one slot and is the only writer of it. Fields are aligned 64-bit words, and a
slot's `version` is odd while its owner changes it (a seqlock), so readers need no lock. Slots are
handed out under an exclusive lock of the file. A participant whose process has ended is ignored:
the physical world does not wait for a dead controller. Whoever takes a slot while nobody else lives
begins a new run: what a run before has left on the page no longer counts.

A participant called `cell_a/arm` belongs to the cell `cell_a`; one without a slash belongs to the
plant. Within a cell everything is ordered to the tick. Cells meet every `WINDOW_NS`: what one tells
another, or the plant, takes effect when the next window begins. Until then the simulators of the
cells need not wait for each other (a conservative time window with that lookahead; Nicol, "The cost
of conservative synchronization in parallel discrete event simulations", J. ACM 40, 1993). A
controller may promise to tell the plant nothing before some instant, because it is in mid-motion,
say; while all those of a cell are silent, the other cells go on to the next windows without it (its
lookahead; Chandy and Misra, "Distributed simulation", IEEE Trans. Softw. Eng. 5, 1979).
"""

from __future__ import annotations

import fcntl
import mmap
import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final, NamedTuple

from drivers.errors import DriverError
from drivers.time_header import H_MAGIC, H_SLOTS, HEADER_BYTES, MAGIC, TimeHeader

TICK_NS: Final = 20_000_000
"""Length of a tick: decisions take effect on a common 20 ms cycle, as with a PLC."""

WINDOW_NS: Final = 5 * TICK_NS
"""How often the cells meet: what a cell reports to the plant's scheduler, or is told by it, takes
effect at the next multiple of this, as over a plant's network."""

FOREVER_NS: Final = 2**63 - 1

MAX_SLOTS: Final = 512
"""Five participants of each cell, and the plant's own: a hundred cells."""

MAX_WATCHES: Final = 104
"""Enough for a scheduler that waits for every one of them."""

_SLOT_BYTES: Final = 2048
_PAGE_BYTES: Final = HEADER_BYTES + MAX_SLOTS * _SLOT_BYTES
_NAME_OFFSET: Final = 1920
_NAME_BYTES: Final = _SLOT_BYTES - _NAME_OFFSET

# slot words; two more for each watch follow, and all end before _NAME_OFFSET
_S_KIND, _S_PID, _S_BORN, _S_VERSION, _S_WAITING, _S_UNTIL, _S_SEQ = range(7)
_S_REACHED, _S_DEPARTED, _S_SEQ_WINDOW, _S_SEQ_BEFORE, _S_SILENT, _S_WATCHES = range(7, 13)
assert 8 * (_S_WATCHES + 1 + 2 * MAX_WATCHES) <= _NAME_OFFSET

KIND_NAMED: Final = 0
KIND_CONTROLLER: Final = 1
KIND_SIMULATOR: Final = 2

_VIEW_ATTEMPTS: Final = 100


class TimePageError(DriverError):
    """The page cannot be used: it is full, or not a time page."""

    def __init__(self, path: Path, reason: str) -> None:
        super().__init__(f"time page {path}: {reason}")
        self.path = path
        self.reason = reason


class SlotView(NamedTuple):
    """One consistent reading of a slot."""

    slot: int
    kind: int
    pid: int
    version: int
    waiting: bool
    until_ns: int
    seq: int
    reached_ns: int
    watches: tuple[tuple[int, int], ...]


def cell_of(participant: str) -> str:
    """The cell to which a participant belongs; empty for those of the whole plant."""
    return participant.rpartition("/")[0]


def window_of(at_ns: int) -> int:
    """Number of the window in which an instant lies; window k begins at k * WINDOW_NS."""
    return at_ns // WINDOW_NS


def next_window_ns(at_ns: int) -> int:
    """When the window after the one of an instant begins."""
    return (window_of(at_ns) + 1) * WINDOW_NS


def process_birth(pid: int) -> int:
    """Start time of a process in clock ticks since boot, 0 if there is no such process.

    Together with the pid it names a process for good (proc(5), field 22 of /proc/PID/stat).
    """
    try:
        stat = Path(f"/proc/{pid}/stat").read_text()
    except OSError:
        return 0
    fields = stat[stat.rindex(")") + 2 :].split()
    return 0 if fields[0] in ("Z", "X") else int(fields[19])


class TimePage(TimeHeader):
    """The mapped page: slots by name, words by index. No policy in here."""

    def __init__(self, path: Path) -> None:
        self.path = path
        path.parent.mkdir(parents=True, exist_ok=True)
        self._file = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        fcntl.flock(self._file, fcntl.LOCK_EX)
        try:
            fresh = os.fstat(self._file).st_size == 0
            if fresh:
                os.ftruncate(self._file, _PAGE_BYTES)
            if os.fstat(self._file).st_size != _PAGE_BYTES:
                raise TimePageError(path, "has the wrong size; remove the file and start again")
            self._map = mmap.mmap(self._file, _PAGE_BYTES)
            super().__init__(memoryview(self._map).cast("q"))
            if fresh:
                self._words[H_MAGIC] = MAGIC
            if self._words[H_MAGIC] != MAGIC:
                raise TimePageError(path, "is not a time page; remove the file and start again")
        finally:
            fcntl.flock(self._file, fcntl.LOCK_UN)
        status = os.fstat(self._file)
        self.identity = (status.st_dev, status.st_ino)
        self._names: dict[str, int] = {}
        self._cells: dict[int, str] = {}
        self._lock = threading.RLock()

    def close(self) -> None:
        """Unmap the page; the slots stay until their processes end. May be called twice."""
        if self.closed:
            return
        self._words.release()
        self._map.close()
        os.close(self._file)

    @property
    def closed(self) -> bool:
        """Whether the page was unmapped."""
        return self._map.closed

    # -- slots ----------------------------------------------------------------------------------

    def slot(self, name: str) -> int:
        """Index of the slot of that name; it is made, without an owner, if nobody has asked yet."""
        known = self._names.get(name)
        if known is not None:
            return known
        encoded = name.encode()
        if not 0 < len(encoded) < _NAME_BYTES:
            raise TimePageError(self.path, f"a participant cannot be called {name!r}")
        with self._exclusively():
            count = self.slot_count
            for index in range(count):
                if self.name(index) == name:
                    break
            else:
                if count == MAX_SLOTS:
                    raise TimePageError(self.path, f"no slot left for {name!r} ({MAX_SLOTS} used)")
                index = count
                at = HEADER_BYTES + index * _SLOT_BYTES + _NAME_OFFSET
                self._map[at : at + len(encoded)] = encoded
                self._words[H_SLOTS] = count + 1
        self._names[name] = index
        return index

    def name(self, index: int) -> str:
        """Name of a slot."""
        at = HEADER_BYTES + index * _SLOT_BYTES + _NAME_OFFSET
        return self._map[at : at + _NAME_BYTES].split(b"\0", 1)[0].decode()

    def cell(self, index: int) -> str:
        """The cell to which a slot's participant belongs; empty for those of the whole plant."""
        known = self._cells.get(index)
        if known is None:
            known = self._cells[index] = cell_of(self.name(index))
        return known

    def claim(self, name: str, kind: int) -> int:
        """Take the slot of that name for this process: busy at first, its signals kept.

        A simulator goes on from the latest instant that any simulator has reached in this run.
        """
        index = self.slot(name)
        at = self._at(index)
        words = self._words
        pid = os.getpid()
        with self._exclusively():
            if not any(self.kind(i) != KIND_NAMED and self.alive(i) for i in self._slots()):
                self._begin_run()
            words[at + _S_KIND] = KIND_NAMED
            words[at + _S_WAITING] = 0
            words[at + _S_WATCHES] = 0
            words[at + _S_SILENT] = 0
            words[at + _S_VERSION] += words[at + _S_VERSION] % 2  # an owner died while changing it
            if kind == KIND_SIMULATOR:
                latest_ns = max(self.reached(i) for i in self._slots())
                words[at + _S_REACHED] = words[at + _S_DEPARTED] = latest_ns
            words[at + _S_PID] = pid
            words[at + _S_BORN] = process_birth(pid)
            words[at + _S_KIND] = kind
        return index

    def release(self, index: int) -> None:
        """Give the slot back: its name and its count of signals stay, its say is gone."""
        self._words[self._at(index) + _S_KIND] = KIND_NAMED

    def _begin_run(self) -> None:
        self.begun = False
        for index in self._slots():
            at = self._at(index)
            self._words[at + _S_KIND] = KIND_NAMED
            self._words[at + _S_REACHED] = self._words[at + _S_DEPARTED] = 0
            self._words[at + _S_SEQ_BEFORE] = self._words[at + _S_SEQ]
            self._words[at + _S_SEQ_WINDOW] = 0

    def _slots(self) -> range:
        return range(self.slot_count)

    @contextmanager
    def _exclusively(self) -> Iterator[None]:
        """Against other processes by the file's lock, against other threads by ours."""
        with self._lock:
            fcntl.flock(self._file, fcntl.LOCK_EX)
            try:
                yield
            finally:
                fcntl.flock(self._file, fcntl.LOCK_UN)

    def set_busy(self, index: int) -> None:
        """Time stands still for this participant from now on."""
        self._words[self._at(index) + _S_WAITING] = 0

    def set_waiting(self, index: int, until_ns: int, watches: tuple[tuple[int, int], ...]) -> None:
        """Allow time to pass until a deadline or until a watched slot's signal count changes."""
        if len(watches) > MAX_WATCHES:
            raise TimePageError(self.path, f"more than {MAX_WATCHES} peers watched at once")
        at = self._at(index)
        words = self._words
        words[at + _S_VERSION] += 1
        words[at + _S_UNTIL] = until_ns
        words[at + _S_WATCHES] = len(watches)
        for i, (peer, seq) in enumerate(watches):
            words[at + _S_WATCHES + 1 + 2 * i] = peer
            words[at + _S_WATCHES + 2 + 2 * i] = seq
        words[at + _S_WAITING] = 1
        words[at + _S_VERSION] += 1

    def signal(self, index: int, at_ns: int) -> int:
        """Count one signal of this slot, given at an instant; returns the new count."""
        at, words = self._at(index), self._words
        window = window_of(at_ns)
        if window != words[at + _S_SEQ_WINDOW]:
            words[at + _S_SEQ_BEFORE] = words[at + _S_SEQ]
            words[at + _S_SEQ_WINDOW] = window
        words[at + _S_SEQ] += 1
        return words[at + _S_SEQ]

    def seq(self, index: int) -> int:
        """How many signals this slot has given."""
        return self._words[self._at(index) + _S_SEQ]

    def seq_before(self, index: int, window: int) -> int:
        """How many signals this slot gave before a window began, if that is the present one.

        The last two windows are enough: whoever gives a signal that another cell or the plant waits
        for is held where that window ends, and is silent while another simulator is ahead of it.
        """
        at, words = self._at(index), self._words
        if words[at + _S_SEQ_WINDOW] >= window:
            return words[at + _S_SEQ_BEFORE]
        return words[at + _S_SEQ]

    def set_silent(self, index: int, until_ns: int) -> None:
        """Promise that this slot tells the plant and other cells nothing before an instant."""
        self._words[self._at(index) + _S_SILENT] = until_ns

    def silent_until(self, index: int) -> int:
        """The instant before which this slot tells the plant and other cells nothing."""
        return self._words[self._at(index) + _S_SILENT]

    def set_reached(self, index: int, reached_ns: int) -> None:
        """Publish the instant that a simulator has reached."""
        self._words[self._at(index) + _S_REACHED] = reached_ns

    def set_departed(self, index: int, departed_ns: int) -> None:
        """Publish the instant towards which a simulator is on its way."""
        self._words[self._at(index) + _S_DEPARTED] = departed_ns

    def departed(self, index: int) -> int:
        """The instant towards which a simulator is on its way."""
        return self._words[self._at(index) + _S_DEPARTED]

    def pid(self, index: int) -> int:
        """Process that claimed the slot last."""
        return self._words[self._at(index) + _S_PID]

    def view(self, index: int) -> SlotView:
        """One consistent reading of a slot.

        A slot that never settles (its owner died while it changed it) reads as busy.
        """
        at = self._at(index)
        words = self._words
        for _ in range(_VIEW_ATTEMPTS):
            version = words[at + _S_VERSION]
            waiting = bool(words[at + _S_WAITING])
            until = words[at + _S_UNTIL]
            first = at + _S_WATCHES + 1
            last = first + 2 * words[at + _S_WATCHES] if waiting else first
            watched = words[first:last].tolist()
            if version % 2 == 0 and version == words[at + _S_VERSION]:
                break
        else:
            waiting, watched = False, []
        watches = tuple(zip(watched[::2], watched[1::2], strict=True))
        return SlotView(
            slot=index,
            kind=words[at + _S_KIND],
            pid=words[at + _S_PID],
            version=version,
            waiting=waiting,
            until_ns=until,
            seq=words[at + _S_SEQ],
            reached_ns=words[at + _S_REACHED],
            watches=watches,
        )

    def kind(self, index: int) -> int:
        """KIND_NAMED (nobody owns it), KIND_CONTROLLER or KIND_SIMULATOR."""
        return self._words[self._at(index) + _S_KIND]

    def reached(self, index: int) -> int:
        """The instant that a simulator has reached, nanoseconds of plant time."""
        return self._words[self._at(index) + _S_REACHED]

    def alive(self, index: int) -> bool:
        """Whether the process that claimed the slot still runs."""
        at = self._at(index)
        pid = self._words[at + _S_PID]
        return pid != 0 and process_birth(pid) == self._words[at + _S_BORN]

    @staticmethod
    def _at(index: int) -> int:
        return (HEADER_BYTES + index * _SLOT_BYTES) // 8

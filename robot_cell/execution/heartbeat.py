"""Signs of life on a page of shared memory: each process of a cell writes its own, all may read.

A beat costs one store of a few words and no system call, so a loop can give one every turn. The
page is a file in the run directory. Each process owns one slot and is its only writer; a slot's
version is odd while it changes (a seqlock). Instants are of CLOCK_MONOTONIC, which all processes of
a machine share and which no step of the wall clock disturbs.
"""

from __future__ import annotations

import fcntl
import mmap
import os
import struct
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from drivers.time_page import process_birth
from robot_cell.errors import RobotCellError

_MAGIC: Final = 0x3154414548435230  # "0RCHEAT1", little endian
_SLOTS: Final = 32
_HEADER: Final = struct.Struct("<qq")  # magic, slots handed out
_HEADER_BYTES: Final = 64
_SLOT_BYTES: Final = 192
_NAME_BYTES: Final = 64
_STATE_BYTES: Final = 64
_VERSION: Final = struct.Struct("<q")
_BODY: Final = struct.Struct("<qqqqq")  # pid, born, period, deadline, last beat
_NAME_AT: Final = 0
_VERSION_AT: Final = _NAME_BYTES
_BODY_AT: Final = _VERSION_AT + _VERSION.size
_STATE_AT: Final = _BODY_AT + _BODY.size
_PAGE_BYTES: Final = _HEADER_BYTES + _SLOTS * _SLOT_BYTES
_READ_TRIES: Final = 10
_READ_PAUSE_S: Final = 0.0001

DEFAULT_DEADLINE_S: Final = 5.0
"""How long a process may be silent unless it says otherwise; planning and imports fit in."""


class HeartbeatError(RobotCellError):
    """The page cannot be used."""

    def __init__(self, path: Path, reason: str) -> None:
        super().__init__(f"heartbeat page {path}: {reason}")
        self.path = path
        self.reason = reason


@dataclass(frozen=True)
class Beat:
    """The last sign of life of a process.

    Attributes:
        name: what the process is called in its cell.
        pid, born: name the process for good (`drivers.time_page.process_birth`).
        period_s: how often it means to beat.
        deadline_s: silence after which it is taken for hung.
        at_s: instant of the last beat, CLOCK_MONOTONIC.
        state: what it said that it was doing.
    """

    name: str
    pid: int
    born: int
    period_s: float
    deadline_s: float
    at_s: float
    state: str

    def silent_s(self, now_s: float) -> float:
        """How long it has been silent."""
        return now_s - self.at_s

    def alive(self) -> bool:
        """Whether that very process still exists."""
        return process_birth(self.pid) == self.born


class HeartbeatPage:
    """The mapped page of a cell."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._whole: dict[int, Beat] = {}
        path.parent.mkdir(parents=True, exist_ok=True)
        self._file = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(self._file, fcntl.LOCK_EX)
            fresh = os.fstat(self._file).st_size == 0
            if fresh:
                os.ftruncate(self._file, _PAGE_BYTES)
            elif os.fstat(self._file).st_size != _PAGE_BYTES:
                raise HeartbeatError(path, "has the wrong size; remove it while the cell is down")
            self._map = mmap.mmap(self._file, _PAGE_BYTES)
            if fresh:
                _HEADER.pack_into(self._map, 0, _MAGIC, 0)
            if _HEADER.unpack_from(self._map, 0)[0] != _MAGIC:
                self._map.close()
                raise HeartbeatError(path, "is something else; remove it while the cell is down")
        except BaseException:
            os.close(self._file)
            raise
        fcntl.flock(self._file, fcntl.LOCK_UN)

    def close(self) -> None:
        """Unmap the page; what is written on it stays."""
        self._map.close()
        os.close(self._file)

    def claim(self, name: str) -> int:
        """Offset of the slot of that name, which is made if it is not there."""
        encoded = name.encode()
        if not 0 < len(encoded) < _NAME_BYTES:
            raise HeartbeatError(self.path, f"a process cannot be called {name!r}")
        fcntl.flock(self._file, fcntl.LOCK_EX)
        try:
            used = self._used()
            for index in range(used):
                if self._name(index) == name:
                    return self._at(index)
            if used == _SLOTS:
                raise HeartbeatError(self.path, f"no slot left for {name!r} ({_SLOTS} are used)")
            at = self._at(used)
            self._map[at : at + len(encoded)] = encoded
            _HEADER.pack_into(self._map, 0, _MAGIC, used + 1)
            return at
        finally:
            fcntl.flock(self._file, fcntl.LOCK_UN)

    def write(self, at: int, beat: Beat) -> None:
        """Put a beat into a slot."""
        version: int = _VERSION.unpack_from(self._map, at + _VERSION_AT)[0] | 1
        _VERSION.pack_into(self._map, at + _VERSION_AT, version)
        _BODY.pack_into(
            self._map, at + _BODY_AT, beat.pid, beat.born,
            int(beat.period_s * 1e9), int(beat.deadline_s * 1e9), int(beat.at_s * 1e9),
        )  # fmt: skip
        state = beat.state.encode()[:_STATE_BYTES].ljust(_STATE_BYTES, b"\0")
        self._map[at + _STATE_AT : at + _STATE_AT + _STATE_BYTES] = state
        _VERSION.pack_into(self._map, at + _VERSION_AT, version + 1)

    def read(self) -> dict[str, Beat]:
        """The last beat of every process, by name.

        Of one that stopped or died while it wrote, the last one that was whole: it is silent, and
        whoever watches over it must see that. If none of its whole ones was seen, the one that it
        writes: who it is stands there since its first, and is written over by the same.
        """
        for index in range(self._used()):
            self._read(index)
        beats = self._whole.values()
        return {beat.name: beat for beat in beats if beat.pid}

    def _read(self, index: int) -> None:
        at = self._at(index)
        for _ in range(_READ_TRIES):
            version = _VERSION.unpack_from(self._map, at + _VERSION_AT)[0]
            pid, born, period, deadline, beat = _BODY.unpack_from(self._map, at + _BODY_AT)
            state = self._map[at + _STATE_AT : at + _STATE_AT + _STATE_BYTES]
            if version % 2 == 0 and version == _VERSION.unpack_from(self._map, at + _VERSION_AT)[0]:
                break
            time.sleep(_READ_PAUSE_S)  # the writer was interrupted in the middle
        else:
            known = self._whole.get(index)
            if known is not None and (known.pid, known.born) == (pid, born):
                return
        text = state.rstrip(b"\0").decode(errors="replace")
        self._whole[index] = Beat(
            self._name(index), pid, born, period * 1e-9, deadline * 1e-9, beat * 1e-9, text
        )

    def _used(self) -> int:
        return min(int(_HEADER.unpack_from(self._map, 0)[1]), _SLOTS)

    def _name(self, index: int) -> str:
        at = self._at(index) + _NAME_AT
        return self._map[at : at + _NAME_BYTES].split(b"\0", 1)[0].decode(errors="replace")

    @staticmethod
    def _at(index: int) -> int:
        return _HEADER_BYTES + index * _SLOT_BYTES


class Heartbeat:
    """The sign of life of this process.

    Args:
        path: the cell's page, `<run_dir>/heartbeats/<cell>.page`.
        name: what this process is called in its cell, for example `arm`.
        period_s: how often `beat` will be called.
        deadline_s: silence after which the supervisor may end this process.
    """

    def __init__(
        self,
        path: Path,
        name: str,
        period_s: float,
        deadline_s: float = DEFAULT_DEADLINE_S,
    ) -> None:
        self._page = HeartbeatPage(path)
        self._at = self._page.claim(name)
        self._name = name
        self._pid = os.getpid()
        self._born = process_birth(self._pid)
        self._period_s = period_s
        self._deadline_s = deadline_s
        self.beat("starting")

    def beat(self, state: str, deadline_s: float | None = None) -> None:
        """Say that this process lives, what it does, and for how long it may be silent now."""
        self._page.write(
            self._at,
            Beat(
                self._name, self._pid, self._born, self._period_s,
                self._deadline_s if deadline_s is None else deadline_s,
                time.monotonic(), state,
            ),
        )  # fmt: skip

    def close(self) -> None:
        """Say that the silence from now on is meant."""
        self._page.write(self._at, Beat(self._name, 0, 0, 0.0, 0.0, time.monotonic(), "ended"))
        self._page.close()

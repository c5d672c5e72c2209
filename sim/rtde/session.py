"""One client's side of the RTDE protocol as the controller speaks it: bytes in, packages out.

Versions 1 and 2 as the "Real-Time Data Exchange (RTDE) Guide" has them. No sockets and no time:
what a client has agreed on, and how that is answered.
"""

from __future__ import annotations

import struct
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, Final

from sim.rtde.variables import INPUTS, OUTPUTS, flat, layout, types_of

_HEADER: Final = struct.Struct(">HB")
_VERSION: Final = (5, 12, 2, 1101)
_FASTEST_HZ: Final = 500.0


class ProtocolError(Exception):
    """What came is no RTDE."""


@dataclass(eq=False)
class Session:
    """What one connection has agreed on.

    Attributes:
        version: of the protocol.
        started: states are sent.
        outputs, every: variables of a state, and of how many cycles one is told.
        inputs: variables that the client writes.
    """

    version: int = 1
    started: bool = False
    outputs: tuple[str, ...] = ()
    every: int = 1
    inputs: tuple[str, ...] = ()
    _out_layout: struct.Struct | None = None
    _in_layout: struct.Struct | None = None
    _rest: bytes = b""

    def packages(self, data: bytes) -> Iterator[tuple[str, bytes]]:
        """Kind and payload of each package that is whole with these bytes.

        Raises:
            ProtocolError: a package is shorter than its header.
        """
        self._rest += data
        while len(self._rest) >= _HEADER.size:
            size, kind = _HEADER.unpack_from(self._rest)
            if size < _HEADER.size:
                raise ProtocolError(f"a package of {size} bytes")
            if len(self._rest) < size:
                return
            payload, self._rest = self._rest[_HEADER.size : size], self._rest[size:]
            yield chr(kind), payload

    def answer(self, kind: str, payload: bytes, unknown: set[str], in_use: set[str]) -> bytes:
        """The answer to a package of any kind but data.

        `unknown`: variables that this controller does not have; `in_use`: those that others write.
        """
        if kind == "V":
            (wanted,) = struct.unpack_from(">H", payload)
            if wanted in (1, 2):
                self.version = wanted
            return package("V", bytes([wanted in (1, 2)]))
        if kind == "v":
            return package("v", struct.pack(">4I", *_VERSION))
        if kind == "O":
            return self._set_up_outputs(payload, unknown)
        if kind == "I":
            return self._set_up_inputs(payload, unknown, in_use)
        if kind == "S":
            self.started = self._out_layout is not None
            return package("S", bytes([self.started]))
        if kind == "P":
            self.started = False
            return package("P", b"\x01")
        return self.text(1, f"unknown package type {kind!r}")

    def state(self, value: Callable[[str], Any]) -> bytes:
        """A state as this client wants it; `value` gives that of a variable."""
        assert self._out_layout is not None
        values = self._out_layout.pack(*flat([value(name) for name in self.outputs]))
        return package("U", (b"\x01" if self.version == 2 else b"") + values)

    def written(self, payload: bytes) -> dict[str, float] | None:
        """What a data package writes; None if it is of no recipe."""
        if self._in_layout is None or len(payload) != 1 + self._in_layout.size:
            return None
        return dict(zip(self.inputs, self._in_layout.unpack(payload[1:]), strict=True))

    def text(self, level: int, words: str) -> bytes:
        """A text message: 0 exception, 1 error, 2 warning, 3 information."""
        said = words.encode()[:255]
        if self.version == 1:
            return package("M", bytes([level]) + said)
        source = b"RTDE"
        body = bytes([len(said)]) + said + bytes([len(source)]) + source + bytes([level])
        return package("M", body)

    def _set_up_outputs(self, payload: bytes, unknown: set[str]) -> bytes:
        rate_hz = 125.0
        if self.version == 2:
            (rate_hz,) = struct.unpack_from(">d", payload)
            payload = payload[8:]
        names = names_of(payload)
        known = {name: kind for name, kind in OUTPUTS.items() if name not in unknown}
        types = types_of(names, known, set())
        good = "NOT_FOUND" not in types and 0.0 < rate_hz <= _FASTEST_HZ
        if good:
            self.outputs, self._out_layout = names, layout(types)
            self.every = max(1, round(_FASTEST_HZ / rate_hz))
        number = bytes([good]) if self.version == 2 else b""
        return package("O", number + ",".join(types).encode())

    def _set_up_inputs(self, payload: bytes, unknown: set[str], in_use: set[str]) -> bytes:
        names = names_of(payload)
        known = {name: kind for name, kind in INPUTS.items() if name not in unknown}
        types = types_of(names, known, in_use)
        good = not {"NOT_FOUND", "IN_USE"} & set(types)
        if good:
            self.inputs, self._in_layout = names, layout(types)
        return package("I", bytes([good]) + ",".join(types).encode())


def names_of(payload: bytes) -> tuple[str, ...]:
    """The variables of a recipe; some clients end theirs by a comma."""
    return tuple(payload.decode().rstrip(",").split(","))


def package(kind: str, payload: bytes) -> bytes:
    """A package as bytes."""
    return _HEADER.pack(_HEADER.size + len(payload), ord(kind)) + payload

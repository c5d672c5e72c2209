"""How a simulated arm is spoken to over its stream socket: framed messages, little endian.

Every message is a header and a payload. The header (20 bytes) is: magic `RCAM`, version (u8), kind
(u8), rows (u16), columns (u16), length of the text (u16), plant time in ns (i64). The payload is
rows * columns float64, row by row, then the text in UTF-8.

* HELLO, from the simulator: (3, n) state; text: period in ns, setpoints per period and the joints'
  names, a line each.
* STATE, from the simulator: (3, n) positions in rad, velocities in rad/s, torques in N·m.
* SETPOINTS, from the driver: (k, n) rad; row j, counted from 1, is where the arm should be j / k of
  a period after the state that is answered.
* STOP, from the driver: hold the measured pose, and wait for no setpoints until some come.
* FAULT, from the simulator: text: code, space, what happened. The arm holds until the driver
  connects again.

The simulator sends one STATE per tick and lets no time pass until it is answered by SETPOINTS with
the same time, or by STOP. HELLO is not answered.
"""

from __future__ import annotations

import enum
import struct
from typing import Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

VERSION: Final = 1
MAX_JOINTS: Final = 16
MAX_ROWS: Final = 64

_MAGIC: Final = b"RCAM"
_HEADER: Final = struct.Struct("<4sBBHHHq")
_MAX_TEXT: Final = 4096


class Kind(enum.IntEnum):
    """What a message is."""

    HELLO = 1
    STATE = 2
    SETPOINTS = 3
    STOP = 4
    FAULT = 5


_KINDS: Final = {int(kind): kind for kind in Kind}


class ProtocolViolation(Exception):
    """The bytes are not of this protocol; the connection is of no further use."""


class Message(NamedTuple):
    """One message; `values` is (rows, columns)."""

    kind: Kind
    time_ns: int
    values: NDArray[np.float64]
    text: str = ""


_NO_VALUES: Final = np.zeros((0, 0))


def encode(
    kind: Kind, time_ns: int, values: NDArray[np.float64] = _NO_VALUES, text: str = ""
) -> bytes:
    """A message as bytes."""
    words = text.encode()[:_MAX_TEXT]
    header = _HEADER.pack(_MAGIC, VERSION, kind, *values.shape, len(words), time_ns)
    return header + np.ascontiguousarray(values, dtype="<f8").tobytes() + words


class Decoder:
    """Cuts a stream into messages."""

    def __init__(self) -> None:
        self._rest = b""

    def feed(self, data: bytes) -> list[Message]:
        """The messages that are complete with these bytes.

        Raises:
            ProtocolViolation: wrong magic, version, kind or size.
        """
        if self._rest:
            data = self._rest + data
        found: list[Message] = []
        at = 0
        while len(data) - at >= _HEADER.size:
            magic, version, kind, rows, columns, length, time_ns = _HEADER.unpack_from(data, at)
            if magic != _MAGIC or version != VERSION:
                raise ProtocolViolation(f"magic {magic!r}, version {version}")
            if kind not in _KINDS:
                raise ProtocolViolation(f"kind {kind}")
            if rows > MAX_ROWS or columns > MAX_JOINTS or length > _MAX_TEXT:
                raise ProtocolViolation(f"{rows} rows, {columns} columns, {length} bytes of text")
            begin = at + _HEADER.size
            split = begin + 8 * rows * columns
            if len(data) < split + length:
                break
            values = np.frombuffer(data, "<f8", rows * columns, begin).reshape(rows, columns)
            text = data[split : split + length].decode(errors="replace") if length else ""
            found.append(Message(_KINDS[kind], time_ns, values, text))
            at = split + length
        self._rest = data[at:]
        return found

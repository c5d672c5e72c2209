"""RTDE as bytes: packages of protocol version 2, and recipes as one struct each.

Source: Universal Robots, "Real-Time Data Exchange (RTDE) Guide". Everything is big endian. A
package is its size (u16, these three bytes included), its type (u8) and a payload.
"""

from __future__ import annotations

import enum
import struct
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

from drivers.errors import DriverError

PROTOCOL_VERSION: Final = 2
HEADER: Final = struct.Struct(">HB")
LARGEST: Final = 65535

_SHAPES: Final = {
    "BOOL": "?",
    "UINT8": "B",
    "UINT32": "I",
    "UINT64": "Q",
    "INT32": "i",
    "DOUBLE": "d",
    "VECTOR3D": "3d",
    "VECTOR6D": "6d",
    "VECTOR6INT32": "6i",
    "VECTOR6UINT32": "6I",
}


class Kind(enum.IntEnum):
    """What a package is; the guide writes them as the letters that they are in ASCII."""

    PROTOCOL_VERSION = ord("V")
    CONTROLLER_VERSION = ord("v")
    TEXT = ord("M")
    DATA = ord("U")
    SETUP_OUTPUTS = ord("O")
    SETUP_INPUTS = ord("I")
    START = ord("S")
    PAUSE = ord("P")


class NotRtde(DriverError):
    """What came is no RTDE; the connection is of no further use."""


@dataclass(frozen=True)
class Text:
    """A message of the controller; `level` is 0 (exception), 1 (error), 2 (warning) or 3 (info)."""

    level: int
    source: str
    words: str


@dataclass(frozen=True)
class Recipe:
    """The variables of data packages one way, in the order in which they are sent."""

    number: int
    names: tuple[str, ...]
    types: tuple[str, ...]

    @property
    def layout(self) -> struct.Struct:
        """Recipe number and values.

        Raises:
            NotRtde: a type that the guide does not know.
        """
        try:
            return struct.Struct(">B" + "".join(_SHAPES[kind] for kind in self.types))
        except KeyError as error:
            raise NotRtde(f"a variable of type {error.args[0]!r}") from error

    def slices(self) -> dict[str, slice]:
        """Where each variable is in the values of `layout`."""
        found: dict[str, slice] = {}
        at = 1
        for name, kind in zip(self.names, self.types, strict=True):
            count = struct.Struct(_SHAPES[kind]).size // struct.Struct(_SHAPES[kind][-1]).size
            found[name] = slice(at, at + count)
            at += count
        return found


def package(kind: Kind, payload: bytes = b"") -> bytes:
    """A package as bytes."""
    return HEADER.pack(HEADER.size + len(payload), kind) + payload


def setup_outputs(rate_hz: float, names: Sequence[str]) -> bytes:
    """Ask for these variables at this rate."""
    return package(Kind.SETUP_OUTPUTS, struct.pack(">d", rate_hz) + ",".join(names).encode())


def setup_inputs(names: Sequence[str]) -> bytes:
    """Say that these variables will be written."""
    return package(Kind.SETUP_INPUTS, ",".join(names).encode())


def recipe(names: Sequence[str], payload: bytes) -> Recipe:
    """The answer to a set-up.

    Raises:
        NotRtde: it has another number of variables than were asked for.
    """
    types = tuple(payload[1:].decode("ascii", "replace").split(","))
    if not payload or len(types) != len(names):
        raise NotRtde(f"a recipe of {len(types)} variables where {len(names)} were asked for")
    return Recipe(payload[0], tuple(names), types)


def text(payload: bytes) -> Text:
    """A text message.

    Raises:
        NotRtde: it is cut short.
    """
    try:
        length = payload[0]
        words = payload[1 : 1 + length]
        source_length = payload[1 + length]
        source = payload[2 + length : 2 + length + source_length]
        level = payload[2 + length + source_length]
    except IndexError as error:
        raise NotRtde("a text message that is cut short") from error
    return Text(level, source.decode(errors="replace"), words.decode(errors="replace"))


def unpack(layout: struct.Struct, payload: bytes) -> tuple[Any, ...]:
    """The values of a data package.

    Raises:
        NotRtde: its size is another than its recipe's.
    """
    if len(payload) != layout.size:
        raise NotRtde(f"a data package of {len(payload)} bytes, expected {layout.size}")
    return layout.unpack(payload)


class Cutter:
    """Cuts a stream into packages."""

    def __init__(self) -> None:
        self._rest = b""

    def feed(self, data: bytes) -> list[tuple[int, bytes]]:
        """The packages that are complete with these bytes: type and payload.

        Raises:
            NotRtde: a size that no package has.
        """
        if self._rest:
            data = self._rest + data
        found: list[tuple[int, bytes]] = []
        at = 0
        while len(data) - at >= HEADER.size:
            size, kind = HEADER.unpack_from(data, at)
            if size < HEADER.size:
                raise NotRtde(f"a package of {size} bytes")
            if len(data) - at < size:
                break
            found.append((kind, data[at + HEADER.size : at + size]))
            at += size
        self._rest = data[at:]
        return found

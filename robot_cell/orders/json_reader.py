"""Orders of a JSON file, one at a time however long it is."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final, TextIO

from robot_cell.orders.columns import COLUMNS, REPORTED, Cell
from robot_cell.orders.problems import Problems

_CHUNK: Final = 1 << 20
_MAX_ORDER: Final = 1 << 16
"""Characters of one order; a longer one is not an order."""

_SPACE: Final = re.compile(r"[ \t\r\n]*")
_OPENING: Final = re.compile(r'[ \t\r\n]*(?:(\{)[ \t\r\n]*"orders"[ \t\r\n]*:[ \t\r\n]*)?\[')
_SHAPE: Final = 'a list of orders, [{"order_id": ...}, ...], or {"orders": [...]}'


class _DuplicateError(ValueError):
    """A name stands twice in one object."""


def read_json(path: Path, problems: Problems) -> Iterator[tuple[int, list[Cell]]]:
    """Yield the number of the order and its values, as text, in the order of `COLUMNS`."""
    with path.open(encoding="utf-8-sig") as file:
        try:
            yield from read_json_text(file, problems)
        except UnicodeDecodeError:
            problems.add(0, "", None, "UTF-8 text; export the file as UTF-8")
            raise problems.error() from None


def read_json_text(text: TextIO, problems: Problems) -> Iterator[tuple[int, list[Cell]]]:
    """Yield the number of the order and its values, as text, in the order of `COLUMNS`."""
    yield from _orders(_Window(text), problems)


class _Window:
    """A part of a long text that moves on and grows as needed."""

    def __init__(self, file: TextIO) -> None:
        self._file = file
        self._ended = False
        self.text = ""
        self.at = 0
        self._line = 1
        self.more()

    def more(self) -> bool:
        """Drop what was read and add a chunk; False at the end of the file."""
        chunk = "" if self._ended else self._file.read(_CHUNK)
        self._ended = not chunk
        self._line += self.text.count("\n", 0, self.at)
        self.text, self.at = self.text[self.at :] + chunk, 0
        return bool(chunk)

    def peek(self) -> str:
        """The next character that is no white space, empty at the end."""
        while True:
            match = _SPACE.match(self.text, self.at)
            self.at = match.end() if match else self.at
            if self.at < len(self.text) or not self.more():
                return self.text[self.at : self.at + 1]

    def line(self, at: int) -> int:
        """Line number of a place in the window."""
        return self._line + self.text.count("\n", 0, at)


def _orders(window: _Window, problems: Problems) -> Iterator[tuple[int, list[Cell]]]:
    opening = _OPENING.match(window.text)
    if opening is None:
        problems.add(0, "", window.text[:60], _SHAPE)
        raise problems.error()
    window.at = opening.end()
    number = 0
    decoder = json.JSONDecoder(
        object_pairs_hook=_pairs, parse_float=_Number, parse_int=_Number, parse_constant=_Number
    )
    while window.peek() not in ("]", ""):
        number += 1
        value = _decode(decoder, window, number, problems)
        if value is None:
            return
        cells = _cells(value, number, problems)
        if cells:
            yield number, cells
        if window.peek() == ",":
            window.at += 1
            if window.peek() == "]":
                _syntax(problems, number, window, window.at, "another order after the comma")
                return
        elif window.peek() != "]":
            _syntax(problems, number, window, window.at, "a comma or the end of the list")
            return
    for closing in "]" + ("}" if opening[1] else ""):
        if window.peek() != closing:
            _syntax(problems, number, window, window.at, f"{closing} and then the end of the file")
            return
        window.at += 1
    if window.peek():
        _syntax(problems, number, window, window.at, "the end of the file")


class _Number(str):
    """A number as it was written, so that nothing is rounded; NaN is one too, and refused later."""

    __slots__ = ()


def _decode(decoder: json.JSONDecoder, window: _Window, number: int, problems: Problems) -> Any:
    while True:
        try:
            value, end = decoder.raw_decode(window.text, window.at)
        except _DuplicateError as error:
            _syntax(problems, number, window, window.at, f"each name once; {error} is there twice")
            return None
        except json.JSONDecodeError as error:
            if len(window.text) - window.at <= _MAX_ORDER and window.more():
                continue
            _syntax(problems, number, window, error.pos, f"JSON ({error.msg})")
            return None
        except RecursionError:
            _syntax(problems, number, window, window.at, "an order, not nested lists")
            return None
        if end == len(window.text) and window.more():
            continue  # a number or a word may go on in the next chunk
        window.at = end
        return value


def _syntax(problems: Problems, number: int, window: _Window, at: int, expected: str) -> None:
    where = f"line {window.line(at)}: {window.text[at : at + 40]}"
    problems.add(number, "", where, f"{expected}; reading stops here")


def _pairs(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    value = dict(pairs)
    if len(value) != len(pairs):
        names = [name for name, _ in pairs]
        raise _DuplicateError(repr(next(name for name in names if names.count(name) > 1)))
    return value


def _cells(value: Any, number: int, problems: Problems) -> list[Cell] | None:
    if not isinstance(value, dict):
        problems.add(number, "", json.dumps(value), "an object with the names of the columns")
        return None
    for name in value.keys() - set(COLUMNS):
        problems.add(number, name, name, f"one of the names {', '.join(COLUMNS)}")
    return [_cell(value.get(name), name, number, problems) for name in COLUMNS]


def _cell(content: Any, name: str, number: int, problems: Problems) -> Cell:
    numeric = name in ("quantity", "priority")
    if content is None or (isinstance(content, str) and (numeric or type(content) is str)):
        return content
    problems.add(number, name, json.dumps(content), "a number" if numeric else "text in quotes")
    return REPORTED

"""Lines of a benchmark file as numbers with their places: what readers and complaints share.

Files of public collections come with tabs, commas, CRLF, byte order marks, comments (from ``#``,
``//`` or ``%`` to the end of the line) and ruled lines (``+++++``); some wrap long lines, some end
with numbers that belong to no job, like best known bounds, and OR-Library's collections have prose
above the numbers.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from planners.scheduling.errors import InstanceError

_WORD = re.compile(r"[^\s,;\x1a\ufeff]+")
_COMMENT = re.compile(r"#|//|%")
_RULE = re.compile(r"\s*([-+=*_~])\1+\s*")
"""A line that only divides."""
_WHOLE = re.compile(r"[+-]?\d{1,15}")
_NUMBER = re.compile(r"[+-]?\d+(\.\d*)?")
Word = tuple[int, int, str]
"""Line and column, from 1, and what stands there."""


class Line:
    """Words that belong together, taken one by one, each complaint with its place."""

    def __init__(self, source: str, words: Sequence[Word], end: tuple[int, int]) -> None:
        self.source = source
        self.words = list(words)
        self.end = end
        self.position = 0

    def error(self, what: str, *, at_last: bool = False) -> InstanceError:
        """A complaint about the word at hand, or about the one before."""
        index = self.position - 1 if at_last else self.position
        line, column = self.words[index][:2] if index < len(self.words) else self.end
        return InstanceError(self.source, line, column, what)

    def more(self) -> bool:
        """Whether there is another word."""
        return self.position < len(self.words)

    def take(self, what: str, least: int, most: int | None = None) -> int:
        """The next word as a whole number.

        Raises:
            InstanceError: It is none, or out of range, or there is none.
        """
        if not self.more():
            raise self.error(f"the line ends where {what} is expected")
        word = self.words[self.position][2]
        if not _WHOLE.fullmatch(word):
            raise self.error(f"{what} must be a whole number, not {word!r}")
        value = int(word)
        if value < least or (most is not None and value > most):
            limits = f">= {least}" if most is None else f"in {least}..{most}"
            raise self.error(f"{what} must be {limits}, not {value}")
        self.position += 1
        return value

    def skip_numbers(self) -> None:
        """Pass over the numbers that are left.

        Raises:
            InstanceError: Something else is among them.
        """
        while self.more():
            word = self.words[self.position][2]
            if not _NUMBER.fullmatch(word):
                raise self.error(f"expected a number, not {word!r}")
            self.position += 1

    def finish(self, what: str) -> None:
        """Raises InstanceError if there is another word."""
        if self.more():
            raise self.error(f"unexpected {self.words[self.position][2]!r} after {what}")

    @property
    def numbers(self) -> list[int]:
        """Its whole numbers, up to the first word that is none."""
        found: list[int] = []
        for _, _, word in self.words:
            if not _WHOLE.fullmatch(word):
                break
            found.append(int(word))
        return found


def lines_of(source: str, text: str) -> list[Line]:
    """The lines that have words, without comments and without prose above the first numbers.

    Raises:
        InstanceError: There are none.
    """
    lines = []
    for number, content in enumerate(text.splitlines(), start=1):
        comment = _COMMENT.search(content)
        kept = content[: comment.start()] if comment else content
        if _RULE.fullmatch(kept):
            continue
        words = [(number, match.start() + 1, match.group()) for match in _WORD.finditer(kept)]
        if words:
            lines.append(Line(source, words, (number, len(kept.rstrip()) + 1)))
    if not lines:
        raise InstanceError(source, 1, 1, "the file is empty; expected 'jobs machines'")
    first = next((k for k, line in enumerate(lines) if len(line.numbers) >= 2), 0)
    prose = all(not line.numbers for line in lines[:first])
    return lines[first:] if prose else lines


def rewrapped(lines: list[Line], lengths: Sequence[int]) -> list[Line]:
    """The same words in lines of the given lengths; what is left over goes to a last line."""
    words = [word for line in lines for word in line.words]
    source, end = lines[0].source, lines[-1].end
    made, at = [], 0
    for length in lengths:
        after = words[at + length][:2] if at + length < len(words) else end
        made.append(Line(source, words[at : at + length], after))
        at += length
    if at < len(words):
        made.append(Line(source, words[at:], end))
    return made


def flexible_length(numbers: Sequence[int], at: int = 0) -> int | None:
    """How many numbers a job of a flexible shop takes from a place on; None if it is none.

    A job is the number of its operations, and per operation the number of alternatives and as many
    pairs of machine and duration.
    """
    begin = at
    if at >= len(numbers) or numbers[at] < 1:
        return None
    operations = numbers[at]
    at += 1
    for _ in range(operations):
        if at >= len(numbers) or numbers[at] < 1:
            return None
        at += 1 + 2 * numbers[at]
    return at - begin if at <= len(numbers) else None

"""What is wrong with a batch file: every problem at once, each with its place."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from robot_cell.errors import RobotCellError

MAX_LISTED: Final = 1000
"""More problems than anybody reads; the rest is counted."""


@dataclass(frozen=True, slots=True)
class InputProblem:
    """One thing that is wrong in a batch file.

    Attributes:
        row: line of the file or row of the sheet, counted from 1 with the header; in a JSON file
            the number of the order in the list, counted from 1; 0 if the file as a whole is meant.
        column: name of the column, empty if the row as a whole is meant.
        value: what stands there.
        expected: what should stand there.
    """

    file: str
    row: int
    column: str
    value: str
    expected: str
    message: str

    def __str__(self) -> str:
        place = f", row {self.row}" if self.row else ""
        place += f", column {self.column}" if self.column else ""
        return f"{self.file}{place}: {self.message}"


class BatchError(RobotCellError):
    """A batch file cannot be used, and nothing of it was stored.

    Attributes:
        problems: the first ones, in the order of the file (at most `MAX_LISTED`).
        total: how many there are.
    """

    def __init__(self, problems: list[InputProblem], total: int) -> None:
        self.problems = tuple(problems)
        self.total = total
        lines = [str(problem) for problem in problems]
        if total > len(problems):
            lines.append(f"... and {total - len(problems)} more problems")
        super().__init__("\n".join(lines))


class Problems:
    """Collects what is wrong with one file; lists the first and counts all."""

    def __init__(self, file: str) -> None:
        self.file = file
        self.listed: list[InputProblem] = []
        self.total = 0

    def add(self, row: int, column: str, value: object, expected: str) -> None:
        """Note a problem; what was found and what was expected make the message."""
        self.total += 1
        if len(self.listed) >= MAX_LISTED:
            return
        shown = "" if value is None else str(value)
        found = "" if value is None else f"found {_short(shown)}, "
        self.listed.append(
            InputProblem(
                self.file, row, column, shown[:1000], expected, f"{found}expected {expected}"
            )
        )

    def error(self) -> BatchError:
        """All of it as one error."""
        return BatchError(self.listed, self.total)


def _short(text: str) -> str:
    shown = repr(text)
    return shown if len(shown) <= 80 else shown[:77] + "..."

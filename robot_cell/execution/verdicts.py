"""A person's word on an uncertain step, handed to the operation that waits for it."""

from __future__ import annotations

import threading
from dataclasses import dataclass
from typing import Final, Literal, cast, get_args

from robot_cell.errors import RobotCellError
from robot_cell.store import Journal, StepOutcome

Word = Literal["done", "redo", "abort"]
WORDS: Final[tuple[str, ...]] = get_args(Word)
OUTCOMES: Final[dict[Word, StepOutcome]] = {"done": "done", "redo": "not_done", "abort": "failed"}
"""What the journal says of a step after each word."""


STEP_ALARMS: Final = (
    "device_fault",
    "arm_fault",
    "arm_gone",
    "part_unexpected",
    "step_uncertain",
)
"""Kinds of alarms that a step can make; a person's word on it is the answer to them."""


class VerdictRefusedError(RobotCellError):
    """Nobody waits for this word; says which step is waited for."""


@dataclass(frozen=True)
class Verdict:
    """What a person said of a step."""

    step_id: int
    word: Word
    who: str

    def __str__(self) -> str:
        return f"step {self.step_id}: {self.word}, said {self.who}"

    @property
    def message(self) -> str:
        """What the journal keeps with the step."""
        return f"{self.word}, said {self.who}"


def read_word(text: str, who: str) -> Verdict:
    """Read `STEP done|redo|abort`.

    Raises:
        VerdictRefusedError: it is something else.
    """
    number, _, word = text.strip().lower().partition(" ")
    if not number.isdecimal() or word not in WORDS:
        raise VerdictRefusedError(f"{text!r} resolves nothing; write STEP {'|'.join(WORDS)}")
    return Verdict(int(number), cast(Word, word), who or "nobody named")


def record_word(journal: Journal, verdict: Verdict, at_ns: int) -> None:
    """Write down who said what of which step, and then what that makes of the step."""
    target = f"step {verdict.step_id}"
    asked = journal.command(verdict.who, f"resolve {verdict.word}", target, at_ns)
    outcome = OUTCOMES[verdict.word]
    journal.step_outcome(verdict.step_id, outcome, at_ns, verdict.message)
    journal.command_outcome(asked, outcome, at_ns)


class Verdicts:
    """At most one step is waited for at a time."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._asked: int | None = None
        self._given: Verdict | None = None

    @property
    def asked(self) -> int | None:
        """The step that is waited for."""
        return self._asked

    def ask(self, step_id: int) -> None:
        """A step waits from now on."""
        with self._lock:
            self._asked, self._given = step_id, None

    def check(self, step_id: int) -> None:
        """See whether a word on that step is waited for.

        Raises:
            VerdictRefusedError: that step does not wait.
        """
        if self._asked != step_id:
            waits = f"step {self._asked} does" if self._asked is not None else "none does"
            raise VerdictRefusedError(f"step {step_id} does not wait for a person here; {waits}")

    def give(self, verdict: Verdict) -> None:
        """Hand a word to the operation that waits for it."""
        with self._lock:
            self.check(verdict.step_id)
            self._given = verdict

    def take(self, step_id: int) -> Verdict | None:
        """The word that was given, if there is one; the step waits no longer then."""
        with self._lock:
            given = self._given
            if given is None or given.step_id != step_id:
                return None
            self._asked = self._given = None
            return given

    def withdraw(self) -> None:
        """Nobody waits any more."""
        with self._lock:
            self._asked = self._given = None

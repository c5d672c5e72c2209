"""A step of set-up: what it depends on, what it makes, and whether that is still so."""

from __future__ import annotations

import hashlib
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path

from console import Console, say
from machine import Machine


def content_hash(texts: Iterable[str] = (), files: Iterable[Path] = ()) -> str:
    """A hash of texts, and of the names and contents of files (folders: of all files in them)."""
    digest = hashlib.sha256()
    for text in texts:
        digest.update(text.encode() + b"\0")
    for path in files:
        found = [path] if path.is_file() else sorted(p for p in path.rglob("*") if p.is_file())
        for file in found:
            digest.update(str(file).encode() + b"\0" + file.read_bytes() + b"\0")
    return digest.hexdigest()


@dataclass(frozen=True)
class Step:
    """One step; it is done while its key is unchanged and everything that it makes is there.

    Attributes:
        name: of its stamp and its log.
        title: for the screen.
        key: a hash of everything that it depends on.
        makes: files and folders that must be there afterwards.
        do: the work; may be called again on a half-done state.
        advice: what to do when it fails.
    """

    name: str
    title: str
    key: Callable[[Machine], str]
    makes: Callable[[Machine], list[Path]]
    do: Callable[[Machine, Console], None]
    advice: str

    def is_done(self, machine: Machine) -> bool:
        """Whether nothing is left to do."""
        try:
            stamp = self._stamp(machine).read_text()
        except FileNotFoundError:
            return False
        return stamp == self.key(machine) and all(path.exists() for path in self.makes(machine))

    def perform(self, machine: Machine, number: str) -> None:
        """Do the work if it is not done, and remember it.

        Raises:
            StepError: if it cannot be done.
        """
        if self.is_done(machine):
            say(f"{number} {self.title}: done before")
            return
        say(f"{number} {self.title}")
        self._stamp(machine).unlink(missing_ok=True)
        started = time.monotonic()
        log = machine.state / "logs" / f"{self.name}.log"
        self.do(machine, Console(self.title, log, self.advice))
        self._stamp(machine).write_text(self.key(machine))
        say(f"      done in {time.monotonic() - started:.1f} s")

    def _stamp(self, machine: Machine) -> Path:
        return machine.state / f"{self.name}.done"

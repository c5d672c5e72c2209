"""Runs the commands of set-up: a log for each step, a sign of life, and a report when one fails."""

from __future__ import annotations

import os
import signal
import subprocess
import time
from collections.abc import Mapping, Sequence
from pathlib import Path

# No step is silent for longer than this (issue: 10 s).
SIGN_OF_LIFE_S = 8.0
REPORTED_LOG_LINES = 30
_POLL_S = 0.05


def say(text: str) -> None:
    """Print at once, also into a pipe."""
    print(text, flush=True)


class StepError(Exception):
    """A step that cannot go on.

    Attributes:
        title: which step.
        reason: what went wrong, in a sentence.
        advice: what to do about it.
        log: the log with everything that its commands printed, if it ran any.
    """

    def __init__(self, title: str, reason: str, advice: str, log: Path | None = None) -> None:
        super().__init__(reason)
        self.title, self.reason, self.advice, self.log = title, reason, advice, log

    def report(self) -> str:
        """What a person needs: the end of the log, where the rest is, and what to do."""
        lines = []
        if self.log is not None and self.log.exists():
            tail = self.log.read_text(errors="replace").splitlines()[-REPORTED_LOG_LINES:]
            lines += [f"    {line}" for line in tail]
        lines.append(f"set-up: step «{self.title}» failed: {self.reason}")
        if self.log is not None:
            lines.append(f"  log:  {self.log}")
        lines.append(f"  next: {self.advice}")
        return "\n".join(lines)


class Console:
    """The screen and the log of one step."""

    def __init__(self, title: str, log: Path, advice: str) -> None:
        self.title, self.log, self.advice = title, log, advice
        self.started = time.monotonic()
        self._next_sign = self.started + SIGN_OF_LIFE_S
        log.parent.mkdir(parents=True, exist_ok=True)
        log.write_text("")

    def run(
        self,
        command: Sequence[str | Path],
        env: Mapping[str, str] | None = None,
        cwd: Path | None = None,
        advice: str | None = None,
    ) -> None:
        """Run a command to its end.

        Raises:
            StepError: if it does not end with 0.
        """
        words = [str(word) for word in command]
        with self.log.open("a") as log:
            log.write(f"$ {' '.join(words)}\n")
            log.flush()
            # A session of its own, so that an interrupt ends its children too. apt and sudo keep
            # the terminal: they may have to ask for a password.
            alone = words[0] not in ("sudo", "apt-get")
            child = subprocess.Popen(
                words,
                stdout=log,
                stderr=subprocess.STDOUT,
                stdin=subprocess.DEVNULL if alone else None,
                env=dict(env) if env is not None else None,
                cwd=cwd,
                start_new_session=alone,
            )
            try:
                code = self._watch(child)
            except BaseException:
                end_group(child, alone)
                raise
        if code != 0:
            reason = f"`{' '.join(words[:4])}` ended with {code}"
            raise StepError(self.title, reason, advice or self.advice, self.log)

    def _watch(self, child: subprocess.Popen[bytes]) -> int:
        """Wait for the child and say every few seconds how far it is."""
        while True:
            code = child.poll()
            if code is not None:
                return code
            now = time.monotonic()
            if now >= self._next_sign:
                say(f"      {now - self.started:4.0f} s  {self._last_line()}")
                self._next_sign = now + SIGN_OF_LIFE_S
            time.sleep(_POLL_S)

    def _last_line(self) -> str:
        """The newest line of the log that tells something, cut to fit a screen."""
        with self.log.open("rb") as log:
            log.seek(0, os.SEEK_END)
            log.seek(max(0, log.tell() - 8192))
            lines = log.read().decode(errors="replace").splitlines()
        for line in reversed(lines):
            text = line.strip()
            if text and not text.startswith(("$", "WARNING: Location", "Looking in")):
                return text if len(text) <= 68 else text[:67] + "…"
        return "…"


def end_group(child: subprocess.Popen[bytes], alone: bool) -> None:
    """End a child and, where it leads a process group, its children."""
    for number in (signal.SIGTERM, signal.SIGKILL):
        try:
            if alone:
                os.killpg(child.pid, number)
            else:
                child.send_signal(number)
        except ProcessLookupError:
            return
        try:
            child.wait(timeout=3)
        except subprocess.TimeoutExpired:
            continue
        return

"""One process that this machine's launcher started: its output, its signals, its end."""

from __future__ import annotations

import contextlib
import ctypes
import os
import signal
import subprocess
import time
from collections.abc import Callable
from pathlib import Path
from typing import Final

_PR_SET_PDEATHSIG: Final = 1  # prctl(2)
_PR_SET_CHILD_SUBREAPER: Final = 36
_REAP_WITHIN_S: Final = 0.2
_LIBC: Final = ctypes.CDLL(None, use_errno=True)


def die_with_parent(parent: int, death_signal: int = signal.SIGKILL) -> Callable[[], None]:
    """What a child runs before its program: it leads a group, and ends when `parent` ends.

    The parent must not run other threads that fork; prctl(2) ties the signal to the forking thread.
    """

    def in_child() -> None:
        os.setpgid(0, 0)
        _LIBC.prctl(_PR_SET_PDEATHSIG, death_signal, 0, 0, 0)
        if os.getppid() != parent:
            os._exit(1)

    return in_child


def adopt_orphans() -> None:
    """Become the parent of what children leave behind, to be able to reap it."""
    _LIBC.prctl(_PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)


class Child:
    """A started process in a group of its own, named for good by its pidfd."""

    def __init__(self, command: list[str], env: dict[str, str], log: Path, *, shown: bool) -> None:
        log.parent.mkdir(parents=True, exist_ok=True)
        self._log = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o644)
        self.pipe: int | None = None
        self.pipe_ended = False
        target = self._log
        if shown:
            self.pipe, target = os.pipe2(os.O_CLOEXEC)
            os.set_blocking(self.pipe, False)
        try:
            self._popen = subprocess.Popen(
                command,
                stdin=subprocess.DEVNULL,
                stdout=target,
                stderr=target,
                env=env,
                preexec_fn=die_with_parent(os.getpid()),
            )
        except OSError:
            self.close()
            raise
        finally:
            if shown:
                os.close(target)
        self.pid = self._popen.pid
        self.pidfd = os.pidfd_open(self.pid)
        self._line = b""

    def read_lines(self, *, rest: bool = False) -> list[bytes]:
        """New whole lines of a shown process, also copied to its log; `rest` adds a last part."""
        if self.pipe is None:
            return []
        data = self._line
        try:
            while chunk := os.read(self.pipe, 65536):
                os.write(self._log, chunk)
                data += chunk
            self.pipe_ended = True
        except BlockingIOError:
            pass
        *lines, self._line = data.split(b"\n")
        if rest and self._line:
            lines.append(self._line)
            self._line = b""
        return lines

    def interrupt(self) -> None:
        """Ask the process itself to end (it ends its own children)."""
        with contextlib.suppress(ProcessLookupError):
            signal.pidfd_send_signal(self.pidfd, signal.SIGINT)

    def signal_group(self, number: int) -> None:
        """Signal the process and everything that it started in its group."""
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(self.pid, number)

    def reap(self) -> int:
        """Take the exit code of an ended process; whatever is left of its group is killed.

        The group is killed before the process is reaped: until then nobody can get its number.
        """
        self.signal_group(signal.SIGKILL)
        code = self._popen.wait()
        end_s = time.monotonic() + _REAP_WITHIN_S
        with contextlib.suppress(ChildProcessError):  # raised when nothing of the group is left
            while time.monotonic() < end_s:
                if os.waitpid(-self.pid, os.WNOHANG)[0] == 0:
                    time.sleep(0.002)
        return code

    def close(self) -> None:
        """Close the files; the process must have been reaped."""
        for fd in (self._log, self.pipe, getattr(self, "pidfd", None)):
            if fd is not None:
                os.close(fd)
        self.pipe = None

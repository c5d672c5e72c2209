"""A test server in a process of its own, asked for faults by lines of JSON."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Sequence
from types import TracebackType
from typing import Any, Final

from sim.errors import SimulationError

_LEAVE_S: Final = 5.0


class Remote:
    """Starts `python -m MODULE ARGS`, and ends it; a context manager.

    Attributes:
        greeting: the first line that it printed, once it was ready.
    """

    def __init__(self, module: str, args: Sequence[str] = ()) -> None:
        self._module = module
        self._owed = 0
        self._process = subprocess.Popen(
            [sys.executable, "-m", module, *args],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        self.greeting = self._line()

    def ask(self, do: str, **given: Any) -> dict[str, Any]:
        """Have something done; how things are after it.

        Raises:
            SimulationError: it does not know that, or has ended.
        """
        self.tell(do, **given)
        while True:
            answer: dict[str, Any] = json.loads(self._line())
            self._owed -= 1
            if "error" in answer:
                raise SimulationError(f"{self._module}: {answer['error']}")
            if not self._owed:
                return answer

    def tell(self, do: str, **given: Any) -> None:
        """Have something done, and do not wait for it."""
        assert self._process.stdin is not None
        self._process.stdin.write(json.dumps({"do": do, **given}) + "\n")
        self._process.stdin.flush()
        self._owed += 1

    def _line(self) -> str:
        assert self._process.stdout is not None
        line = self._process.stdout.readline()
        if not line:
            raise SimulationError(f"{self._module} has ended; see what it wrote to stderr")
        return line.strip()

    def close(self) -> None:
        """End it."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.close()
        try:
            self._process.wait(_LEAVE_S)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        self._process.stdout.close()

    def __enter__(self) -> Remote:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

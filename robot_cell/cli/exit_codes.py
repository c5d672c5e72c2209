"""What the command line's exit codes mean; `--help` and docs/cli.md list the same table."""

from __future__ import annotations

from enum import IntEnum


class ExitCode(IntEnum):
    """Exit codes of `robot-cell`."""

    OK = 0
    NOT_COMPLETE = 1
    USAGE = 2
    BAD_INPUT = 3
    NOT_REACHABLE = 4
    REFUSED = 5
    FAILED = 6
    INTERRUPTED = 130


MEANINGS: dict[ExitCode, str] = {
    ExitCode.OK: "done",
    ExitCode.NOT_COMPLETE: "the run ended and not every job is complete; a check of doctor failed",
    ExitCode.USAGE: "wrong use of the command line",
    ExitCode.BAD_INPUT: "an input file is wrong (plant, batch, launch file); nothing was started",
    ExitCode.NOT_REACHABLE: "no plant answers, or it does not become ready",
    ExitCode.REFUSED: "the plant refused what was asked (unknown job, already ended)",
    ExitCode.FAILED: "a process of the plant failed, or something went wrong inside",
    ExitCode.INTERRUPTED: "ended by Ctrl-C; everything that was started has been ended",
}


def help_text() -> str:
    """The table for `--help`."""
    rows = "\n\n".join(f"[bold]{int(code):>3}[/bold]  {text}" for code, text in MEANINGS.items())
    return f"Exit codes:\n\n{rows}"

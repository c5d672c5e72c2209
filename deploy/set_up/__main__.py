"""Does the steps of set-up that are not done: `make setup`; with --tests, what tests need as well.

Every step is done once and again only when what it depends on has changed; a set-up that was
interrupted goes on where it stopped. Standard library only: nothing is installed yet.
"""

import fcntl
import signal
import sys
import time
from types import FrameType
from typing import TextIO

from set_up.console import StepError, say
from set_up.machine import Machine, MachineError
from set_up.steps import STEPS, TEST_STEPS


def main() -> int:
    """Do the steps that are not done; 0 when all are."""
    try:
        machine = Machine.here()
    except MachineError as refusal:
        print(f"set-up: {refusal}", file=sys.stderr)
        return 2
    steps = TEST_STEPS if "--tests" in sys.argv[1:] else STEPS
    if all(step.is_done(machine) for step in steps):
        return 0
    machine.state.mkdir(exist_ok=True)
    for ending in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(ending, interrupt)
    with (machine.state / "lock").open("w") as lock:
        wait_for_turn(lock)
        started = time.monotonic()
        say(f"setting up in {machine.root}, {machine.described}")
        try:
            for number, step in enumerate(steps, start=1):
                step.perform(machine, f"[{number}/{len(steps)}]")
        except StepError as failure:
            print(failure.report(), file=sys.stderr)
            return 1
        except KeyboardInterrupt:
            print("\nset-up: interrupted; `make setup` goes on from here", file=sys.stderr)
            return 130
        say(f"set up in {time.monotonic() - started:.0f} s; `. ./env.sh` puts it into a shell")
    return 0


def interrupt(number: int, frame: FrameType | None) -> None:
    """End as from the keyboard, so that no compiler is left behind."""
    del number, frame
    raise KeyboardInterrupt


def wait_for_turn(lock: TextIO) -> None:
    """Let only one set-up at a time work in this folder."""
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        say("another set-up is at work in this folder; waiting for it")
        fcntl.flock(lock, fcntl.LOCK_EX)


if __name__ == "__main__":
    sys.exit(main())

"""Sets up robot_cell on this machine: `make setup`, or `python3 deploy/set_up`.

Every step is done once and again only when what it depends on has changed; a set-up that was
interrupted goes on where it stopped. Standard library only: nothing is installed yet.
"""

import fcntl
import sys
import time

from console import StepError, say
from machine import Machine, MachineError
from steps import STEPS


def main() -> int:
    """Do the steps that are not done; 0 when all are."""
    try:
        machine = Machine.here()
    except MachineError as refusal:
        print(f"set-up: {refusal}", file=sys.stderr)
        return 2
    if all(step.is_done(machine) for step in STEPS):
        return 0
    machine.state.mkdir(exist_ok=True)
    with (machine.state / "lock").open("w") as lock:
        wait_for_turn(lock)
        started = time.monotonic()
        say(f"setting up in {machine.root}, {machine.described}")
        try:
            for number, step in enumerate(STEPS, start=1):
                step.perform(machine, f"[{number}/{len(STEPS)}]")
        except StepError as failure:
            print(failure.report(), file=sys.stderr)
            return 1
        except KeyboardInterrupt:
            print("\nset-up: interrupted; `make setup` goes on from here", file=sys.stderr)
            return 130
        say(f"set up in {time.monotonic() - started:.0f} s; `. ./env.sh` puts it into a shell")
    return 0


def wait_for_turn(lock: object) -> None:
    """Let only one set-up at a time work in this folder."""
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        say("another set-up is at work in this folder; waiting for it")
        fcntl.flock(lock, fcntl.LOCK_EX)


if __name__ == "__main__":
    sys.exit(main())

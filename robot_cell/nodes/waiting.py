"""Waiting for other nodes' answers from a thread that may block, on the plant's clock."""

from __future__ import annotations

import threading
import time

from drivers.clock import PlantClock
from robot_cell.errors import RobotCellError

_POLL_S = 0.05
_ANSWERED_S = 5.0
"""How long an answer may be on its way after its sender's signal, wall time."""


class NoAnswerError(RobotCellError):
    """A node did not answer in time."""


def await_now(event: threading.Event, what: str, timeout_s: float = 10.0) -> None:
    """Wait (wall time) for an answer that costs no plant time, such as a goal's acceptance.

    Raises:
        NoAnswerError: none came.
    """
    if not event.wait(timeout_s):
        raise NoAnswerError(f"{what} did not answer within {timeout_s:g} s; is its node running?")


def await_peer(
    clock: PlantClock,
    event: threading.Event,
    peer: str,
    signals: int,
    deadline_ns: int,
    what: str,
) -> None:
    """Wait for an answer that takes plant time; afterwards this participant is busy again.

    `signals` is the peer's count from before it was asked.

    Raises:
        NoAnswerError: the plant's clock passed the deadline first, or the peer gave its signal and
            then died over its answer: simulated time would wait for that for ever.
    """
    clock.wait_for({peer: signals}, until_ns=deadline_ns)
    signalled_s = 0.0
    try:
        while not event.wait(_POLL_S):
            if clock.seq(peer) > signals:
                signalled_s = signalled_s or time.monotonic()
                if time.monotonic() - signalled_s > _ANSWERED_S:
                    raise NoAnswerError(f"{what} has ended, but its answer did not come")
            if clock.now_ns() >= deadline_ns and not event.wait(1.0):
                raise NoAnswerError(f"{what} gave no outcome in time; is its node running?")
    finally:
        clock.busy()

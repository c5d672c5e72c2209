"""Waiting for rclpy's futures from a thread that may block, on the plant's clock."""

from __future__ import annotations

import threading
from typing import Any

from drivers.clock import PlantClock
from robot_cell.errors import RobotCellError

_POLL_S = 0.05


class NoAnswerError(RobotCellError):
    """A node did not answer in time."""


def done_event(future: Any) -> threading.Event:
    """An event that is set when the future is done."""
    event = threading.Event()
    future.add_done_callback(lambda _: event.set())
    return event


def await_now(future: Any, what: str, timeout_s: float = 10.0) -> Any:
    """Wait (wall time) for an answer that costs no plant time, such as a goal's acceptance.

    Raises:
        NoAnswerError: none came.
    """
    if not done_event(future).wait(timeout_s):
        raise NoAnswerError(f"{what} did not answer within {timeout_s:g} s; is its node running?")
    return future.result()


def await_peer(
    clock: PlantClock, future: Any, peer: str, signals: int, deadline_ns: int, what: str
) -> Any:
    """Wait for an answer that takes plant time; afterwards this participant is busy again.

    `signals` is the peer's count from before it was asked.

    Raises:
        NoAnswerError: the plant's clock passed the deadline first.
    """
    event = done_event(future)
    clock.wait_for({peer: signals}, until_ns=deadline_ns)
    try:
        while not event.wait(_POLL_S):
            if clock.now_ns() >= deadline_ns and not event.wait(1.0):
                raise NoAnswerError(f"{what} gave no outcome in time; is its node running?")
    finally:
        clock.busy()
    return future.result()

"""One goal of an action, from sending to its result, for a thread that may block.

rclpy's action client is not safe beside its executor: `send_goal_async` registers a future and,
after giving its lock back, another one in its place (rclpy 9.1), so an answer that comes in between
is lost (seen once in some ten thousand goals). Here the client is touched in the executor's thread
only. The future that was replaced never ends, and the executor goes through all of a client's
futures at each of its events: after a thousand goals that was a third of a cell's processor time.
Here it is taken out again.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any

from rclpy.action import ActionClient
from rclpy.node import Node


class GoalCall:
    """Sends a goal at once; `answered` and `ended` are set when its answers have come.

    Args:
        on_answer: called in the executor's thread once the goal has been accepted or refused.
        on_end: called in the executor's thread with the result.
        on_feedback: called there with each feedback.
    """

    def __init__(
        self,
        node: Node,
        client: ActionClient,
        goal: Any,
        *,
        on_answer: Callable[[], None] | None = None,
        on_end: Callable[[Any], None] | None = None,
        on_feedback: Callable[[Any], None] | None = None,
    ) -> None:
        self.answered = threading.Event()
        self.ended = threading.Event()
        self.accepted = False
        self.result: Any = None
        self._client = client
        self._goal = goal
        self._handle: Any = None
        self._unwanted = False
        self._on_answer = on_answer
        self._on_end = on_end
        self._on_feedback = on_feedback
        self._executor = node.executor
        self._executor.create_task(self._send)

    def cancel(self) -> None:
        """Ask for the goal's cancellation, as soon as it has been accepted; does not wait."""
        self._executor.create_task(self._cancel)

    def _cancel(self) -> None:
        self._unwanted = True
        if self._handle is not None:
            self._handle.cancel_goal_async()

    def _send(self) -> None:
        futures = self._client._futures  # no public view of them; see above
        known = len(futures)
        sent = self._client.send_goal_async(self._goal, feedback_callback=self._on_feedback)
        for future in futures[known:]:
            if future is not sent:
                self._client.remove_future(future)
        sent.add_done_callback(self._take_answer)

    def _take_answer(self, sent: Any) -> None:
        handle = sent.result()
        self.accepted = bool(handle.accepted)
        if self.accepted:
            self._handle = handle
            handle.get_result_async().add_done_callback(self._take_result)
            if self._unwanted:
                handle.cancel_goal_async()
        self.answered.set()
        if self._on_answer is not None:
            self._on_answer()

    def _take_result(self, got: Any) -> None:
        self.result = got.result().result
        self.ended.set()
        if self._on_end is not None:
            self._on_end(self.result)

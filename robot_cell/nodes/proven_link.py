"""Whether goals to an action server arrive, and their answers too.

A client knows its server before the server knows the client: what is answered in between is lost
without a word (seen twice on a busy machine, each time at the first goal of a link). So a link is
of use once a question that moves nothing has been answered on it.
"""

from __future__ import annotations

import time
from typing import Any, Final

from rclpy.action import ActionClient
from rclpy.node import Node

from robot_cell.nodes.goal_call import GoalCall

_AGAIN_S: Final = 1.0
"""How long an answer may take before the question is asked again."""


class ProvenLink:
    """An action client's way to its server and back.

    Args:
        question: a goal that the server refuses, or ends at once without moving anything.
    """

    def __init__(self, node: Node, client: ActionClient, question: Any) -> None:
        self._node = node
        self._client = client
        self._question = question
        self._asked: list[GoalCall] = []
        self._asked_s = 0.0
        self._proven = False

    @property
    def ready(self) -> bool:
        """Whether the server is there and an answer of it has come; does not wait, look again."""
        if not self._client.server_is_ready():
            self._proven, self._asked = False, []
            return False
        if self._proven:
            return True
        # Of a question that was taken the end is awaited: its server has signalled by then. They
        # are answered in their order, so those before it have ended or are lost.
        answered = [call for call in self._asked if call.answered.is_set()]
        if answered and (not answered[-1].accepted or answered[-1].ended.is_set()):
            self._proven = True
        elif not self._asked or time.monotonic() - self._asked_s > _AGAIN_S:
            self._asked.append(GoalCall(self._node, self._client, self._question))
            self._asked_s = time.monotonic()
        return self._proven

    def doubt(self) -> None:
        """A goal was left without an answer: of use again once a question has been answered."""
        self._proven, self._asked = False, []

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
        self._asked: GoalCall | None = None
        self._asked_s = 0.0
        self._proven = False

    @property
    def ready(self) -> bool:
        """Whether the server is there and an answer of it has come; does not wait, look again."""
        if not self._client.server_is_ready():
            self._proven, self._asked = False, None
            return False
        if self._proven:
            return True
        asked, now_s = self._asked, time.monotonic()
        if asked is not None and asked.answered.is_set():
            # Of one that was taken the end is awaited: its server has signalled by then.
            self._proven = not asked.accepted or asked.ended.is_set()
        if not self._proven and (asked is None or now_s - self._asked_s > _AGAIN_S):
            self._asked = GoalCall(self._node, self._client, self._question)
            self._asked_s = now_s
        return self._proven

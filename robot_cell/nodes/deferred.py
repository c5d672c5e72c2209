"""An action server whose goals are worked on by the node's own threads.

rclpy runs an execute callback in the executor; as a coroutine it is polled for as long as the goal
lasts (measured with the events executor: half a core per waiting node). Here the executor only
starts a goal and sends its result.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

from rclpy.action import ActionServer, CancelResponse, GoalResponse
from rclpy.node import Node

from robot_cell.nodes.base import guarded

RESULT_KEPT_S: Final = 1
"""How long a goal that has ended can still be asked for; every status message lists it so long."""


class DeferredActionServer(ActionServer):
    """Calls `begin` with each accepted goal; `finish` ends it, from any thread."""

    def __init__(
        self,
        node: Node,
        action_type: Any,
        name: str,
        *,
        begin: Callable[[Any], None],
        accept: Callable[[Any], GoalResponse],
        cancel: Callable[[Any], CancelResponse] = lambda _: CancelResponse.REJECT,
    ) -> None:
        self._begin = guarded(node, begin)
        super().__init__(
            node,
            action_type,
            name,
            execute_callback=lambda _: action_type.Result(),
            goal_callback=guarded(node, accept),
            cancel_callback=guarded(node, cancel),
            result_timeout=RESULT_KEPT_S,
        )

    def notify_execute(self, goal_handle: Any, execute_callback: Any) -> None:
        """Hand an accepted goal on, instead of running a callback until it is done."""
        del execute_callback
        self._begin(goal_handle)

    def finish(self, goal_handle: Any, result: Any) -> None:
        """End a goal whose terminal state has been set, and send its result."""
        response = self._action_type.Impl.GetResultService.Response()
        response.status = goal_handle.status
        response.result = result
        ended = self._result_futures[bytes(goal_handle.goal_id.uuid)]
        executor = self._node.executor
        if executor is not None:  # else the node is leaving
            executor.create_task(ended.set_result, response)

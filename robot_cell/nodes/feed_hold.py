"""A cell's hold is its arm's feed hold: asked of the arm's node, and heard from it.

The arm says on `arm/held` whether it stands because of a feed hold, whoever asked for it. An arm
whose node offers no feed hold (a vendor's controller) is held between steps only.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any, Final

from std_msgs.msg import Bool
from std_srvs.srv import SetBool

from robot_cell.nodes.base import LATCHED, PlantNode

_TURN_S: Final = 0.1
_AGAIN_S: Final = 0.5
"""How long the arm may take before it is asked again: first messages of a link can be lost."""


class FeedHold:
    """The feed hold of one cell's arm; used in the executor's thread.

    Args:
        on_change: called with whether the arm stands held, at each change.

    Attributes:
        held: whether the arm stands because of a feed hold, as last heard.
    """

    def __init__(self, node: PlantNode, on_change: Callable[[bool], None]) -> None:
        self.held = False
        self._wish: bool | None = None
        self._asked_s = 0.0
        self._on_change = on_change
        self._client = node.create_client(SetBool, "arm/hold")
        node.create_subscription(Bool, "arm/held", self._hear, LATCHED)
        node.every(_TURN_S, self._turn)

    def ask(self, on: bool) -> None:
        """Have the arm stop on its path and stay, or go on; does not wait."""
        self._wish = on
        self._send()

    def _hear(self, message: Any) -> None:
        if self._wish == message.data:
            self._wish = None
        if message.data != self.held:
            self.held = message.data
            self._on_change(self.held)

    def _turn(self) -> None:
        if self._wish is not None and time.monotonic() - self._asked_s > _AGAIN_S:
            self._send()

    def _send(self) -> None:
        self._asked_s = time.monotonic()
        if self._client.service_is_ready():
            self._client.call_async(SetBool.Request(data=self._wish)).add_done_callback(self._take)

    def _take(self, answer: Any) -> None:
        if self._wish is False and not self.held and answer.result().success:
            self._wish = None  # nothing was held: there is no change to hear of

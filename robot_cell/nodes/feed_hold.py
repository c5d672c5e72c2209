"""A cell's hold is the feed hold of its arms: asked of the arms' nodes, and heard from them.

An arm says on `arm/held` whether it stands because of a feed hold, whoever asked for it. An arm
whose node offers no feed hold (a vendor's controller) is held between steps only. Of several arms
all are held, or none: who holds one of them holds the others as well.
"""

from __future__ import annotations

import functools
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any, Final

from std_msgs.msg import Bool
from std_srvs.srv import SetBool

from robot_cell.nodes.base import LATCHED, PlantNode

_TURN_S: Final = 0.1
_AGAIN_S: Final = 0.5
"""How long the arm may take before it is asked again: first messages of a link can be lost."""


@dataclass
class _Arm:
    """One arm's feed hold: whether it is on, what it is asked for, and when it was asked last."""

    client: Any
    held: bool = False
    wish: bool | None = None
    asked_s: float = 0.0


class FeedHold:
    """The feed hold of a cell's arms; used in the executor's thread.

    Args:
        arms: their names.
        on_change: called with whether the arms stand held, at each change.

    Attributes:
        held: whether every arm stands because of a feed hold, as last heard.
    """

    def __init__(
        self, node: PlantNode, arms: Iterable[str], on_change: Callable[[bool], None]
    ) -> None:
        self.held = False
        self._on_change = on_change
        self._arms = {name: _Arm(node.create_client(SetBool, f"{name}/hold")) for name in arms}
        for name, arm in self._arms.items():
            hear = functools.partial(self._hear, arm)
            node.create_subscription(Bool, f"{name}/held", hear, LATCHED)
        node.every(_TURN_S, self._turn)

    def ask(self, on: bool) -> None:
        """Have the arms stop on their paths and stay, or go on; does not wait."""
        for arm in self._arms.values():
            self._ask(arm, on)

    def _ask(self, arm: _Arm, on: bool) -> None:
        arm.wish = on
        self._send(arm)

    def _hear(self, arm: _Arm, message: Any) -> None:
        if arm.wish == message.data:
            arm.wish = None
        if message.data == arm.held:
            return
        arm.held = message.data
        before, self.held = self.held, all(one.held for one in self._arms.values())
        if self.held != before:
            self._on_change(self.held)
        # What was done to one arm, and nobody has asked otherwise since, is done to the others.
        if self.held != before or arm.held:
            for other in self._arms.values():
                if other is not arm and other.wish is None and other.held != arm.held:
                    self._ask(other, arm.held)

    def _turn(self) -> None:
        for arm in self._arms.values():
            if arm.wish is not None and time.monotonic() - arm.asked_s > _AGAIN_S:
                self._send(arm)

    def _send(self, arm: _Arm) -> None:
        arm.asked_s = time.monotonic()
        if arm.client.service_is_ready():
            take = functools.partial(self._take, arm)
            arm.client.call_async(SetBool.Request(data=arm.wish)).add_done_callback(take)

    def _take(self, arm: _Arm, answer: Any) -> None:
        if arm.wish is not None and arm.wish == arm.held and answer.result().success:
            arm.wish = None  # it was so already: there is no change to hear of

"""Hears where the arm stands, while somebody needs to know: states come fifty times a second."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from typing import Any, Final

import numpy as np
from rclpy.node import Node
from sensor_msgs.msg import JointState

from robot_cell.errors import RobotCellError
from robot_cell.programs.geometry import Array

STANDS_WITHIN_S: Final = 20.0
"""How long an arm may take to be heard and to stand, wall time: its node may be starting."""

STILL_RAD_S: Final = 0.02
STILL_RAD: Final = 1e-3
MEASURED_WITHIN_S: Final = 10.0
"""How long arms may take to be heard of once somebody listens, wall time."""

_APART_S: Final = 0.1
_POLL_S: Final = 0.02


class JointListener:
    """The arm's joint states; `turn` is called in the executor's thread, the rest in any.

    Args:
        names: of the joints, in the order of every array.
        topic: of the arm's joint states.
    """

    def __init__(self, node: Node, names: tuple[str, ...], topic: str) -> None:
        self.names = names
        self._topic = topic
        self._node = node
        self._subscription: Any = None
        self._asked = 0
        self._heard: tuple[float, Array, Array] | None = None

    def turn(self, needed: bool) -> None:
        """Begin or end to listen."""
        if needed or self._asked:
            if self._subscription is None:
                self._heard = None
                self._subscription = self._node.create_subscription(
                    JointState, self._topic, self._on_joints, 1
                )
        elif self._subscription is not None:
            self._node.destroy_subscription(self._subscription)
            self._subscription = None

    def measured(self, since_s: float = 0.0) -> Array | None:
        """Joint positions (n,) in rad as last heard; None before that, or before `since_s`.

        `since_s` is monotonic: an arm without power may say nothing, and be led elsewhere.
        """
        heard = self._heard
        return None if heard is None or heard[0] < since_s else heard[1]

    def standing(self, reachable: Callable[[], bool]) -> tuple[float, ...] | None:
        """Joint positions (n,) in rad of an arm that stands; None if none is heard in time.

        Two states some time apart have to agree, both of them heard from now on while the arm's
        node is `reachable`.
        """
        self._asked += 1
        try:
            until_s = time.monotonic() + STANDS_WITHIN_S
            first: tuple[float, Array, Array] | None = None
            since_s = time.monotonic()
            while time.monotonic() < until_s:
                time.sleep(_POLL_S)
                heard = self._heard
                if not reachable():
                    first, since_s = None, time.monotonic()
                elif heard is None or heard[0] <= since_s:
                    continue
                elif np.abs(heard[2]).max() > STILL_RAD_S:
                    first = None
                elif first is None or np.abs(heard[1] - first[1]).max() > STILL_RAD:
                    first = heard
                elif heard[0] - first[0] > _APART_S:
                    return tuple(float(q) for q in heard[1])
            return None
        finally:
            self._asked -= 1

    def _on_joints(self, message: Any) -> None:
        row = [message.name.index(name) for name in self.names]
        self._heard = (
            time.monotonic(),
            np.array([message.position[i] for i in row]),
            np.array([message.velocity[i] for i in row]),
        )


def all_measured(
    cell: str, listeners: Mapping[str, JointListener], since_s: float = 0.0
) -> dict[str, tuple[float, ...]]:
    """Where each arm of a cell is, rad (n,), by its name; they are listened to already.

    Nothing counts that was heard before `since_s` (monotonic).

    Raises:
        RobotCellError: one is not heard of.
    """
    deadline_s = time.monotonic() + MEASURED_WITHIN_S
    found: dict[str, tuple[float, ...]] = {}
    for name, heard in listeners.items():
        while (measured := heard.measured(since_s)) is None:
            if time.monotonic() > deadline_s:
                who = f"the position of {cell}'s {name}"
                raise RobotCellError(f"{who} has not been measured; is its node there?")
            time.sleep(_POLL_S)
        found[name] = tuple(float(q) for q in measured)
    return found

"""The controller manager of the simulated ROS 2 arm: what ros2_control's tells and takes.

`~/list_controllers`, `~/switch_controller` and, where it is not older than that, `~/activity`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any, Final

from controller_manager_msgs.msg import (
    ControllerManagerActivity,
    ControllerState,
    NamedLifecycleState,
)
from controller_manager_msgs.srv import ListControllers, SwitchController
from lifecycle_msgs.msg import State
from rclpy.node import Node
from rclpy.qos import DurabilityPolicy, QoSProfile

MANAGER: Final = "/controller_manager"
_KEPT: Final = QoSProfile(depth=1, durability=DurabilityPolicy.TRANSIENT_LOCAL)
_NUMBERS: Final = {
    "unconfigured": State.PRIMARY_STATE_UNCONFIGURED,
    "inactive": State.PRIMARY_STATE_INACTIVE,
    "active": State.PRIMARY_STATE_ACTIVE,
    "finalized": State.PRIMARY_STATE_FINALIZED,
    "deactivating": State.TRANSITION_STATE_DEACTIVATING,
}


class Controllers:
    """Controllers by name, each with the label of its state; one that is unloaded is not there.

    Args:
        node: that offers services and topic.
        names: of the controllers, all of them active at first.
        tells: `~/activity` is published.
        on_change: called with a controller's name and whether it is active now.
    """

    def __init__(
        self,
        node: Node,
        names: Iterable[str],
        on_change: Callable[[str, bool], None],
        *,
        tells: bool = True,
    ) -> None:
        self._node = node
        self._names = tuple(names)
        self._on_change = on_change
        self._tells = (
            node.create_publisher(ControllerManagerActivity, f"{MANAGER}/activity", _KEPT)
            if tells
            else None
        )
        self.states = dict.fromkeys(self._names, "active")
        self.asked = 0
        node.create_service(ListControllers, f"{MANAGER}/list_controllers", self._list)
        node.create_service(SwitchController, f"{MANAGER}/switch_controller", self._switch)
        self._tell()

    def reset(self) -> None:
        """All of them active."""
        self.asked = 0
        for name in self._names:
            self.put(name, "active")

    def put(self, name: str, state: str) -> None:
        """Bring a controller into a state; `unloaded` takes it away."""
        if name not in self._names or state not in (*_NUMBERS, "unloaded"):
            raise ValueError(f"{name}: {state}")
        if state == "unloaded":
            self.states.pop(name, None)
        else:
            self.states[name] = state
        self._on_change(name, state == "active")
        self._tell()

    def _tell(self) -> None:
        if self._tells is None:
            return
        message = ControllerManagerActivity()
        message.header.stamp = self._node.get_clock().now().to_msg()
        message.controllers = [
            NamedLifecycleState(name=name, state=State(id=_NUMBERS[state], label=state))
            for name, state in self.states.items()
        ]
        self._tells.publish(message)

    def _list(self, request: Any, response: Any) -> Any:
        del request
        self.asked += 1
        response.controller = [
            ControllerState(name=name, state=state) for name, state in self.states.items()
        ]
        return response

    def _switch(self, request: Any, response: Any) -> Any:
        """Strictly: all of it, or nothing."""
        wanted = [(name, "inactive", "active") for name in request.activate_controllers]
        wanted += [(name, "active", "inactive") for name in request.deactivate_controllers]
        wrong = [name for name, now, _ in wanted if self.states.get(name) != now]
        response.ok = not wrong
        if not wrong:
            for name, _, then in wanted:
                self.put(name, then)
        return response

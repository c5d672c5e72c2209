"""Whether a ros2_control controller is active, as its controller manager says.

Where the manager publishes `~/activity` (Jazzy and later) each change is heard at once; elsewhere
`~/list_controllers` is asked twice a second. Nothing is switched: that is for whoever runs the
robot (https://control.ros.org, "Controller Manager").
"""

from __future__ import annotations

import time
from enum import Enum
from typing import Any, Final

from lifecycle_msgs.msg import State
from rclpy.node import Node
from rclpy.qos import DurabilityPolicy, QoSProfile

from drivers.arms.base import ArmError, ArmFault, ArmNotConnected

_KEPT: Final = QoSProfile(depth=1, durability=DurabilityPolicy.TRANSIENT_LOCAL)
"""As `~/activity` is offered: who comes late hears the last word."""

_LOOK_S: Final = 0.5
_SILENT_S: Final = 2.0
"""How long a controller manager may be neither heard nor answer."""


class ControllerState(Enum):
    """Where a controller is in its life cycle."""

    ACTIVE = "active"
    INACTIVE = "inactive"
    UNCONFIGURED = "unconfigured"
    FINALIZED = "finalized"
    UNLOADED = "unloaded"
    CHANGING = "changing"


_PRIMARY: Final = {
    State.PRIMARY_STATE_UNCONFIGURED: ControllerState.UNCONFIGURED,
    State.PRIMARY_STATE_INACTIVE: ControllerState.INACTIVE,
    State.PRIMARY_STATE_ACTIVE: ControllerState.ACTIVE,
    State.PRIMARY_STATE_FINALIZED: ControllerState.FINALIZED,
}
"""By lifecycle_msgs/State's number; what is none of these is on its way to one of them."""

_WORDS: Final = {state.value: state for state in _PRIMARY.values()}

_TO_DO: Final = {
    ControllerState.INACTIVE: "`ros2 control switch_controllers -c {manager} --activate {name}`",
    ControllerState.UNCONFIGURED: (
        "`ros2 control set_controller_state -c {manager} {name} inactive`, then the same with "
        "`active`"
    ),
    ControllerState.FINALIZED: (
        "It has failed for good, see the manager's log: `ros2 control unload_controller "
        "-c {manager} {name}`, then `load_controller --set-state active` with the same"
    ),
    ControllerState.UNLOADED: (
        "`ros2 control load_controller -c {manager} --set-state active {name}`; if it is there "
        "(`ros2 control list_controllers -c {manager}`), it has another name than the topic or "
        "action in the plant file"
    ),
    ControllerState.CHANGING: "Wait until it is active",
}
"""What makes each of them active."""


class ControllerWatch:
    """One controller of one manager; used by the thread that turns the node's executor.

    Args:
        manager: full name of the controller manager's node.
        name: of the controller.

    Attributes:
        state: as heard last; None before anything was heard.

    Raises:
        ArmNotConnected: the messages of ros2_control are not installed.
    """

    def __init__(self, node: Node, manager: str, name: str) -> None:
        try:
            from controller_manager_msgs.msg import ControllerManagerActivity
            from controller_manager_msgs.srv import ListControllers
        except ImportError as error:
            raise ArmNotConnected(
                manager, f"its messages cannot be imported ({error})",
                "Install ROS 2's package controller-manager-msgs, and run `make setup`.",
            ) from error  # fmt: skip
        self.state: ControllerState | None = None
        self._node = node
        self._manager, self._name = manager, name
        self._activity = f"{manager}/activity"
        self._request = ListControllers.Request
        self._client = node.create_client(ListControllers, f"{manager}/list_controllers")
        node.create_subscription(
            ControllerManagerActivity, self._activity, self._on_activity, _KEPT
        )
        self._asked: Any = None
        self._looked_s = 0.0
        self._heard_s = time.monotonic()

    def begin(self) -> None:
        """Count silence from now on."""
        self._heard_s = time.monotonic()

    def known(self) -> bool:
        """Whether the state has been heard; asks for it where nobody tells. For waiting."""
        self._look()
        return self.state is not None

    def trouble(self, arm: str) -> ArmError | None:
        """Why the controller does not move its arm; None if it may.

        `arm` is what the arm is called in the error.
        """
        self._look()
        if time.monotonic() - self._heard_s > _SILENT_S:
            self.state = None
            return self.silent(arm)
        if self.state in (None, ControllerState.ACTIVE):
            return None
        to_do = _TO_DO[self.state].format(manager=self._manager, name=self._name)
        return ArmFault(
            arm, f"CONTROLLER_{self.state.name}",
            f"controller {self._name} is {self.state.value}", f"{to_do}; it goes on by itself.",
        )  # fmt: skip

    def silent(self, arm: str) -> ArmNotConnected:
        """The error of a manager that is not heard of."""
        return ArmNotConnected(
            arm, f"controller manager {self._manager} is not heard of",
            "Check that ros2_control runs (`ros2 control list_controllers -c "
            f"{self._manager}`), and `controller_manager` in the plant file.",
        )  # fmt: skip

    def _look(self) -> None:
        """See who tells of the controller; ask where nobody does."""
        if self._asked is not None and self._asked.done():
            asked, self._asked = self._asked, None
            if (answer := asked.result()) is not None:
                self._take({one.name: _WORDS.get(one.state) for one in answer.controller})
        now_s = time.monotonic()
        if now_s - self._looked_s < _LOOK_S:
            return
        self._looked_s = now_s
        if self.state is not None and self._node.count_publishers(self._activity):
            self._heard_s = now_s
        elif self._client.service_is_ready() and self._asked is None:
            self._asked = self._client.call_async(self._request())
        elif self._asked is not None and now_s - self._heard_s > _SILENT_S:
            self._client.remove_pending_request(self._asked)
            self._asked = None

    def _on_activity(self, message: Any) -> None:
        self._take({one.name: _PRIMARY.get(one.state.id) for one in message.controllers})

    def _take(self, states: dict[str, ControllerState | None]) -> None:
        self._heard_s = time.monotonic()
        if self._name not in states:
            self.state = ControllerState.UNLOADED
        else:
            self.state = states[self._name] or ControllerState.CHANGING

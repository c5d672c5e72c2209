"""How fast an arm runs along its path: the override, the feed hold, and who holds it back.

The lowest speed that anybody asks for counts. `arm/held` says at each change whether the arm stands
because of a feed hold.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

import numpy as np
from rcl_interfaces.msg import FloatingPointRange, ParameterDescriptor, SetParametersResult
from std_msgs.msg import Bool
from std_srvs.srv import SetBool

from planners.motion.speed_requests import SpeedRequests
from robot_cell.execution.horizon import Horizon
from robot_cell.nodes.base import LATCHED, PlantNode

STOPPED_RAD_S: Final = 0.02

OVERRIDE: Final = "override"
HOLD: Final = "feed hold"
"""Who may ask for another path speed."""

_PARAMETER: Final = "override_percent"
_DESCRIPTION: Final = ParameterDescriptor(
    description="path speed of every motion, percent of the planned one; 0 holds on the path",
    floating_point_range=[FloatingPointRange(from_value=0.0, to_value=100.0)],
)


def declare(node: PlantNode) -> None:
    """Declare the parameter of the override."""
    node.declare_parameter(_PARAMETER, 100.0, _DESCRIPTION)


class PathSpeed:
    """The path speed of one arm; used in the executor's thread.

    Args:
        arm: its name.
        horizon: where the servo finds what is asked for, and says how far it is.
        follows: whether a goal is being followed.
    """

    def __init__(
        self, node: PlantNode, arm: str, horizon: Horizon, follows: Callable[[], bool]
    ) -> None:
        self._horizon = horizon
        self._follows = follows
        self._requests = SpeedRequests()
        self._held = False
        self._requests.ask(OVERRIDE, float(node.get_parameter(_PARAMETER).value) / 100.0)
        self._topic = node.create_publisher(Bool, f"{arm}/held", LATCHED)
        self._ask()
        node.add_on_set_parameters_callback(self._on_parameters)
        node.create_service(SetBool, f"{arm}/hold", self._on_hold)

    @property
    def slowed(self) -> bool:
        """Whether less than the planned speed is asked for."""
        return self._requests.target < 1.0

    @property
    def held_back_by(self) -> str:
        """Who asks for the lowest speed; empty if nobody asks for less than the planned one."""
        return self._requests.lowest or ""

    def tell_held(self) -> None:
        """Say at each change whether the arm stands because of a feed hold."""
        held = self._requests.asks(HOLD) and self._stands()
        if held != self._held:
            self._held = held
            self._topic.publish(Bool(data=held))

    def _stands(self) -> bool:
        """Whether the setpoints stay, and the arm was measured to stand."""
        measured = self._horizon.measured()
        if measured is None or (self._follows() and self._horizon.progress()[1] > 0.0):
            return False
        return bool((np.abs(measured.velocities) <= STOPPED_RAD_S).all())

    def _ask(self) -> None:
        self._horizon.ask_speed(self._requests.target)
        self.tell_held()

    def _on_parameters(self, parameters: list[Any]) -> SetParametersResult:
        for parameter in parameters:
            if parameter.name == _PARAMETER:
                try:
                    self._requests.ask(OVERRIDE, float(parameter.value) / 100.0)
                except ValueError as error:
                    return SetParametersResult(successful=False, reason=str(error))
                self._ask()
        return SetParametersResult(successful=True)

    def _on_hold(self, request: Any, response: Any) -> Any:
        """Feed hold: stop on the path and stay, or go on from there."""
        if request.data:
            self._requests.ask(HOLD, 0.0)
        else:
            self._requests.drop(HOLD)
        self._ask()
        path_s, speed = self._horizon.progress()
        by = self.held_back_by
        response.success = True
        response.message = (
            f"path speed {100.0 * self._requests.target:g} % is asked for"
            f"{f' by {by}' if by else ''}; "
            f"it was {100.0 * speed:.0f} %, {path_s:.2f} s along the last motion"
        )
        return response

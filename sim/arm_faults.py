"""What can befall a simulated arm itself: an emergency stop, and a person who moves it by hand.

An emergency stop takes the power from the drives and closes the brakes (stop category 0 of IEC
60204-1); the robot's controller tells its driver so and takes nothing from anybody until the stop
has been released. Who moves the arm meanwhile, as with released brakes, leaves it elsewhere.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Collection, Mapping
from typing import Final

import numpy as np
from numpy.typing import NDArray

from robot_cell.model.arm_names import THE_ARM
from robot_cell.model.device_fault import HEALTHY

__all__ = ["ARM_FAULTS", "ArmFaults"]

STOPPED: Final = "EMERGENCY_STOP"
_STOPPED_TEXT: Final = (
    "the drives have no power and the brakes are closed; release the emergency stop"
)
_BY_HAND_RAD_S: Final = 0.25
"""How fast a person moves it: the reduced speed of ISO 10218-1 at a metre from the axis."""

_USUAL_DEG: Final = 10.0

ARM_FAULTS: Final[Mapping[str, str]] = {
    HEALTHY: "has power again and waits to be commanded",
    "off": "is stopped by an emergency stop",
    "moved": "is moved by hand while it has no power",
}


class ArmFaults:
    """The state of one simulated arm's drives.

    Args:
        refuse: tells the arm's controller why it takes no commands, None when it does.
        setpoint: where the arm's servos hold now, (n,) rad.
        ranges: (n, 2) rad, lower and upper limits; a hand stops there.
        name: of the arm.
    """

    def __init__(
        self,
        refuse: Callable[[str | None], None],
        setpoint: Callable[[], NDArray[np.float64]],
        ranges: NDArray[np.float64],
        name: str = THE_ARM,
    ) -> None:
        self._name = name
        self._refuse = refuse
        self._setpoint = setpoint
        self._low, self._high = ranges.T
        self._off = False
        self._hand_to: NDArray[np.float64] | None = None

    @property
    def devices(self) -> Collection[str]:
        """The name that the arm has among its cell's devices."""
        return (self._name,)

    def does(self, device: str, verb: str) -> str:
        """What a verb makes of the arm, to go behind its name."""
        del device
        return ARM_FAULTS[verb]

    def set_fault(self, device: str, verb: str, amount: float | None = None, seed: int = 0) -> None:
        """`off` is an emergency stop; `moved` turns the first joint by `amount` degrees.

        Raises:
            ValueError: another verb, an arm with power cannot be moved, or no finite amount.
        """
        del device, seed
        if verb not in ARM_FAULTS:
            raise ValueError(f"an arm is not {verb!r}; it can be {', '.join(ARM_FAULTS)}")
        if verb == "moved":
            self._move(_USUAL_DEG if amount is None else amount)
            return
        self._off = verb == "off"
        if not self._off:
            self._hand_to = None
        self._refuse(f"{STOPPED} {_STOPPED_TEXT}" if self._off else None)

    def hand(self, steps: int, tick_s: float) -> NDArray[np.float64] | None:
        """Setpoints (steps, n) of a tick in which a hand moves the arm; None if none does."""
        if self._hand_to is None:
            return None
        here = self._setpoint()
        left = self._hand_to - here
        reach = _BY_HAND_RAD_S * tick_s
        if np.abs(left).max() <= reach:
            self._hand_to = None
        ends = here + np.clip(left, -reach, reach)
        shares = np.arange(1, steps + 1)[:, None] / steps
        path: NDArray[np.float64] = here + shares * (ends - here)
        return path

    def _move(self, degrees: float) -> None:
        if not self._off:
            raise ValueError("an arm that has power holds its pose; put it off first")
        if not math.isfinite(degrees):
            raise ValueError(f"moved by {degrees} degrees; expected a number")
        goal = self._setpoint().copy()
        goal[0] += math.radians(degrees)
        self._hand_to = np.clip(goal, self._low, self._high)

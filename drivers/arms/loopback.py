"""An arm that is where it was told to be, in real time: for a dry run of everything but the arm."""

from __future__ import annotations

import re

import numpy as np
from numpy.typing import NDArray

from drivers.arms.base import ArmNotConnected, ArmState, SetpointsRefused
from drivers.arms.pace import Pace


class LoopbackArm:
    """An ideal arm (`drivers.arms.ArmDriver`) with a state and a setpoint each period.

    Args:
        address: number of joints and rate in Hz, such as `6@500`.
    """

    def __init__(self, address: str) -> None:
        match = re.fullmatch(r"([1-9])@([1-9]\d{0,3})", address)
        if match is None:
            raise ArmNotConnected(
                address, "is no address of a loopback arm", "Give joints and rate in Hz: 6@500."
            )
        joints, rate_hz = int(match[1]), int(match[2])
        self.joint_names = tuple(f"joint_{k + 1}" for k in range(joints))
        self.period_ns = 1_000_000_000 // rate_hz
        self.setpoints_per_period = 1
        self.pace = Pace(self.period_ns)
        self._positions = np.zeros(joints)
        self._velocities = np.zeros(joints)
        self._efforts = np.zeros(joints)

    def connect(self, timeout_s: float) -> ArmState:
        """Always there."""
        del timeout_s
        self.pace.begin()
        return self._state(self.pace.due_ns)

    def read(self, timeout_s: float) -> ArmState:
        """Wait for the next deadline."""
        del timeout_s
        return self._state(self.pace.wait())

    def write(self, setpoints: NDArray[np.float64]) -> None:
        """Be there.

        Raises:
            SetpointsRefused: wrong shape, or not finite.
        """
        if setpoints.shape != (1, len(self.joint_names)) or not np.isfinite(setpoints).all():
            raise SetpointsRefused(
                "loopback", f"setpoints of shape {setpoints.shape}", "Nothing moved."
            )
        self._velocities = (setpoints[0] - self._positions) * (1e9 / self.period_ns)
        self._positions = setpoints[0].copy()

    def stop(self) -> None:
        """Stand."""
        self._velocities = np.zeros(len(self.joint_names))

    def close(self) -> None:
        """Nothing to let go of."""

    def _state(self, now_ns: int) -> ArmState:
        return ArmState(now_ns, self._positions, self._velocities, self._efforts)

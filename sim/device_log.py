"""What the simulated devices really did, written by themselves to a file of their own.

The control side never reads it: it is the witness that its journal is compared with. One JSON
object a line, appended in one write, so that the simulators of several cells share a file:
`monotonic_ns`, `plant_ns`, `cell`, `device`, `step_id`, `command`, `args`, `result`. A fixture's
step has a line when it begins to move (`begun`) and one when that is over (`done`, or `failed` and
its code). A motion of the arm has one line when it is over, with the joint positions at which its
setpoints were at rest before (`from`) and after it (`to`), rad; an arm knows of no steps.
"""

from __future__ import annotations

import json
import os
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from robot_cell.model.arm_names import THE_ARM

__all__ = ["ArmWitness", "DeviceLog"]

_REST_RAD: Final = 1e-9
"""Setpoints that change by less in a tick stand still."""


class DeviceLog:
    """The part that one cell's devices have in the file; every write is in the file at once."""

    def __init__(self, path: Path, cell: str) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        self._file = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o644)
        self._cell = cell

    def write(
        self,
        plant_ns: int,
        device: str,
        step_id: int | None,
        order: Sequence[str],
        result: str,
        **more: Any,
    ) -> None:
        """Note what a device did; `order` is the command with its arguments."""
        line = {
            "monotonic_ns": time.monotonic_ns(),
            "plant_ns": plant_ns,
            "cell": self._cell,
            "device": device,
            "step_id": step_id,
            "command": order[0],
            "args": list(order[1:]),
            "result": result,
        }
        os.write(self._file, (json.dumps(line | more) + "\n").encode())

    def close(self) -> None:
        """Give the file back; may be called twice."""
        if self._file >= 0:
            os.close(self._file)
        self._file = -1


class ArmWitness:
    """Tells the motions of an arm apart by its setpoints, and notes each when it is over."""

    def __init__(self, log: DeviceLog, setpoint: NDArray[np.float64], name: str = THE_ARM) -> None:
        self._log = log
        self._name = name
        self._last = setpoint.copy()
        self._began_at: NDArray[np.float64] | None = None
        self._began_ns = 0

    def ticked(self, plant_ns: int, setpoint: NDArray[np.float64]) -> None:
        """A tick has passed; `setpoint` (n,) in rad is the last one of it."""
        if np.abs(setpoint - self._last).max() > _REST_RAD:
            if self._began_at is None:
                self._began_at, self._began_ns = self._last, plant_ns
            self._last = setpoint.copy()
        elif self._began_at is not None:
            ends = {"from": self._began_at.tolist(), "to": self._last.tolist()}
            self._log.write(
                plant_ns, self._name, None, ("move",), "done", began_ns=self._began_ns, **ends
            )
            self._began_at = None

"""Faults of simulated devices in words: which there are, and how a run is asked for some."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from robot_cell.errors import RobotCellError

if TYPE_CHECKING:
    from robot_cell.model.plant import Plant

__all__ = [
    "ALL_VERBS",
    "ARM_VERBS",
    "DEVICE_FAULT_VERBS",
    "HEALTHY",
    "BadFaultError",
    "DeviceFault",
    "Devices",
    "breakable_devices",
    "find_device",
    "read_device_fault",
    "read_device_faults",
]

DEVICE_FAULT_VERBS: Final = (
    "off",
    "stuck",
    "garbage",
    "wrong",
    "slow",
    "delayed",
    "intermittent",
)
"""What can be wrong with a fixture (after PX4's failure injection)."""

ARM_VERBS: Final = ("off", "moved")
"""An emergency stop, and a person who moves the arm by hand meanwhile."""

HEALTHY: Final = "ok"
"""The verb that takes a fault away."""

ALL_VERBS: Final = (*dict.fromkeys((*DEVICE_FAULT_VERBS, *ARM_VERBS)), HEALTHY)

FORM: Final = (
    "[CELL/]DEVICE:VERB[=AMOUNT]@TIME[,VERB@TIME...], for example cell_a/gripper:garbage@30s,ok@40s"
)
_EVENT: Final = re.compile(
    r"([a-z]+)(?:=([0-9]+(?:\.[0-9]+)?))?@([0-9]+(?:\.[0-9]+)?)(s|min)", re.ASCII
)
_UNIT_S: Final = {"s": 1.0, "min": 60.0}


class BadFaultError(RobotCellError):
    """A fault cannot be read.

    Attributes:
        text: what was given.
        reason: what is wrong with it, and what was expected.
    """

    def __init__(self, text: str, reason: str) -> None:
        super().__init__(f"{text!r} is not a fault: {reason}")
        self.text = text
        self.reason = reason


@dataclass(frozen=True)
class DeviceFault:
    """At an instant of plant time a simulated device gets a fault, or is healthy again.

    Attributes:
        amount: what it means, the verb says; None is the usual amount.
    """

    at_ns: int
    cell: str
    device: str
    verb: str
    amount: float | None = None

    def __str__(self) -> str:
        amount = "" if self.amount is None else f"={self.amount:g}"
        return f"{self.cell}/{self.device}:{self.verb}{amount}@{self.at_ns * 1e-9:.9g}s"


Devices = Mapping[str, Mapping[str, Collection[str]]]
"""The devices of each cell, and the verbs of each device."""


def breakable_devices(plant: Plant) -> Devices:
    """What a fault can be put on in each cell of a simulated plant: its arms and its fixtures."""
    return {
        name: dict.fromkeys(cell.arms, ARM_VERBS) | dict.fromkeys(cell.fixtures, DEVICE_FAULT_VERBS)
        for name, cell in plant.cells.items()
    }


def find_device(name: str, devices: Mapping[str, Collection[str]]) -> tuple[str, str]:
    """Cell and device of `CELL/DEVICE`, or of a `DEVICE` that only one cell has.

    Args:
        name: what was given.
        devices: the devices of each cell.

    Raises:
        BadFaultError: there is none, or there are several; the message lists them.
    """
    cell, slash, device = name.rpartition("/")
    found = [
        (one, device)
        for one, known in devices.items()
        if device in known and (not slash or one == cell)
    ]
    if len(found) == 1:
        return found[0]
    if found:
        named = " or ".join(f"{one}/{device}" for one, _ in found)
        raise BadFaultError(name, f"several cells have a {device}; say {named}")
    listed = ", ".join(f"{one}/{known}" for one, every in devices.items() for known in every)
    raise BadFaultError(name, f"there is no device {name!r}; there are {listed or 'none'}")


def read_device_fault(text: str, devices: Devices) -> tuple[DeviceFault, ...]:
    """Read `cell_a/gripper:garbage@30s,ok@40s` for a plant with these devices.

    Raises:
        BadFaultError: it is something else; says what was expected.
    """
    name, colon, rest = text.partition(":")
    if not colon or not name:
        raise BadFaultError(text, f"expected {FORM}")
    try:
        cell, device = find_device(name, devices)
    except BadFaultError as error:
        raise BadFaultError(text, error.reason) from error
    faults: list[DeviceFault] = []
    for word in rest.split(","):
        found = _EVENT.fullmatch(word.strip())
        if found is None:
            raise BadFaultError(
                text,
                f"{word.strip()!r} is not VERB@TIME with a time such as 30s or 1.5min; "
                f"expected {FORM}",
            )
        verb, amount, time, unit = found.groups()
        known = (*devices[cell][device], HEALTHY)
        if verb not in known:
            raise BadFaultError(
                text, f"there is no verb {verb!r} for {device}; there are {', '.join(known)}"
            )
        at_ns = round(float(time) * _UNIT_S[unit] * 1e9)
        if faults and at_ns <= faults[-1].at_ns:
            raise BadFaultError(
                text, f"{word.strip()!r} is not after {faults[-1].at_ns * 1e-9:g}s: times must grow"
            )
        faults.append(
            DeviceFault(at_ns, cell, device, verb, None if amount is None else float(amount))
        )
    return tuple(faults)


def read_device_faults(texts: Iterable[str], devices: Devices) -> tuple[DeviceFault, ...]:
    """Read several, each for a device of its own; in the order of time.

    Raises:
        BadFaultError: one cannot be read, or a device comes twice.
    """
    faults: list[DeviceFault] = []
    for text in texts:
        one = read_device_fault(text, devices)
        place = (one[0].cell, one[0].device)
        if any((other.cell, other.device) == place for other in faults):
            raise BadFaultError(
                text, f"{'/'.join(place)} has a fault already; write all of its times in one"
            )
        faults += one
    return tuple(sorted(faults, key=lambda fault: (fault.at_ns, fault.cell, fault.device)))

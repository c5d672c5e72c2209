"""What the devices of a cell can be told, as a message: `fixtures/commands`, said once and kept.

Who owns the devices knows their commands, of kinds, register maps and plugins alike. The cell's
controller checks by it what a person asks for; pages and the command line show it.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from robot_cell_interfaces.msg import FixtureArgument, FixtureCommands, FixtureCommandSpec

from drivers.fixtures import ArgumentSpec, CommandSpec

TOPIC: Final = "fixtures/commands"

_TYPES: Final[dict[str, type[str] | type[int]]] = {"text": str, "int": int}
_NAMES: Final = {made: name for name, made in _TYPES.items()}


def told(devices: Mapping[str, Mapping[str, CommandSpec]]) -> FixtureCommands:
    """The message: by device, its commands by name."""
    return FixtureCommands(
        devices=list(devices),
        commands=[
            FixtureCommandSpec(
                device=device,
                command=command,
                does=spec.does,
                duration_s=float(spec.duration_s),
                arguments=[
                    FixtureArgument(name=one.name, type=_NAMES[one.type], choices=list(one.choices))
                    for one in spec.arguments
                ],
            )
            for device, commands in devices.items()
            for command, spec in commands.items()
        ],
    )


def understood(message: Any) -> dict[str, dict[str, CommandSpec]]:
    """What such a message says."""
    found: dict[str, dict[str, CommandSpec]] = {device: {} for device in message.devices}
    for one in message.commands:
        arguments = tuple(
            ArgumentSpec(given.name, _TYPES.get(given.type, str), tuple(given.choices))
            for given in one.arguments
        )
        found.setdefault(one.device, {})[one.command] = CommandSpec(
            one.does, one.duration_s, arguments
        )
    return found

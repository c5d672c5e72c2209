"""Interlocks: what the arm or a fixture may do only while devices read what they should."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Annotated

from pydantic import Field, model_validator

from robot_cell.model.base import Name, Word

Readings = Annotated[dict[Name, str], Field(min_length=1)]
Condition = Annotated[dict[Name, Readings], Field(min_length=1)]
"""Devices, each with what it has to read; all of it has to hold."""


class Interlock(Word):
    """A condition over devices, and what it is a condition for.

    Attributes:
        arm_at: frames; it guards every move that begins or ends at a pose given in one of them.
        arm: whose moves; any arm's unless given.
        commands: fixtures, each with the commands of it that are guarded.
        only_if: it holds if one of these conditions does.
    """

    description: str = ""
    arm_at: tuple[Name, ...] = ()
    arm: Name | None = None
    commands: dict[Name, Annotated[tuple[Name, ...], Field(min_length=1)]] = Field(
        default_factory=dict
    )
    only_if: tuple[Condition, ...] = Field(min_length=1)

    @model_validator(mode="after")
    def _guards_something(self) -> Interlock:
        # Printed after the word "expected".
        if not self.arm_at and not self.commands:
            raise ValueError("arm_at, commands or both: what it is a condition for")
        if self.arm is not None and not self.arm_at:
            raise ValueError("arm_at with arm: the frames at which that arm is guarded")
        return self

    @property
    def devices(self) -> frozenset[str]:
        """The devices that it looks at."""
        return frozenset(device for condition in self.only_if for device in condition)

    def guards_move(self, arm: str, frames: Collection[str]) -> bool:
        """Whether it guards a move of that arm between poses of these frames."""
        return self.arm in (None, arm) and not set(self.arm_at).isdisjoint(frames)

    def guards_command(self, fixture: str, command: str) -> bool:
        """Whether it guards that command."""
        return command in self.commands.get(fixture, ())

    def contradiction(self, readings: Mapping[str, Mapping[str, str]]) -> str:
        """Why it does not hold, in words; empty if it does.

        A device that says nothing holds nothing up: `readings` has no entry, or an empty one.
        """
        wrong: list[str] = []
        for condition in self.only_if:
            against = [
                f"{device} reads {key} = {readings[device].get(key, 'nothing')}"
                if readings.get(device)
                else f"{device} does not say"
                for device, expected in condition.items()
                for key, text in expected.items()
                if readings.get(device, {}).get(key) != text
            ]
            if not against:
                return ""
            wrong += [one for one in against if one not in wrong]
        return f"{' and '.join(wrong)}; it has to be {self.condition}"

    @property
    def condition(self) -> str:
        """What has to hold, in words."""
        return ", or ".join(
            " and ".join(
                f"{device} {key} = {text}"
                for device, expected in one.items()
                for key, text in expected.items()
            )
            for one in self.only_if
        )

"""What happened: events and alarms."""

from __future__ import annotations

from typing import Any

from typing_extensions import TypedDict


class Event(TypedDict):
    """Something that happened."""

    id: int
    at_ms: int
    wall_ms: int
    who: str
    kind: str
    what: str
    text: str
    data: Any


class Events(TypedDict):
    """A page of events."""

    items: list[Event]
    next: str | None


class Alarm(TypedDict):
    """An alarm after ISA-18.2: of a cell or of the plant, and of what of it (`source`).

    `consequences` came of the same cause and are no alarms of their own.
    """

    id: int
    cell: str
    source: str
    kind: str
    priority: str
    state: str
    text: str
    cause: str
    action: str
    consequences: list[str]
    first_out: bool
    times: int
    raised_ms: int
    cleared_ms: int | None
    acknowledged_ms: int | None
    acknowledged_by: str | None
    shelved_until_ms: int | None
    shelved_by: str | None


class Alarms(TypedDict):
    """A page of alarms; `version` changes when the list of those that stand does."""

    items: list[Alarm]
    next: str | None
    version: int

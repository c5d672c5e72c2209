"""The live feed, and whether there is one."""

from __future__ import annotations

from typing import Literal

from typing_extensions import TypedDict

from robot_cell.gateway.shapes.cells import CellLive
from robot_cell.gateway.shapes.vector import Vector
from robot_cell.gateway.shapes.work import Operation


class Health(TypedDict):
    """That the gateway lives."""

    status: Literal["ok"]


class Live(TypedDict):
    """One message of the live WebSocket."""

    boot: str
    seq: int
    t: int | None
    connected: bool
    joints: dict[str, Vector]
    cells: dict[str, CellLive]
    bodies: dict[str, dict[str, Vector]]
    ops_version: int
    ops_from: int
    ops_delta: list[Operation] | None
    ops_gone: list[str]
    orders_version: int
    events_last: int
    alarms_version: int

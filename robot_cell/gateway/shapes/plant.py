"""The plant and its products."""

from __future__ import annotations

from typing_extensions import TypedDict


class RecipeStep(TypedDict):
    """An operation of a recipe and the programs that do it."""

    name: str
    cells: dict[str, str]


class ProductView(TypedDict):
    """A product of the plant."""

    description: str
    operations: list[RecipeStep]


class PlantView(TypedDict):
    """The plant, and how this gateway stands to it."""

    plant: str
    description: str
    time_zone: str
    simulated: bool
    now_ms: int | None
    start_ms: int | None
    boot: str
    version: str
    approve_drafts: bool
    confirm_ahead_s: float
    connected: bool
    products: dict[str, ProductView]
    cells: list[str]

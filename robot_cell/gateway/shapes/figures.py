"""Key figures, their formulas, and losses."""

from __future__ import annotations

from typing_extensions import TypedDict


class Kpi(TypedDict):
    """Key figures after ISO 22400-2; null where a figure is undefined (its divisor is 0)."""

    cell: str | None
    elements: dict[str, float]
    availability: float | None
    effectiveness: float | None
    quality_ratio: float | None
    oee: float | None
    nee: float | None
    allocation_efficiency: float | None
    utilisation_efficiency: float | None
    technical_efficiency: float | None
    throughput_per_h: float | None
    first_pass_yield: float | None
    scrap_ratio: float | None
    rework_ratio: float | None
    energy_per_part_j: float | None


class Formula(TypedDict):
    """How a key figure is made."""

    formula: str
    text: str
    unit: str
    source: str


class Loss(TypedDict):
    """Time that a cell lost to a cause."""

    cell: str
    cause: str
    s: float
    count: int


class Kpis(TypedDict):
    """Key figures of a span of time."""

    from_ms: int
    to_ms: int
    cells: list[Kpi]
    plant: Kpi
    formulas: dict[str, Formula]
    losses: list[Loss]


class Bucket(TypedDict):
    """Key figures of one part of a span."""

    start_ms: int
    end_ms: int
    done: int
    oee: float | None
    availability: float | None
    effectiveness: float | None
    quality_ratio: float | None


class Series(TypedDict):
    """Key figures over time."""

    bucket_s: float
    items: list[Bucket]

"""What a shift report says, as plain values; `shift_html` draws it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime


@dataclass(frozen=True)
class OrderLine:
    """An order that was due, worked on or finished in the span.

    Attributes:
        late_s: later than due, or as late as it is by now; negative is early, None unknown.
    """

    order_id: str
    customer: str
    product: str
    quantity: int
    done: int
    failed: int
    status: str
    due: datetime
    finished: datetime | None
    late_s: float | None


@dataclass(frozen=True)
class FigureLine:
    """Key figures of a cell, or of the plant (`cell` is None), after ISO 22400-2.

    Attributes:
        figures: by the names of `gateway.kpis.FORMULAS`; None is undefined.
        elements: by the standard's names; times in s.
        energy_j: of the operations that ended, by the arms' model; None where it is not known.
    """

    cell: str | None
    figures: Mapping[str, float | None]
    elements: Mapping[str, float]
    energy_j: float | None
    energy_per_part_j: float | None


@dataclass(frozen=True)
class LossLine:
    """Time that was lost."""

    cell: str
    cause: str
    seconds: float
    count: int


@dataclass(frozen=True)
class AlarmLine:
    """Alarms of one kind at one place that came in the span.

    Attributes:
        standing_s: how long they stood in the span, together.
    """

    source: str
    kind: str
    priority: str
    text: str
    count: int
    standing_s: float


@dataclass(frozen=True)
class PartLine:
    """OEE and its factors of the plant in a part of the span; None is undefined."""

    begin: datetime
    end: datetime
    done: int
    oee: float | None


@dataclass(frozen=True)
class Formula:
    """How a key figure is made."""

    name: str
    formula: str
    text: str
    unit: str
    source: str


@dataclass(frozen=True)
class ShiftReport:
    """Everything on the report.

    Attributes:
        notes: what a reader has to know of how figures were made.
    """

    plant: str
    begin: datetime
    end: datetime
    made: datetime
    orders: tuple[OrderLine, ...]
    total: FigureLine
    cells: tuple[FigureLine, ...]
    parts: tuple[PartLine, ...]
    losses: tuple[LossLine, ...]
    alarms: tuple[AlarmLine, ...]
    formulas: tuple[Formula, ...]
    notes: tuple[str, ...]

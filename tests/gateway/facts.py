"""Facts of cells from whole records, as `store.ran` gathers them from a journal."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from robot_cell.gateway.element_sums import Facts
from robot_cell.gateway.spans import Span
from robot_cell.store import OperationRecord, StepRecord
from robot_cell.store.ran import (
    BADLY,
    COMPLETE,
    FAILED,
    NEITHER,
    NEVER,
    WAITING,
    WELL,
    Kind,
    Ran,
    Stepped,
)

ENDED = {"complete": COMPLETE, "failed": FAILED}
OUTCOMES = {"failed": BADLY, "uncertain": BADLY, "not_done": BADLY}


def facts_from(
    cells: Sequence[str],
    operations: Sequence[OperationRecord],
    steps: Sequence[StepRecord],
    *,
    products: Mapping[str, str] | None = None,
    whole: bool = True,
    **spans: Mapping[str, Sequence[Span]],
) -> Facts:
    """What these records say; each operation is a kind of its own."""
    of = {o.operation_id: o for o in operations}
    turn = {order: i for i, order in enumerate(dict.fromkeys(o.order_id for o in operations))}

    def column(values: Sequence[Any]) -> Any:
        return np.array([NEVER if one is None else one for one in values], np.int64)

    def outcome(step: StepRecord) -> int:
        if step.outcome == "done":
            return WELL if step.attempt == of[step.operation_id].attempt else NEITHER
        return OUTCOMES.get(step.outcome or "", NEITHER)

    ran = Ran(
        tuple(Kind(o.cell, o.program, (products or {}).get(o.order_id, "")) for o in operations),
        column(range(len(operations))),
        column([turn[o.order_id] for o in operations]),
        column([o.unit for o in operations]),
        column([ENDED.get(o.status, WAITING) for o in operations]),
        column([o.attempt for o in operations]),
        column([(o.planned_end_ns or 0) - (o.planned_start_ns or 0) for o in operations]),
        column([o.actual_start_ns for o in operations]),
        column([o.actual_end_ns for o in operations]),
    )
    stepped = Stepped(
        tuple(of[s.operation_id].cell for s in steps),
        column(range(len(steps))),
        column([s.intent_ns for s in steps]),
        column([s.outcome_ns for s in steps]),
        column([outcome(s) for s in steps]),
    )
    given = {name: spans.get(name, {}) for name in ("open", "held", "lost", "setups")}
    return Facts(cells, ran, stepped, whole=whole, **given)

"""Key figures and the trace of a work unit."""

from __future__ import annotations

import csv
import io
import json
from typing import Annotated, Final

from fastapi import APIRouter, Path, Query
from fastapi.responses import Response
from sqlalchemy import Connection

from robot_cell.gateway import shapes
from robot_cell.gateway.figures import MAX_BUCKETS, kpis, series, span_of
from robot_cell.gateway.problems import Problem, problem_responses
from robot_cell.gateway.service import Served, Viewer, json_response
from robot_cell.gateway.views import event_view, operation_view, plant_ms, step_view, unit_status
from robot_cell.store import EventRecord, looks
from robot_cell.store.log import told_between

router: Final = APIRouter(tags=["performance"])
_READ: Final = problem_responses(401, 403, 404, 422, 429, 503)
Instant = Annotated[int | None, Query(ge=0, le=2**53)]
CellQuery = Annotated[str | None, Query(max_length=48)]
_TOLD_AT_MOST: Final = 500
_SEEN_TO_WITHIN_NS: Final = 86_400_000_000_000
"""Within a day after it ended a person has said what became of an operation, or repeated it."""


@router.get("/kpis", response_model=shapes.Kpis, responses=_READ)
def figures(
    gateway: Served,
    caller: Viewer,
    from_ms: Instant = None,
    to_ms: Instant = None,
    cell: CellQuery = None,
) -> Response:
    """Key figures after ISO 22400-2 of each cell and of the plant, with their formulas."""
    del caller
    if cell is not None:
        gateway.cell(cell)
    return json_response(kpis(gateway, span_of(gateway, from_ms, to_ms), cell))


@router.get("/kpis/series", response_model=shapes.Series, responses=_READ)
def over_time(
    gateway: Served,
    caller: Viewer,
    from_ms: Instant = None,
    to_ms: Instant = None,
    bucket_s: Annotated[float, Query(ge=1.0, le=31_536_000.0)] = 60.0,
    cell: CellQuery = None,
) -> Response:
    """Key figures over time; at most 500 buckets, longer ones where more were asked for."""
    del caller
    if cell is not None:
        gateway.cell(cell)
    span = span_of(gateway, from_ms, to_ms)
    least_ns = -(-(span[1] - span[0]) // MAX_BUCKETS)
    bucket_ns = max(int(bucket_s * 1e9), least_ns)
    return json_response(series(gateway, span, bucket_ns, cell))


@router.get(
    "/kpis.csv",
    response_class=Response,
    responses={**_READ, 200: {"content": {"text/csv": {}}, "description": "a row a cell"}},
)
def as_csv(
    gateway: Served,
    caller: Viewer,
    from_ms: Instant = None,
    to_ms: Instant = None,
    cell: CellQuery = None,
) -> Response:
    """The key figures as a table."""
    del caller
    if cell is not None:
        gateway.cell(cell)
    found = kpis(gateway, span_of(gateway, from_ms, to_ms), cell)
    rows = [{**kpi["elements"], **kpi, "cell": kpi["cell"] or "plant"} for kpi in found["cells"]]
    rows.append({**found["plant"]["elements"], **found["plant"], "cell": "plant"})
    names = ["cell", *found["formulas"], *found["plant"]["elements"]]
    text = io.StringIO()
    table = csv.DictWriter(text, names, extrasaction="ignore", restval="")
    table.writeheader()
    table.writerows(rows)
    return Response(
        text.getvalue(),
        media_type="text/csv",
        headers={"Content-Disposition": 'attachment; filename="kpis.csv"'},
    )


@router.get("/trace/{order_id}/{unit}", response_model=shapes.Trace, responses=_READ)
def trace(
    gateway: Served,
    caller: Viewer,
    order_id: Annotated[str, Path(max_length=64)],
    unit: Annotated[int, Path(ge=1, le=10_000)],
) -> Response:
    """The whole history of a work unit: cells, programs, steps, what was measured, who did what."""
    del caller
    gateway.mirror.refresh(0.05)
    order, start = gateway.known.view(order_id), gateway.mirror.start
    records = [one for one in gateway.journal.operations(order_id) if one.unit == unit]
    if order is None or start is None or not records:
        raise Problem("not-found", f"there is no work unit {unit} of an order {order_id!r}")
    batch = gateway.journal.look(lambda tx: looks.batch(tx, order["batch_id"]))
    setups_s = gateway.known.setups_s(records)
    operations: list[shapes.TracedOperation] = []
    for record in records:
        steps = gateway.journal.steps(record.operation_id)
        error = record.joint_error_rad
        operations.append(
            {
                **operation_view(record, start, setups_s.get(record.operation_id, 0.0)),
                "steps": [step_view(one, start) for one in steps],
                "joint_error_rad": list(error) if isinstance(error, list) else None,
                "duration_s": _seconds(record.actual_start_ns, record.actual_end_ns),
                "planned_duration_s": _seconds(record.planned_start_ns, record.planned_end_ns),
            }
        )
    ids = {record.operation_id for record in records}
    begin_ns = 0 if batch is None else batch.accepted_ns
    until_ns = max((one.actual_end_ns or 0 for one in records), default=0) + _SEEN_TO_WITHIN_NS
    view: shapes.Trace = {
        "order": order,
        "unit": unit,
        "status": unit_status(records),
        "batch": None
        if batch is None
        else {
            "id": batch.batch_id,
            "source": batch.source,
            "submitted_by": batch.submitted_by,
            "accepted_ms": plant_ms(batch.accepted_ns, start),
        },
        "operations": operations,
        "events": [
            event_view(one, start)
            for one in gateway.journal.look(lambda tx: _told(tx, begin_ns, until_ns))
            if _is_about(one, ids, order_id)
        ],
    }
    return json_response(view)


def _told(tx: Connection, begin_ns: int, until_ns: int) -> list[EventRecord]:
    """Events among which those about a work unit are: of its own time, and the newest."""
    found = told_between(tx, begin_ns, until_ns, _TOLD_AT_MOST)
    found += looks.newest_told(tx, _TOLD_AT_MOST)
    return [one for _, one in sorted({one.event_id: one for one in found}.items())]


def _is_about(event: EventRecord, operations: set[str], order_id: str) -> bool:
    """Whether an event names an operation of a work unit, or its order."""
    data = event.data if isinstance(event.data, dict) else {}
    if data.get("order_id") == order_id and "operation_id" not in data:
        return True
    text = json.dumps(data)
    return any(f'"{one}"' in text for one in operations)


def _seconds(begin_ns: int | None, end_ns: int | None) -> float | None:
    return None if begin_ns is None or end_ns is None else (end_ns - begin_ns) * 1e-9

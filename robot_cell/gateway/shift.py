"""A shift's report, gathered from the journal and the plant file; no plant needs to run."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta, timezone
from itertools import pairwise
from typing import Final

from robot_cell.errors import RobotCellError
from robot_cell.gateway.element_sums import ElementSums, Facts, Used
from robot_cell.gateway.energies import energy_j, key_of
from robot_cell.gateway.figures import facts_of
from robot_cell.gateway.formulas import FORMULAS
from robot_cell.gateway.kpis import Elements, kpi_of, losses_of
from robot_cell.gateway.spans import Span, common, length, merged, spans
from robot_cell.model import Plant
from robot_cell.orders.status import job_views
from robot_cell.programs import ProgramKey
from robot_cell.programs.energy import ProgramEnergy, energies_of
from robot_cell.reporting.shift_data import (
    AlarmLine,
    FigureLine,
    Formula,
    LossLine,
    OrderLine,
    PartLine,
    ShiftReport,
)
from robot_cell.store import AlarmRecord, Journal, OperationRecord, OrderRecord
from robot_cell.store.log import last_at_ns
from robot_cell.store.past import orders_at_work, orders_due
from robot_cell.store.records import to_us
from robot_cell.store.working_set import work_of

PARTS: Final = 24
"""Into how many parts the span is divided at most, none shorter than a minute."""

_LEAST_PART_NS: Final = 60_000_000_000
_ENDED: Final = ("complete", "failed", "cancelled")
_SHOWN: Final = (
    "oee", "availability", "effectiveness", "quality_ratio", "nee", "allocation_efficiency",
    "utilisation_efficiency", "technical_efficiency", "throughput_per_h", "first_pass_yield",
    "scrap_ratio", "rework_ratio",
)  # fmt: skip


class EmptySpanError(RobotCellError):
    """The report would be of no time at all."""


def shift_report(
    plant: Plant,
    journal: Journal,
    start: datetime,
    begin: datetime | None,
    end: datetime | None,
    made: datetime,
) -> ShiftReport:
    """The report of a span, from the first event to the last unless told.

    Args:
        plant: its file.
        journal: what happened.
        start: the instant of plant time 0.
        begin: of the span.
        end: of the span.
        made: the instant at which the report is made, for its foot.

    Raises:
        EmptySpanError: the span ends before it begins, or nothing has happened yet.
    """
    known_ns = journal.look(last_at_ns)
    span = (
        0 if begin is None else max(0, _plant_ns(begin, start)),
        # What ends with the last event is part of it.
        known_ns + 1 if end is None else _plant_ns(end, start),
    )
    if span[1] <= span[0] + (end is None):
        raise EmptySpanError(
            f"there is nothing between {_instant(span[0], start):%Y-%m-%d %H:%M:%S} and "
            f"{_instant(span[1], start):%Y-%m-%d %H:%M:%S} UTC; give another --from and --to"
        )
    now_ns = max(known_ns, span[1])
    facts = facts_of(plant, journal, start, now_ns, span)
    sums = ElementSums(facts, span, now_ns)
    due = journal.look(lambda tx: orders_due(tx, *(_us(at, start) for at in span)))
    at_work = journal.look(lambda tx: orders_at_work(tx, *span, list(plant.cells)))
    work = journal.look(lambda tx: work_of(tx, due | at_work))
    orders, operations = work.orders, work.operations
    of_cells = sums.of_cells()
    energies = _energies(plant, sums)
    lines = tuple(
        _figures(cell, found, sums.used(cell), energies) for cell, found in of_cells.items()
    )
    total = _figures(None, sums.of_plant(), sums.used(), energies)
    return ShiftReport(
        plant=plant.plant,
        begin=_instant(span[0], start).astimezone(plant.zone),
        end=_instant(span[1], start).astimezone(plant.zone),
        made=made.astimezone(plant.zone),
        orders=_orders(plant, orders, operations, start, span),
        total=total,
        cells=lines,
        parts=_parts(plant, facts, start, span, now_ns),
        losses=tuple(
            LossLine(one["cell"], one["cause"], one["s"], one["count"])
            for one in losses_of(of_cells)
        ),
        alarms=_alarms(journal, span),
        formulas=tuple(
            Formula(name, one["formula"], one["text"], one["unit"], one["source"])
            for name, one in FORMULAS.items()
            if name in _SHOWN
        ),
        notes=_notes(energies, total),
    )


def _orders(
    plant: Plant,
    orders: Sequence[OrderRecord],
    operations: Sequence[OperationRecord],
    start: datetime,
    span: Span,
) -> tuple[OrderLine, ...]:
    worked: defaultdict[str, list[OperationRecord]] = defaultdict(list)
    for one in operations:
        worked[one.order_id].append(one)
    found = []
    for job in job_views(orders, operations, start):
        order = job.order
        due_ns = _plant_ns(order.due, start)
        ran = [
            (o.actual_start_ns, span[1] if o.actual_end_ns is None else o.actual_end_ns)
            for o in worked[order.order_id]
            if o.actual_start_ns is not None
        ]
        if not (span[0] <= due_ns < span[1] or common(merged(spans(ran)), spans([span])).size):
            continue
        finished_ns = job.promised_end_ns if job.status == "complete" else None
        if finished_ns is not None and finished_ns > span[1]:
            finished_ns = None
        late_ns = (span[1] if finished_ns is None else finished_ns) - due_ns
        found.append(
            OrderLine(
                order.order_id,
                order.customer,
                order.product,
                order.quantity,
                job.units_complete,
                job.units_failed,
                job.status,
                order.due.astimezone(plant.zone),
                None
                if finished_ns is None
                else _instant(finished_ns, start).astimezone(plant.zone),
                late_ns * 1e-9
                if finished_ns is not None or (late_ns > 0 and job.status not in _ENDED)
                else None,
            )
        )
    return tuple(sorted(found, key=lambda one: (one.due, one.order_id)))


def _figures(
    cell: str | None,
    found: Elements,
    used: Sequence[Used],
    energies: Mapping[ProgramKey, ProgramEnergy],
) -> FigureLine:
    kpi = kpi_of(cell, found)
    values = dict(kpi)
    energy_of_all = energy_j(energies, used)
    return FigureLine(
        cell,
        {name: values[name] for name in _SHOWN},  # type: ignore[misc]
        kpi["elements"],
        energy_of_all,
        kpi_of(cell, found, energy_of_all)["energy_per_part_j"],
    )


def _energies(plant: Plant, sums: ElementSums) -> Mapping[ProgramKey, ProgramEnergy]:
    keys = {key_of(kind) for kind in sums.kinds}
    return energies_of(plant, sorted(key for key in keys if key is not None))


def _parts(
    plant: Plant, facts: Facts, start: datetime, span: Span, now_ns: int
) -> tuple[PartLine, ...]:
    step_ns = max(_LEAST_PART_NS, -(-(span[1] - span[0]) // PARTS))
    edges = [*range(span[0], span[1], step_ns), span[1]]
    sums = ElementSums(facts, edges, now_ns)
    found = []
    for i, part in enumerate(pairwise(edges)):
        elements = sums.of_plant(i)
        begin, end = (_instant(one, start).astimezone(plant.zone) for one in part)
        found.append(PartLine(begin, end, elements.pq, kpi_of(None, elements)["oee"]))
    return tuple(found)


def _alarms(journal: Journal, span: Span) -> tuple[AlarmLine, ...]:
    found: defaultdict[tuple[str, str], list[AlarmRecord]] = defaultdict(list)
    for one in journal.alarms.between(*span):
        found[one.source, one.kind].append(one)
    lines = []
    for (source, kind), listed in found.items():
        stood = merged(
            spans(
                (one.raised_ns, span[1] if one.returned_ns is None else one.returned_ns)
                for one in listed
            )
        )
        worst = max(listed, key=lambda one: one.priority)
        lines.append(
            AlarmLine(
                source,
                kind,
                worst.priority.label,
                listed[-1].text,
                sum(one.times for one in listed),
                length(common(stood, spans([span]))) * 1e-9,
            )
        )
    return tuple(sorted(lines, key=lambda one: (-one.count, -one.standing_s, one.source)))


def _notes(energies: Mapping[ProgramKey, ProgramEnergy], total: FigureLine) -> tuple[str, ...]:
    notes = [
        "Times are cut at the edges of the span; an operation counts where it ended.",
        "The plant's figures are made from the sums of its cells' elements, never from averages.",
    ]
    if total.energy_j is None:
        notes.append(
            "The energy is not known: some program is not planned on this machine "
            "(robot-cell warm-up PLANT)."
        )
    else:
        estimated = any(one.estimated for one in energies.values())
        notes.append(
            "Energy is computed by the model of the arms and their controllers, not measured"
            + ("; some of its parameters are estimates." if estimated else ".")
        )
    return tuple(notes)


def _instant(at_ns: int, start: datetime) -> datetime:
    return (start + timedelta(microseconds=at_ns // 1000)).astimezone(timezone.utc)


def _us(at_ns: int, start: datetime) -> int:
    """An instant of plant time, microseconds since 1970, not before it."""
    return to_us(start) + -(-at_ns // 1000)


def _plant_ns(instant: datetime, start: datetime) -> int:
    return (instant - start) // timedelta(microseconds=1) * 1000

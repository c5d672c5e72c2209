"""What the plant tells over Sparkplug: the metrics of the plant and of each cell, and their values.

The tables here are the whole list; docs/sparkplug.md explains it.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from robot_cell.gateway import shapes
from robot_cell.gateway.service import Gateway
from robot_cell.gateway.sparkplug.payload import Kind, Value
from robot_cell.gateway.sparkplug.session import NODE, Metric
from robot_cell.model.arm_names import THE_ARM, positions_key
from robot_cell.model.packml import State

JOINT_DEADBAND_RAD: Final = 1e-4
_ENDED: Final = ("complete", "failed", "cancelled")

_PLANT: Final = (
    Metric("Plant/Name", Kind.STRING),
    Metric("Plant/Heard", Kind.BOOLEAN),
    Metric("Plant/Simulated", Kind.BOOLEAN),
    Metric("Schedule/Revision", Kind.INT64),
    Metric("Orders/Accepted", Kind.INT64),
    Metric("Orders/Open", Kind.INT64),
    Metric("Orders/Complete", Kind.INT64),
    Metric("Orders/Late", Kind.INT64),
    Metric("Alarms/Standing", Kind.INT32),
    Metric("Store/Dropped", Kind.INT64),
)
_CELL: Final = (
    Metric("PackML/State", Kind.STRING),
    Metric("PackML/State Number", Kind.INT32),
    Metric("PackML/Mode", Kind.STRING),
    Metric("Job/Order", Kind.STRING),
    Metric("Job/Operation", Kind.STRING),
    Metric("Job/Unit", Kind.INT32),
    Metric("Job/Program", Kind.STRING),
    Metric("Job/Step", Kind.INT32),
    Metric("Job/Steps", Kind.INT32),
    Metric("Job/Operations Complete", Kind.INT64),
    Metric("Alarms/Standing", Kind.INT32),
    Metric("Alarms/Unacknowledged", Kind.INT32),
    Metric("Alarms/Priority", Kind.STRING),
    Metric("Alarms/Text", Kind.STRING),
    Metric("Energy/Modelled", Kind.DOUBLE, "J", 0.5),
)
FIGURES: Final = (
    ("KPI/Availability", "availability"),
    ("KPI/Effectiveness", "effectiveness"),
    ("KPI/Quality Ratio", "quality_ratio"),
    ("KPI/OEE", "oee"),
)
ELEMENTS: Final = (
    ("KPI/PBT", "PBT_s", Kind.DOUBLE, "s"),
    ("KPI/APT", "APT_s", Kind.DOUBLE, "s"),
    ("KPI/PRI PQ", "PRI_PQ_s", Kind.DOUBLE, "s"),
    ("KPI/PQ", "PQ", Kind.INT64, ""),
    ("KPI/GQ", "GQ", Kind.INT64, ""),
)
_KPIS: Final = (
    *(Metric(name, Kind.DOUBLE, "", 1e-4) for name, _ in FIGURES),
    *(Metric(name, kind, unit, 1e-3) for name, _, kind, unit in ELEMENTS),
)


def metrics_of(joints: Mapping[str, tuple[str, ...]]) -> dict[str, tuple[Metric, ...]]:
    """The metrics of the plant and of each of its cells, whose joints are named, base to flange."""
    found = {NODE: (*_PLANT, *_KPIS)}
    for cell, names in joints.items():
        positions = (
            Metric(f"Joints/{name}/Position", Kind.DOUBLE, "rad", JOINT_DEADBAND_RAD)
            for name in names
        )
        found[cell] = (*_CELL, *_KPIS, *positions)
    return found


def order_values(gateway: Gateway) -> dict[str, Value]:
    """How the orders stand; the same until the mirror's `orders_version` changes."""
    mirror = gateway.mirror
    totals = mirror.work.totals
    views = [one for name in mirror.orders if (one := mirror.order_view(name)) is not None]
    opened = [one for one in views if one["status"] not in _ENDED]
    return {
        "Orders/Accepted": totals.orders,
        "Orders/Open": len(opened),
        "Orders/Complete": totals.complete,
        "Orders/Late": totals.late + sum((one["late_s"] or 0.0) > 0.0 for one in opened),
    }


def plant_values(gateway: Gateway, dropped: int) -> dict[str, Value]:
    """What the plant says now, without orders and key figures."""
    mirror = gateway.mirror
    return {
        "Plant/Name": gateway.plant.plant,
        "Plant/Heard": gateway.link.connected,
        "Plant/Simulated": gateway.simulated,
        "Schedule/Revision": mirror.revision,
        "Alarms/Standing": len(mirror.alarms),
        "Store/Dropped": dropped,
    }


def cell_values(gateway: Gateway, cell: str, energy_j: float | None) -> dict[str, Value]:
    """What a cell says now, without key figures and joints."""
    live = gateway.hub.cell(cell)
    alarms = [one for one in gateway.mirror.alarms if one.source == cell]
    waiting = [one for one in alarms if one.acknowledged_ns is None and not one.state.shelved]
    first = alarms[0] if alarms else None
    return {
        "PackML/State": live["state"] or None,
        "PackML/State Number": _NUMBERS.get(live["state"]),
        "PackML/Mode": live["mode"],
        "Job/Order": live["order_id"],
        "Job/Operation": live["operation_id"],
        "Job/Unit": live["unit"],
        "Job/Program": live["program"],
        "Job/Step": live["step"],
        "Job/Steps": live["steps"],
        "Job/Operations Complete": gateway.mirror.work.totals.done(cell),
        "Alarms/Standing": len(alarms),
        "Alarms/Unacknowledged": len(waiting),
        "Alarms/Priority": "" if first is None else first.priority.label,
        "Alarms/Text": "" if first is None else first.text,
        "Energy/Modelled": energy_j,
    }


def kpi_values(kpi: shapes.Kpi) -> dict[str, Value]:
    """Key figures and the elements that they are made of; undefined figures are null."""
    figures = dict(kpi)
    values: dict[str, Value] = {name: figures[key] for name, key in FIGURES}  # type: ignore[misc]
    for name, key, kind, _unit in ELEMENTS:
        number = kpi["elements"][key]
        values[name] = int(number) if kind is Kind.INT64 else number
    return values


def joint_values(gateway: Gateway, cell: str) -> dict[str, Value]:
    """Where the arms of a cell stand; nothing of one before it was heard."""
    values: dict[str, Value] = {}
    for arm in gateway.plant.cells[cell].arms:
        view = gateway.link.joints().get(positions_key(cell, arm))
        for name, position in () if view is None else zip(view.names, view.positions, strict=True):
            values[f"Joints/{joint_metric(arm, name)}/Position"] = position
    return values


def joint_metric(arm: str, joint: str) -> str:
    """What a joint is called among the metrics of its cell."""
    return joint if arm == THE_ARM else f"{arm}/{joint}"


_NUMBERS: Final = {state.label: int(state) for state in State}

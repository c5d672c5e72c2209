"""Charts for the tests: a plan, a run half way, and one full of hostile names."""

from __future__ import annotations

from datetime import datetime
from zoneinfo import ZoneInfo

from robot_cell.reporting.gantt_data import GanttBar, GanttData

BERLIN = ZoneInfo("Europe/Berlin")
START = datetime(2026, 11, 23, 6, 0, tzinfo=BERLIN)


def bar(cell, order, unit, start, end, actual=(None, None), status="planned", **names):
    words = {"operation": "deburr", "program": "deburr_housing", "product": "housing", **names}
    return GanttBar(
        cell=cell,
        order_id=order,
        unit=unit,
        planned_start_s=start,
        planned_end_s=end,
        actual_start_s=actual[0],
        actual_end_s=actual[1],
        status=status,
        **words,
    )


def plan(orders=12, title="Week 48") -> GanttData:
    bars = []
    for i in range(orders):
        bars.append(bar("loading", f"JO-{i:03}", 1, 120 * i, 120 * i + 110))
        bars.append(bar("assembly", f"JO-{i:03}", 1, 120 * i + 120, 120 * i + 200))
    return GanttData(
        title,
        START,
        ("loading", "assembly"),
        tuple(bars),
        {"loading": ((300.0, 400.0),), "assembly": ((-500.0, 60.0), (1000.0, 9e6))},
        {f"JO-{i:03}": 120.0 * i + 150 + 100 * (i % 2) for i in range(orders)},
    )


def run() -> GanttData:
    """Three operations: one late, one running, one failed."""
    bars = (
        bar("loading", "JO-1", 1, 0, 60, (1.0, 75.0), "complete"),
        bar("loading", "JO-1", 2, 60, 120, (76.0, None), "running"),
        bar("assembly", "JO-2", 1, 60, 100, (61.0, 80.0), "failed"),
        bar("assembly", "JO-2", 2, 100, 150),
    )
    return GanttData("Run", START, ("loading", "assembly"), bars, due_s={"JO-1": 100.0})


HOSTILE = (
    "</script><script>alert(1)</script>",
    "<img src=x onerror=alert(2)>",
    '"><svg onload=alert(3)>',
    "'\"--><!-- {title} &lt; \u2028 \x00 Größe 漢字 🦾",
)


def hostile() -> GanttData:
    a, b, c, d = HOSTILE
    bars = (
        bar(a, b, 1, 0, 60, operation=c, program=d, product=a, status=b),
        bar(a, d, 1, 60, 90, operation=a, program=b, product=c, status=d),
    )
    return GanttData(c, START, (a,), bars, {a: ((10.0, 20.0),)}, {b: 30.0, d: 500.0}, {b: c, d: a})

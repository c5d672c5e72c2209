"""The Gantt chart as one HTML file that needs nothing else: no network, no server, no library."""

from __future__ import annotations

import json
from datetime import timedelta
from html import escape
from importlib.resources import files
from pathlib import Path
from typing import Any

from robot_cell.reporting.gantt_data import (
    AXIS_STEPS_S,
    GanttBar,
    GanttData,
    duration_text,
    late_orders,
    order_ends_s,
)

CONTENT_POLICY = "default-src 'none'; style-src 'unsafe-inline'; script-src 'unsafe-inline'"
"""Belt and braces: all text is escaped, and the page could load nothing if some were not."""


def write_html(path: str | Path, data: GanttData, *, now_s: float | None = None) -> Path:
    """Write the chart and return its path. Missing folders are made.

    Args:
        path: The file to write.
        data: What to show.
        now_s: Where to draw the line of now, seconds after the chart's start.
    """
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(render_html(data, now_s=now_s), encoding="utf-8")
    return path


def render_html(data: GanttData, *, now_s: float | None = None) -> str:
    """The page of `write_html` as text."""
    bars = sorted(data.bars, key=lambda bar: (bar.planned_start_s, bar.cell, bar.order_id))
    colours = data.colours()
    return _PAGE.format(
        policy=escape(CONTENT_POLICY),
        title=escape(data.title),
        css=_asset("gantt.css"),
        js=_asset("gantt.js"),
        when=escape(_when(data)),
        facts=_facts(data),
        keys=_keys(data),
        legend=_legend(data),
        count=len(bars),
        rows="\n".join(_row(data, bar, i, colours[bar.order_id]) for i, bar in enumerate(bars)),
        json=_json(data, bars, now_s),
    )


def _asset(name: str) -> str:
    return (files("robot_cell.reporting") / "assets" / name).read_text(encoding="utf-8")


def _iso(data: GanttData, seconds: float) -> str:
    return data.at(seconds).isoformat(timespec="seconds")


def _when(data: GanttData) -> str:
    begin, end = data.span_s
    zone = data.start.tzname() or ""
    return f"{_iso(data, begin)} – {_iso(data, end)}  ({zone})"


def _facts(data: GanttData) -> str:
    begin, end = data.span_s
    late = late_orders(data)
    facts = [
        ("work units", str(len({(bar.order_id, bar.unit) for bar in data.bars})), ""),
        ("operations", str(len(data.bars)), ""),
        ("makespan", duration_text(end - begin), ""),
        ("orders late", f"{len(late)} of {len(data.orders)}", "bad" if late else ""),
    ]
    return "".join(
        f'<div class="{look}"><dt>{name}</dt><dd>{escape(value)}</dd></div>'
        for name, value, look in facts
    )


def _keys(data: GanttData) -> str:
    keys = ['<span><i class="shut"></i>closed</span>'] if any(data.unavailable_s.values()) else []
    if data.due_s:
        keys.append("<span>▾ due</span>")
    if any(bar.setup_s for bar in data.bars):
        keys.append('<span><i class="setup"></i>setup</span>')
    if any(bar.frozen for bar in data.bars):
        keys.append('<span><i class="frozen"></i>frozen</span>')
    if late_orders(data):
        keys.append('<span><i class="late"></i>after its due date</span>')
    if data.has_actual:
        keys[:0] = [
            '<span><i class="pale"></i>planned</span>',
            '<span><i class="thin"></i>actual</span>',
        ]
    return "".join(keys)


def _legend(data: GanttData) -> str:
    late = late_orders(data)
    items = []
    for order, colour in data.colours().items():
        note = ""
        if order in late:
            note = f"{duration_text(late[order])} late"
        elif order in data.due_s:
            note = f"due {data.at(data.due_s[order]):%H:%M}"
        items.append(
            f'<li class="{"late" if order in late else ""}"><button type="button" '
            f'aria-pressed="false" title="{escape(data.customers.get(order, ""))}">'
            f'<i style="background:{colour}"></i>{escape(order)} <small>{escape(note)}</small>'
            f"</button></li>"
        )
    return "".join(items)


def _row(data: GanttData, bar: GanttBar, index: int, colour: str) -> str:
    late = bar.lateness_s
    late_look = "num late-cell" if late is not None and late > 0 else "num"
    values = [
        (f"{bar.order_id}", ""),
        (str(bar.unit), "num"),
        (bar.product, ""),
        (bar.operation, ""),
        (bar.program, ""),
        (bar.cell, ""),
        (_iso(data, bar.planned_start_s), ""),
        (_iso(data, bar.planned_end_s), ""),
        (_maybe(data, bar.actual_start_s), ""),
        (_maybe(data, bar.actual_end_s), ""),
        ("" if late is None else duration_text(late), late_look),
        (bar.status, ""),
    ]
    cells = "".join(
        f'<td class="{look}">{escape(value)}</td>' if look else f"<td>{escape(value)}</td>"
        for value, look in values
    )
    return f'<tr data-bar="{index}" tabindex="-1" style="--order:{colour}">{cells}</tr>'


def _maybe(data: GanttData, seconds: float | None) -> str:
    return "" if seconds is None else _iso(data, seconds)


def _tip(data: GanttData, bar: GanttBar, order_ends_s: dict[str, float]) -> list[tuple[str, str]]:
    def span(start: float, end: float | None) -> str:
        begin = f"{data.at(start):%Y-%m-%d %H:%M:%S}"
        if end is None:
            return f"{begin} – running"
        return f"{begin} – {data.at(end):%H:%M:%S}  ({duration_text(end - start)})"

    lines = [
        ("order", bar.order_id),
        ("unit", f"{bar.unit} ({bar.product})"),
        ("cell", bar.cell),
        ("program", bar.program),
        ("planned", span(bar.planned_start_s, bar.planned_end_s)),
    ]
    if bar.order_id in data.customers:
        lines.insert(1, ("customer", data.customers[bar.order_id]))
    if bar.actual_start_s is not None:
        lines.append(("actual", span(bar.actual_start_s, bar.actual_end_s)))
    if bar.lateness_s is not None:
        lines.append(("against plan", _signed(bar.lateness_s)))
    if bar.order_id in data.due_s:
        slack = data.due_s[bar.order_id] - order_ends_s[bar.order_id]
        state = (
            f"{duration_text(slack)} to spare" if slack >= 0 else f"{duration_text(-slack)} late"
        )
        due = f"{data.at(data.due_s[bar.order_id]):%Y-%m-%d %H:%M:%S}"
        lines.append(("due", f"{due} (order: {state})"))
    if bar.setup_s:
        lines.append(("setup before", duration_text(bar.setup_s)))
    lines.append(("status", f"{bar.status}, frozen" if bar.frozen else bar.status))
    return lines


def _signed(seconds: float) -> str:
    if abs(seconds) < 1:
        return "on time"
    return f"{duration_text(abs(seconds))} {'late' if seconds > 0 else 'early'}"


def _json(data: GanttData, bars: list[GanttBar], now_s: float | None) -> str:
    orders = {order: i for i, order in enumerate(data.colours())}
    cells = {cell: i for i, cell in enumerate(data.cells)}
    ends = order_ends_s(data)
    content: dict[str, Any] = {
        "epoch": data.start.timestamp(),
        "offsets": _offsets(data),
        "span": data.span_s,
        "now": now_s,
        "has_actual": data.has_actual,
        "steps": AXIS_STEPS_S,
        "cells": [
            {"name": cell, "closed": data.unavailable_s.get(cell, ())} for cell in data.cells
        ],
        "orders": [
            {"id": order, "colour": colour, "due": data.due_s.get(order)}
            for order, colour in data.colours().items()
        ],
        "bars": [
            {
                "cell": cells[bar.cell],
                "order": orders[bar.order_id],
                "name": f"{bar.order_id}/{bar.unit}" if bar.unit else bar.order_id,
                "unit": bar.unit,
                "operation": bar.operation,
                "p0": bar.planned_start_s,
                "p1": bar.planned_end_s,
                "a0": bar.actual_start_s,
                "a1": bar.actual_end_s,
                "status": bar.status,
                "setup": bar.setup_s,
                "frozen": bar.frozen,
                "tip": _tip(data, bar, ends),
            }
            for bar in bars
        ],
    }
    # "</script>" or "<!--" inside a string would end or confuse the script element.
    text = json.dumps(content, ensure_ascii=True, separators=(",", ":"), allow_nan=False)
    return text.replace("<", "\\u003c").replace(">", "\\u003e").replace("&", "\\u0026")


def _offsets(data: GanttData) -> list[tuple[float, float]]:
    """The zone's distance from UTC over the chart: (from second, offset in seconds)."""
    begin, end = data.span_s
    margin = timedelta(days=1).total_seconds()
    offsets: list[tuple[float, float]] = []
    quarter = 900.0  # zones change on quarter hours
    count = int((end - begin + 2 * margin) // quarter)
    first = (begin - margin) - (data.start.timestamp() + begin - margin) % quarter
    for i in range(count + 2):
        at = first + i * quarter
        offset = data.at(at).utcoffset() or timedelta()
        if not offsets or offsets[-1][1] != offset.total_seconds():
            offsets.append((at, offset.total_seconds()))
    return offsets


_PAGE = """<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta http-equiv="Content-Security-Policy" content="{policy}">
<title>{title}</title>
<style>
{css}</style>
</head>
<body>
<main>
<header>
<div><h1>{title}</h1><p class="when">{when}</p></div>
<dl class="facts">{facts}</dl>
</header>
<section class="card chart-card" aria-label="Gantt chart">
<div class="bar-tools"><p>{keys}</p>
<p class="hint">drag to pan, Ctrl + wheel to zoom, n and p to walk</p>
<button type="button" id="zoom-out" aria-label="Zoom out">−</button>
<button type="button" id="zoom-in" aria-label="Zoom in">+</button>
<button type="button" id="zoom-fit">Fit</button></div>
<div id="chart" tabindex="0" role="application" aria-label="Operations per cell over time; plus and
 minus zoom, arrows pan, 0 shows everything, n and p go from operation to operation. The table below
 holds the same operations."><canvas></canvas></div>
<ul class="legend" aria-label="Job orders">{legend}</ul>
<noscript><p class="note">The chart needs JavaScript; the table below does not.</p></noscript>
</section>
<details class="card">
<summary>All {count} operations as a table</summary>
<div class="scroll"><table>
<thead><tr><th>Order</th><th class="num">Unit</th><th>Product</th><th>Operation</th><th>Program</th>
<th>Cell</th><th>Planned start</th><th>Planned end</th><th>Actual start</th><th>Actual end</th>
<th class="num">Lateness</th><th>Status</th></tr></thead>
<tbody>
{rows}
</tbody></table></div>
</details>
</main>
<div id="tip" role="status" hidden></div>
<script type="application/json" id="gantt-data">{json}</script>
<script>
{js}</script>
</body>
</html>
"""

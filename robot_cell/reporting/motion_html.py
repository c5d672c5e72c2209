"""A planned program as one HTML file that needs nothing else: curves, limits, reasons."""

from __future__ import annotations

import json
from html import escape
from importlib.resources import files
from pathlib import Path
from typing import Any

import numpy as np

from robot_cell.reporting.gantt_html import CONTENT_POLICY
from robot_cell.reporting.motion_data import KINDS, MotionData, StepFacts

_UNITS = ("rad/s", "rad/s²", "rad/s³")
_TOOL = (("speed", "m/s"), ("acceleration", "m/s²"), ("jerk", "m/s³"))


def write_motion_html(path: Path, data: MotionData) -> Path:
    """Write the page and return its path; missing folders are made."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(render_motion_html(data), encoding="utf-8")
    return path


def render_motion_html(data: MotionData) -> str:
    """The page as text."""
    assets = files("robot_cell.reporting") / "assets"
    css = (assets / "motion.css").read_text(encoding="utf-8")
    script = (assets / "motion.js").read_text(encoding="utf-8")
    title = f"{data.program} of {data.cell} for {data.product}"
    facts = json.dumps(_curves(data), separators=(",", ":")).replace("<", "\\u003c")
    slow = [(step.label, text) for step in data.steps for text in step.slow]
    fell = "".join(f"<li><b>{escape(label)}</b>: {escape(text)}</li>" for label, text in slow)
    nearest = min((step.nearest for step in data.steps if step.nearest), default=None)
    near = f", nearest {nearest[0] * 1e3:.1f} mm" if nearest else ""
    return f"""<!doctype html>
<html lang="en"><head><meta charset="utf-8"><title>{escape(title)}</title>
<meta http-equiv="Content-Security-Policy" content="{CONTENT_POLICY}">
<meta name="viewport" content="width=device-width, initial-scale=1">
<style>{css}</style></head><body>
<h1>{escape(title)}</h1>
<p>{escape(data.arm)}: {data.duration_s:.3f} s, {len(data.steps)} steps{near}.
Rates are shown as shares of the arm's limits. Point at a curve to read it; drag to zoom, double
click for the whole.</p>
<div id="legend"></div><div id="charts"></div>
<h2>Where speed had to fall</h2>
{f"<ul>{fell}</ul>" if fell else "<p>Every tool speed that was asked for is kept.</p>"}
<h2>Steps</h2>
<table><thead><tr><th>step</th><th>start s</th><th>takes s</th><th>tool up to m/s</th>
<th>velocity</th><th>acceleration</th><th>jerk</th><th>nearest</th><th>held back by</th></tr>
</thead>
<tbody>{"".join(_row(step) for step in data.steps)}</tbody></table>
<script type="application/json" id="data">{facts}</script><script>{script}</script>
</body></html>
"""


def _row(step: StepFacts) -> str:
    cells = [escape(step.label), f"{step.start_s:.3f}", f"{step.end_s - step.start_s:.3f}"]
    if step.nearest is None:
        cells += ["", "", "", "", "", ""]
    else:
        cells.append(f"{step.top_speed_m_s:.3f}")
        cells += [f"{100 * share:.0f} % {escape(joint)}" for _, joint, share in step.peaks]
        metres, first, second = step.nearest
        cells.append(f"{metres * 1e3:.1f} mm {escape(first)}, {escape(second)}")
        held = [f"{100 * share:.0f} % {escape(why)}" for why, share in step.held_by[:3]]
        cells.append("<br>".join(held))
    return f"<tr>{''.join(f'<td>{cell}</td>' for cell in cells)}</tr>"


def _curves(data: MotionData) -> dict[str, Any]:
    def rounded(values: Any, digits: int) -> list[float]:
        return [float(x) for x in np.round(values, digits)]

    charts: list[dict[str, Any]] = [
        {
            "title": "joint position",
            "unit": "°",
            "names": data.joints,
            "curves": [rounded(np.degrees(column), 2) for column in data.q.T],
        }
    ]
    for kind, unit, rate, limit in zip(KINDS, _UNITS, data.rates, data.limits, strict=True):
        notes = [
            f"{name}: limit {most:g} {unit}" for name, most in zip(data.joints, limit, strict=True)
        ]
        charts.append(
            {
                "title": f"joint {kind}",
                "unit": "% of limit",
                "names": data.joints,
                "notes": notes,
                "limit": 100,
                "curves": [rounded(100 * column, 1) for column in (rate / limit).T],
            }
        )
    charts.append(
        {
            "title": "tool position",
            "unit": "m",
            "names": ("x", "y", "z"),
            "curves": [rounded(column, 4) for column in data.tool.T],
        }
    )
    charts += [
        {
            "title": f"tool {name}",
            "unit": unit,
            "names": (name,),
            "curves": [rounded(data.tool_rates[:, k], 3)],
        }
        for k, (name, unit) in enumerate(_TOOL)
    ]
    charts.append(
        {
            "title": "clearance",
            "unit": "mm",
            "names": ("nearest two bodies",),
            "limit": round(data.margin_m * 1e3, 2),
            "below": True,
            "curves": [rounded(data.clearance * 1e3, 2)],
        }
    )
    return {
        "times": rounded(data.times, 4),
        "duration": round(data.duration_s, 4),
        "steps": [
            {"label": s.label, "start": round(s.start_s, 4), "end": round(s.end_s, 4)}
            for s in data.steps
        ],
        "held": [int(k) for k in data.held_by],
        "reasons": data.reasons,
        "charts": charts,
    }

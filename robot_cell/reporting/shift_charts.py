"""The charts of a shift report as inline SVG: a share, OEE over time, and a Pareto of losses."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape
from typing import Final

from robot_cell.reporting.gantt_data import duration_text
from robot_cell.reporting.shift_data import LossLine, PartLine
from robot_cell.reporting.shift_words import Words

WIDTH: Final = 900.0
_LEFT: Final = 44.0
_PLOT_HIGH: Final = 130.0
_ROW_HIGH: Final = 24.0
_LABEL_WIDE: Final = 210.0
_VALUE_WIDE: Final = 150.0
_ROWS: Final = 10
"""Causes on a Pareto; what is left is summed up."""

_LEAST_S: Final = 0.5
_FONT: Final = "system-ui, Segoe UI, Roboto, Helvetica Neue, Arial, sans-serif"
# The page's style sheet has the last word; makers of PDFs know only the attributes.
_BAR: Final = 'class="bar" fill="#4e79a7"'
_GRID: Final = 'class="grid" stroke="#dcdcda" stroke-width="1"'
_QUIET: Final = f'fill="#6a7179" font-size="12" font-family="{_FONT}"'
_STRONG: Final = f'class="strong" fill="#22262b" font-size="12" font-family="{_FONT}"'


def share_bar(value: float | None) -> str:
    """A part of one as a bar; more than one is a full bar, and the figure beside it says so."""
    if value is None:
        return ""
    wide = min(max(value, 0.0), 1.0)
    return f'<span class="share"><b style="width:{wide:.1%}"></b></span>'


def timeline(parts: Sequence[PartLine], t: Words) -> str:
    """OEE of the plant in each part of the span; parts without planned time are left out."""
    if len(parts) < 2:
        return f"<p>{t('The span is too short to be divided.')}</p>"
    most = max(1.0, *(one.oee or 0.0 for one in parts))
    wide = (WIDTH - _LEFT) / len(parts)
    high = _PLOT_HIGH + 30.0
    drawn = [f'<svg class="chart" viewBox="0 0 {WIDTH:g} {high:g}" role="img">']
    drawn.append(f"<title>{t('OEE of the plant over the span')}</title>")
    for level in (0.0, 0.25, 0.5, 0.75, 1.0):
        y = 6.0 + _PLOT_HIGH * (1.0 - level / most)
        drawn.append(f'<line {_GRID} x1="{_LEFT:g}" x2="{WIDTH:g}" y1="{y:.1f}" y2="{y:.1f}"/>')
        drawn.append(
            f'<text {_QUIET} x="{_LEFT - 8:g}" y="{y + 4:.1f}" text-anchor="end">{level:.0%}</text>'
        )
    every = -(-len(parts) // 12)
    for index, one in enumerate(parts):
        x = _LEFT + index * wide
        if one.oee is not None:
            tall = _PLOT_HIGH * one.oee / most
            told = t(
                "{begin} to {end}: OEE {oee}, {done} operations", begin=f"{one.begin:%H:%M}",
                end=f"{one.end:%H:%M}", oee=f"{one.oee:.1%}", done=one.done,
            )  # fmt: skip
            drawn.append(
                f'<rect {_BAR} x="{x + 2.0:.1f}" y="{6.0 + _PLOT_HIGH - tall:.1f}" '
                f'width="{min(wide * 0.8, 64.0):.1f}" height="{tall:.1f}">'
                f"<title>{told}</title></rect>"
            )
        if index % every == 0:
            drawn.append(
                f'<text {_QUIET} x="{x + 2:.1f}" y="{high - 6:.1f}">{one.begin:%H:%M}</text>'
            )
    drawn.append("</svg>")
    return "".join(drawn)


def pareto(losses: Sequence[LossLine], t: Words) -> str:
    """What cost most time first, with the share that all up to it have together."""
    rows = [
        (f"{one.cell}: {t(one.cause)}", one.seconds, one.count)
        for one in sorted(losses, key=lambda one: -one.seconds)
        if one.seconds >= _LEAST_S
    ]
    if not rows:
        return f"<p>{t('No time was lost.')}</p>"
    if len(rows) > _ROWS:
        rest = rows[_ROWS - 1 :]
        rows = [
            *rows[: _ROWS - 1],
            (
                t("{count} others", count=len(rest)),
                sum(one[1] for one in rest),
                sum(one[2] for one in rest),
            ),
        ]
    total = sum(seconds for _, seconds, _ in rows) or 1.0
    plot = WIDTH - _LABEL_WIDE - _VALUE_WIDE
    longest = max(seconds for _, seconds, _ in rows) or 1.0
    high = len(rows) * _ROW_HIGH + 8.0
    drawn = [f'<svg class="chart" viewBox="0 0 {WIDTH:g} {high:g}" role="img">']
    drawn.append(f"<title>{t('Losses, the longest first')}</title>")
    so_far = 0.0
    for index, (label, seconds, count) in enumerate(rows):
        y = index * _ROW_HIGH + 4.0
        so_far += seconds
        long = plot * seconds / longest
        times = "" if count < 2 else t(", {count} times", count=count)
        drawn.append(f'<text {_STRONG} x="0" y="{y + 14:.1f}">{escape(label)}</text>')
        drawn.append(
            f'<rect {_BAR} x="{_LABEL_WIDE:g}" y="{y + 3:.1f}" width="{max(long, 1.0):.1f}" '
            f'height="{_ROW_HIGH - 10:g}" rx="2"/>'
        )
        drawn.append(
            f'<text {_QUIET} x="{_LABEL_WIDE + max(long, 1.0) + 8:.1f}" y="{y + 14:.1f}">'
            f"{escape(duration_text(seconds))}{times}</text>"
        )
        drawn.append(
            f'<text {_QUIET} x="{WIDTH:g}" y="{y + 14:.1f}" text-anchor="end">'
            f"{so_far / total:.0%}</text>"
        )
    drawn.append("</svg>")
    right = t("Right: what all causes up to here have together.")
    return "".join(drawn) + f'<p class="quiet">{right}</p>'

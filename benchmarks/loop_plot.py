"""The picture of `benchmarks.loop`: how often a cycle took, or was late by, at most how long."""

from __future__ import annotations

from math import log10
from typing import Any, Final

_WIDTH: Final = 980
_HEIGHT: Final = 330
_LEFT: Final = 70
_TOP: Final = 54
_PLOT_W: Final = 250
_PLOT_H: Final = 210
_US: Final = (1.0, 1e5)
_SHARES: Final = (1.0, 1e-4)
_LINES: Final = (
    ("compute_us", "#1f6feb", "compute"),
    ("lateness_us", "#d1242f", "lateness"),
    ("empty_loop_lateness_us", "#8c959f", "lateness of an empty loop"),
)


def plot(found: dict[str, Any]) -> str:
    """An SVG, one panel per rate: share of the cycles above x, both axes logarithmic."""
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {_WIDTH} {_HEIGHT}" '
        'font-family="sans-serif" font-size="11" fill="#24292f">',
        f'<rect width="{_WIDTH}" height="{_HEIGHT}" fill="white"/>',
    ]
    for number, row in enumerate(found["loops"]):
        parts += _panel(row, _LEFT + number * (_PLOT_W + 55), found["targets_us"])
    x = _LEFT
    for _, colour, label in _LINES:
        parts.append(f'<rect x="{x}" y="12" width="14" height="4" fill="{colour}"/>')
        parts.append(f'<text x="{x + 20}" y="18">{label}</text>')
        x += 40 + 7 * len(label)
    parts.append(f'<circle cx="{x + 5}" cy="14" r="4" fill="none" stroke="#1f6feb"/>')
    parts.append(f'<text x="{x + 16}" y="18">compute must be left of it (p99, p99.9)</text>')
    return "\n".join([*parts, "</svg>", ""])


def _panel(row: dict[str, Any], left: int, targets: dict[str, float]) -> list[str]:
    def x(us: float) -> float:
        share = log10(max(us, _US[0]) / _US[0]) / log10(_US[1] / _US[0])
        return left + _PLOT_W * min(share, 1.0)

    def y(above: float) -> float:
        return _TOP + _PLOT_H * log10(max(above, _SHARES[1])) / log10(_SHARES[1])

    parts = []
    for us in (1, 10, 100, 1000, 10_000, 100_000):
        label = f"{us} µs" if us < 1000 else f"{us // 1000} ms"
        parts.append(_line(x(us), _TOP, x(us), _TOP + _PLOT_H, "#e5e8eb"))
        parts.append(_text(x(us), _TOP + _PLOT_H + 16, label, "middle"))
    for above in (1.0, 0.1, 0.01, 0.001, 0.0001):
        parts.append(_line(left, y(above), left + _PLOT_W, y(above), "#e5e8eb"))
        if left == _LEFT:
            parts.append(_text(left - 6, y(above) + 4, f"{100 * above:g} %", "end"))
    parts.append(
        _line(x(1e6 / row["rate_hz"]), _TOP, x(1e6 / row["rate_hz"]), _TOP + _PLOT_H, "#57606a")
    )
    parts.append(_text(left, _TOP - 10, f"{row['rate_hz']} Hz, {row['cycles']} cycles", "start"))
    for name, colour, _ in _LINES:
        points = [(us, 1.0 - share) for share, us in row[name]["quantiles"]]
        path = " ".join(f"{x(us):.1f},{y(above):.1f}" for us, above in points)
        parts.append(
            f'<polyline points="{path}" fill="none" stroke="{colour}" stroke-width="1.8"/>'
        )
    if row["rate_hz"] == 1000:
        for share, most in ((0.01, targets["p99"]), (0.001, targets["p999"])):
            at = f'cx="{x(most):.1f}" cy="{y(share):.1f}"'
            parts.append(f'<circle {at} r="4" fill="none" stroke="#1f6feb"/>')
    parts.append(
        _text(left + _PLOT_W / 2, _TOP + _PLOT_H + 38, "share of cycles above x", "middle")
    )
    return parts


def _line(x1: float, y1: float, x2: float, y2: float, colour: str) -> str:
    return f'<line x1="{x1:.1f}" y1="{y1:.1f}" x2="{x2:.1f}" y2="{y2:.1f}" stroke="{colour}"/>'


def _text(x: float, y: float, text: str, anchor: str) -> str:
    return f'<text x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}">{text}</text>'

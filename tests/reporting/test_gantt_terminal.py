"""The terminal chart: fits every width, says when, and tells planned from actual."""

from __future__ import annotations

import io
from datetime import datetime, timedelta
from itertools import pairwise

import pytest
from gantt_cases import BERLIN, START, bar, hostile, plan, run
from rich.cells import cell_len
from rich.console import Console

from robot_cell.reporting.gantt_data import GanttData, axis_marks, duration_text, late_orders
from robot_cell.reporting.gantt_terminal import render_terminal


def lines_of(data, width=120, now_s=None):
    console = Console(width=width, file=io.StringIO(), record=True, color_system=None)
    console.print(render_terminal(data, now_s=now_s))
    return console.export_text().splitlines()


@pytest.mark.parametrize("width", [80, 81, 100, 120, 157, 200])
@pytest.mark.parametrize("data", [plan(), run(), plan(orders=40), hostile()])
def test_no_line_is_wider_than_the_terminal(data, width):
    lines = lines_of(data, width, now_s=70)
    assert max(cell_len(line) for line in lines) <= width
    assert len(lines) >= 5


def test_bars_lie_where_their_times_are():
    lines = lines_of(plan(orders=2), width=100)
    loading = next(line for line in lines if line.startswith("loading"))
    chart = loading[len("assembly") + 1 :]
    # 320 s over the columns; the first bar is 0..110 s, the second 120..230 s, then nothing.
    columns = 100 - len("assembly") - 1
    filled = [i for i, letter in enumerate(chart) if letter not in " ░│"]
    assert filled[0] == 0
    assert filled[-1] == pytest.approx(230 / 320 * columns, abs=2)
    assert chart[int(115 / 320 * columns)] == " "
    assert chart[int(305 / 320 * columns)] == "░"


def test_labels_appear_where_there_is_room_for_them():
    text = "\n".join(lines_of(plan(orders=2), width=120))
    assert "JO-000/1" in text
    assert "JO-001/1" in text


def test_the_axis_is_in_plant_time_and_now_is_marked():
    lines = lines_of(plan(), width=120, now_s=700)
    assert "2026-11-23 06:00:00 – 06:25:20 CET" in lines[0]
    assert lines[1].split()[:2] == ["06:00", "06:05"]
    assert lines[2].count("▼") == 1


def test_actual_rows_appear_with_the_first_actual_time():
    assert not any(line.startswith(" actual") for line in lines_of(plan()))
    lines = lines_of(run(), now_s=90)
    assert sum(line.startswith(" actual") for line in lines) == 2
    assert any("✗" in line for line in lines)


def test_the_legend_tells_who_is_late():
    text = "\n".join(lines_of(run()))
    assert "JO-1  2 u  ends 06:02  late 20 s" in text
    assert late_orders(run()) == {"JO-1": 20.0}


def test_names_cannot_steer_the_terminal():
    data = plan(title="\x1b[2Jgone\nnext\u202e")
    text = "\n".join(lines_of(data))
    assert "\x1b" not in text
    assert "\u202e" not in text
    assert text.splitlines()[0].startswith("\ufffd[2Jgone\ufffdnext\ufffd")


def test_nothing_planned_is_said():
    assert "nothing is planned" in lines_of(GanttData("Empty", START, ("a",), ()))[1]


@pytest.mark.parametrize("hours", [0.01, 0.1, 1, 9, 30, 24 * 8, 24 * 400])
def test_axis_marks_are_few_and_round(hours):
    data = GanttData("x", START, ("a",), (bar("a", "o", 1, 7.3, 7.3 + hours * 3600),))
    marks = axis_marks(data, data.span_s, 8)
    assert 1 <= len(marks) <= 9
    steps = {round(b - a, 6) for a, b in pairwise(marks)}
    assert len(steps) <= 1
    for mark in marks:
        midnight = data.at(mark).replace(hour=0, minute=0, second=0, microsecond=0)
        since = (data.at(mark) - midnight).total_seconds()
        step = min(steps.pop(), 86400) if steps else 1
        assert since % min(step, 3600) == pytest.approx(0)
        steps = {step}


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (0, "0 s"),
        (48.4, "48 s"),
        (185, "3:05 min"),
        (7620, "2:07 h"),
        (-61, "−1:01 min"),
        (100800, "1 d 04:00 h"),
    ],
)
def test_durations_read_as_people_say_them(seconds, text):
    assert duration_text(seconds) == text


def test_a_chart_needs_a_time_zone_and_known_cells():
    with pytest.raises(ValueError, match="time zone"):
        GanttData("x", datetime(2026, 1, 1), ("a",), ())
    with pytest.raises(ValueError, match="names cell 'b'"):
        GanttData("x", START, ("a",), (bar("b", "o", 1, 0, 1),))


def test_seconds_are_physical_across_a_clock_change():
    start = datetime(2026, 3, 29, 1, 0, tzinfo=BERLIN)  # clocks go forward at 02:00
    data = GanttData("x", start, ("a",), (bar("a", "o", 1, 0, 7200),))
    assert data.at(7200).isoformat() == "2026-03-29T04:00:00+02:00"
    assert data.at(7200).utcoffset() == timedelta(hours=2)

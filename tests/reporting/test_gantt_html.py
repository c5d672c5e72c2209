"""The HTML chart: complete, self-contained, and deaf to markup in names."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from collections import Counter
from datetime import datetime
from html.parser import HTMLParser

import pytest
from gantt_cases import BERLIN, HOSTILE, bar, hostile, plan, run

from robot_cell.reporting.gantt_data import GanttData
from robot_cell.reporting.gantt_html import render_html, write_html


class Page(HTMLParser):
    """Tags, their attributes and the text of a page as a browser would see them."""

    def __init__(self, text: str) -> None:
        super().__init__(convert_charrefs=True)
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.cells: list[list[str]] = []
        self.island = ""
        self._open: list[str] = []
        self.feed(text)
        self.close()

    def handle_starttag(self, tag, attrs):
        self.tags.append((tag, dict(attrs)))
        self._open.append(tag if tag != "script" else f"script {dict(attrs).get('type')}")
        if tag == "tr":
            self.cells.append([])
        if tag == "td":
            self.cells[-1].append("")

    def handle_endtag(self, tag):
        while self._open and self._open.pop().split()[0] != tag:
            pass

    def handle_data(self, data):
        if self._open and self._open[-1] == "script application/json":
            self.island += data
        if "td" in self._open[-1:]:
            self.cells[-1][-1] += data

    @property
    def rows(self):
        return [cells for cells in self.cells if cells]

    @property
    def chart(self):
        return json.loads(self.island)


def test_every_operation_is_in_the_table_and_in_the_chart():
    data = plan()
    page = Page(render_html(data))
    assert len(page.rows) == len(page.chart["bars"]) == len(data.bars)
    first = page.rows[0]
    assert first[:6] == ["JO-000", "1", "housing", "deburr", "deburr_housing", "loading"]
    assert first[6:8] == ["2026-11-23T06:00:00+01:00", "2026-11-23T06:01:50+01:00"]
    assert len(page.chart["orders"]) == 12
    assert len({order["colour"] for order in page.chart["orders"]}) == 12


def test_planned_and_actual_and_lateness_are_told():
    page = Page(render_html(run(), now_s=90))
    complete, running = page.rows[0], page.rows[2]
    assert complete[8:12] == [
        "2026-11-23T06:00:01+01:00",
        "2026-11-23T06:01:15+01:00",
        "15 s",
        "complete",
    ]
    assert running[9:12] == ["", "", "running"]
    assert page.chart["now"] == 90
    tips = [dict(item["tip"]) for item in page.chart["bars"]]
    assert tips[0]["against plan"] == "15 s late"
    assert tips[0]["planned"] == "2026-11-23 06:00:00 – 06:01:00  (1:00 min)"
    assert "running" in tips[2]["actual"]
    assert "20 s late" in tips[0]["due"]


def test_the_page_asks_for_nothing_from_elsewhere():
    text = render_html(run())
    page = Page(text)
    for tag, attributes in page.tags:
        assert tag not in {"link", "img", "iframe", "object", "embed", "base", "form"}
        assert not {"src", "href", "srcset", "action"} & attributes.keys()
        assert not any(name.startswith("on") for name in attributes)
    outside = re.findall(r"(?:https?:)?//[a-z][\w.]+|@import|url\((?!#)", text)
    assert outside == []
    policy = next(a["content"] for t, a in page.tags if a.get("http-equiv"))
    assert "default-src 'none'" in policy


def test_markup_in_names_stays_text():
    clean, dirty = Page(render_html(run())), Page(render_html(hostile()))
    shape = Counter(tag for tag, _ in dirty.tags)
    for tag in ("script", "canvas", "svg", "style", "h1"):
        assert shape[tag] == Counter(tag for tag, _ in clean.tags)[tag]
    assert shape["img"] == 0
    a, b, c, _ = HOSTILE
    assert dirty.rows[0][0] == b
    assert dirty.rows[0][2:4] == [a, c]
    assert dirty.chart["cells"][0]["name"] == a
    assert [order["id"] for order in dirty.chart["orders"]] == [b, HOSTILE[3]]
    assert not any(name.startswith("on") for _, attrs in dirty.tags for name in attrs)
    assert "{title}" in dirty.rows[1][0]  # names are data, not a template


def test_the_clock_change_reaches_the_page():
    start = datetime(2026, 10, 25, 1, 30, tzinfo=BERLIN)  # clocks go back at 03:00
    data = GanttData(
        "Night", start, ("a",), (bar("a", "x", 1, 0, 1800), bar("a", "x", 2, 7200, 9000))
    )
    page = Page(render_html(data))
    assert page.rows[1][6] == "2026-10-25T02:30:00+01:00"
    assert page.rows[0][6] == "2026-10-25T01:30:00+02:00"
    offsets = page.chart["offsets"]
    assert [offset for _, offset in offsets] == [7200, 3600]
    assert offsets[1][0] == 5400  # seconds from 01:30 summer time to 03:00 summer time


def test_an_empty_chart_is_a_page_too():
    page = Page(render_html(GanttData("Nothing", run().start, ("loading",), ())))
    assert page.rows == []
    assert page.chart["bars"] == []


def test_write_makes_the_folder_and_utf_8(tmp_path):
    path = write_html(tmp_path / "report" / "schedule.html", plan(title="Größe"))
    assert "<title>Größe</title>" in path.read_text(encoding="utf-8")


def test_the_same_data_gives_the_same_page():
    assert render_html(plan()) == render_html(plan())


CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser")


@pytest.mark.skipif(CHROMIUM is None, reason="no chromium here to run the page")
def test_a_browser_draws_every_bar_and_runs_no_foreign_markup(tmp_path):
    path = write_html(tmp_path / "page.html", hostile(), now_s=50)
    command = [CHROMIUM, "--headless", "--no-sandbox", "--disable-gpu", "--dump-dom"]
    command += [f"--user-data-dir={tmp_path / 'profile'}", "--virtual-time-budget=2000"]
    done = subprocess.run(
        [*command, path.as_uri()], capture_output=True, text=True, timeout=60, check=True
    )
    drawn = Page(done.stdout)
    assert next(a for _, a in drawn.tags if a.get("id") == "chart")["data-drawn"] == "2"
    assert sum(tag == "script" for tag, _ in drawn.tags) == 2
    assert not any(tag == "img" for tag, _ in drawn.tags)

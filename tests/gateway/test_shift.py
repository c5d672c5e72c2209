"""A shift worked out by hand: its figures, its page and its PDF, read by readers of their own."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator, Mapping
from datetime import datetime, timedelta, timezone
from html.parser import HTMLParser
from pathlib import Path

import pypdfium2
import pytest

from robot_cell.gateway import shift
from robot_cell.gateway.shift import EmptySpanError, shift_report
from robot_cell.model import JobOrder, Plant
from robot_cell.programs import ProgramKey
from robot_cell.programs.energy import ProgramEnergy
from robot_cell.reporting import shift_html
from robot_cell.reporting.shift_data import ShiftReport
from robot_cell.reporting.shift_html import render_shift_html, write_shift_pdf
from robot_cell.reporting.shift_words import Words, words
from robot_cell.store import Journal, open_journal
from tests.gateway.conftest import NS, ROOT, START, plan_all

MADE = datetime(2026, 11, 24, tzinfo=timezone.utc)
HOUR = timedelta(hours=1)
NASTY = "<script>alert(1)</script> & Söhne 测量"
VOID = ("meta", "line", "rect", "br", "img")


def order(order_id: str, due_s: float, customer: str = "") -> JobOrder:
    return JobOrder(
        order_id=order_id,
        product="housing_s",
        quantity=1,
        release=START,
        due=START + timedelta(seconds=due_s),
        customer=customer,
    )


def run(journal: Journal, operation_id: str, begin_s: int, end_s: int, status: str) -> None:
    """An operation of one step, on the cell where it is planned."""
    record = next(o for o in journal.operations() if o.operation_id == operation_id)
    assert record.cell is not None
    begin, end = begin_s * NS, end_s * NS
    token = journal.lease_operation(operation_id, record.cell, "program", begin)
    journal.begin_operation(operation_id, record.cell, token, begin)
    step = journal.step_intent(operation_id, 0, "all of it", begin)
    journal.step_outcome(step, "done" if status == "complete" else "failed", end)
    journal.end_operation(operation_id, status, end)  # type: ignore[arg-type]


@pytest.fixture
def place(tmp_path: Path, plant: Plant) -> Iterator[Path]:
    """The journal of an hour: A is made of three operations of 60 s each, where 50 s were planned;
    the first operation of B fails after 30 s; C is not begun and was due after ten minutes."""
    orders = [order("A", 3600, NASTY), order("B", 3600), order("C", 600)]
    with open_journal(tmp_path / "journal.db") as journal:
        journal.plant_start(START)
        journal.accept_batch(orders, "week.csv", "Kim", plant)
        plan_all(journal, each_ns=50 * NS)
        for number, one in enumerate(journal.operations("A")):
            run(journal, one.operation_id, 100 * number, 100 * number + 60, "complete")
        run(journal, journal.operations("B")[0].operation_id, 400, 430, "failed")
        for at_s in (500, 700):
            journal.alarms.raise_("cell_b", "device_fault", "gripper", "it is stuck", at_s * NS)
            journal.alarms.return_("cell_b", (at_s + 60) * NS, ("device_fault",))
        yield tmp_path


@pytest.fixture
def report(place: Path, plant: Plant, monkeypatch: pytest.MonkeyPatch) -> ShiftReport:
    def energies(_plant: Plant, keys: list[ProgramKey]) -> dict[ProgramKey, ProgramEnergy]:
        return {ProgramKey(c, "program", "housing_s"): ProgramEnergy(1000.0, 10.0, True)
                for c in plant.cells}  # fmt: skip

    monkeypatch.setattr(shift, "energies_of", energies)
    with open_journal(place / "journal.db") as journal:
        return shift_report(plant, journal, START, START, START + HOUR, MADE)


def test_figures_by_hand(report: ShiftReport) -> None:
    first, second = report.cells
    assert (first.cell, second.cell) == ("cell_a", "cell_b")
    # cell_a: one operation of 60 s is good, one failed; 100 s were planned for the two.
    assert first.elements["PBT_s"] == pytest.approx(3600.0)
    assert first.elements["APT_s"] == pytest.approx(60.0)
    assert first.figures["availability"] == pytest.approx(60 / 3600)
    assert first.figures["effectiveness"] == pytest.approx(100 / 60)
    assert first.figures["quality_ratio"] == pytest.approx(1 / 2)
    assert first.figures["oee"] == pytest.approx(50 / 3600)
    assert second.figures["oee"] == pytest.approx(100 / 3600)
    # The plant: APT 180 of 7,200 s, planned 200 s, 3 of 4 good.
    assert report.total.figures["oee"] == pytest.approx(180 / 7200 * 200 / 180 * 3 / 4)
    assert report.total.elements["units"] == 1
    # Two operations of 1,000 J, and 10 W for 60 s and 30 s.
    assert first.energy_j == pytest.approx(2 * 1000 + 10 * 90)
    assert report.total.energy_per_part_j == pytest.approx(4 * 1000 + 10 * (3 * 60 + 30))
    assert sum(one.done for one in report.parts) == 4


def test_orders_losses_and_alarms_by_hand(report: ShiftReport) -> None:
    by_id = {one.order_id: one for one in report.orders}
    assert [one.order_id for one in report.orders] == ["C", "A", "B"]
    assert by_id["A"].finished == START + timedelta(seconds=260)
    assert by_id["A"].late_s == pytest.approx(260 - 3600)
    assert by_id["B"].late_s is None
    assert by_id["C"].finished is None
    assert by_id["C"].late_s == pytest.approx(3000)
    losses = {(one.cell, one.cause): one.seconds for one in report.losses}
    assert losses["cell_a", "no work"] == pytest.approx(3600 - 60 - 30)
    assert losses["cell_a", "steps that failed"] == pytest.approx(30)
    assert losses["cell_b", "slower than planned"] == pytest.approx(20)
    (alarm,) = report.alarms
    assert (alarm.source, alarm.count) == ("cell_b", 2)


def test_another_span_shows_what_was_in_it(place: Path, plant: Plant) -> None:
    with open_journal(place / "journal.db") as journal:
        begin = START + timedelta(seconds=390)
        found = shift_report(plant, journal, START, begin, begin + timedelta(seconds=60), MADE)
        assert [one.order_id for one in found.orders] == ["B"]
        assert found.total.elements["PQ"] == 1
        assert found.alarms == ()
        with pytest.raises(EmptySpanError, match="--from"):
            shift_report(plant, journal, START, START + HOUR, START, MADE)


def test_without_times_what_ended_last_is_in_it(tmp_path: Path, plant: Plant) -> None:
    with open_journal(tmp_path / "journal.db") as journal:
        with pytest.raises(EmptySpanError):
            shift_report(plant, journal, START, None, None, MADE)
        journal.accept_batch([order("A", 600)], "week.csv", "Kim", plant)
        plan_all(journal)
        for number, one in enumerate(journal.operations("A")):
            run(journal, one.operation_id, 100 * number, 100 * number + 60, "complete")
        found = shift_report(plant, journal, START, None, None, MADE)
    assert found.total.elements["PQ"] == 3
    assert found.total.elements["units"] == 1
    assert found.orders[0].finished == START + timedelta(seconds=260)


class Page(HTMLParser):
    """What stands on a page; every element is closed where it has to be."""

    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []
        self.seen: set[str] = set()
        self.text = ""

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.seen.add(tag)
        for name, value in attrs:
            assert name not in ("src", "href", "onclick"), (tag, name, value)
        if tag not in VOID:
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        if tag not in VOID:
            assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        if self.open and self.open[-1] != "style":
            self.text += f"{data} "


def test_the_page_needs_nothing_and_runs_nothing(report: ShiftReport) -> None:
    page = Page()
    html = render_shift_html(report)
    page.feed(html)
    assert page.open == []
    assert "script" not in page.seen
    assert "http" not in html.replace("http-equiv", "")
    assert "default-src 'none'" in html.replace("&#x27;", "'")
    for text in (NASTY, "2.1 %", "late by 50:00 min so far", "APT / PBT", "it is stuck", "2.9"):
        assert text in page.text, text


class Untranslated(dict[str, str]):
    """Translations that remember what they lacked."""

    def __init__(self, known: Mapping[str, str]) -> None:
        super().__init__(known)
        self.lacked: set[str] = set()

    def get(self, text: str, default: str | None = None) -> str:  # type: ignore[override]
        if text not in self:
            self.lacked.add(text)
        return super().get(text, default or "")


def test_the_page_is_chinese_but_for_what_the_journal_says(
    report: ShiftReport, monkeypatch: pytest.MonkeyPatch
) -> None:
    known = Untranslated(words("zh").known)
    monkeypatch.setattr(shift_html, "words", lambda _: Words("zh-CN", known))
    page = Page()
    html = render_shift_html(report, "zh")
    page.feed(html)
    assert known.lacked == set()
    assert '<html lang="zh-CN">' in html
    for text in ("班次报告：housing_plant", "已完成订单", "延误 50:00 min（截至目前）", "星期一"):
        assert text in page.text, text
    # Left in English: the standard's names, formulas and units, names, and what alarms said.
    for text in ("Shift", "Orders", "of the", "complete", "planned", "Made"):
        assert text not in page.text, text
    assert NASTY in page.text
    assert "it is stuck" in page.text


def test_the_pdf_is_chinese_too(report: ShiftReport, tmp_path: Path) -> None:
    document = pypdfium2.PdfDocument(write_shift_pdf(tmp_path / "shift.pdf", report, "zh"))
    text = " ".join(" ".join(one.get_textpage().get_text_bounded().split()) for one in document)
    for wanted in ("班次报告", "关键指标", "时间损失", "housing_plant"):
        assert wanted in text, wanted
    document.close()


def test_the_pdf_has_the_same_on_a4(report: ShiftReport, tmp_path: Path) -> None:
    document = pypdfium2.PdfDocument(write_shift_pdf(tmp_path / "new" / "shift.pdf", report))
    assert 1 <= len(document) <= 3
    assert document[0].get_size() == pytest.approx((595.3, 841.9), abs=0.5)
    text = " ".join(" ".join(one.get_textpage().get_text_bounded().split()) for one in document)
    for wanted in ("housing_plant", NASTY, "2.1 %", "Key figures", "cell_b: no work"):
        assert wanted in text, wanted
    document.close()


def test_the_command_reads_the_journal_of_a_plant_that_is_gone(place: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "robot_cell.cli.app", "report", "--run-dir", str(place),
         "--plant", str(ROOT / "examples" / "housing_plant.yaml"),
         "--from", "2026-11-23T06:00", "--to", "2026-11-23T07:00:00+01:00",
         "--html", str(place / "shift.html"), "--pdf", str(place / "shift.pdf"), "--json",
         "--language", "zh"],
        capture_output=True, text=True, timeout=120,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    told = json.loads(done.stdout)
    assert told["total"]["elements"]["PQ"] == 4
    assert {one["order_id"] for one in told["orders"]} == {"A", "B", "C"}
    assert (place / "shift.html").read_text().startswith("<!doctype html>")
    assert "班次报告" in (place / "shift.html").read_text()
    assert (place / "shift.pdf").read_bytes().startswith(b"%PDF")


def test_the_command_says_what_is_wrong(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "robot_cell.cli.app", "report", "--run-dir", str(tmp_path),
         "--plant", str(ROOT / "examples" / "housing_plant.yaml")],
        capture_output=True, text=True, timeout=120,
    )  # fmt: skip
    assert done.returncode == 6
    assert f"{tmp_path}/journal.db is not there" in done.stderr

from __future__ import annotations

import json
from datetime import datetime, timedelta, timezone
from pathlib import Path
from types import SimpleNamespace

import pytest

from robot_cell.model.plant_file import load_plant
from robot_cell.reporting.report_html import render_report_html, write_report_html
from robot_cell.reporting.run_result import (
    Conditions,
    Records,
    Timing,
    build_run_result,
    chart_of,
)

ROOT = Path(__file__).resolve().parents[2]
START = datetime(2026, 11, 23, 6, tzinfo=timezone(timedelta(hours=1)))
S = 1_000_000_000


def job(order_id: str, due_s: int, finished_s: int | None, status: str = "complete"):
    return SimpleNamespace(
        order_id=order_id, product="housing_s", quantity=1, done=int(status == "complete"),
        failed=int(status == "failed"), status=status, due_ns=due_s * S,
        finished_ns=None if finished_s is None else finished_s * S,
        customer="<b>Käufer & Co</b>", message="" if status == "complete" else "a <part> was lost",
    )  # fmt: skip


def operation(order_id: str, cell: str, begin_s: int, actual: bool = True, status: str = "done"):
    return SimpleNamespace(
        operation_id=f"{order_id}/1/deburr", order_id=order_id, unit=1, operation="deburr",
        cell=cell, program="deburr_s", planned_start_ns=begin_s * S,
        planned_end_ns=(begin_s + 20) * S, status=status,
        actual_start_ns=(begin_s + 1) * S if actual else None,
        actual_end_ns=(begin_s + 22) * S if actual else None,
    )  # fmt: skip


@pytest.fixture(scope="module")
def plant():
    return load_plant(ROOT / "examples" / "housing_plant.yaml")


@pytest.fixture
def records():
    measured = SimpleNamespace(
        message="", joint_error_rad=[1e-4, -3e-4], end_positions=[[0.0, 1.0], [0.5, 1.5]]
    )
    return Records(
        jobs=[job("A", 60, 22), job("B", 30, 44), job("C", 90, None, "failed")],
        operations=[
            operation("B", "cell_b", 22),
            operation("A", "cell_a", 0),
            operation("C", "cell_a", 50, actual=False, status="failed"),
        ],
        measured={"A/1/deburr": measured},
    )


@pytest.fixture
def result(records):
    conditions = Conditions("housing_plant", START, 0.0, 3, "cp-sat", 70.0, 60.0)
    return build_run_result(conditions, Timing(12.5, 4.0, 5.25, 8.5), records)


def test_the_result_says_what_was_made_when(result, tmp_path):
    plain = json.loads(result.write_json(tmp_path / "deep" / "run.json").read_text())
    assert plain["speed"] == "max"
    assert not plain["complete"]
    assert plain["simulated_s"] == pytest.approx(44.0)
    assert plain["real_time_factor"] == pytest.approx(44.0 / 8.5, abs=1e-3)
    by_id = {entry["id"]: entry for entry in plain["jobs"]}
    assert (by_id["A"]["due_s"], by_id["A"]["finished_s"], by_id["A"]["late_s"]) == (60, 22, 0)
    assert by_id["B"]["late_s"] == pytest.approx(14.0)
    assert by_id["C"]["finished_s"] is None
    first = plain["operations"][0]
    assert (first["job"], first["status"], first["cell"]) == ("A", "complete", "cell_a")
    assert first["joint_error_rad"] == [1e-4, -3e-4]
    assert first["end_positions_rad"] == [[0.0, 1.0], [0.5, 1.5]]
    assert plain["operations"][2]["actual_start_s"] is None


def test_a_run_is_complete_when_every_job_is(records):
    conditions = Conditions("p", START, 1.0, 0)
    records = Records(records.jobs[:2], records.operations[:2])
    assert build_run_result(conditions, Timing(1.0), records).complete
    assert not build_run_result(conditions, Timing(1.0), Records([], [])).complete


def test_the_report_shows_lateness_utilisation_and_failures(plant, records, result, tmp_path):
    chart = chart_of(plant, START, "run", records.operations, records.jobs)
    page = write_report_html(tmp_path / "report" / "report.html", result, chart).read_text()
    assert "late by 14 s" in page
    assert "38 s early" in page
    assert "2 of 3" in page
    assert "06:00:01" in page
    assert "+2.0 s" in page
    assert "0.30" in page
    assert "C, unit 1, deburr on cell_a: failed" in page


def test_everything_in_the_report_is_escaped_and_nothing_is_loaded(plant, records, result):
    chart = chart_of(plant, START, "run", records.operations, records.jobs)
    page = render_report_html(result, chart)
    assert "<b>Käufer" not in page
    assert "&lt;b&gt;Käufer &amp; Co&lt;/b&gt;" in page
    assert "a &lt;part&gt; was lost" in page
    for word in ("http://", "https://", "<script", "url("):
        assert word not in page


def test_the_chart_knows_closed_times_and_due_dates(plant, records):
    late = START.replace(hour=21, minute=59)
    chart = chart_of(plant, late, "run", records.operations, records.jobs)
    assert chart.due_s["B"] == pytest.approx(30.0)
    (closed,) = chart.unavailable_s["cell_a"]
    assert closed[0] == pytest.approx(60.0)

"""Alarms as a person sees and treats them, with no plant running."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner, Result

from robot_cell.cli.app import app
from robot_cell.cli.exit_codes import ExitCode
from robot_cell.store import open_journal


@pytest.fixture
def run_dir(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("COLUMNS", "200")
    with open_journal(tmp_path / "journal.db") as journal:
        alarms = journal.alarms
        alarms.raise_("cell_a", "process_ended", "arm", "arm has ended", 1_000_000_000)
        alarms.raise_("cell_b", "device_fault", "gripper", "JAM [1]", 41_200_000_000)
        alarms.raise_("cell_b", "cell_aborted", "", "step 3 failed", 42_000_000_000)
    return tmp_path


def said(run_dir: Path, *words: str) -> Result:
    return CliRunner().invoke(app, ["alarms", *words, "--run-dir", str(run_dir)])


def listed(run_dir: Path, *words: str) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = json.loads(said(run_dir, "--json", *words).stdout)["alarms"]
    return found


def test_the_most_urgent_is_first_with_what_came_of_it_and_what_to_do(run_dir: Path) -> None:
    lines = said(run_dir).stdout.splitlines()
    assert lines[0].strip() == "2  high    cell_b/gripper: JAM [1]"
    assert lines[1].strip() == "at 41.2 s, unacknowledged, first out"
    assert lines[2].strip() == "then: step 3 failed"
    assert lines[3].strip().startswith("do: look at the device")
    assert "cell_a/arm: arm has ended" in lines[4]


def test_ack_shelve_and_unshelve(run_dir: Path) -> None:
    assert "acknowledged by" in said(run_dir, "ack", "2").stdout
    again = said(run_dir, "ack", "2")
    assert again.exit_code == ExitCode.REFUSED
    assert "alarm 2 is acknowledged" in again.stderr
    assert "until" in said(run_dir, "shelve", "2", "--for", "30m").stdout
    assert [one["alarm_id"] for one in listed(run_dir)] == [1, 2]  # what is shelved comes last
    assert listed(run_dir)[1]["state"] == "shelved"
    assert said(run_dir, "unshelve", "2").exit_code == ExitCode.OK
    with open_journal(run_dir / "journal.db") as journal:
        journal.alarms.return_("cell_b", 50, ("device_fault",))
    said(run_dir, "ack", "2")
    assert [one["alarm_id"] for one in listed(run_dir)] == [1]
    assert [one["alarm_id"] for one in listed(run_dir, "--all")] == [1, 2]


@pytest.mark.parametrize("time", ["soon", "30", "-5m", "13h", "0s"])
def test_a_time_that_is_none_is_refused(run_dir: Path, time: str) -> None:
    assert said(run_dir, "shelve", "2", f"--for={time}").exit_code != ExitCode.OK
    assert listed(run_dir)[0]["state"] == "unacknowledged"


def test_an_unknown_alarm_and_a_missing_journal_are_said(run_dir: Path) -> None:
    assert "there is no alarm 9" in said(run_dir, "ack", "9").stderr
    result = said(run_dir / "elsewhere")
    assert "there is no journal" in str(result.exception)


def test_no_alarm_is_said(tmp_path: Path) -> None:
    open_journal(tmp_path / "journal.db").close()
    assert said(tmp_path).stdout.strip() == "no alarm"

"""Failpoints: read from the environment or from files, each fires once, off they are nothing."""

from __future__ import annotations

import re
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from robot_cell import failpoints
from robot_cell.failpoints import (
    FAILPOINTS,
    BadFailpointError,
    Failpoint,
    FailpointError,
    read_failpoint,
    set_failpoint,
    switch_on,
)

NAME = "cell.step-intended"


@pytest.fixture(autouse=True)
def off_again():
    yield
    switch_on(Path(), "")


def test_without_the_variable_nothing_is_reached(tmp_path: Path, monkeypatch) -> None:
    monkeypatch.delenv(failpoints.VARIABLE, raising=False)
    assert switch_on(tmp_path) is False
    assert failpoints.reach is failpoints._nothing
    assert list(tmp_path.iterdir()) == []


def test_an_error_comes_at_its_pass_and_once_in_a_run_directory(tmp_path: Path) -> None:
    switch_on(tmp_path, f"{NAME}:error:3")
    failpoints.reach(NAME)
    failpoints.reach("cell.step-ended")
    failpoints.reach(NAME)
    with pytest.raises(FailpointError, match=NAME):
        failpoints.reach(NAME)
    failpoints.reach(NAME)
    switch_on(tmp_path, f"{NAME}:error")  # as in the next process
    failpoints.reach(NAME)


def test_a_delay_takes_its_time(tmp_path: Path, monkeypatch) -> None:
    slept: list[float] = []
    monkeypatch.setattr(failpoints.time, "sleep", slept.append)
    switch_on(tmp_path, f"{NAME}:delay:0.25")
    failpoints.reach(NAME)
    failpoints.reach(NAME)
    assert slept == [0.25]


def test_a_kill_is_a_kill(tmp_path: Path) -> None:
    code = (
        "from pathlib import Path; from robot_cell import failpoints as f; "
        f"f.switch_on(Path({str(tmp_path)!r})); f.reach({NAME!r}); print('still there')"
    )
    environment = {failpoints.VARIABLE: f"{NAME}:kill", "PYTHONPATH": ":".join(sys.path)}
    ends = [
        subprocess.run([sys.executable, "-c", code], env=environment, capture_output=True)
        for _ in range(2)
    ]
    assert [end.returncode for end in ends] == [-signal.SIGKILL, 0]
    assert ends[1].stdout == b"still there\n"


def test_one_that_is_set_while_the_plant_runs_fires_once(tmp_path: Path) -> None:
    switch_on(tmp_path, failpoints.WATCH)
    failpoints.reach(NAME)
    path = set_failpoint(tmp_path, Failpoint(NAME, "error", 2))
    failpoints.reach(NAME)
    assert path.exists()
    with pytest.raises(FailpointError):
        failpoints.reach(NAME)
    assert not path.exists()
    failpoints.reach(NAME)


@pytest.mark.parametrize(
    "text",
    ["", "nowhere:kill", f"{NAME}", f"{NAME}:explode", f"{NAME}:kill:0", f"{NAME}:error:1.5",
     f"{NAME}:delay:x"],
)  # fmt: skip
def test_what_is_none_is_said(text: str) -> None:
    with pytest.raises(BadFailpointError):
        read_failpoint(text)


def test_every_failpoint_is_in_the_code_once_and_no_other_is() -> None:
    root = Path(failpoints.__file__).parent
    found: set[str] = set()
    for path in root.rglob("*.py"):
        found.update(re.findall(r'failpoints\.reach\("([^"]+)"\)', path.read_text()))
    assert found == set(FAILPOINTS)

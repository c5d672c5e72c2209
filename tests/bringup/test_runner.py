from __future__ import annotations

import json
import os
import re
import signal
import time
from pathlib import Path

import pytest

from drivers.time_page import process_birth

from .conftest import until


def pids(notes: Path, name: str) -> list[int]:
    return [int(pid) for pid in re.findall(rf"^{name} (\d+)$", notes.read_text(), re.MULTILINE)]


def alive(pid: int) -> bool:
    return process_birth(pid) != 0


STAY = "<node pkg='testcell' exec='stay' name='{}' respawn='true' respawn_delay='0.1'/>"


def test_processes_run_and_end_when_asked_to(programs, bring_up, tmp_path):
    up = bring_up(
        STAY.format("one") + "<node pkg='testcell' exec='stay' name='two' output='screen'/>"
    )
    until(lambda: pids(programs, "one") and pids(programs, "two"))
    until(lambda: (tmp_path / "run/processes.json").exists())
    state = json.loads((tmp_path / "run/processes.json").read_text())
    assert state["runner"] == up.pid
    assert {process["name"] for process in state["processes"]} == {"one", "two"}
    up.send_signal(signal.SIGINT)
    out, err = up.communicate(timeout=10)
    assert up.returncode == 0, err
    assert out == "[two] stays\n"
    assert (tmp_path / "run/logs/one.log").read_text() == "stays\n"
    assert (tmp_path / "run/logs/two.log").read_text() == "stays\n"
    assert sorted(re.findall(r"(\w+) interrupted", programs.read_text())) == ["one", "two"]
    assert not any(alive(pid) for name in ("one", "two") for pid in pids(programs, name))


def test_a_killed_process_starts_again(programs, bring_up, tmp_path):
    up = bring_up(STAY.format("one"))
    until(lambda: len(pids(programs, "one")) == 1)
    os.kill(pids(programs, "one")[0], signal.SIGKILL)
    until(lambda: len(pids(programs, "one")) == 2)
    up.terminate()
    _, err = up.communicate(timeout=10)
    assert up.returncode == 0
    assert "one was ended by SIGKILL; it starts again in 0.1 s" in err


def test_one_that_ignores_the_end_is_killed_with_its_children(programs, bring_up):
    up = bring_up("<node pkg='testcell' exec='stubborn' name='mule'/>")
    until(lambda: len(pids(programs, "mule")) == 1)
    group = pids(programs, "mule")[0]
    begin_s = time.monotonic()
    up.send_signal(signal.SIGINT)
    _, err = up.communicate(timeout=10)
    assert time.monotonic() - begin_s < 3.0
    assert "mule did not end when asked to: killed" in err
    assert "mule terminated" in programs.read_text()
    with pytest.raises(ProcessLookupError):
        until(lambda: os.killpg(group, 0), timeout_s=2.0)


def test_nothing_outlives_a_killed_launcher(programs, bring_up):
    up = bring_up(STAY.format("one"))
    until(lambda: pids(programs, "one"))
    up.kill()
    until(lambda: not alive(pids(programs, "one")[0]), timeout_s=5.0)


def test_a_process_that_fails_ends_everything(programs, bring_up, tmp_path):
    up = bring_up(STAY.format("one") + "<node pkg='testcell' exec='fail' name='bad' args='7'/>")
    _, err = up.communicate(timeout=20)
    assert up.returncode == 1
    assert f"bad ended with code 7; its log: {tmp_path}/run/logs/bad.log" in err
    assert not any(alive(pid) for pid in pids(programs, "one"))


def test_a_process_that_ends_well_leaves_the_others_alone(programs, bring_up):
    up = bring_up(STAY.format("one") + "<node pkg='testcell' exec='fail' name='good' args='0'/>")
    until(lambda: pids(programs, "good") and not alive(pids(programs, "good")[0]))
    until(lambda: pids(programs, "one"))
    assert up.poll() is None


def test_restarts_slow_down_and_a_limit_gives_up(programs, bring_up):
    node = (
        "<node pkg='testcell' exec='fail' name='bad' args='1' respawn='true' respawn_delay='0.05'/>"
    )
    up = bring_up(node, "--restart-limit", "3")
    _, err = up.communicate(timeout=20)
    assert up.returncode == 1
    assert re.findall(r"starts again in ([\d.]+) s", err) == ["0.1", "0.1", "0.2"]
    assert "for the 4th time within 30 s: given up" in err
    assert len(pids(programs, "bad")) == 4


def test_an_executable_that_is_not_there_starts_nothing(programs, bring_up):
    up = bring_up(STAY.format("one") + "<node pkg='testcell' exec='nobody'/>")
    _, err = up.communicate(timeout=20)
    assert up.returncode == 3
    assert "executable 'nobody' of package 'testcell' not found" in err
    assert not pids(programs, "one")


def test_a_run_directory_serves_one_plant(programs, bring_up):
    first = bring_up(STAY.format("one"))
    until(lambda: pids(programs, "one"))
    second = bring_up(STAY.format("two"))
    _, err = second.communicate(timeout=20)
    assert second.returncode == 3
    assert f"in use by process {first.pid}" in err


def test_a_hung_process_is_killed_by_the_supervisor_and_starts_again(programs, bring_up):
    up = bring_up(
        "<node pkg='testcell' exec='supervisor' output='screen'"
        " args='--cell c --run-dir $(var run_dir) --expect sleepy'/>"
        "<node pkg='testcell' exec='hang' name='sleepy' args='10'"
        " respawn='true' respawn_delay='0.1'/>"
    )
    until(lambda: len(pids(programs, "sleepy")) == 2)
    first, second = pids(programs, "sleepy")
    assert not alive(first)
    assert alive(second)
    up.send_signal(signal.SIGINT)
    out, err = up.communicate(timeout=10)
    assert up.returncode == 0
    assert re.search(
        rf"error supervisor of c: sleepy \(pid {first}\) has been silent for 0\.\d+ s while "
        r"'turn 9'; it declared 0\.30 s: killed",
        out,
    )
    assert "sleepy was ended by SIGKILL; it starts again" in err

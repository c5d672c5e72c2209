"""Each launch file, brought up by `robot-cell up` as real processes, heard over ROS, and ended."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from robot_cell.client import PlantClient
from tests.plant.conftest import PLANT_FILE, ROOT

pytestmark = [pytest.mark.ros, pytest.mark.plant, pytest.mark.timeout(180)]

UP_S = 90.0
DOWN_S = 10.0


def until(condition: Callable[[], bool], deadline_s: float, what: str) -> None:
    end_s = time.monotonic() + deadline_s
    while not condition():
        assert time.monotonic() < end_s, what
        time.sleep(0.1)


def processes_of(run_dir: Path) -> list[str]:
    """Command lines of living processes that were started for this run directory."""
    found = []
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                command = (entry / "cmdline").read_bytes().replace(b"\0", b" ").decode()
            except OSError:
                continue
            if str(run_dir) in command:
                found.append(command)
    return found


def fault(*words: str) -> tuple[int, str]:
    """`robot-cell fault` as a person types it: exit code, and what it says."""
    done = subprocess.run(
        [sys.executable, "-m", "robot_cell.cli.app", "fault", *words],
        env={**os.environ, "COLUMNS": "200"}, capture_output=True, text=True, timeout=60,
        check=False,
    )  # fmt: skip
    return done.returncode, done.stdout or " ".join(done.stderr.split())


def see_to_faults() -> None:
    """Faults on devices of a running plant: put there, listed, refused, taken away."""
    code, told = fault("cell_b/nest_clamp", "garbage", "--json")
    assert (code, json.loads(told)["fault"]) == (0, "garbage")
    code, told = fault("--json")
    listed = json.loads(told)
    assert (code, list(listed)) == (0, ["cell_a", "cell_b"])
    assert listed["cell_b"]["nest_clamp"] == "garbage"
    assert listed["cell_a"]["nest_clamp"] == "ok"
    code, told = fault("table", "slow", "--amount", "2", "--for", "3")
    assert (code, told.strip()) == (0, "cell_a: table moves slowly for 3 s of plant time")
    code, told = fault("gripper", "off")
    assert code == 2
    assert "say cell_a/gripper or cell_b/gripper" in told
    code, told = fault("cell_a/lamp", "off")
    assert code == 5
    assert "no device 'lamp'; there are: arm, gripper, table" in told


@pytest.mark.parametrize(
    ("name", "arguments", "states"),
    [
        ("cell", ["cell:=cell_a"], {"cell_a": "Stopped"}),
        ("plant", [], {"cell_a": "Stopped", "cell_b": "Stopped"}),
        ("sim", ["speed:=0.0"], {"cell_a": "Idle", "cell_b": "Idle"}),
        pytest.param(
            "gazebo", ["speed:=0.0"], {"cell_a": "Idle", "cell_b": "Idle"},
            marks=pytest.mark.skipif(
                shutil.which("gz") is None,
                reason="Gazebo is not installed: there is no `gz` on the path",
            ),
        ),
    ],
)  # fmt: skip
def test_a_launch_file_comes_up_and_goes_down(
    domain: int, tmp_path: Path, name: str, arguments: list[str], states: dict[str, str]
) -> None:
    """Without a simulator the cells wait, stopped, for their arms; with one they become idle."""
    del domain
    words = [f"plant:={PLANT_FILE}", f"run_dir:={tmp_path / 'run'}", *arguments]
    up = subprocess.Popen(
        [sys.executable, "-m", "robot_cell.cli.app", "up",
         str(ROOT / "launch" / f"{name}.launch.xml"), *words],
        env=dict(os.environ), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
    )  # fmt: skip
    client = PlantClient()
    try:

        def heard() -> bool:
            assert up.poll() is None, "the launcher has ended"
            found = client.cell_states()
            return {cell: found[cell].state for cell in states if cell in found} == states

        until(heard, UP_S, f"{states} was not heard")
        if name == "sim":
            see_to_faults()
    finally:
        client.close()
        up.send_signal(signal.SIGINT)
        code = up.wait(DOWN_S)
    assert code == 0
    assert processes_of(tmp_path / "run") == []

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from robot_cell.cli.exit_codes import MEANINGS, ExitCode

ROOT = Path(__file__).resolve().parents[2]
PLANT = ROOT / "examples" / "housing_plant.yaml"
COMMANDS = (
    "run",
    "up",
    "submit",
    "jobs",
    "job",
    "jog",
    "cancel",
    "plan",
    "status",
    "fault",
    "doctor",
    "bench",
    "journal",
    "alarms",
    "mode",
    "device",
    "warm-up",
)


def robot_cell(*words: str, cwd: Path = ROOT) -> subprocess.CompletedProcess[str]:
    environment = {**os.environ, "COLUMNS": "200", "NO_COLOR": "1"}
    environment["PYTHONPATH"] = os.pathsep.join([str(ROOT), environment.get("PYTHONPATH", "")])
    return subprocess.run(
        [sys.executable, "-m", "robot_cell.cli.app", *words],
        env=environment,
        cwd=cwd,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


def orders(folder: Path, *rows: str) -> Path:
    file = folder / "orders.csv"
    header = "order_id,product,quantity,release,due,priority,customer"
    file.write_text("\n".join([header, *rows, ""]))
    return file


def test_help_lists_every_command_and_exit_code():
    done = robot_cell("--help")
    assert done.returncode == 0
    for command in COMMANDS:
        assert f" {command} " in done.stdout
    for code, meaning in MEANINGS.items():
        assert str(int(code)) in done.stdout
        assert meaning.split(";")[0] in done.stdout


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_explains_itself(command):
    done = robot_cell(command, "--help")
    assert done.returncode == 0
    assert "Usage" in done.stdout


def test_the_list_of_commands_loads_nothing_large():
    code = (
        "import sys, robot_cell.cli.app; "
        "large = {'rclpy', 'numpy', 'pydantic', 'ortools', 'pinocchio', 'mujoco', 'sqlalchemy'}; "
        "print(sorted(large & set(sys.modules)))"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True
    )
    assert done.stdout == "[]\n"


def test_wrong_use_is_exit_code_2():
    assert robot_cell("fly").returncode == ExitCode.USAGE
    assert robot_cell("run").returncode == ExitCode.USAGE
    batch = str(ROOT / "examples" / "orders_week48.csv")
    done = robot_cell("run", str(PLANT), batch, "--speed", "fast")
    assert done.returncode == ExitCode.USAGE
    assert "'fast' is not a speed" in done.stderr
    done = robot_cell("run", str(PLANT), batch, "--start", "tomorrow")
    assert done.returncode == ExitCode.USAGE
    assert "'tomorrow' is not an instant" in done.stderr


@pytest.mark.parametrize("command", ["run", "plan"])
def test_a_bad_batch_is_a_table_and_exit_code_3(command, tmp_path):
    batch = orders(
        tmp_path,
        "A-1,housing_x,2,2026-11-23T06:00:00+01:00,2026-11-23T07:00:00+01:00,5,Someone",
        "A-2,housing_s,0,2026-11-23T06:00:00+01:00,2026-11-23T05:00:00+01:00,5,Someone",
    )
    done = robot_cell(command, str(PLANT), str(batch), cwd=tmp_path)
    assert done.returncode == ExitCode.BAD_INPUT
    assert done.stdout == ""
    assert "Traceback" not in done.stderr
    for word in ("file", "row", "column", "value", "expected", "housing_x", "quantity", "due"):
        assert word in done.stderr
    assert not (tmp_path / "report").exists()


def test_a_bad_plant_file_is_exit_code_3(tmp_path):
    plant = tmp_path / "plant.yaml"
    plant.write_text("plant: x\ncolour: blue\n")
    done = robot_cell("plan", str(plant), str(ROOT / "examples" / "orders_week48.csv"))
    assert done.returncode == ExitCode.BAD_INPUT
    assert "colour" in done.stderr
    assert "Traceback" not in done.stderr


def test_a_bad_launch_file_is_exit_code_3_with_its_line(tmp_path):
    file = tmp_path / "bad.launch.xml"
    file.write_text("<launch>\n  <executable cmd='ls'/>\n</launch>\n")
    done = robot_cell("up", str(file))
    assert done.returncode == ExitCode.BAD_INPUT
    assert "line 2" in done.stderr
    assert "<executable>" in done.stderr
    shown = robot_cell("--debug", "up", str(file))
    assert "Traceback" in shown.stderr


def test_up_shows_a_files_arguments():
    done = robot_cell("up", "launch/sim.launch.xml", "--show-args")
    assert done.returncode == 0
    for name in ("plant", "run_dir", "speed", "seed", "start", "viewer", "participants"):
        assert name in done.stdout


def test_an_argument_of_another_form_is_wrong_use():
    done = robot_cell("up", "launch/sim.launch.xml", "plant=x")
    assert done.returncode == ExitCode.USAGE
    assert "name:=value" in done.stderr


def test_submit_asks_for_the_plant_when_none_is_known(tmp_path, monkeypatch):
    monkeypatch.setenv("ROBOT_CELL_RUN_DIR", str(tmp_path))
    done = robot_cell("submit", str(ROOT / "examples" / "orders_week48.csv"))
    assert done.returncode == ExitCode.FAILED
    assert "--plant" in done.stderr


def test_a_plan_is_json_on_stdout_and_nothing_else(tmp_path):
    batch = orders(
        tmp_path,
        "A-1,housing_s,1,2026-11-23T06:00:00+01:00,2026-11-23T07:00:00+01:00,5,Someone",
    )
    chart = tmp_path / "plan.html"
    done = robot_cell("plan", str(PLANT), str(batch), "--json", "--gantt", str(chart))
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout)
    assert [o["operation"] for o in found["operations"]] == ["deburr", "assemble", "pack"]
    ends = [o["planned_end_s"] for o in found["operations"]]
    starts = [o["planned_start_s"] for o in found["operations"]]
    assert all(end <= start for end, start in zip(ends, starts[1:], strict=False))
    assert "A-1" in chart.read_text()


@pytest.mark.parametrize(
    "name", ["faults", "journal", "kinematics", "loop", "motion", "scheduling"]
)
def test_a_benchmark_starts_from_any_folder(name, tmp_path):
    environment = {key: value for key, value in os.environ.items() if key != "PYTHONPATH"}
    done = subprocess.run(
        [Path(sys.executable).parent / "robot-cell", "bench", name, "--help"],
        env=environment,
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=100,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert "usage:" in done.stdout

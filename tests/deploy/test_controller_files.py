"""Units, rules and policy of a controller: read as their readers do, held against the program."""

from __future__ import annotations

import re
import shlex
import shutil
import subprocess
from collections import defaultdict
from pathlib import Path

import pytest

from robot_cell.bringup.launch_file import declared_arguments, load_launch_file
from robot_cell.execution.real_time import FIFO_PRIORITY
from robot_cell.execution.supervisor import _PRIORITY
from robot_cell.model.plant_file import load_plant
from tests.faults.security_policy import read_policy

ROOT = Path(__file__).parents[2]
UNITS = sorted((ROOT / "deploy" / "systemd").glob("*.service"))
RULES = ROOT / "deploy" / "udev" / "70-robot-cell.rules"
PLANT = ROOT / "examples" / "housing_plant.yaml"

_MATCH = ("ACTION", "KERNEL", "SUBSYSTEM", "SUBSYSTEMS", "DRIVER", "DRIVERS", "ATTRS", "ENV")
_SET = ("GROUP", "MODE", "SYMLINK", "ENV", "ATTR")
_TOKEN = re.compile(r'([A-Z]+)(?:\{([^}]+)\})?(==|!=|=|\+=|:=)"([^"]*)"(?:, |$)')


def unit(path: Path) -> dict[str, list[str]]:
    """Key -> values of a unit file; sections do not share keys here."""
    found: dict[str, list[str]] = defaultdict(list)
    for line in path.read_text().splitlines():
        if line and line[0] not in "#[":
            key, equals, value = line.partition("=")
            assert equals, line
            found[key].append(value)
    return found


@pytest.mark.parametrize("path", UNITS, ids=lambda path: path.stem)
def test_a_unit_starts_what_there_is(path: Path) -> None:
    found = unit(path)
    (command,) = found["ExecStart"]
    shell, flag, script = shlex.split(command)
    assert (shell, flag) == ("/bin/sh", "-c")
    words = shlex.split(script.partition("&& exec ")[2])
    assert words[:2] == ["robot-cell", "up"]
    file = Path(words[2].replace("/opt/robot_cell", str(ROOT)))
    assert file.is_file()
    given = {word.partition(":=")[0] for word in words[3:]}
    declared = {argument.name: argument.default for argument in declared_arguments(file)}
    assert given <= declared.keys()
    assert {name for name, default in declared.items() if default is None} <= given
    run_dir = next(word.partition(":=")[2] for word in words if word.startswith("run_dir"))
    assert run_dir.removeprefix("/var/lib/") in found["StateDirectory"][0].split()
    for document in found["Documentation"][0].split():
        assert (ROOT / document.removeprefix("file:/opt/robot_cell/")).is_file()


@pytest.mark.parametrize("path", UNITS, ids=lambda path: path.stem)
def test_a_unit_permits_real_time_and_little_else(path: Path) -> None:
    found = unit(path)
    assert int(found["LimitRTPRIO"][0]) >= max(FIFO_PRIORITY, _PRIORITY)
    assert found["LimitMEMLOCK"] == ["infinity"]
    assert found["CapabilityBoundingSet"] == [""]
    for key in ("NoNewPrivileges", "PrivateTmp", "ProtectHome", "RestrictNamespaces"):
        assert found[key] == ["yes"]
    for key in ("MemoryDenyWriteExecute", "RestrictRealtime", "PrivateNetwork", "PrivateDevices"):
        assert key not in found, "the plant does not run with it"


@pytest.mark.skipif(shutil.which("systemd-analyze") is None, reason="no systemd here")
def test_systemd_takes_the_units() -> None:
    done = subprocess.run(
        ["systemd-analyze", "verify", *map(str, UNITS)],
        capture_output=True, text=True, check=False, timeout=60,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert "robot-cell" not in done.stderr


def test_rules_are_of_udevs_format() -> None:
    links = []
    for number, line in enumerate(RULES.read_text().splitlines(), 1):
        if not line or line.startswith("#"):
            continue
        tokens = _TOKEN.findall(line)
        assert "".join(m[0] for m in _TOKEN.finditer(line)) == line, f"line {number}"
        for key, _, operator, value in tokens:
            assert key in (_MATCH if operator in ("==", "!=") else _SET), f"line {number}: {key}"
            assert value
        assert any(operator == "==" for _, _, operator, _ in tokens), f"line {number} is for all"
        links += [value for key, _, _, value in tokens if key == "SYMLINK"]
    assert len(links) == len(set(links)) > 0
    cells = load_plant(PLANT).cells
    assert {link.removeprefix("robot_cell/").removesuffix("_bus") for link in links} == set(cells)


def test_the_policy_has_the_nodes_of_the_launch_file() -> None:
    started = load_launch_file(ROOT / "launch" / "sim.launch.xml", {"plant": str(PLANT)})
    known = {
        "/" + process.name.replace(".", "/")
        for process in started.processes
        if process.executable not in ("supervisor", "gateway")  # no ROS; as one of its clients
    }
    assert read_policy().keys() - {"/client", "/scheduler_intake"} == known


def test_each_action_that_is_called_is_carried_out_by_somebody() -> None:
    policy = read_policy()
    called = {n for node in policy.values() for n in node.get(("actions", "call"), ())}
    executed = {n for node in policy.values() for n in node.get(("actions", "execute"), ())}
    assert called == executed
    asked = {n for node in policy.values() for n in node.get(("services", "request"), ())}
    replied = {n for node in policy.values() for n in node.get(("services", "reply"), ())}
    assert asked <= replied

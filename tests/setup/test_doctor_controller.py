"""The doctor on a controller: each thing as it should be, and as it should not."""

from __future__ import annotations

import os
import pwd
import re
from pathlib import Path

import pytest
import yaml

from robot_cell.cli import doctor_controller as controller
from robot_cell.cli.doctor import Verdict, run_checks

ROOT = Path(__file__).parents[2]
DEPLOY = ROOT / "deploy"


def put(root: Path, name: str, text: str) -> Path:
    file = root / name
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(text)
    return file


def test_every_warning_of_this_machine_comes_with_advice():
    plant = ROOT / "examples" / "housing_plant.yaml"
    findings = run_checks(controller.controller_checks() + controller.port_checks(plant))
    assert {"kernel", "wall clock", "cell_a/bus", "net.core.rmem_max"} <= {f.name for f in findings}
    assert not [f for f in findings if "could not be looked at" in f.found]
    for finding in findings:
        assert finding.verdict is Verdict.OK or finding.mend


@pytest.mark.parametrize(
    ("version", "flag", "verdict"),
    [
        ("#1 SMP PREEMPT_RT Debian 6.1", "", Verdict.OK),
        ("#1 SMP", "1\n", Verdict.OK),
        ("#1 SMP PREEMPT_DYNAMIC", "", Verdict.WARNING),
    ],
)
def test_a_kernel_that_is_not_real_time_is_told(tmp_path, version, flag, verdict):
    if flag:
        put(tmp_path, "sys/kernel/realtime", flag)
    (finding,) = controller.check_kernel(tmp_path, version)
    assert finding.verdict is verdict


def test_clocks_that_go_down_are_told(tmp_path):
    (finding,) = controller.check_governor(tmp_path)
    assert finding.verdict is Verdict.OK
    governor = "sys/devices/system/cpu/cpu{}/cpufreq/scaling_governor"
    put(tmp_path, governor.format(0), "performance\n")
    put(tmp_path, governor.format(1), "schedutil\n")
    (finding,) = controller.check_governor(tmp_path)
    assert finding.verdict is Verdict.WARNING
    put(tmp_path, governor.format(1), "performance\n")
    (finding,) = controller.check_governor(tmp_path)
    assert finding.verdict is Verdict.OK


def test_a_setting_that_is_not_in_force_is_told(tmp_path):
    put(tmp_path, "proc/sys/net/core/rmem_max", "212992\n")
    put(tmp_path, "proc/sys/net/core/wmem_max", "8388608\n")
    put(tmp_path, "proc/sys/vm/swappiness", "10\n")
    found = {f.name: f for f in controller.check_kernel_settings(DEPLOY, tmp_path)}
    assert found["net.core.rmem_max"].verdict is Verdict.WARNING
    assert "4194304" in found["net.core.rmem_max"].mend
    assert found["net.core.wmem_max"].verdict is Verdict.OK, "more is as good"
    assert found["vm.swappiness"].verdict is Verdict.OK
    assert found["net.ipv4.ipfrag_time"].found == "unknown to this kernel"


def test_files_are_where_the_system_reads_them(tmp_path):
    missing = controller.check_installed_files(DEPLOY, tmp_path)
    assert {finding.verdict for finding in missing} == {Verdict.WARNING}
    for folder, place in controller.PLACES.items():
        for file in (DEPLOY / folder).iterdir():
            put(tmp_path, f"{place}/{file.name}", file.read_text())
    assert {f.verdict for f in controller.check_installed_files(DEPLOY, tmp_path)} == {Verdict.OK}
    unit = tmp_path / "etc/systemd/system/robot-cell-plant.service"
    unit.write_text(unit.read_text().replace("Restart=always", "Restart=no"))
    rules = tmp_path / "etc/udev/rules.d/70-robot-cell.rules"
    rules.write_text(rules.read_text() + "# a port of ours\n")
    found = {f.name: f for f in controller.check_installed_files(DEPLOY, tmp_path)}
    assert found["systemd/robot-cell-plant.service"].verdict is Verdict.WARNING
    assert found["udev/70-robot-cell.rules"].verdict is Verdict.OK, "it is made to be changed"


def test_a_plant_that_starts_with_the_machine(tmp_path):
    (finding,) = controller.check_service(tmp_path)
    assert finding.verdict is Verdict.WARNING
    wants = "etc/systemd/system/multi-user.target.wants/robot-cell-cell@cell_a.service"
    put(tmp_path, wants, "")
    (finding,) = controller.check_service(tmp_path)
    assert finding.found == "robot-cell-cell@cell_a.service"


def test_the_user_of_the_units(monkeypatch):
    monkeypatch.setattr(controller, "USER", "no_such_user")
    (finding,) = controller.check_user()
    assert "useradd" in finding.mend
    monkeypatch.setattr(controller, "USER", pwd.getpwuid(0).pw_name)
    monkeypatch.setattr(controller, "SERIAL_GROUP", "no_such_group")
    (finding,) = controller.check_user()
    assert "usermod" in finding.mend


def test_a_wall_clock_that_nobody_sets_is_told(tmp_path):
    (finding,) = controller.check_wall_clock(tmp_path)
    assert finding.verdict is Verdict.WARNING
    put(tmp_path, "run/chrony/chronyd.pid", "1")
    (finding,) = controller.check_wall_clock(tmp_path)
    assert finding.verdict is Verdict.OK


def test_serial_ports_of_a_plant(tmp_path):
    plant = yaml.safe_load((ROOT / "examples" / "housing_plant.yaml").read_text())
    for cell in plant["cells"].values():
        cell["arm"]["urdf"] = str(ROOT / "urdf" / Path(cell["arm"]["urdf"]).name)
    ours, theirs = os.openpty()
    plant["cells"]["cell_a"]["buses"]["bus"]["port"] = os.ttyname(theirs)
    plant["cells"]["cell_b"]["buses"]["bus"]["port"] = str(tmp_path / "ttyUSB9")
    file = put(tmp_path, "plant.yaml", yaml.safe_dump(plant))
    found = {f.name: f for f in controller.check_serial_ports(file)}
    assert found["cell_a/bus"].verdict is Verdict.OK
    assert found["cell_b/bus"].verdict is Verdict.ERROR
    put(tmp_path, "ttyUSB9", "")
    found = {f.name: f for f in controller.check_serial_ports(file)}
    assert "no device" in found["cell_b/bus"].found
    os.close(ours)
    os.close(theirs)


def test_settings_are_of_the_formats_of_their_readers():
    for file in (DEPLOY / "sysctl.d").iterdir():
        for line in file.read_text().splitlines():
            assert re.fullmatch(r"|#.*|[a-z0-9_.]+ = -?\d+", line), line
    for file in (DEPLOY / "limits.d").iterdir():
        for line in file.read_text().splitlines():
            assert re.fullmatch(r"|#.*|@?\w+ [-\w]+ (rtprio|memlock) (\d+|unlimited)", line), line
    for file in (DEPLOY / "tmpfiles.d").iterdir():
        for line in file.read_text().splitlines():
            assert re.fullmatch(r"|#.*|w /sys/\S+ - - - - \w+", line), line

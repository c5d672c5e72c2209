"""The doctor sees what is wrong, says what to do, and never falls ill itself."""

from importlib.metadata import version

import pytest

from robot_cell.cli import doctor
from robot_cell.cli.doctor import Finding, Verdict, run_checks, worst


def test_this_machine_can_run_a_plant():
    findings = run_checks()
    ill = [finding for finding in findings if finding.verdict is Verdict.ERROR]
    assert ill == []


def test_a_shell_without_env_sh_is_told_so():
    (finding,) = doctor.check_environment({"AMENT_PREFIX_PATH": "/opt/nothing"})
    assert finding.verdict is Verdict.ERROR
    assert "robot_cell_interfaces" in finding.found
    assert "env.sh" in finding.mend


def test_an_environment_that_leads_to_all_packages_is_fine(tmp_path):
    index = tmp_path / "share/ament_index/resource_index/packages"
    index.mkdir(parents=True)
    for package in ("robot_cell", "robot_cell_interfaces", "control_msgs", "rclpy"):
        (index / package).touch()
    env = {"AMENT_PREFIX_PATH": str(tmp_path), "ROS_DOMAIN_ID": "42", "ROS_DISTRO": "kilted"}
    (finding,) = doctor.check_environment(env)
    assert finding.verdict is Verdict.OK
    assert "domain 42" in finding.found


def test_another_version_than_locked_is_a_warning(tmp_path):
    lock = tmp_path / "lock.txt"
    lock.write_text(f"pytest=={version('pytest')}\nnumpy==0.0.1  # for x\nno-such-package==1.0\n")
    (finding,) = doctor.check_locked_versions([lock])
    assert finding.verdict is Verdict.WARNING
    assert "numpy is" in finding.found
    assert "no-such-package is nothing" in finding.found
    assert "pytest" not in finding.found


def test_shared_memory_that_is_not_mounted_is_an_error(tmp_path):
    (finding,) = doctor.check_shared_memory(tmp_path / "shm")
    assert finding.verdict is Verdict.ERROR


@pytest.mark.parametrize("check", [doctor.check_shared_memory, doctor.check_disk])
def test_too_little_room_is_an_error(check, monkeypatch, tmp_path):
    class Usage:
        free = 2**20

    monkeypatch.setattr(doctor.shutil, "disk_usage", lambda folder: Usage)
    (finding,) = check(tmp_path)
    assert finding.verdict is Verdict.ERROR
    assert "1 MB" in finding.found


def test_a_user_without_real_time_priority_is_warned(monkeypatch):
    monkeypatch.setattr(doctor.os, "geteuid", lambda: 1000)
    monkeypatch.setattr(doctor.resource, "getrlimit", lambda which: (0, 0))
    (finding,) = doctor.check_real_time()
    assert finding.verdict is Verdict.WARNING
    assert "limits.d" in finding.mend


def test_a_check_that_breaks_is_a_finding_and_hides_no_other():
    def check_the_impossible():
        raise RuntimeError("boom")

    fine = Finding("x", Verdict.OK, "fine")
    findings = run_checks([check_the_impossible, lambda: [fine]])
    assert findings[0].verdict is Verdict.ERROR
    assert findings[0].name == "the impossible"
    assert "boom" in findings[0].found
    assert findings[1] == fine


def test_every_error_and_warning_comes_with_advice():
    for finding in run_checks():
        assert finding.verdict is Verdict.OK or finding.mend


def test_the_gravest_verdict_counts():
    ok, warning = Finding("a", Verdict.OK, ""), Finding("b", Verdict.WARNING, "")
    assert worst([]) is Verdict.OK
    assert worst([ok, warning, ok]) is Verdict.WARNING

"""What the operating system lacks is installed with apt, and only that."""

import pytest
from set_up import system_packages
from set_up.console import Console, StepError
from set_up.machine import Machine
from set_up.system_packages import (
    SystemPackage,
    install_missing,
    install_missing_for_tests,
)


@pytest.fixture
def machine(tmp_path):
    return Machine(root=tmp_path, python=tmp_path / "python3", underlay=None)


@pytest.fixture
def console(tmp_path):
    return Console("system packages", tmp_path / "log", "")


@pytest.fixture
def bin_folder(tmp_path, monkeypatch):
    folder = tmp_path / "bin"
    folder.mkdir()
    monkeypatch.setenv("PATH", str(folder))
    return folder


def program(folder, name, script):
    file = folder / name
    file.write_text(f"#!/bin/sh\n{script}\n")
    file.chmod(0o755)


@pytest.fixture
def apt(bin_folder, tmp_path):
    """An apt that knows a package only after an update, and notes how it was called."""
    calls = tmp_path / "calls"
    program(
        bin_folder,
        "apt-get",
        f'echo "$@" >> {calls}\ncase "$*" in *update*) : > {tmp_path}/updated ;; esac',
    )
    answer = "echo '  Candidate: 1.0'"
    program(bin_folder, "apt-cache", f"[ -e {tmp_path}/updated ] && {answer} || true")
    return calls


def wants(monkeypatch, *missing):
    packages = [SystemPackage("there", lambda: True, "nothing")]
    packages += [SystemPackage(name, lambda: False, "this test") for name in missing]
    monkeypatch.setattr(system_packages, "wanted", lambda: packages)


def test_apt_is_not_called_when_all_is_there(machine, console, apt, monkeypatch):
    wants(monkeypatch)
    install_missing(machine, console)
    assert not apt.exists()


def test_root_updates_the_lists_if_needed_and_installs_what_is_missing(
    machine, console, apt, monkeypatch, capsys
):
    monkeypatch.setattr(system_packages.os, "geteuid", lambda: 0)
    wants(monkeypatch, "cmake", "g++")
    install_missing(machine, console)
    update, install = apt.read_text().splitlines()
    assert update.endswith("update")
    assert install.endswith("install --yes --no-install-recommends cmake g++")
    assert "missing: cmake (for this test)" in capsys.readouterr().out


def test_lists_that_are_there_are_used_as_they_are(machine, console, apt, monkeypatch, tmp_path):
    monkeypatch.setattr(system_packages.os, "geteuid", lambda: 0)
    (tmp_path / "updated").touch()
    wants(monkeypatch, "cmake")
    install_missing(machine, console)
    assert len(apt.read_text().splitlines()) == 1


def test_a_user_installs_with_sudo(machine, console, apt, bin_folder, monkeypatch):
    monkeypatch.setattr(system_packages.os, "geteuid", lambda: 1000)
    program(bin_folder, "sudo", 'exec "$@"')
    wants(monkeypatch, "cmake")
    install_missing(machine, console)
    assert console.log.read_text().count("$ sudo apt-get") == 2


def test_a_user_without_sudo_is_told_what_to_install(machine, console, apt, monkeypatch):
    monkeypatch.setattr(system_packages.os, "geteuid", lambda: 1000)
    wants(monkeypatch, "cmake", "g++")
    with pytest.raises(StepError, match="neither root nor sudo") as caught:
        install_missing(machine, console)
    assert "install by hand: cmake g++" in caught.value.report()
    assert not apt.exists()


def test_another_system_than_debian_is_told_too(machine, console, bin_folder, monkeypatch):
    wants(monkeypatch, "cmake")
    with pytest.raises(StepError, match="no apt-get") as caught:
        install_missing(machine, console)
    assert "cmake" in caught.value.report()


def test_a_failing_apt_is_reported_with_its_log(machine, console, bin_folder, monkeypatch):
    monkeypatch.setattr(system_packages.os, "geteuid", lambda: 0)
    program(bin_folder, "apt-get", "echo 'E: no network'; exit 100")
    program(bin_folder, "apt-cache", "true")
    wants(monkeypatch, "cmake")
    with pytest.raises(StepError, match="ended with 100") as caught:
        install_missing(machine, console)
    assert "E: no network" in caught.value.report()


def test_what_only_the_tests_need_is_left_alone_without_them(machine, console, apt, monkeypatch):
    monkeypatch.setattr(system_packages.os, "geteuid", lambda: 0)
    wants(monkeypatch)
    lacking = [SystemPackage("socat", lambda: False, "this test")]
    monkeypatch.setattr(system_packages, "wanted_by_tests", lambda: lacking)
    install_missing(machine, console)
    assert not apt.exists()
    install_missing_for_tests(machine, console)
    assert apt.read_text().splitlines()[-1].endswith("install --yes --no-install-recommends socat")

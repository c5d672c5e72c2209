"""What a controller of a real cell needs besides what every machine needs, and how to mend it.

Each check reads the files of `deploy/` and looks whether the machine is as they say. `root` is the
file system that is looked at, so that the checks can be tried on one that is made up.
"""

from __future__ import annotations

import grp
import os
import platform
import pwd
import stat
from collections.abc import Iterable
from functools import partial
from pathlib import Path
from typing import Final

from robot_cell.bringup.executables import package_share
from robot_cell.cli.doctor import Check, Finding, Verdict

__all__ = ["controller_checks", "port_checks"]

USER: Final = "robot_cell"
SERIAL_GROUP: Final = "dialout"
PLACES: Final = {
    "systemd": "etc/systemd/system",
    "udev": "etc/udev/rules.d",
    "sysctl.d": "etc/sysctl.d",
    "tmpfiles.d": "etc/tmpfiles.d",
    "limits.d": "etc/security/limits.d",
}
"""Where the files of each folder of `deploy/` belong, below the root."""

_AFTERWARDS: Final = {
    "systemd": "sudo systemctl daemon-reload",
    "udev": "sudo udevadm control --reload",
    "sysctl.d": "sudo sysctl --system",
    "tmpfiles.d": "sudo systemd-tmpfiles --create",
    "limits.d": "log in again",
}
_MADE_TO_BE_CHANGED: Final = ("udev",)
_TIME_SERVERS: Final = (
    "run/systemd/timesync/synchronized",
    "run/chrony/chronyd.pid",
    "run/ntpd.pid",
    "run/ptp4l",
)


def check_kernel(root: Path = Path("/"), version: str | None = None) -> list[Finding]:
    """A kernel that can be interrupted nearly anywhere (PREEMPT_RT)."""
    found = platform.version() if version is None else version
    flag = root / "sys/kernel/realtime"
    if "PREEMPT_RT" in found or (flag.is_file() and flag.read_text().strip() == "1"):
        return [Finding("kernel", Verdict.OK, f"PREEMPT_RT: {found}")]
    mend = (
        "Ubuntu: `sudo pro enable realtime-kernel`; Debian: `sudo apt install "
        "linux-image-rt-amd64`; then restart. Without it a 500 Hz servo misses cycles under load"
    )
    return [Finding("kernel", Verdict.WARNING, f"not PREEMPT_RT: {found}", mend)]


def check_governor(root: Path = Path("/")) -> list[Finding]:
    """Processor clocks that stay up."""
    cpus = root / "sys/devices/system/cpu"
    governors = {f.read_text().strip() for f in cpus.glob("cpu[0-9]*/cpufreq/scaling_governor")}
    if not governors:
        return [Finding("processor clocks", Verdict.OK, "not the kernel's to change")]
    found = ", ".join(sorted(governors))
    if governors == {"performance"}:
        return [Finding("processor clocks", Verdict.OK, found)]
    mend = "`sudo systemd-tmpfiles --create` with deploy/tmpfiles.d/robot-cell.conf installed"
    return [Finding("processor clocks", Verdict.WARNING, found, mend)]


def check_kernel_settings(deploy: Path, root: Path = Path("/")) -> list[Finding]:
    """Every setting of `deploy/sysctl.d` is in force; buffers may be larger."""
    findings = []
    for file in sorted((deploy / "sysctl.d").glob("*.conf")):
        for name, wanted in _settings(file):
            place = root / "proc/sys" / name.replace(".", "/")
            if not place.is_file():
                findings.append(Finding(name, Verdict.OK, "unknown to this kernel"))
                continue
            value = place.read_text().strip()
            enough = value == wanted or (name.startswith("net.core.") and int(value) > int(wanted))
            verdict = Verdict.OK if enough else Verdict.WARNING
            mend = (
                ""
                if enough
                else f"should be {wanted}: `sudo sysctl -p deploy/sysctl.d/{file.name}`"
            )
            findings.append(Finding(name, verdict, value, mend))
    return findings


def check_installed_files(deploy: Path, root: Path = Path("/")) -> list[Finding]:
    """The files of `deploy/` are where the system reads them, and as they are here."""
    findings = []
    for folder, place in PLACES.items():
        for file in sorted(path for path in (deploy / folder).iterdir() if path.is_file()):
            there, name = root / place / file.name, f"{folder}/{file.name}"
            after = _AFTERWARDS[folder]
            mend = f"`sudo install -m 644 deploy/{folder}/{file.name} /{place}/`, then {after}"
            if not there.is_file():
                found = f"not in /{place}"
                findings.append(Finding(name, Verdict.WARNING, found, mend))
            elif folder not in _MADE_TO_BE_CHANGED and there.read_bytes() != file.read_bytes():
                found = f"in /{place}, with other content; changes belong into a file of their own"
                findings.append(Finding(name, Verdict.WARNING, found, mend))
            else:
                findings.append(Finding(name, Verdict.OK, f"in /{place}"))
    return findings


def check_service(root: Path = Path("/")) -> list[Finding]:
    """Something of the plant starts with the machine."""
    wants = root / "etc/systemd/system/multi-user.target.wants"
    enabled = sorted(path.name for path in wants.glob("robot-cell-*.service"))
    if enabled:
        return [Finding("service", Verdict.OK, ", ".join(enabled))]
    mend = "`sudo systemctl enable --now robot-cell-plant`, or robot-cell-cell@NAME for one cell"
    return [Finding("service", Verdict.WARNING, "nothing starts with the machine", mend)]


def check_user() -> list[Finding]:
    """The user of the units, with the right to use serial ports."""
    try:
        user = pwd.getpwnam(USER)
    except KeyError:
        mend = (
            f"`sudo useradd --system --groups {SERIAL_GROUP} --home-dir /var/lib/robot_cell {USER}`"
        )
        return [Finding("user", Verdict.WARNING, f"no user {USER}", mend)]
    groups = {grp.getgrgid(number).gr_name for number in os.getgrouplist(USER, user.pw_gid)}
    if SERIAL_GROUP not in groups:
        mend = f"`sudo usermod --append --groups {SERIAL_GROUP} {USER}`"
        return [Finding("user", Verdict.WARNING, f"{USER} is not in {SERIAL_GROUP}", mend)]
    return [Finding("user", Verdict.OK, f"{USER}, in {SERIAL_GROUP}")]


def check_wall_clock(root: Path = Path("/")) -> list[Finding]:
    """The wall clock follows a time server: due dates and the journals of controllers agree."""
    running = [name for name in _TIME_SERVERS if (root / name).exists()]
    if running:
        return [Finding("wall clock", Verdict.OK, f"is set by a time server (/{running[0]})")]
    mend = "`sudo timedatectl set-ntp true`, or install chrony"
    return [Finding("wall clock", Verdict.WARNING, "follows no time server", mend)]


def check_serial_ports(plant: Path) -> list[Finding]:
    """Every serial port that a plant file names is there, and may be used.

    Raises:
        PlantFileError: the plant file cannot be read.
    """
    from robot_cell.model.plant_file import load_plant

    findings = []
    for cell_name, cell in load_plant(plant).cells.items():
        for bus_name, bus in cell.buses.items():
            name, port = f"{cell_name}/{bus_name}", Path(bus.port)
            if not port.is_absolute():
                findings.append(
                    Finding(name, Verdict.OK, f"{port}: in the run directory, simulated")
                )
            elif not port.exists():
                mend = "plug it in; name it in deploy/udev/70-robot-cell.rules; look at `dmesg`"
                findings.append(Finding(name, Verdict.ERROR, f"there is no {port}", mend))
            elif not stat.S_ISCHR(port.stat().st_mode):
                mend = "name the serial port itself"
                findings.append(Finding(name, Verdict.ERROR, f"{port} is no device", mend))
            elif not os.access(port, os.R_OK | os.W_OK):
                mend = f"be in the group {SERIAL_GROUP}, or run it as {USER}"
                findings.append(Finding(name, Verdict.WARNING, f"{port} may not be used", mend))
            else:
                findings.append(Finding(name, Verdict.OK, str(port.resolve())))
    return findings


def controller_checks() -> tuple[Check, ...]:
    """The checks of this machine as a controller."""
    deploy = package_share("robot_cell") / "deploy"
    return (
        check_kernel,
        check_governor,
        _named(partial(check_kernel_settings, deploy), check_kernel_settings.__name__),
        _named(partial(check_installed_files, deploy), check_installed_files.__name__),
        check_service,
        check_user,
        check_wall_clock,
    )


def port_checks(plant: Path) -> tuple[Check, ...]:
    """The check of the serial ports of a plant."""
    return (_named(partial(check_serial_ports, plant), check_serial_ports.__name__),)


def _named(check: partial[list[Finding]], name: str) -> Check:
    def run() -> list[Finding]:
        return check()

    run.__name__ = name
    return run


def _settings(file: Path) -> Iterable[tuple[str, str]]:
    for line in file.read_text().splitlines():
        name, equals, value = line.partition("=")
        if equals and not line.startswith(("#", ";")):
            yield name.strip(), value.strip()

"""Looks whether this machine can run a plant, and says what to do where it cannot.

Each check is a plain function that returns its findings; `run_checks` runs them all. Nothing is
changed on the machine, and a check that fails never hides the ones after it.
"""

from __future__ import annotations

import importlib
import importlib.util
import os
import pty
import re
import resource
import shutil
import sys
import termios
import tty
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from enum import Enum
from importlib.metadata import PackageNotFoundError, entry_points, version
from pathlib import Path
from typing import Final

__all__ = ["CHECKS", "Check", "Finding", "Verdict", "run_checks", "worst"]

_MIN_FREE_DISK_MB: Final = 500
# Fast DDS keeps about 0.6 MB of segments and ports for each process; a plant has about ten.
_MIN_FREE_SHM_MB: Final = 32
_DRIVER_GROUPS: Final = ("robot_cell.arm_drivers", "robot_cell.fixture_drivers")
_PIN: Final = re.compile(r"^([\w.-]+)==([^\s;#]+)")


class Verdict(str, Enum):
    """How a finding bears on a run."""

    OK = "ok"
    WARNING = "warning"  # a run works, with the limitation that is described
    ERROR = "error"  # a run cannot work


@dataclass(frozen=True)
class Finding:
    """One thing that was looked at.

    Attributes:
        name: what was looked at.
        verdict: how it bears on a run.
        found: what was found.
        mend: what to do about it; empty if nothing.
    """

    name: str
    verdict: Verdict
    found: str
    mend: str = ""

    @property
    def ok(self) -> bool:
        """Whether a run works in spite of it."""
        return self.verdict is not Verdict.ERROR


def check_python() -> list[Finding]:
    """The interpreter: supported, and the one that set-up made."""
    found = f"{sys.version.split()[0]} in {sys.prefix}"
    if sys.version_info[:2] in ((3, 11), (3, 12)):
        return [Finding("Python", Verdict.OK, found)]
    return [Finding("Python", Verdict.ERROR, found, "set up with Python 3.11 or 3.12")]


def check_environment(environment: Mapping[str, str] | None = None) -> list[Finding]:
    """The shell environment that env.sh makes."""
    env = os.environ if environment is None else environment
    prefixes = [Path(entry) for entry in env.get("AMENT_PREFIX_PATH", "").split(":") if entry]
    missing = [
        package
        for package in ("robot_cell", "robot_cell_interfaces", "control_msgs", "rclpy")
        if not any(
            (prefix / "share/ament_index/resource_index/packages" / package).exists()
            for prefix in prefixes
        )
    ]
    if missing:
        found = f"AMENT_PREFIX_PATH does not lead to {', '.join(missing)}"
        mend = "`. ./env.sh` in the folder of robot_cell; `make setup` writes it"
        return [Finding("environment", Verdict.ERROR, found, mend)]
    domain = env.get("ROS_DOMAIN_ID", "0")
    reach = env.get("ROS_AUTOMATIC_DISCOVERY_RANGE", "SUBNET")
    if env.get("FASTDDS_DEFAULT_PROFILES_FILE", "").endswith("/dds_loopback.xml"):
        reach = "on this machine"
    found = f"ROS 2 {env.get('ROS_DISTRO', '?')}, domain {domain}, discovery {reach}"
    return [Finding("environment", Verdict.OK, found)]


def check_imports() -> list[Finding]:
    """The packages that a run imports."""
    findings = []
    for module in (
        "rclpy",
        "robot_cell_interfaces.action",
        "control_msgs.action",
        "pinocchio",
        "coal",
        "ortools",
        "mujoco",
        "pydantic",
        "sqlalchemy",
        "serial",
    ):
        try:
            loaded = importlib.import_module(module)
        except Exception as error:  # a broken binary may raise anything
            found = f"cannot be imported: {type(error).__name__}: {error}"
            findings.append(Finding(module, Verdict.ERROR, found, "`. ./env.sh`, or `make setup`"))
        else:
            where = getattr(loaded, "__version__", None) or "imported"
            findings.append(Finding(module, Verdict.OK, str(where)))
    return findings


def check_locked_versions(lock_files: Iterable[Path] | None = None) -> list[Finding]:
    """The installed versions against the lock files of the working tree, where there is one."""
    if lock_files is None:
        folder = Path(__file__).resolve().parents[2] / "deploy" / "requirements"
        lock_files = [folder / "robot_cell.txt"]
    different = []
    count = 0
    for file in lock_files:
        if not file.is_file():
            found = f"no {file.name} here: not a working tree"
            return [Finding("locked versions", Verdict.OK, found)]
        for line in file.read_text().splitlines():
            pin = _PIN.match(line)
            if pin is None:
                continue
            count += 1
            try:
                there = version(pin[1])
            except PackageNotFoundError:
                there = "nothing"
            if there != pin[2]:
                different.append(f"{pin[1]} is {there}, locked {pin[2]}")
    if different:
        return [Finding("locked versions", Verdict.WARNING, "; ".join(different), "`make setup`")]
    return [Finding("locked versions", Verdict.OK, f"{count} packages as locked")]


def check_launch() -> list[Finding]:
    """Which implementation of launch starts the plant."""
    try:
        spec = importlib.util.find_spec("launch.launch_service")
    except ModuleNotFoundError:
        spec = None
    found = "ROS 2's launch" if spec else "our own reader of launch files"
    return [Finding("launch", Verdict.OK, found)]


def check_drivers() -> list[Finding]:
    """Every registered driver can be loaded."""
    findings = []
    for group in _DRIVER_GROUPS:
        points = sorted(entry_points(group=group), key=lambda point: point.name)
        broken = []
        for point in points:
            try:
                point.load()
            except Exception as error:  # other people's packages may raise anything
                broken.append(f"{point.name} ({point.value}): {error}")
        names = ", ".join(point.name for point in points)
        if broken:
            mend = "mend or uninstall the package that registers it"
            findings.append(Finding(group, Verdict.ERROR, "; ".join(broken), mend))
        elif not points:
            findings.append(Finding(group, Verdict.ERROR, "none registered", "`make setup`"))
        else:
            findings.append(Finding(group, Verdict.OK, names))
    return findings


def check_pseudo_terminals() -> list[Finding]:
    """Simulated fixtures answer behind pseudo-terminals."""
    try:
        ours, theirs = pty.openpty()
    except OSError as error:
        mend = "mount devpts, or raise kernel.pty.max"
        return [Finding("pseudo-terminals", Verdict.ERROR, str(error), mend)]
    try:
        tty.setraw(theirs)
        os.write(ours, b"?")
        answer = os.read(theirs, 1)
    except (OSError, termios.error) as error:
        return [Finding("pseudo-terminals", Verdict.ERROR, str(error), "mount devpts anew")]
    finally:
        os.close(ours)
        os.close(theirs)
    verdict = Verdict.OK if answer == b"?" else Verdict.ERROR
    return [Finding("pseudo-terminals", verdict, "a byte comes through unchanged")]


def check_shared_memory(folder: Path = Path("/dev/shm")) -> list[Finding]:
    """Room for the segments of DDS and for the pages of the plant's clock."""
    if not folder.is_dir():
        return [Finding("shared memory", Verdict.ERROR, f"no {folder}", f"mount tmpfs on {folder}")]
    free_mb = shutil.disk_usage(folder).free // 2**20
    found = f"{free_mb} MB free in {folder}"
    if free_mb < _MIN_FREE_SHM_MB:
        mend = "end stale ROS 2 processes, or give the container more (--shm-size)"
        return [Finding("shared memory", Verdict.ERROR, found, mend)]
    return [Finding("shared memory", Verdict.OK, found)]


def check_disk(folder: Path | None = None) -> list[Finding]:
    """Room for the journal and the logs."""
    place = Path.cwd() if folder is None else folder
    free_mb = shutil.disk_usage(place).free // 2**20
    found = f"{free_mb} MB free in {place}"
    if free_mb < _MIN_FREE_DISK_MB:
        return [Finding("disk", Verdict.ERROR, found, "make room, or run in another folder")]
    return [Finding("disk", Verdict.OK, found)]


def check_real_time() -> list[Finding]:
    """Whether the servo process may have a real-time priority and keep its memory in place."""
    priority = resource.getrlimit(resource.RLIMIT_RTPRIO)[1]
    locked = resource.getrlimit(resource.RLIMIT_MEMLOCK)[1]
    is_root = os.geteuid() == 0
    lacking = []
    if not is_root and priority == 0:
        lacking.append("no real-time priority (rtprio)")
    if not is_root and locked != resource.RLIM_INFINITY and locked < 512 * 2**20:
        lacking.append(f"only {locked // 2**20} MB of locked memory (memlock)")
    if lacking:
        mend = "raise both for this user in /etc/security/limits.d before moving a real arm"
        return [Finding("real time", Verdict.WARNING, ", ".join(lacking), mend)]
    cores = len(os.sched_getaffinity(0))
    return [Finding("real time", Verdict.OK, f"priority and locked memory allowed, {cores} cores")]


Check = Callable[[], list[Finding]]

CHECKS: Final[tuple[Check, ...]] = (
    check_python,
    check_environment,
    check_imports,
    check_locked_versions,
    check_launch,
    check_drivers,
    check_pseudo_terminals,
    check_shared_memory,
    check_disk,
    check_real_time,
)


def run_checks(checks: Iterable[Check] = CHECKS) -> list[Finding]:
    """Run the checks; one that breaks is itself a finding."""
    findings: list[Finding] = []
    for check in checks:
        try:
            findings += check()
        except Exception as error:  # the doctor never falls ill
            name = check.__name__.removeprefix("check_").replace("_", " ")
            found = f"could not be looked at: {type(error).__name__}: {error}"
            findings.append(Finding(name, Verdict.ERROR, found, "report this as a bug"))
    return findings


def worst(findings: Iterable[Finding]) -> Verdict:
    """The gravest verdict; OK if there are no findings."""
    order = list(Verdict)
    return max((finding.verdict for finding in findings), key=order.index, default=Verdict.OK)

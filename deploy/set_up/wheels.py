"""Brings the virtual environment to exactly what the lock files say."""

from __future__ import annotations

import os
import re
import sys
import sysconfig
from pathlib import Path

from console import Console, say
from machine import Machine

_LOCK_LINE = re.compile(
    r"(?P<name>[\w.-]+)==(?P<version>[^\s;#]+)"
    r"(?:\s*;\s*python_version == \"(?P<python>[\d.]+)\")?\s*(?:#.*)?"
)
# The wheels of ROS 2 carry the paths of the machine that built them in their exported CMake files.
_BUILDER_NUMPY = re.compile(r"/opt/python/[^;\"\s]*/site-packages/numpy/_core/include")
_BUILDER_PYTHON = re.compile(r"/opt/python/[^;\"\s/]*/include/python3\.\d+")
# What the compiled messages of a ROS 2 installation were built against is not replaced.
_UNDERLAY_DECIDES = frozenset({"numpy"})


def lock_files(machine: Machine) -> list[Path]:
    """The lock files that apply to this machine."""
    stems = ["robot_cell", "tools"] if machine.underlay else ["robot_cell", "ros2", "tools"]
    return [machine.root / "deploy" / "requirements" / f"{stem}.txt" for stem in stems]


def read_lock(files: list[Path]) -> dict[str, str]:
    """Package name (normalised) to version, for this Python.

    Raises:
        ValueError: naming file and line, if a line is neither a pin nor a comment.
    """
    python = f"{sys.version_info.major}.{sys.version_info.minor}"
    pins: dict[str, str] = {}
    for file in files:
        for number, line in enumerate(file.read_text().splitlines(), start=1):
            text = line.strip()
            if not text or text.startswith("#"):
                continue
            match = _LOCK_LINE.fullmatch(text)
            if match is None:
                raise ValueError(f"{file}:{number}: not a pinned package: {text}")
            if match["python"] in (None, python):
                pins[normalised(match["name"])] = match["version"]
    return pins


def normalised(name: str) -> str:
    """A package name as registries compare it (PEP 503)."""
    return re.sub(r"[-_.]+", "-", name).lower()


def installed(site_packages: Path) -> dict[str, str]:
    """Package name (normalised) to version of what pip has finished installing there."""
    found = {}
    for record in site_packages.glob("*.dist-info/RECORD"):  # pip writes RECORD last
        name, _, version = record.parent.name.removesuffix(".dist-info").rpartition("-")
        found[normalised(name)] = version
    return found


def install_locked(machine: Machine, console: Console) -> None:
    """Install what is missing or of another version, remove what an older lock had.

    Raises:
        StepError: if pip fails.
    """
    pins = read_lock(lock_files(machine))
    if machine.underlay:
        pins = {name: pin for name, pin in pins.items() if name not in _UNDERLAY_DECIDES}
    there = installed(machine.site_packages)
    missing = {name: pin for name, pin in pins.items() if there.get(name) != pin}
    remembered = machine.state / "wheels.txt"
    gone = sorted(set(read_lock([remembered])) - set(pins)) if remembered.exists() else []
    pip = [machine.venv_python, "-m", "pip", "--disable-pip-version-check", "--no-input"]
    env = clean_environment()
    if gone:
        console.run([*pip, "uninstall", "--yes", *gone], env=env)
    if missing:
        say(f"      {len(missing)} of {len(pins)} packages to install")
        wanted = machine.state / "wheels.wanted.txt"
        wanted.write_text("".join(f"{name}=={pin}\n" for name, pin in sorted(missing.items())))
        quiet = ["--progress-bar", "off", "--no-warn-script-location", "--root-user-action=ignore"]
        # Nothing to resolve: the lock is complete. Byte code comes below, on every core.
        exactly = ["--no-deps", "--no-compile"]
        console.run([*pip, "install", *quiet, *exactly, "-r", wanted], env=env)
        compile_all = [machine.venv_python, "-m", "compileall", "-q", "-j", "0"]
        # Some packages ship templates and tests that are not Python for this version.
        skip = ["-x", r"/tests?/|/templates?/|lib2to3"]
        console.run([*compile_all, *skip, machine.site_packages], env=env)
    if machine.underlay is None:
        console.run([*pip, "check"], env=env)
        correct_cmake_paths(machine)
    remembered.write_text("".join(f"{name}=={pin}\n" for name, pin in sorted(pins.items())))


def correct_cmake_paths(machine: Machine) -> int:
    """Replace the include folders of the wheels' builder by those of this machine.

    Returns:
        How many files were changed.
    """
    numpy = str(machine.site_packages / "numpy" / "_core" / "include")
    python = sysconfig.get_paths()["include"]
    changed = 0
    for file in (machine.venv / "share").rglob("*.cmake"):
        text = file.read_text()
        corrected = _BUILDER_PYTHON.sub(python, _BUILDER_NUMPY.sub(numpy, text))
        if corrected != text:
            file.write_text(corrected)
            changed += 1
    return changed


def clean_environment() -> dict[str, str]:
    """This process's environment without what another workspace or make may have left in it."""
    foreign = {
        "AMENT_PREFIX_PATH",
        "CMAKE_PREFIX_PATH",
        "COLCON_PREFIX_PATH",
        "LD_LIBRARY_PATH",
        "MAKEFLAGS",
        "MAKELEVEL",
        "MFLAGS",
        "PYTHONHOME",
        "PYTHONPATH",
        "VIRTUAL_ENV",
        "_ROS_WHEELS_BOOTSTRAP_COMPLETE",
    }
    return {name: value for name, value in os.environ.items() if name not in foreign}

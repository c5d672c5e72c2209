"""The packages of the operating system that set-up needs, each with a way to see it is there."""

from __future__ import annotations

import ctypes
import importlib.util
import os
import shutil
import subprocess
import sys
import sysconfig
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from set_up.console import Console, StepError, say
from set_up.machine import Machine


def has_program(name: str) -> Callable[[], bool]:
    """Whether a program is on the path."""
    return lambda: shutil.which(name) is not None


def has_library(name: str) -> Callable[[], bool]:
    """Whether a shared library can be loaded."""

    def check() -> bool:
        try:
            ctypes.CDLL(name)
        except OSError:
            return False
        return True

    return check


def has_venv() -> bool:
    """Whether this Python can make virtual environments (Debian splits that off)."""
    return all(importlib.util.find_spec(name) for name in ("venv", "ensurepip"))


def has_headers() -> bool:
    """Whether extensions can be built for this Python."""
    return (Path(sysconfig.get_paths()["include"]) / "Python.h").is_file()


def has_postgresql() -> bool:
    """Whether there is a PostgreSQL server; Debian keeps its programs off the path."""
    return any(Path("/usr/lib/postgresql").glob("*/bin/initdb"))


def has_mosquitto() -> bool:
    """Whether there is an MQTT broker; Debian keeps it off the path of users."""
    return shutil.which("mosquitto", path=f"{os.environ.get('PATH', '')}:/usr/sbin") is not None


def has_dejavu() -> bool:
    """Whether there is a font to write with."""
    return Path("/usr/share/fonts/truetype/dejavu/DejaVuSans.ttf").is_file()


def has_noto_cjk() -> bool:
    """Whether Chinese is drawn with its own characters and not with boxes."""
    folder = Path("/usr/share/fonts/opentype/noto")
    return any(folder.glob("NotoSansCJK-*.ttc"))


def has_sdformat() -> bool:
    """Whether programs can be built with a libsdformat."""
    return any(Path("/usr/include").glob("sdformat-*/sdf"))


@dataclass(frozen=True)
class SystemPackage:
    """One package of Debian's."""

    name: str
    is_there: Callable[[], bool]
    used_for: str


def wanted() -> list[SystemPackage]:
    """Everything that is needed, whether there or not."""
    python = f"python{sys.version_info.major}.{sys.version_info.minor}"
    return [
        SystemPackage("ca-certificates", Path("/etc/ssl/certs").is_dir, "fetching wheels"),
        SystemPackage("cmake", has_program("cmake"), "building interfaces/"),
        SystemPackage("g++", has_program("g++"), "building interfaces/"),
        SystemPackage("ninja-build", has_program("ninja"), "building interfaces/"),
        SystemPackage(f"{python}-venv", has_venv, "the virtual environment"),
        SystemPackage(f"{python}-dev", has_headers, "building interfaces/"),
        SystemPackage("libegl1", has_library("libEGL.so.1"), "pictures without a screen"),
        SystemPackage("fonts-dejavu-core", has_dejavu, "reports as PDF"),
        SystemPackage("libpango-1.0-0", has_library("libpango-1.0.so.0"), "reports as PDF"),
        SystemPackage("libpangoft2-1.0-0", has_library("libpangoft2-1.0.so.0"), "reports as PDF"),
        SystemPackage("libgl1", has_library("libGL.so.1"), "pictures of the simulated plant"),
    ]


def wanted_by_tests() -> list[SystemPackage]:
    """What only `make test` needs: the real parts that the tests work with."""
    return [
        SystemPackage("chromium", has_program("chromium"), "the tests of pages"),
        SystemPackage("fonts-noto-cjk", has_noto_cjk, "the tests of pages in Chinese"),
        SystemPackage("mosquitto", has_mosquitto, "the tests of MQTT"),
        SystemPackage("libsdformat-dev", has_sdformat, "strict loading of Gazebo worlds"),
        SystemPackage("pkg-config", has_program("pkg-config"), "strict loading of Gazebo worlds"),
        SystemPackage("postgresql", has_postgresql, "the tests of the journal in PostgreSQL"),
        SystemPackage("socat", has_program("socat"), "the tests of serial lines"),
        SystemPackage("strace", has_program("strace"), "the tests of power cuts"),
    ]


def install_missing(machine: Machine, console: Console) -> None:
    """Install what is missing of what everybody needs.

    Raises:
        StepError: if that is not possible; the advice names the packages.
    """
    del machine
    install(wanted(), console)


def install_missing_for_tests(machine: Machine, console: Console) -> None:
    """Install what is missing of what the tests need.

    Raises:
        StepError: if that is not possible; the advice names the packages.
    """
    del machine
    install(wanted_by_tests(), console)


def install(packages: list[SystemPackage], console: Console) -> None:
    """Install with apt those that are not there.

    Raises:
        StepError: if that is not possible; the advice names the packages.
    """
    missing = [package for package in packages if not package.is_there()]
    if not missing:
        return
    names = [package.name for package in missing]
    by_hand = f"install by hand: {' '.join(names)}; then `make setup` again"
    for package in missing:
        say(f"      missing: {package.name} (for {package.used_for})")
    if shutil.which("apt-get") is None:
        raise StepError(console.title, "this is not a Debian: no apt-get", by_hand)
    become_root = [] if os.geteuid() == 0 else ["sudo"]
    if become_root and shutil.which("sudo") is None:
        raise StepError(console.title, "neither root nor sudo", by_hand)
    env = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
    apt = [*become_root, "apt-get", "-o", "DPkg::Lock::Timeout=120"]
    if not all(has_candidate(name) for name in names):
        console.run([*apt, "update"], env=env, advice=by_hand)
    command = [*apt, "install", "--yes", "--no-install-recommends", *names]
    console.run(command, env=env, advice=by_hand)
    still = [package.name for package in missing if not package.is_there()]
    if still:
        # A library that has just been installed is found by a new process at the latest.
        say(f"      installed, but not seen yet: {' '.join(still)}")


def has_candidate(name: str) -> bool:
    """Whether apt's lists, as they are, offer the package."""
    answer = subprocess.run(
        ["apt-cache", "policy", name], capture_output=True, text=True, check=False
    ).stdout
    return "Candidate:" in answer and "Candidate: (none)" not in answer

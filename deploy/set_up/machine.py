"""What set-up finds on this machine, and where it puts things."""

from __future__ import annotations

import os
import sys
from dataclasses import dataclass
from pathlib import Path

SUPPORTED_PYTHONS = ((3, 11), (3, 12))
ROOT = Path(__file__).resolve().parents[2]
COMPATIBLE = ("control_msgs", "controller_manager_msgs")
"""Packages of ros2_control of which `interfaces/compat` has the part that we use."""


class MachineError(Exception):
    """This machine cannot be set up as it is; the message says what to change."""


@dataclass(frozen=True)
class Machine:
    """The Python to use, the ROS 2 installation if there is one, and the folders."""

    root: Path
    python: Path
    # The prefix of a ROS 2 installation; None where ROS 2 comes as wheels.
    underlay: Path | None

    @classmethod
    def here(cls) -> Machine:
        """Look around.

        Raises:
            MachineError: if this Python is not supported, or the named ROS 2 is not there.
        """
        version = sys.version_info[:2]
        if version not in SUPPORTED_PYTHONS:
            wanted = " or ".join(f"{major}.{minor}" for major, minor in SUPPORTED_PYTHONS)
            found = ".".join(map(str, version))
            raise MachineError(
                f"Python {wanted} is needed, {sys.executable} is {found}. "
                "Name another one: make setup PYTHON=python3.11"
            )
        # Inside a virtual environment (ours, if env.sh was sourced) take the Python behind it.
        base = getattr(sys, "_base_executable", None) or sys.executable
        return cls(ROOT, Path(base), find_underlay(ROOT))

    @property
    def venv(self) -> Path:
        """The virtual environment."""
        return self.root / ".venv"

    @property
    def venv_python(self) -> Path:
        """Its interpreter."""
        return self.venv / "bin" / "python"

    @property
    def site_packages(self) -> Path:
        """Where its packages are."""
        return self.venv / "lib" / self.python_folder / "site-packages"

    @property
    def python_folder(self) -> str:
        """The folder name that Pythons of this version use below lib/: "python3.11"."""
        return f"python{sys.version_info.major}.{sys.version_info.minor}"

    @property
    def state(self) -> Path:
        """What set-up remembers: stamps and logs."""
        return self.root / ".setup"

    @property
    def prefix(self) -> Path:
        """The ament prefix in which ROS 2 finds our launch files and executables."""
        return self.state / "prefix"

    @property
    def install(self) -> Path:
        """Where colcon installs the interface packages."""
        return self.root / "install"

    @property
    def identity(self) -> str:
        """Whatever makes a virtual environment useless when it changes."""
        version = ".".join(map(str, sys.version_info[:3]))
        return f"{version} {sys.base_prefix} {self.root} {self.underlay or 'wheels'}"

    @property
    def described(self) -> str:
        """One line for the screen."""
        version = ".".join(map(str, sys.version_info[:3]))
        ros = f"ROS 2 of {self.underlay}" if self.underlay else "ROS 2 Kilted from wheels"
        return f"Python {version}, {ros}"

    def interface_packages(self) -> list[Path]:
        """The interface packages to build: those of ros2_control only where ROS 2 lacks them."""
        prefixes = [] if self.underlay is None else underlay_prefixes(self)
        interfaces = self.root / "interfaces"
        lacking = [
            interfaces / "compat" / name
            for name in COMPATIBLE
            if not any((prefix / "share" / name).is_dir() for prefix in prefixes)
        ]
        return [*lacking, interfaces / "robot_cell_interfaces"]

    def in_underlay(self, command: list[str | Path]) -> list[str | Path]:
        """The command, run in the shell environment of the ROS 2 installation if there is one."""
        if self.underlay is None:
            return command
        return ["sh", "-c", '. "$0/setup.sh"; exec "$@"', self.underlay, *command]


def find_underlay(root: Path) -> Path | None:
    """The ROS 2 installation to build on: named, sourced in this shell, or used the last time.

    Raises:
        MachineError: if ROBOT_CELL_ROS names a folder without ROS 2.
    """
    named = os.environ.get("ROBOT_CELL_ROS")
    if named == "wheels":
        return None
    if named:
        if not (Path(named) / "setup.sh").is_file():
            raise MachineError(f"ROBOT_CELL_ROS={named} is not a ROS 2 installation: no setup.sh")
        return Path(named)
    for entry in os.environ.get("AMENT_PREFIX_PATH", "").split(os.pathsep):
        prefix = Path(entry)
        if entry and not prefix.is_relative_to(root) and is_installation(prefix):
            return prefix
    remembered = root / ".setup" / "underlay"
    if remembered.is_file():
        prefix = Path(remembered.read_text().strip())
        if is_installation(prefix):
            return prefix
    return None


def is_installation(prefix: Path) -> bool:
    """Whether ROS 2 with rclpy is installed there, as its packages or a source build do it."""
    return (prefix / "share" / "rclpy").is_dir() and (prefix / "setup.sh").is_file()


def underlay_prefixes(machine: Machine) -> list[Path]:
    """Every prefix that is sourced together with the underlay."""
    entries = os.environ.get("AMENT_PREFIX_PATH", "").split(os.pathsep)
    outside = [Path(e) for e in entries if e and not Path(e).is_relative_to(machine.root)]
    return [*outside, *([machine.underlay] if machine.underlay else [])]

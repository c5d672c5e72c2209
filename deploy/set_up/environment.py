"""Writes env.sh: the shell environment of robot_cell, for sh, dash, bash and zsh."""

from __future__ import annotations

import shlex
from pathlib import Path

from set_up.machine import Machine

_HEAD = """\
# Written by set-up for this machine: `. ./env.sh`, from any folder, as often as you like.

# Move a folder to the front of a search path.
_robot_cell_front() {
    eval "_robot_cell_old=:\\${$1:-}:"
    case "$_robot_cell_old" in
        *":$2:"*) _robot_cell_old="${_robot_cell_old%%":$2:"*}:${_robot_cell_old#*":$2:"}" ;;
    esac
    _robot_cell_old="${_robot_cell_old#:}"
    _robot_cell_old="${_robot_cell_old%:}"
    eval "export $1=\\"\\$2\\${_robot_cell_old:+:\\$_robot_cell_old}\\""
}
"""
_TAIL = """\
# Stay on this machine unless told otherwise: a plant of several controllers sets SUBNET. A profile
# of one's own stays.
case "${FASTDDS_DEFAULT_PROFILES_FILE:-}" in
    "" | */launch/dds.xml | */launch/dds_loopback.xml)
        case "${ROS_AUTOMATIC_DISCOVERY_RANGE:-LOCALHOST}" in
            LOCALHOST | SYSTEM_DEFAULT)
                # What the range is, the profile says: the loopback interface.
                export ROS_AUTOMATIC_DISCOVERY_RANGE=SYSTEM_DEFAULT
                _robot_cell_profile=dds_loopback.xml ;;
            *) _robot_cell_profile=dds.xml ;;
        esac
        export FASTDDS_DEFAULT_PROFILES_FILE="$ROBOT_CELL_ROOT/launch/$_robot_cell_profile"
        unset _robot_cell_profile ;;
    *) export ROS_AUTOMATIC_DISCOVERY_RANGE="${ROS_AUTOMATIC_DISCOVERY_RANGE:-LOCALHOST}" ;;
esac

# Without a screen MuJoCo draws through EGL.
if [ -z "${DISPLAY:-}" ] && [ -z "${MUJOCO_GL:-}" ]; then export MUJOCO_GL=egl; fi

unset -f _robot_cell_front
unset _robot_cell_old
"""


def write(machine: Machine) -> None:
    """Write env.sh."""
    (machine.root / "env.sh").write_text(content(machine))


def content(machine: Machine) -> str:
    """The whole text of env.sh."""
    parts = [_HEAD, f"export ROBOT_CELL_ROOT={shlex.quote(str(machine.root))}"]
    if machine.underlay is not None:
        underlay = shlex.quote(str(machine.underlay))
        parts.append('case ":${AMENT_PREFIX_PATH:-}:" in')
        parts.append(f"    *:{underlay}:*) ;;\n    *) . {underlay}/setup.sh ;;\nesac")
    else:
        # The guard says that the library path below is complete: without it every start of Python
        # re-executes itself to complete it (docs/decisions/0001).
        parts.append("export ROS_DISTRO=kilted ROS_VERSION=2 ROS_PYTHON_VERSION=3")
        parts.append("export _ROS_WHEELS_BOOTSTRAP_COMPLETE=1")
    for variable, folders in search_paths(machine).items():
        front = f"_robot_cell_front {variable}"
        parts += [f"{front} {shlex.quote(str(folder))}" for folder in reversed(folders)]
    parts.append(_TAIL)
    return "\n".join(parts)


def search_paths(machine: Machine) -> dict[str, list[Path]]:
    """Each search path and what goes to its front, foremost first."""
    packages = [machine.install / package.name for package in machine.interface_packages()]
    prefixes = [machine.prefix, *packages]
    libraries = [package / "lib" for package in packages]
    if machine.underlay is None:
        prefixes.append(machine.venv)
        libraries.append(machine.venv / "lib")
        libraries += sorted(machine.site_packages.glob("ros_*.libs"))
    python = [package / "lib" / machine.python_folder / "site-packages" for package in packages]
    if machine.underlay is not None:
        # ROS 2's own setup puts its site-packages on PYTHONPATH, in front of any virtual
        # environment: ours must come before it.
        python.append(machine.site_packages)
    return {
        "PATH": [machine.venv / "bin"],
        "AMENT_PREFIX_PATH": prefixes,
        "CMAKE_PREFIX_PATH": prefixes,
        "LD_LIBRARY_PATH": libraries,
        "PYTHONPATH": python,
    }

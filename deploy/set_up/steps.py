"""The steps of set-up, in order."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import tomllib

from set_up import environment
from set_up.console import Console, StepError
from set_up.machine import COMPATIBLE, Machine
from set_up.node_peers import install_peers, peers_key, peers_made
from set_up.opcua import fetch_node_sets, import_types, node_sets_key, node_sets_made, types_key
from set_up.step import Step, content_hash
from set_up.system_packages import (
    install_missing,
    install_missing_for_tests,
    wanted,
    wanted_by_tests,
)
from set_up.web_pages import (
    build_pages,
    install_packages,
    packages_key,
    packages_made,
    pages_key,
    pages_made,
)
from set_up.wheels import clean_environment, install_locked, lock_files

# The console scripts that `ros2 run` and launch files start (setup.py).
EXECUTABLES = (
    "arm_node",
    "cell_node",
    "fixture_node",
    "gateway",
    "gazebo_server",
    "robot-cell",
    "scheduler_node",
    "sim_node",
    "supervisor",
)
# Imported once at the end: whatever is broken shows here and not in the middle of a run.
CHECKED_IMPORTS = (
    "rclpy",
    "control_msgs.action",
    "controller_manager_msgs.srv",
    "robot_cell_interfaces.action",
    "robot_cell_interfaces.msg",
    "robot_cell_interfaces.srv",
    "asyncua",
    "coal",
    "mujoco",
    "ortools.sat.python.cp_model",
    "pinocchio",
    "pydantic",
    "serial",
    "sqlalchemy",
)


def system_key(machine: Machine) -> str:
    """Hash of the wanted system packages."""
    return content_hash([machine.identity, *(package.name for package in wanted())])


def test_packages_key(machine: Machine) -> str:
    """Hash of the system packages that the tests want."""
    return content_hash([machine.identity, *(package.name for package in wanted_by_tests())])


def venv_key(machine: Machine) -> str:
    """Hash of what makes the virtual environment valid."""
    return content_hash([machine.identity])


def make_venv(machine: Machine, console: Console) -> None:
    """Make the virtual environment anew, and forget what was built with the old one."""
    for folder in (machine.venv, *built_folders(machine)):
        shutil.rmtree(folder, ignore_errors=True)
    (machine.state / "wheels.txt").unlink(missing_ok=True)
    (machine.root / "env.sh").unlink(missing_ok=True)
    options = ["--system-site-packages"] if machine.underlay else []
    command: list[str | Path] = [machine.python, "-m", "venv", *options, machine.venv]
    console.run(command, env=clean_environment())
    remembered = machine.state / "underlay"
    if machine.underlay:
        remembered.write_text(f"{machine.underlay}\n")
    else:
        remembered.unlink(missing_ok=True)


def built_folders(machine: Machine) -> list[Path]:
    """Where colcon builds and installs the interface packages."""
    names = (*COMPATIBLE, "robot_cell_interfaces")
    build, install = machine.root / "build", machine.install
    return [folder / name for name in names for folder in (build, install)]


def wheels_key(machine: Machine) -> str:
    """Hash of the lock files."""
    return content_hash([machine.identity], lock_files(machine))


def interfaces_key(machine: Machine) -> str:
    """Hash of the interface packages and of the ROS 2 that they are built with."""
    packages = [str(package) for package in machine.interface_packages()]
    lock = [file for file in lock_files(machine) if file.stem == "ros2"]
    texts = [machine.identity, *packages]
    return content_hash(texts, [*lock, *machine.interface_packages()])


def build_interfaces(machine: Machine, console: Console) -> None:
    """Build the interface packages with colcon."""
    build = machine.root / "build"
    made_with = build / "made_with"
    toolchain = content_hash([machine.identity], lock_files(machine)[1:2])
    if not (made_with.exists() and made_with.read_text() == toolchain):
        for folder in built_folders(machine):
            shutil.rmtree(folder, ignore_errors=True)
    build.mkdir(exist_ok=True)
    made_with.write_text(toolchain)
    env = clean_environment()
    env["PATH"] = f"{machine.venv / 'bin'}:{env['PATH']}"
    # Left to itself colcon makes the build wait while the machine has anything else to do.
    cores = len(os.sched_getaffinity(0))
    env |= {"MAKEFLAGS": f"-j{cores}", "CMAKE_BUILD_PARALLEL_LEVEL": str(cores)}
    if machine.underlay is None:
        env |= {
            "AMENT_PREFIX_PATH": str(machine.venv),
            "CMAKE_PREFIX_PATH": str(machine.venv),
            "LD_LIBRARY_PATH": str(machine.venv / "lib"),
        }
    command: list[str | Path] = [machine.venv / "bin" / "colcon"]
    command += ["--log-base", machine.root / "log", "build", "--base-paths"]
    command += machine.interface_packages()
    command += ["--build-base", build, "--install-base", machine.install]
    command += ["--event-handlers", "console_direct+", "console_stderr-", "--cmake-args", "-GNinja"]
    command += [f"-DPython3_EXECUTABLE={machine.venv_python}", "-DBUILD_TESTING=OFF"]
    console.run(machine.in_underlay(command), env=env, cwd=machine.root)


def package_key(machine: Machine) -> str:
    """Hash of what describes our own package to pip."""
    with (machine.root / "pyproject.toml").open("rb") as file:
        build_system = tomllib.load(file)["build-system"]
    files = [machine.root / name for name in ("setup.py", "setup.cfg")]
    return content_hash([machine.identity, repr(build_system)], files)


def install_package(machine: Machine, console: Console) -> None:
    """Install robot_cell in place, and show it to ROS 2."""
    pip: list[str | Path] = [machine.venv_python, "-m", "pip", "--disable-pip-version-check"]
    in_place = ["install", "--no-build-isolation", "--no-deps", "--root-user-action=ignore", "-e"]
    console.run([*pip, *in_place, machine.root], env=clean_environment(), cwd=machine.root)
    # An ament prefix whose share folder is the working tree: launch files, plant files and worlds
    # are found by ROS 2 as they are now, not as they were at set-up.
    shutil.rmtree(machine.prefix, ignore_errors=True)
    index = machine.prefix / "share" / "ament_index" / "resource_index" / "packages"
    index.mkdir(parents=True)
    (index / "robot_cell").touch()
    (machine.prefix / "share" / "robot_cell").symlink_to(machine.root)
    executables = machine.prefix / "lib" / "robot_cell"
    executables.mkdir(parents=True)
    for name in EXECUTABLES:
        program = machine.venv / "bin" / name
        if not program.exists():
            raise StepError(console.title, f"pip made no {name}", "see setup.py", console.log)
        (executables / name).symlink_to(program)


def environment_key(machine: Machine) -> str:
    """Hash of env.sh as it ought to be."""
    return content_hash([environment.content(machine)])


def write_environment(machine: Machine, console: Console) -> None:
    """Write env.sh."""
    del console
    environment.write(machine)


def check_key(machine: Machine) -> str:
    """Hash of everything above."""
    keys = (wheels_key, interfaces_key, package_key, environment_key)
    return content_hash(key(machine) for key in keys)


def check_imports(machine: Machine, console: Console) -> None:
    """Import in the environment of env.sh whatever a run imports."""
    script = "; ".join(f"import {name}" for name in CHECKED_IMPORTS)
    shell = f'. "{machine.root / "env.sh"}" && exec python -c "$0"'
    console.run(["sh", "-c", shell, script], env=clean_environment(), cwd=machine.state)


def warm_up_key(machine: Machine) -> str:
    """Hash of what is compiled and planned ahead."""
    names = ("planners", "urdf", "robot_cell/programs", "robot_cell/model", "examples")
    folders = [machine.root / name for name in names]
    sources = [file for folder in folders for file in sorted(folder.rglob("*")) if _counts(file)]
    return content_hash([wheels_key(machine)], sources)


def _counts(file: Path) -> bool:
    return file.is_file() and file.suffix in (".py", ".xacro", ".yaml")


def warm_up(machine: Machine, console: Console) -> None:
    """Compile the planners and plan the programs of the example plant."""
    shell = f'. "{machine.root / "env.sh"}" && exec robot-cell warm-up "$0"'
    plant = machine.root / "examples" / "housing_plant.yaml"
    console.run(["sh", "-c", shell, plant], env=clean_environment(), cwd=machine.state)


def makes_nothing(machine: Machine) -> list[Path]:
    """No file: the step is done when its stamp says so."""
    del machine
    return []


_NPM_ADVICE = "check the network and npm's settings (`npm config list`), then `make setup` again"
_FETCH_ADVICE = "check the network and pip's settings (`pip config list`), then `make setup` again"

STEPS = (
    Step(
        "system_packages",
        "system packages",
        system_key,
        makes_nothing,
        install_missing,
        "read the log, correct it, then `make setup` again",
    ),
    Step(
        "venv",
        "virtual environment .venv",
        venv_key,
        lambda machine: [machine.venv_python],
        make_venv,
        "name a Python with venv: make setup PYTHON=python3.11",
    ),
    Step(
        "wheels",
        "packages of the lock files",
        wheels_key,
        lambda machine: [machine.state / "wheels.txt"],
        install_locked,
        _FETCH_ADVICE,
    ),
    Step(
        "interfaces",
        "ROS 2 interfaces",
        interfaces_key,
        lambda machine: [machine.install / p.name / "lib" for p in machine.interface_packages()],
        build_interfaces,
        "read the compiler's first error in the log; `make clean setup` starts from nothing",
    ),
    Step(
        "package",
        "robot_cell itself",
        package_key,
        lambda machine: [machine.venv / "bin" / "robot-cell", machine.prefix / "lib"],
        install_package,
        "setup.py and pyproject.toml say how it is installed",
    ),
    Step(
        "environment",
        "env.sh",
        environment_key,
        lambda machine: [machine.root / "env.sh"],
        write_environment,
        "",
    ),
    Step(
        "check",
        "check that everything can be imported",
        check_key,
        makes_nothing,
        check_imports,
        "`make clean setup` installs everything anew",
    ),
    Step(
        "web_packages",
        "packages of the web pages",
        packages_key,
        packages_made,
        install_packages,
        _NPM_ADVICE,
    ),
    Step(
        "web_pages",
        "web pages",
        pages_key,
        pages_made,
        build_pages,
        "read the first error in the log; `npm run build` in web/ does the same alone",
    ),
    Step(
        "opcua_packages",
        "NodeSets of OPC UA",
        node_sets_key,
        node_sets_made,
        fetch_node_sets,
        _NPM_ADVICE,
    ),
    Step(
        "opcua_types",
        "NodeSets of OPC UA imported",
        types_key,
        makes_nothing,
        import_types,
        "read the log; `. ./env.sh && python -m robot_cell.gateway.opcua.warm_up` does it alone",
    ),
    Step(
        "warm_up",
        "planners compiled, programs of the example plant planned",
        warm_up_key,
        makes_nothing,
        warm_up,
        "read the log; `. ./env.sh && robot-cell warm-up` does the same alone",
    ),
)

TEST_STEPS = (
    *STEPS,
    Step(
        "test_peers",
        "npm packages of the tests",
        peers_key,
        peers_made,
        install_peers,
        "check the network and npm's settings (`npm config list`), then `make test` again",
    ),
    Step(
        "test_packages",
        "system packages of the tests",
        test_packages_key,
        makes_nothing,
        install_missing_for_tests,
        "read the log, correct it, then `make test` again",
    ),
)

"""Whether an installed robot_cell is whole: it finds its own files, and none of a source tree.

python -m robot_cell.bringup.installed PREFIX
"""

from __future__ import annotations

import importlib
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from robot_cell.bringup.errors import ExecutableNotFoundError, PackageMissingError
from robot_cell.bringup.executables import executable_command, package_share
from robot_cell.bringup.launch_file import declared_arguments, load_launch_file
from robot_cell.model.plant_file import load_plant

PACKAGES: Final = ("planners", "drivers", "robot_cell", "sim")
EXAMPLE: Final = "examples/housing_plant.yaml"
FILES: Final = (
    EXAMPLE,
    "deploy/sysctl.d/60-robot-cell.conf",
    "deploy/systemd/robot-cell-plant.service",
    "examples/orders_week48.csv",
    "launch/dds.xml",
    "launch/dds_loopback.xml",
    "package.xml",
    "sim/gazebo/bridge.yaml",
    "sim/worlds/housing_cell.sdf",
)
OF_OTHERS: Final = ("ros_gz_bridge",)
"""Packages of Gazebo's: a controller of a real cell does without."""


def lacking(prefix: Path) -> Iterator[str]:
    """What is not as it should be below an install prefix; nothing if all is well."""
    prefix = prefix.resolve()
    for name in PACKAGES:
        file = importlib.import_module(name).__file__ or ""
        if prefix not in Path(file).resolve().parents:
            yield f"{name} is imported from {file}, outside of {prefix}"
    try:
        share = package_share("robot_cell")
    except PackageMissingError as error:
        yield str(error)
        return
    if prefix not in share.resolve().parents:
        yield f"share/robot_cell is found at {share}, outside of {prefix}"
    yield from (f"{share / name} is not there" for name in FILES if not (share / name).is_file())
    plant = share / EXAMPLE
    for name, cell in load_plant(plant).cells.items():
        for arm in cell.arms.values():
            if share.resolve() not in arm.urdf.resolve().parents:
                yield f"the arm of {name} is described by {arm.urdf}, outside of {share}"
    launch_files = sorted((share / "launch").glob("*.launch.xml"))
    if not launch_files:
        yield f"{share / 'launch'} has no launch file"
    for file_path in launch_files:
        values = {"plant": str(plant), "cell": "cell_a"}
        required = {a.name for a in declared_arguments(file_path) if a.default is None}
        started = load_launch_file(file_path, {name: values[name] for name in required})
        for process in started.processes:
            if process.package in OF_OTHERS:
                continue
            try:
                executable_command(process.package, process.executable)
            except ExecutableNotFoundError as error:
                yield str(error)


def main() -> None:
    """Entry point; prints what is lacking, and exits with 1 if anything is."""
    found = list(lacking(Path(sys.argv[1])))
    for problem in found:
        print(f"error: {problem}", file=sys.stderr)
    if not found:
        print(f"installed: {', '.join(PACKAGES)} and their files below {sys.argv[1]}")
    sys.exit(1 if found else 0)


if __name__ == "__main__":
    main()

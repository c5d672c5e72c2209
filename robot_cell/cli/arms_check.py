"""Looks whether the arms of a plant can be reached and moved, without moving them."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Final

from drivers.arms import Arm, ArmError, Looks, load_arm_driver
from drivers.errors import DriverError
from planners.errors import PlannerError
from planners.kinematics.arm_description import read_arm
from robot_cell.cli.doctor import Finding, Verdict
from robot_cell.errors import RobotCellError
from robot_cell.model import Cell, load_plant
from robot_cell.model.arm_names import THE_ARM

LOOK_S: Final = 5.0
"""How long an arm may take to answer."""


def check_arms(plant_file: Path) -> list[Finding]:
    """Each arm of a plant, by its own driver.

    Raises:
        PlantFileError: with every problem of the plant file.
    """
    return [
        look_at(name, cell, which)
        for name, cell in load_plant(plant_file).cells.items()
        for which in cell.arms
    ]


def look_at(name: str, cell: Cell, which: str = THE_ARM) -> Finding:
    """An arm of a cell: what is found, or what is wrong and how it is mended."""
    driver = cell.arms[which].driver
    title = f"{name}: {which} ({driver.kind})"
    arm: Arm | None = None
    try:
        joints = [joint.name for joint in read_arm(cell.arms[which].urdf).joints]
        socket = Path(tempfile.gettempdir()) / "nowhere"
        arm = load_arm_driver(driver.kind)(**driver.options(socket, joints))
        if not isinstance(arm, Looks):
            return Finding(title, Verdict.OK, "nothing to look at before it is connected to")
        return Finding(title, Verdict.OK, arm.look(LOOK_S))
    except ArmError as error:
        return Finding(title, Verdict.ERROR, f"{error.arm}: {error.what}", error.to_do)
    except (DriverError, PlannerError, RobotCellError) as error:
        return Finding(title, Verdict.ERROR, str(error), "mend `driver` in the plant file")
    except TypeError as error:  # another package's driver that takes other options
        return Finding(title, Verdict.ERROR, str(error), "mend `driver.options` in the plant file")
    finally:
        if arm is not None:
            arm.close()

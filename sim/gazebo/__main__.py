"""Writes a cell's Gazebo world and the configuration of its bridge.

python -m sim.gazebo examples/housing_plant.yaml cell_a housing_cell
"""

from __future__ import annotations

import argparse
import os
from dataclasses import dataclass
from pathlib import Path

from planners.kinematics.arm_description import expand_xacro
from robot_cell.model.arm_names import THE_ARM
from robot_cell.model.plant import Base
from robot_cell.model.plant_file import load_plant
from sim.errors import SimulationError
from sim.gazebo.bridge import bridge_text
from sim.gazebo.world import world_text
from sim.layout import lay_out


@dataclass(frozen=True)
class Made:
    """The two files of a cell, as text."""

    world: str
    bridge: str


def make(plant_file: Path, cell_name: str, world: str, shown_as: str) -> Made:
    """World and bridge of a cell; `shown_as` is the plant file's name in their comments.

    Raises:
        SimulationError: the plant has no such cell, or it cannot be modelled.
    """
    plant = load_plant(plant_file)
    if cell_name not in plant.cells:
        listed = ", ".join(sorted(plant.cells))
        raise SimulationError(f"no cell {cell_name!r}; the plant has: {listed}")
    cell = plant.cells[cell_name]
    if list(cell.arms) != [THE_ARM] or cell.arm.base != Base():
        raise SimulationError(
            f"cell {cell_name} has the arms {', '.join(cell.arms)}: worlds for Gazebo are made of "
            "cells with one arm, `arm: {...}`, in the origin of the cell; MuJoCo has no such limit"
        )
    origin = f"Made by: python -m sim.gazebo {shown_as} {cell_name} {world}"
    laid = lay_out(cell, plant.products)
    return Made(
        world_text(cell, plant.products, expand_xacro(cell.arm.urdf), world, origin),
        bridge_text(cell_name, laid, origin),
    )


def main() -> None:
    """Entry point."""
    parser = argparse.ArgumentParser(prog="python -m sim.gazebo", description=__doc__)
    parser.add_argument("plant", type=Path, help="plant file")
    parser.add_argument("cell", help="name of the cell")
    parser.add_argument("world", nargs="?", help="name of the world; by default the cell's")
    parser.add_argument(
        "--worlds", type=Path, default=Path("sim/worlds"), help="folder of WORLD.sdf"
    )
    parser.add_argument(
        "--bridge", type=Path, default=Path("sim/gazebo/bridge.yaml"), help="file of the bridge"
    )
    asked = parser.parse_args()
    name = asked.world or asked.cell
    made = make(asked.plant, asked.cell, name, os.fspath(asked.plant))
    world = asked.worlds / f"{name}.sdf"
    world.parent.mkdir(parents=True, exist_ok=True)
    world.write_text(made.world)
    asked.bridge.write_text(made.bridge)
    print(f"{world}\n{asked.bridge}")


if __name__ == "__main__":
    main()

"""Which engine moves a cell: MuJoCo, or Gazebo where a world of its is named."""

from __future__ import annotations

from robot_cell.model import Plant
from sim.engine import EngineFactory, MujocoEngine
from sim.errors import SimulationError
from sim.layout import lay_out


def chosen_engine(plant: Plant, cell: str, gazebo_world: str) -> EngineFactory:
    """MuJoCo for an empty name, else the Gazebo world of that name, over ros_gz_bridge.

    The factory raises SimulationError where Gazebo or its bridge is not there.
    """
    if not gazebo_world:
        return MujocoEngine
    if len(plant.cells[cell].arms) > 1:
        raise SimulationError(
            f"{cell} has several arms; Gazebo is for cells with one, MuJoCo for all"
        )
    # Only who simulates in Gazebo pays for its messages.
    from sim.gazebo.engine import gazebo
    from sim.gazebo.ros_link import RosLink

    laid = lay_out(plant.cells[cell], plant.products)
    return gazebo(lambda scene: RosLink(cell, gazebo_world, laid, scene))

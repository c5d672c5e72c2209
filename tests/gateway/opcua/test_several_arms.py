"""OPC 40010 of a cell with two arms: a motion device for each, with its own axes."""

from __future__ import annotations

import asyncio
from pathlib import Path

from asyncua import Server

from robot_cell.gateway.opcua.layout import Layout, lay_out
from robot_cell.gateway.opcua.nodesets import import_node_sets, node_set_folder
from robot_cell.model import load_plant

EXAMPLE = Path(__file__).parents[3] / "examples" / "handover_plant.yaml"


def test_each_arm_is_a_motion_device() -> None:
    async def laid_out() -> Layout:
        server = Server()
        await server.init()
        await import_node_sets(server, node_set_folder())
        layout = await lay_out(server, load_plant(EXAMPLE))
        for _, node in layout.cells["transfer"].robotics.axes["right"]:
            name = await server.get_node(node).read_browse_name()
            assert name.Name == "ActualPosition"
        return layout

    robotics = asyncio.run(laid_out()).cells["transfer"].robotics
    assert list(robotics.axes) == ["left", "right"]
    joints = [joint.name for joint, _ in robotics.axes["left"]]
    assert joints == [f"joint_{number}" for number in range(1, 7)]
    path = "transfer/Robotics/MotionDevices"
    assert [one.Identifier for one in robotics.speed_overrides] == [
        f"{path}/{arm}/ParameterSet/SpeedOverride" for arm in ("left", "right")
    ]
    assert len({node for axes in robotics.axes.values() for _, node in axes}) == 12

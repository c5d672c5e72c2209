"""The drivers of a cell, as its plant file says."""

from __future__ import annotations

from pathlib import Path

from rclpy.serialization import deserialize_message, serialize_message
from robot_cell_interfaces.msg import FixtureCommands

from drivers.fixtures import ArgumentSpec, Clamp, CommandSpec, Feeder
from drivers.fixtures.modbus import ModbusFixture
from robot_cell.model import Bus, Fixture, Plant
from robot_cell.nodes import fixture_commands
from robot_cell.nodes.fixture_buses import make_devices, make_links

ROOT = Path(__file__).parents[2]


def test_each_fixture_has_the_driver_of_its_kind_on_its_own_bus(plant: Plant, tmp_path) -> None:
    cell = plant.cells["cell_a"]
    registers = ROOT / "examples" / "registers" / "pneumatic_clamp.yaml"
    vise = Fixture(kind="modbus", bus="plc", address=9, registers=registers)
    plc = Bus(port="/dev/serial/by-id/usb-plc", parity="even", protocol="modbus_rtu")
    cell = cell.model_copy(
        update={
            "fixtures": {"vise": vise, **cell.fixtures},
            "buses": {**cell.buses, "plc": plc},
        }
    )
    links = make_links(cell, tmp_path)
    assert links["bus"].port == str(tmp_path / "ports" / "cell_a.bus")
    assert links["plc"].port == "/dev/serial/by-id/usb-plc"
    devices = make_devices(cell, links)
    assert list(devices) == list(cell.fixtures)
    assert isinstance(devices["gripper"], Clamp)
    feeder = devices["infeed"]
    assert isinstance(feeder, Feeder)
    assert feeder.watched is devices["outfeed_sensor"]  # the one clears where the other stands
    assert isinstance(devices["vise"], ModbusFixture)
    assert devices["vise"].name == "vise"
    assert devices["vise"].commands["press"].arguments[0].name == "force_n"


def test_what_devices_can_be_told_survives_its_message(plant: Plant, tmp_path: Path) -> None:
    """Those of a kind, of a register map, and of a driver from elsewhere."""
    registers = ROOT / "examples" / "registers" / "pneumatic_clamp.yaml"
    vise = Fixture(kind="modbus", bus="plc", address=9, registers=registers)
    plc = Bus(port="/dev/serial/by-id/usb-plc", parity="even", protocol="modbus_rtu")
    cell = plant.cells["cell_a"]
    cell = cell.model_copy(
        update={
            "fixtures": {"vise": vise, **cell.fixtures},
            "buses": {**cell.buses, "plc": plc},
        }
    )
    known = {
        name: dict(device.commands)
        for name, device in make_devices(cell, make_links(cell, tmp_path)).items()
    }
    amount = ArgumentSpec("amount", int), ArgumentSpec("side", str, ("left", "right"))
    known["of_a_plugin"] = {"squeeze": CommandSpec("squeeze", 1.5, amount)}
    message = deserialize_message(serialize_message(fixture_commands.told(known)), FixtureCommands)
    assert fixture_commands.understood(message) == known
    assert known["outfeed_sensor"] == {}
    assert "press" in known["vise"]

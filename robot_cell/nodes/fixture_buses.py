"""Builds a cell's serial buses and the drivers on them from what the plant file says."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from drivers.fixtures import (
    Feeder,
    FixtureBus,
    FixtureDriver,
    PresenceSensor,
    load_fixture_driver,
)
from drivers.serial_link import ByteLink, SerialLink
from robot_cell.model import Cell, Fixture
from robot_cell.model.register_map import load_register_map

__all__ = ["make_devices", "make_links"]


def make_links(cell: Cell, run_dir: Path) -> dict[str, SerialLink]:
    """The port of each bus; opened when first used."""
    return {
        name: SerialLink(str(run_dir / bus.port), bus.baudrate, bus.parity)
        for name, bus in cell.buses.items()
    }


def make_devices(cell: Cell, links: Mapping[str, SerialLink]) -> dict[str, FixtureDriver]:
    """A driver for each fixture of a cell.

    Raises:
        DriverNotFound: nobody registers a fixture's kind.
        PlantFileError: a register map is wrong.
    """
    devices: dict[str, FixtureDriver] = {}
    for name, bus in cell.buses.items():
        fixtures = {n: fixture for n, fixture in cell.fixtures.items() if fixture.bus == name}
        make = _on_modbus if bus.protocol == "modbus_rtu" else _on_fixture_bus
        devices |= make(fixtures, links[name])
    _join(cell, devices)
    return {name: devices[name] for name in cell.fixtures}


def _join(cell: Cell, devices: Mapping[str, FixtureDriver]) -> None:
    """A sensor that stands where a feeder takes parts away is found out by it if it is stuck."""
    for name, feeder in devices.items():
        for other, sensor in devices.items():
            cleared = cell.fixtures[name].clears
            if cleared is None or cell.fixtures[other].frame != cleared:
                continue
            if isinstance(feeder, Feeder) and isinstance(sensor, PresenceSensor):
                feeder.watch(sensor)


def _on_fixture_bus(fixtures: Mapping[str, Fixture], link: ByteLink) -> dict[str, FixtureDriver]:
    line = FixtureBus(link)
    return {
        name: load_fixture_driver(fixture.kind)(name, line, fixture.address)
        for name, fixture in fixtures.items()
    }


def _on_modbus(fixtures: Mapping[str, Fixture], link: ByteLink) -> dict[str, FixtureDriver]:
    # Only a cell that has such a bus pays for pymodbus (0.2 s).
    from drivers.fixtures.modbus import ModbusBus, register_map

    line = ModbusBus(link)
    devices = {}
    for name, fixture in fixtures.items():
        assert fixture.registers is not None  # the plant file was checked
        registers = register_map(load_register_map(fixture.registers).model_dump())
        devices[name] = load_fixture_driver(fixture.kind)(name, line, fixture.address, registers)
    return devices

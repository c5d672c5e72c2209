"""Builds a cell's serial buses and the drivers on them from what the plant file says."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from drivers.fixtures import FixtureBus, FixtureDriver, load_fixture_driver
from drivers.serial_link import SerialLink
from robot_cell.model import Cell

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
        if bus.protocol == "modbus_rtu":
            # Only a cell that has such a bus pays for pymodbus (0.2 s, 20 MB).
            from robot_cell.nodes.modbus_devices import make_modbus_devices

            devices |= make_modbus_devices(fixtures, links[name])
            continue
        line = FixtureBus(links[name])
        for device, fixture in fixtures.items():
            devices[device] = load_fixture_driver(fixture.kind)(device, line, fixture.address)
    return {name: devices[name] for name in cell.fixtures}

"""Builds the drivers of a Modbus RTU line from register maps."""

from __future__ import annotations

from collections.abc import Mapping

from drivers.fixtures import FixtureDriver, load_fixture_driver
from drivers.fixtures import modbus as registers
from drivers.serial_link import ByteLink
from robot_cell.model import Fixture
from robot_cell.model.register_map import RegisterMap, load_register_map

__all__ = ["driver_registers", "make_modbus_devices"]


def make_modbus_devices(
    fixtures: Mapping[str, Fixture], link: ByteLink
) -> dict[str, FixtureDriver]:
    """A driver for each fixture on one line.

    Raises:
        DriverNotFound: nobody registers a fixture's kind.
        PlantFileError: a register map is wrong.
    """
    line = registers.ModbusBus(link)
    devices = {}
    for name, fixture in fixtures.items():
        assert fixture.registers is not None  # the plant file was checked
        known = driver_registers(load_register_map(fixture.registers))
        devices[name] = load_fixture_driver(fixture.kind)(name, line, fixture.address, known)
    return devices


def driver_registers(model: RegisterMap) -> registers.RegisterMap:
    """A register map of the plant's vocabulary as the driver wants it."""
    return registers.RegisterMap(
        device=model.device,
        points={
            name: registers.Point(
                name,
                registers.Table(point.table),
                point.address,
                type=point.type,
                scale=point.scale,
                offset=point.offset,
                unit=point.unit,
                plausible=point.plausible,
                low_word_first=model.word_order == "low_first",
            )
            for name, point in model.points.items()
        },
        readings={
            name: registers.Reading(point=reading)
            if isinstance(reading, str)
            else registers.Reading(
                rules=tuple(registers.Rule(rule.says, rule.when) for rule in reading)
            )
            for name, reading in model.readings.items()
        },
        commands={
            name: registers.Command(
                command.does or name,
                command.duration_s,
                {
                    point: value.removeprefix("$") if isinstance(value, str) else value
                    for point, value in command.write.items()
                },
                command.until,
            )
            for name, command in model.commands.items()
        },
        stop=model.stop,
        identity=model.identity,
        steps=None
        if model.steps is None
        else registers.StepMemory(
            model.steps.id,
            model.steps.last_id,
            model.steps.outcome,
            model.steps.running,
            model.steps.done,
            model.steps.failed,
        ),
    )

"""Register maps: the examples are read, and everything that is wrong is named with line and key."""

from __future__ import annotations

from pathlib import Path

import pytest

from robot_cell.model import PlantFileError, load_plant
from robot_cell.model.register_map import load_register_map

ROOT = Path(__file__).parents[2]
REGISTERS = ROOT / "examples" / "registers"
CLAMP = (REGISTERS / "pneumatic_clamp.yaml").read_text()
VALVE = (REGISTERS / "valve_clamp.yaml").read_text()


@pytest.mark.parametrize("file", sorted(REGISTERS.glob("*.yaml")), ids=lambda path: path.stem)
def test_the_examples_are_read(file: Path) -> None:
    registers = load_register_map(file)
    assert registers.device == file.stem
    assert {"state", "part"} <= set(registers.readings)


def wrong(tmp_path: Path, text: str) -> list[str]:
    file = tmp_path / "map.yaml"
    file.write_text(text)
    with pytest.raises(PlantFileError) as caught:
        load_register_map(file)
    return [f"{p.line} {p.path}: {p.expected}" for p in caught.value.problems]


def line_of(text: str, part: str) -> int:
    return text[: text.index(part)].count("\n") + 1


@pytest.mark.parametrize(
    ("base", "old", "new", "key", "expected"),
    [
        (CLAMP, "table: discrete_input, address: 0", "table: relay, address: 0",
         "points.jaws_open.table", "'coil', 'discrete_input'"),
        (CLAMP, "table: discrete_input, address: 1", "table: discrete_input, address: 70000",
         "points.jaws_closed.address", "less than or equal to 65535"),
        (CLAMP, "table: discrete_input, address: 1", "table: discrete_input, address: 1, scale: 2",
         "points.jaws_closed.scale", "nothing: a discrete_input is 0 or 1"),
        (CLAMP, "scale: 0.01", "scale: 0", "points.pressure.scale", "another number than 0"),
        (CLAMP, "plausible: [0, 10]", "plausible: [10, 0]",
         "points.pressure.plausible", "the lower one first"),
        (CLAMP, "plausible: [0, 10]", "plausible: [0, .nan]",
         "points.pressure.plausible.1", "finite"),
        (CLAMP, "address: 4}", "address: 3}",
         "points.outcome.address", "that last_step does not take"),
        (CLAMP, "unit: bar", "units: bar", "points.pressure.units", "this name is unknown here"),
        (CLAMP, "jaws_closed: 0}}", "jaw_closed: 0}}",
         "readings.state.0.when.jaw_closed", "a point of the map: model, pressure"),
        (CLAMP, "pressure: pressure", "pressure: presure",
         "readings.pressure", "a point of the map"),
        (CLAMP, "  state:\n", "  stat:\n", "readings", "a reading named state"),
        (CLAMP, "write: {order: 1}", "write: {pressure: 1}",
         "commands.open.write.pressure", "nobody can write a input_register"),
        (CLAMP, "write: {order: 1}", "write: {force: 1}",
         "commands.open.write", "side by side with step"),
        (CLAMP, "force: $force_n", "force: $Force",
         "commands.press.write.force", "$name for an argument"),
        (CLAMP, "duration_s: 0.3, write: {order: 1}", "write: {order: 1}",
         "commands.open.duration_s", "a value; it is required"),
        (CLAMP, "write: {order: 1}", "write: {order: 1}, until: {state: open}",
         "commands.open.until", "nothing: a device with steps says itself"),
        (CLAMP, "stop: {order: 0}", "stop: {halt: 0}", "stop.halt", "a point of the map"),
        (CLAMP, "id: step\n", "id: last_step\n", "steps.id", "a holding register"),
        (CLAMP, "last_id: last_step", "last_id: jaws_open", "steps.last_id", "of type uint16"),
        (CLAMP, "outcome: outcome\n", "outcome: model\n",
         "steps.outcome", "a point right beside last_id"),
        (CLAMP, "3: JAM", "3: jam", "steps.failed.3", ""),
        (VALVE, ", until: {state: open}", "",
         "commands.open.until", "the device remembers no steps"),
        (VALVE, "until: {state: open}", "until: {state: ajar}",
         "commands.open.until.state", "what state can say: open, closed, moving"),
        (VALVE, "valve_open:  {table: coil, address: 1}", "valve_open:  {table: coil, address: 0}",
         "points.valve_open.address", "that valve_close does not take"),
    ],
)  # fmt: skip
def test_what_is_wrong_is_named_with_line_and_key(tmp_path, base, old, new, key, expected) -> None:
    text = base.replace(old, new, 1)
    problems = wrong(tmp_path, text)
    found = [one for one in problems if one.split(" ", 1)[1].startswith(f"{key}: ")]
    assert found, problems
    assert expected in found[0]
    line = int(found[0].split(" ")[0])
    last = key.rsplit(".", 1)[-1]
    if last in new:
        assert line == line_of(text, new) + new[: new.index(last)].count("\n")


def test_every_problem_is_named_at_once(tmp_path) -> None:
    text = CLAMP.replace("scale: 0.01", "scale: 0").replace("duration_s: 0.3", "duration_s: -1")
    assert len(wrong(tmp_path, text)) == 4


@pytest.mark.parametrize("text", ["", "[]", "points: {", "points: {a: 1, a: 2}"])
def test_what_is_no_map_is_said(tmp_path, text) -> None:
    assert wrong(tmp_path, text)


# -- in a plant file ---------------------------------------------------------------------------


def plant_file(tmp_path: Path, bus: str, fixture: str) -> Path:
    text = (ROOT / "examples" / "housing_plant.yaml").read_text()
    text = text.replace("../urdf/", f"{ROOT}/urdf/")
    text = text.replace(
        "      bus: {port: ports/cell_a.bus, baudrate: 115200}\n",
        f"      bus: {{port: ports/cell_a.bus, baudrate: 115200}}\n      plc: {bus}\n",
    )
    text = text.replace(
        "      nest_clamp: {kind: clamp, bus: bus, address: 3, frame: nest, mounted_on: table}\n",
        f"      nest_clamp: {fixture}\n",
        1,
    )
    file = tmp_path / "plant.yaml"
    file.write_text(text)
    return file


PLC = "{port: /dev/serial/by-id/usb-plc, baudrate: 19200, parity: even, protocol: modbus_rtu}"


def test_a_plant_file_names_a_map_and_learns_its_durations(tmp_path) -> None:
    (tmp_path / "clamp.yaml").write_text(CLAMP)
    fixture = (
        "{kind: modbus, bus: plc, address: 3, frame: nest, registers: clamp.yaml, "
        "durations_s: {close: 0.5}}"
    )
    plant = load_plant(plant_file(tmp_path, PLC, fixture))
    clamp = plant.cells["cell_a"].fixtures["nest_clamp"]
    assert clamp.registers == (tmp_path / "clamp.yaml").resolve()
    assert clamp.durations_s == {"open": 0.3, "close": 0.5, "press": 0.3}
    assert plant.cells["cell_a"].buses["plc"].parity == "even"


@pytest.mark.parametrize(
    ("bus", "fixture", "said"),
    [
        (PLC, "{kind: modbus, bus: plc, address: 3}",
         "nest_clamp.registers: expected a register map: its bus speaks modbus_rtu"),
        ("{port: x}", "{kind: clamp, bus: plc, address: 3, registers: clamp.yaml}",
         "expected none: its bus plc does not speak modbus_rtu"),
        (PLC, "{kind: modbus, bus: plc, address: 3, registers: nothing.yaml}",
         "expected a file; "),
        ("{port: x, protocol: modbus_tcp}", "{kind: clamp, bus: bus, address: 3}",
         "plc.protocol is 'modbus_tcp', expected 'fixture' or 'modbus_rtu'"),
    ],
)  # fmt: skip
def test_a_plant_file_and_its_maps_have_to_agree(tmp_path, bus, fixture, said) -> None:
    (tmp_path / "clamp.yaml").write_text(CLAMP)
    with pytest.raises(PlantFileError) as caught:
        load_plant(plant_file(tmp_path, bus, fixture))
    assert said in str(caught.value)


@pytest.mark.parametrize(
    ("step", "key", "said"),
    [
        ("{fixture: nest_clamp, command: squeeze}",
         "command", "a command of pneumatic_clamp: open, close, press"),
        ("{fixture: nest_clamp, command: press}", "args", "its arguments: force_n"),
        ("{fixture: nest_clamp, command: close, expect: {part: there}}",
         "expect.part", "what part can say: present, absent"),
        ("{inspect: nest_clamp, expect: {temperature: '5'}}",
         "expect.temperature", "a reading of pneumatic_clamp: state, part, pressure"),
    ],
)  # fmt: skip
def test_programs_ask_a_device_only_for_what_its_map_has(tmp_path, step, key, said) -> None:
    (tmp_path / "clamp.yaml").write_text(CLAMP)
    fixture = "{kind: modbus, bus: plc, address: 3, frame: nest, registers: clamp.yaml}"
    file = plant_file(tmp_path, PLC, fixture)
    old = "{fixture: nest_clamp, command: open}"
    text = file.read_text()
    file.write_text(text.replace(old, step, 1))
    with pytest.raises(PlantFileError) as caught:
        load_plant(file)
    (problem,) = caught.value.problems
    assert problem.path.endswith(f".{key}")
    assert problem.line == line_of(text, old)
    assert said in problem.expected


def test_a_problem_in_a_map_is_told_with_the_maps_own_line(tmp_path) -> None:
    (tmp_path / "clamp.yaml").write_text(CLAMP.replace("scale: 0.01", "scale: 0"))
    fixture = "{kind: modbus, bus: plc, address: 3, registers: clamp.yaml}"
    with pytest.raises(PlantFileError) as caught:
        load_plant(plant_file(tmp_path, PLC, fixture))
    (problem,) = caught.value.problems
    assert problem.file.name == "clamp.yaml"
    assert problem.line == line_of(CLAMP, "scale: 0.01")

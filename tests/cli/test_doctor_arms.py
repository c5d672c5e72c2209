"""The doctor looks at the arms of a plant, and says what is unreachable and how to mend it."""

from __future__ import annotations

from pathlib import Path

from robot_cell.cli.arms_check import check_arms, look_at
from robot_cell.cli.doctor import Verdict
from robot_cell.model import Plant
from robot_cell.model.arm_driver import OtherDriver, PositionStreamDriver, UrRtdeDriver
from robot_cell.model.plant_file import load_plant
from sim.remote import Remote

PLANT = Path(__file__).parents[2] / "examples" / "housing_plant.yaml"


def cell_with(driver: object, plant: Plant):
    cell = plant.cells["cell_b"]
    return cell.with_arms({"arm": cell.arm.model_copy(update={"driver": driver})})


def test_simulated_arms_are_there_when_the_plant_is() -> None:
    assert {finding.verdict for finding in check_arms(PLANT)} == {Verdict.OK}


def test_an_arm_that_answers_and_one_that_does_not() -> None:
    plant = load_plant(PLANT)
    with Remote("sim.rtde") as server:
        driver = UrRtdeDriver(kind="ur_rtde", host="127.0.0.1", port=int(server.greeting))
        found = look_at("cell_b", cell_with(driver, plant))
        assert found.verdict is Verdict.OK, found.found
        assert "software 5.12.2.1101" in found.found
        server.ask("stop_program")
        found = look_at("cell_b", cell_with(driver, plant))
        assert (found.verdict, found.name) == (Verdict.ERROR, "cell_b: arm (ur_rtde)")
        assert "no program runs" in found.found
        assert "robot_cell.script" in found.mend
    found = look_at("cell_b", cell_with(driver, plant))
    assert "nobody answers at 127.0.0.1" in found.found
    assert "cable" in found.mend


def test_a_section_that_cannot_be_used() -> None:
    plant = load_plant(PLANT)
    other = OtherDriver(kind="their_arm")
    assert "drivers that exist" in look_at("cell_b", cell_with(other, plant)).found
    stream = PositionStreamDriver(kind="position_stream", commands="/c", joints={"axis": "j"})
    found = look_at("cell_b", cell_with(stream, plant))
    assert "axis: no joint of the URDF" in found.found

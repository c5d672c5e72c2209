"""Energy per part: by the model of the arms, in REST, in the table and for Prometheus."""

from __future__ import annotations

import time

import pytest

from robot_cell.model import Plant
from robot_cell.programs import CycleLibrary, ProgramKey
from robot_cell.programs.energy import ProgramEnergy, program_energy
from tests.gateway.conftest import Served

V1 = "/api/v1"


def program_energy_of(plant: Plant, key: ProgramKey) -> ProgramEnergy:
    """By hand, from the cycle that is planned here."""
    library = CycleLibrary(plant)
    part = plant.products[key.product].part
    cycle = library.find(key) or library.plan_here(key)
    return program_energy(plant.cells[key.cell], cycle, part.mass_kg, part.size_m)


def test_energy_per_part_is_that_of_the_model_once_it_is_known(served: Served) -> None:
    served.gateway.mirror.refresh()
    key = ProgramKey("cell_a", "deburr_s", "housing_s")
    begun = ProgramKey("cell_b", "assemble_s", "housing_s")
    # What is not planned on this machine has no energy, and is asked for again after a minute.
    expected = program_energy_of(served.plant.plant, key)
    program_energy_of(served.plant.plant, begun)

    def energies() -> dict[str, float | None]:
        found = served.get(f"{V1}/kpis").json()
        assert "not measured" in found["formulas"]["energy_per_part_j"]["text"]
        return {one["cell"] or "plant": one["energy_per_part_j"] for one in
                (*found["cells"], found["plant"])}  # fmt: skip

    assert energies() == {"cell_a": None, "cell_b": None, "plant": None}
    # Asking has it made, by the worker and the planned program; so it has that of what has begun
    # and not ended, which is known then when it ends.
    until_s = time.monotonic() + 120.0
    while not {key, begun} <= served.gateway.energies.known.keys():
        assert time.monotonic() < until_s
        time.sleep(0.05)
    made = served.gateway.energies.known[key]
    assert (made.above_base_j, made.base_w) == pytest.approx(
        (expected.above_base_j, expected.base_w)
    )
    # The first operation ran from 1 s to 9 s of plant time, and no work unit is finished.
    served.gateway.energies.known = {key: ProgramEnergy(1000.0, 10.0, estimated=True)}
    assert energies() == {"cell_a": 1080.0, "cell_b": None, "plant": None}
    told = served.get("/metrics").text
    assert 'robot_cell_energy_per_part_joules{cell="cell_a"} 1080.0' in told
    row = served.get(f"{V1}/kpis.csv").text.splitlines()[1]
    assert "1080.0" in row

"""An emergency stop in mid-move, an arm moved by hand, a reset: nothing moves before it.

The stop is the simulated arm's (`robot-cell fault cell_a/arm off`): its drives lose their power and
its controller takes nothing from anybody. What moves is read from the device log.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from planners.arrays import Array
from robot_cell.execution.horizon import Horizon, Measured
from tests.faults.plant import FaultPlant, batch_text, fault_plant
from tests.faults.test_safe_state import CELL, SLOW_MOVE, at_step
from tests.faults.test_stopped import obeys
from tests.faults.witness import read_log
from tests.promises import Figure

pytestmark = [
    pytest.mark.ros,
    pytest.mark.plant,
    pytest.mark.promise("emergency stop"),
    pytest.mark.timeout(240),
]

MOVED_DEG = 8.0
NEAR_RAD = 0.01
AXES = 6
TEN_TIMES = 10.0
WATCHED_NS = 5_000_000_000
"""For so long after its release the arm is watched, plant time."""


def motions(plant: FaultPlant) -> list[tuple[Array, Array]]:
    """Where each motion of the arm began and ended, rad."""
    return [
        (np.array(line["from"]), np.array(line["to"]))
        for line in read_log(plant.log)
        if line["device"] == "arm" and line["cell"] == CELL
    ]


def state(plant: FaultPlant) -> str:
    found = plant.client.cell_states().get(CELL)
    return "" if found is None else found.state


def put(plant: FaultPlant, verb: str, amount: float | None = None) -> None:
    answer = plant.client.fault(CELL, "arm", verb, amount=amount, asked_by="test")
    assert answer.success, answer.message


def test_nothing_moves_after_an_emergency_stop_before_a_reset(
    domain: int, tmp_path: Path, figure: Figure
) -> None:
    with fault_plant(tmp_path, speed=TEN_TIMES) as plant:
        horizon = Horizon(plant.session.run_dir / "horizons" / f"{CELL}.page", AXES)

        def measured() -> Measured:
            seen = horizon.measured()
            assert seen is not None
            return seen

        plant.submit(tmp_path, batch_text(housing_s=1))
        plant.until(lambda: at_step(plant, SLOW_MOVE), 60.0, "the arm does not move")
        refused = plant.client.fault(CELL, "arm", "moved", asked_by="test")
        assert not refused.success
        assert "put it off first" in refused.message
        put(plant, "off")
        plant.until(lambda: state(plant) == "Aborted", 30.0, "the cell goes on")
        plant.until(lambda: plant.journal.alarms.standing() != [], 30.0, "there is no alarm")
        assert [alarm.kind for alarm in plant.journal.alarms.standing()] == ["arm_gone"]
        before = len(motions(plant))

        put(plant, "moved", MOVED_DEG)

        def by_hand() -> bool:
            turned = [float(np.degrees(ends - begins)[0]) for begins, ends in motions(plant)]
            return any(abs(one - MOVED_DEG) < 0.1 for one in turned[before:])

        plant.until(by_hand, 30.0, "nobody moves the arm")
        known = len(motions(plant))
        put(plant, "ok")
        plant.until(lambda: horizon.connected, 30.0, "the arm does not come back")
        released = measured()
        plant.until(
            lambda: measured().time_ns > released.time_ns + WATCHED_NS, 30.0, "no time passes"
        )
        assert state(plant) == "Aborted"
        plant.until(lambda: obeys(plant, "clear"), 60.0, "no clear")
        plant.until(lambda: state(plant) == "Stopped", 60.0, "it is not cleared")
        assert len(motions(plant)) == known, "it moved before the reset"
        assert not obeys(plant, "start"), "without a reset"
        plant.until(lambda: obeys(plant, "reset"), 60.0, "no reset")
        plant.until(plant.done, 120.0, "the work is not finished")
        off_rad = float(np.abs(motions(plant)[known][0] - released.positions).max())
        figure("first command off", off_rad, "rad", bar=NEAR_RAD)
        assert plant.problems() == []

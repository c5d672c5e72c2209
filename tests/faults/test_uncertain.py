"""A device that cannot be asked: its step waits for a person, across a restart, and goes on."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.faults.plant import FaultPlant, batch_text, fault_plant

pytestmark = [
    pytest.mark.ros,
    pytest.mark.plant,
    pytest.mark.promise("kill"),
    pytest.mark.timeout(300),
]

CELL = "cell_a"


def said(plant: FaultPlant, *words: str) -> subprocess.CompletedProcess[str]:
    """A command as a person types it."""
    return subprocess.run(
        [sys.executable, "-m", "robot_cell.cli.app", *words, "--json",
         "--run-dir", str(plant.session.run_dir)],
        env=dict(os.environ), capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip


def waiting_steps(plant: FaultPlant) -> list[dict[str, Any]]:
    done = said(plant, "steps")
    assert done.stdout, done.stderr
    found: list[dict[str, Any]] = json.loads(done.stdout)["steps"]
    return found


def held(plant: FaultPlant) -> bool:
    state = plant.client.cell_states().get(CELL)
    return state is not None and state.state == "Held"


@pytest.mark.long
def test_a_step_that_nobody_can_tell_waits_for_a_person(domain: int, tmp_path: Path) -> None:
    """The fixtures' node dies over a command and cannot come back: its port is taken away."""
    with fault_plant(tmp_path) as plant:
        bus = plant.session.run_dir / plant.plant.cells[CELL].buses["bus"].port
        fired = plant.set("fixtures.command-sent:kill:3")
        plant.submit(tmp_path, batch_text(housing_s=1))
        plant.until(lambda: not fired.exists(), 60.0, "the failpoint was not reached")
        terminal = bus.readlink()
        bus.unlink()
        plant.until(lambda: held(plant), 90.0, "the cell does not wait for anybody")
        waiting = waiting_steps(plant)
        assert [step["cell"] for step in waiting] == [CELL]
        assert set(waiting[0]["choices"]) == {"done", "redo", "abort"}
        assert "robot-cell resolve" in plant.client.cell_states()[CELL].message
        # A restart of the cell does not forget it: the device is asked again, then the person.
        assert plant.kill(f"{CELL}.cell")
        plant.until(lambda: not held(plant), 30.0, "the cell was not started again")
        plant.until(lambda: held(plant), 90.0, "the restarted cell does not wait")
        bus.symlink_to(terminal)
        step_id = waiting_steps(plant)[0]["step_id"]
        fired = plant.set("cell.step-resolved:kill")
        answer = said(plant, "resolve", str(step_id), "done", "--timeout", "3")
        assert answer.returncode == 4  # the cell died over it, with the word in the journal
        assert not fired.exists()
        plant.until(plant.done, 120.0, "the batch was not completed")
        assert plant.problems() == []
        who = [c for c in plant.journal.commands() if c.what == "resolve done"]
        assert len(who) == 1
        assert "robot-cell" in who[0].who
        assert who[0].target == f"step {step_id}"

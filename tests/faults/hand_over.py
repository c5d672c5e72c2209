"""A plant whose two arms hand parts over, broken in the middle of it.

The example's program, with time to break it: the giver waits before it lets go, and the taker comes
slowly.
"""

from __future__ import annotations

import contextlib
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, Final

import yaml
from robot_cell_interfaces.msg import BodyPoses

from robot_cell.client import PlantNotReachable
from robot_cell.execution.horizon import Horizon
from robot_cell.model import load_plant
from tests.faults.plant import FaultPlant, batch_text, fault_plant
from tests.faults.witness import read_log

ROOT: Final = Path(__file__).parents[2]
EXAMPLE: Final = ROOT / "examples" / "handover_plant.yaml"
CELL: Final = "transfer"
ARMS: Final = ("left", "right")
AXES: Final = 6

SPEED: Final = 5.0
WAITED_S: Final = 10.0
BOTH_HOLD: Final = f"both hold {WAITED_S:g} s"
APPROACH: Final = "right: lin to take"
MOMENTS: Final = (APPROACH, BOTH_HOLD)
_SLOWLY_M_S: Final = 0.02

LOWEST_M: Final = 0.215
"""Middle of a part that lies on a conveyor, with a little room: below that it has been dropped."""

QUIET_S = 0.3
STANDS_NS: Final = 2_000_000_000
"""For so long a cell that may not move is watched, plant time."""


def plant_file(folder: Path) -> Path:
    """The example's plant with a slow approach and a wait while both grippers hold the part."""
    content = yaml.safe_load(EXAMPLE.read_text())
    cell = content["cells"][CELL]
    for arm in cell["arms"].values():
        arm["urdf"] = str((EXAMPLE.parent / arm["urdf"]).resolve())
    steps = cell["programs"]["hand_over"]["steps"]
    at = steps.index({"fixture": "gripper_left", "command": "open"})
    steps.insert(at, {"wait_s": WAITED_S, "label": "both hold"})
    (approach,) = [s for s in steps if s.get("to") == "take" and "above_m" not in s]
    approach.pop("speed")
    approach["tcp_speed_m_s"] = _SLOWLY_M_S
    path = folder / "plant.yaml"
    path.write_text(yaml.safe_dump(content, sort_keys=False))
    load_plant(path)
    return path


class HandOver:
    """A running plant of two arms, with what is asked of it and what is seen of it."""

    def __init__(self, plant: FaultPlant, folder: Path) -> None:
        self.plant = plant
        self._folder = folder
        self._batches = 0
        self.lowest_m = 1.0
        self._lock = threading.Lock()
        plant.client.node.create_subscription(BodyPoses, f"/{CELL}/sim/bodies", self._see, 10)
        horizons = plant.session.run_dir / "horizons"
        self.horizons = {arm: Horizon(horizons / f"{CELL}.{arm}.page", AXES) for arm in ARMS}

    def _see(self, message: Any) -> None:
        parts = [
            pose.position.z
            for name, pose in zip(message.names, message.poses, strict=True)
            if not name.endswith("tcp")
        ]
        with self._lock:
            self.lowest_m = min(self.lowest_m, *parts)

    def order(self) -> None:
        """One more part to hand over."""
        self._batches += 1
        self.plant.submit(self._folder, batch_text(self._batches, bush=1))

    def state(self) -> str:
        found = self.plant.client.cell_states().get(CELL)
        return "" if found is None else found.state

    def label(self) -> str:
        found = self.plant.client.cell_states().get(CELL)
        return "" if found is None else found.message

    def reach(self, moment: str) -> None:
        """Work until the hand-over is where it is to be broken."""
        self.plant.until(lambda: self.label() == moment, 90.0, f"{moment} was not reached")
        if moment == APPROACH:
            self.plant.until(
                lambda: self.horizons["right"].progress()[1] > 0.0, 20.0, "right does not move"
            )

    def moves(self) -> int:
        """How many motions the arms' setpoints have made so far."""
        return sum(line["device"] in ARMS for line in read_log(self.plant.log))

    def at_rest(self) -> bool:
        """Whether the arms were measured to stand; of one that is lost, nothing is measured."""
        seen = [h.measured() for h in self.horizons.values() if h.connected]
        return all(one is not None and float(abs(one.velocities).max()) < 1e-3 for one in seen)

    def stands_for(self, plant_ns: int = STANDS_NS) -> None:
        """See that nothing moves for a while of plant time."""
        self.plant.until(self.at_rest, 30.0, "the arms do not come to rest")
        self.plant.until(self._log_is_quiet, 30.0, "the devices go on")
        wall_s = plant_ns * 1e-9 / SPEED
        until_s = time.monotonic() + wall_s
        where = {arm: self._setpoint(arm) for arm in ARMS}
        known = self.gripper_steps(), self.moves()
        while time.monotonic() < until_s:
            assert self.at_rest(), "an arm moves"
            assert {arm: self._setpoint(arm) for arm in ARMS} == where, "an arm was told to move"
            assert (self.gripper_steps(), self.moves()) == known, "something has moved"
            time.sleep(0.02)

    def _log_is_quiet(self) -> bool:
        """Whether the devices have written nothing for a while: what is over comes a tick later."""
        before = self.gripper_steps(), self.moves()
        time.sleep(QUIET_S)
        return (self.gripper_steps(), self.moves()) == before

    def _setpoint(self, arm: str) -> tuple[float, ...]:
        seen = self.horizons[arm].measured()
        assert seen is not None
        return tuple(seen.setpoint.round(4).tolist())

    def gripper_steps(self) -> int:
        return sum(line["device"].startswith("gripper") for line in read_log(self.plant.log))

    def put(self, arm: str, verb: str) -> None:
        answer = self.plant.client.fault(CELL, arm, verb, asked_by="test")
        assert answer.success, answer.message

    def obeys(self, command: str) -> bool:
        """A request to a node that was just started may be lost while peers find each other."""
        try:
            return self.plant.client.command(CELL, command, "test").success
        except PlantNotReachable:
            return False

    def give(self, command: str, leads_to: tuple[str, ...]) -> None:
        """Ask until the cell obeys, and wait for the state that it leads to."""
        self.plant.until(lambda: self.obeys(command), 60.0, f"no {command}")
        self.plant.until(lambda: self.state() in leads_to, 60.0, f"{command} leads nowhere")

    def finish(self) -> None:
        """The work is done, nothing was dropped, and devices and journal agree."""
        self.plant.until(self.plant.done, 120.0, "the work is not finished")
        self.plant.until(lambda: self.state() == "Idle", 60.0, "the cell is not idle")
        with self._lock:
            assert self.lowest_m > LOWEST_M, f"a part was dropped: {self.lowest_m:.3f} m"
        assert self.plant.new_problems() == []

    def idle(self) -> bool:
        """Whether it is ready for the next test: all work done, and nothing wrong."""
        with contextlib.suppress(PlantNotReachable):
            return self.state() == "Idle" and self.plant.done()
        return False

    def pid(self, process: str) -> int | None:
        return self.plant.pid(f"{CELL}.{process}")


@contextlib.contextmanager
def hand_over_plant(folder: Path) -> Iterator[HandOver]:
    """A plant of two arms that is ready for work."""
    with fault_plant(folder, speed=SPEED, plant_file=plant_file(folder)) as plant:
        yield HandOver(plant, folder)


class KeptPlant:
    """One plant for as long as each test leaves it idle; after one that does not, another.

    Args:
        new_folder: makes a folder for each.
    """

    def __init__(self, new_folder: Callable[[], Path]) -> None:
        self._new_folder = new_folder
        self._ending = contextlib.ExitStack()
        self._plant: HandOver | None = None

    def take(self) -> HandOver:
        """A plant that is idle."""
        if self._plant is None or not self._plant.idle():
            self.end()
            self._plant = self._ending.enter_context(hand_over_plant(self._new_folder()))
        return self._plant

    def end(self) -> None:
        """Stop the plant, if there is one."""
        self._plant = None
        self._ending.close()

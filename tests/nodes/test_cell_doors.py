"""The doors of a cell without a plant behind them: modes, who may ask, a broken interlock."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from robot_cell_interfaces.msg import FixtureReading, FixtureReadings
from robot_cell_interfaces.srv import CellCommand

from robot_cell.execution.control import CellControl
from robot_cell.execution.interlocks import Interlocks
from robot_cell.execution.verdicts import Verdicts
from robot_cell.model import Plant
from robot_cell.model.packml import Command, Mode, State
from robot_cell.nodes.cell_commands import CellCommands
from robot_cell.nodes.cell_hold import CellHold
from robot_cell.nodes.in_work import Hand, InWork
from robot_cell.nodes.interlock_watch import InterlockWatch
from robot_cell.store import JournalFull, open_journal

pytestmark = pytest.mark.ros


class Cell:
    """A cell's node, clock and arm; its journal is real."""

    def __init__(self, plant: Plant, folder: Path, state: State) -> None:
        self.clock = self
        self.cell_name, self.cell = "cell_a", plant.cells["cell_a"]
        self.services: dict[str, Callable[[Any, Any], Any]] = {}
        self.topics: dict[str, Callable[[Any], None]] = {}
        self.alarms: list[tuple[str, str]] = []
        self.asked_arm: list[bool] = []
        self.resets = self.stops = 0
        self.journal = open_journal(folder / "journal.db")
        self.interlocks = Interlocks(self.cell)
        self.control = CellControl(
            "cell_a",
            lambda _: None,
            state,
            forbids=lambda c: str(self.interlocks.broken() or "") if c is Command.UNHOLD else "",
        )
        self.hand = Hand()
        hold = CellHold(self, self.control, self.hand)  # type: ignore[arg-type]
        CellCommands(
            self, self.journal, self.control, hold, Verdicts(), self.hand,  # type: ignore[arg-type]
            stop_arms=self._stop, reset=self._reset,
        )  # fmt: skip
        InterlockWatch(self, self.interlocks, self.control, hold, self)  # type: ignore[arg-type]

    def _stop(self) -> None:
        self.stops += 1

    def _reset(self) -> None:
        self.resets += 1

    def now_ns(self) -> int:
        return 5

    def create_service(self, kind: Any, name: str, callback: Any) -> None:
        self.services[name] = callback

    def create_subscription(self, kind: Any, name: str, callback: Any, profile: Any) -> None:
        self.topics[name] = callback

    def create_client(self, kind: Any, name: str) -> Cell:
        return self

    def service_is_ready(self) -> bool:
        return True

    def call_async(self, request: Any) -> Cell:
        self.asked_arm.append(request.data)
        return self

    def add_done_callback(self, callback: Any) -> None:
        pass

    def every(self, period_s: float, callback: Any) -> None:
        pass

    def raise_(self, kind: str, subject: str, text: str) -> None:
        self.alarms.append((kind, subject))

    def over(self, kinds: Any, subject: str | None = None) -> None:
        self.alarms = [one for one in self.alarms if one[0] not in kinds or one[1] != subject]

    def say(self, service: str, command: str) -> Any:
        request = CellCommand.Request(command=command, asked_by="Kim")
        return self.services[service](request, CellCommand.Response())

    def reads(self, sequence: int, state: str) -> None:
        values = {"keys": ["state"], "values": [state]} if state else {}
        reading = FixtureReading(device="table", sequence=sequence, **values)
        self.topics["fixtures/readings"](FixtureReadings(readings=[reading]))


@pytest.fixture
def make(plant: Plant, tmp_path: Path):
    made: list[Cell] = []

    def cell(state: State) -> Cell:
        made.append(Cell(plant, tmp_path, state))
        return made[-1]

    yield cell
    for one in made:
        one.journal.close()


def test_a_mode_is_changed_where_it_may_be_and_kept(make: Callable[[State], Cell]) -> None:
    cell = make(State.STOPPED)
    assert cell.say("mode", "Manual").success
    assert cell.journal.modes() == {"cell_a": Mode.MANUAL}
    refused = cell.say("command", "reset")
    assert "Stopped in manual mode and does not obey Reset" in refused.message
    assert cell.resets == 0
    assert cell.say("mode", "maintenance").success
    assert cell.say("command", "reset").success
    assert cell.resets == 1
    refused = cell.say("mode", "production")
    assert not refused.success
    assert "Resetting" in refused.message
    assert cell.control.epoch == 3
    assert "unknown mode 'fast'; there are: production" in cell.say("mode", "fast").message
    noted = [(c.who, c.what, c.outcome == "obeyed") for c in cell.journal.commands()]
    assert noted == [
        ("Kim", "mode manual", True), ("Kim", "reset", False), ("Kim", "mode maintenance", True),
        ("Kim", "reset", True), ("Kim", "mode production", False),
    ]  # fmt: skip


def test_a_mode_that_cannot_be_written_down_is_not_changed(
    make: Callable[[State], Cell], monkeypatch: pytest.MonkeyPatch
) -> None:
    cell = make(State.IDLE)

    def full(*told: Any) -> None:
        raise JournalFull("no room")

    monkeypatch.setattr(cell.journal, "change_mode", full)
    answer = cell.say("mode", "manual")
    assert (answer.success, answer.message) == (False, "no room")
    assert cell.control.mode is Mode.PRODUCTION


@pytest.mark.parametrize("command", ["start", "complete"])
def test_what_is_not_for_people_is_refused(make: Callable[[State], Cell], command: str) -> None:
    cell = make(State.IDLE)
    answer = cell.say("command", command)
    assert not answer.success
    assert "not for people to ask" in answer.message
    assert cell.control.state is State.IDLE


def test_an_interlock_that_breaks_holds_arm_and_cell_until_it_holds_and_a_person_unholds(
    make: Callable[[State], Cell],
) -> None:
    cell = make(State.EXECUTE)
    cell.hand.now = InWork("WO-1/1/deburr", "WO-1", 1, "deburr_s", step=12, steps=32)
    cell.reads(1, "ready")
    assert cell.interlocks.enter(("table_stands",)) is None
    cell.reads(2, "moving")
    assert cell.control.state is State.HOLDING
    assert cell.control.message.startswith("interlock table_stands is broken: table reads state")
    assert cell.asked_arm == [True]
    assert cell.alarms == [("interlock_broken", "table_stands")]
    cell.topics["arm/held"](type("Held", (), {"data": True}))
    assert cell.control.state is State.HELD
    cell.reads(1, "ready")  # an older reading, late
    refused = cell.say("command", "unhold")
    assert "does not obey Unhold: interlock table_stands is broken" in refused.message
    cell.topics["arm/held"](type("Held", (), {"data": False}))  # somebody lets the arm go
    assert (cell.control.state, cell.asked_arm) == (State.HELD, [True, True])
    cell.topics["arm/held"](type("Held", (), {"data": True}))
    cell.reads(3, "ready")
    assert cell.alarms == []
    assert cell.control.state is State.HELD  # nothing goes on by itself
    assert cell.say("command", "unhold").success
    assert cell.asked_arm == [True, True, False]
    cell.topics["arm/held"](type("Held", (), {"data": False}))
    assert cell.control.state is State.EXECUTE


def test_a_device_that_says_nothing_holds_too(make: Callable[[State], Cell]) -> None:
    cell = make(State.EXECUTE)
    cell.reads(1, "ready")
    assert cell.interlocks.enter(("table_stands",)) is None
    cell.reads(2, "")
    assert cell.control.state is State.HOLDING
    assert "table does not say" in cell.control.message

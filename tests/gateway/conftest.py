"""A gateway on a real journal, with a plant that is made up; requests go through the whole app."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta, timezone
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from starlette.testclient import TestClient

from robot_cell.client import (
    ArgumentView,
    BodiesView,
    CellStateView,
    CommandResult,
    CommandsView,
    DeviceCommandView,
    DevicesView,
    FaultResult,
    JogResult,
    JointsView,
    OperateResult,
    PlantNotReachable,
    SubmitResult,
)
from robot_cell.errors import RobotCellError
from robot_cell.gateway.app import make_app
from robot_cell.gateway.serve import build
from robot_cell.gateway.service import Gateway
from robot_cell.gateway.tokens import ROLES, Secret, new_secret
from robot_cell.model import JobOrder, PlannedOperation, Plant
from robot_cell.model.packml import Mode
from robot_cell.model.plant_file import load_plant
from robot_cell.orders.intake import orders_from_json
from robot_cell.store import Journal, open_journal, token_book
from robot_cell.store.accept import allow_order, prioritise_order, revoke_order

ROOT = Path(__file__).parents[2]
START = datetime(2026, 11, 23, 5, 0, tzinfo=timezone.utc)
NS = 1_000_000_000


@dataclass
class MadeUpPlant:
    """A plant that answers at once and writes to the journal what a scheduler would."""

    plant: Plant
    journal: Journal
    connected: bool = True
    at_ns: int = 100 * NS
    asked: list[tuple[str, tuple[Any, ...]]] = field(default_factory=list)
    said: dict[str, str] = field(default_factory=dict)
    ends: bool = False
    arm_states: dict[str, str] = field(default_factory=dict)
    pressed: dict[str, str] = field(default_factory=dict)
    operated: dict[str, OperateResult] = field(default_factory=dict)
    reachable: bool = True
    told_start: datetime | None = None

    def start(self) -> datetime | None:
        return self.told_start

    def take(self) -> None:
        self.at_ns += NS // 10

    def now_ns(self) -> int | None:
        return self.at_ns

    def states(self) -> Mapping[str, CellStateView]:
        return {
            name: CellStateView(
                name, self.said.get(name, "Execute"), f"{name} op", "", 0, "", 1, 4, 0.25, "", 0
            )
            for name in self.plant.cells
        }

    def joints(self) -> Mapping[str, JointsView]:
        names = tuple(f"joint_{i}" for i in range(6))
        return {name: JointsView(names, (0.1,) * 6, self.at_ns) for name in self.plant.cells}

    def bodies(self) -> Mapping[str, BodiesView]:
        return {}

    def arms(self) -> Mapping[str, str]:
        return self.arm_states

    def devices(self) -> Mapping[str, DevicesView]:
        return {"cell_a": {"gripper": {"state": "closed", "part": "present"}, "table": {}}}

    def commands(self) -> Mapping[str, CommandsView]:
        jaws = [DeviceCommandView(name, f"{name} the jaws", ()) for name in ("open", "close")]
        position = ArgumentView("position", "text", ())
        index = DeviceCommandView("index", "turn to a position", (position,))
        return {"cell_a": {"gripper": jaws, "table": [index], "outfeed_sensor": []}}

    def submit(self, content: str, source: str, format: str, submitted_by: str) -> SubmitResult:
        self._note("submit", source, format, submitted_by)
        try:
            orders = orders_from_json(content, self.plant, source)
            accepted = self.journal.accept_batch(
                orders, source, submitted_by, self.plant, at_ns=self.at_ns
            )
        except RobotCellError as error:
            return SubmitResult(False, (), (), (), str(error))
        return SubmitResult(True, accepted.new_ids, accepted.known_ids, (), "accepted")

    def cancel(self, order_id: str, reason: str, asked_by: str) -> CommandResult:
        self._note("cancel", order_id, reason, asked_by)
        self.journal.cancel_order(order_id, asked_by, reason, self.at_ns)
        return CommandResult(True, "cancelled")

    def prioritise(self, order_id: str, priority: int, asked_by: str) -> CommandResult:
        self._note("prioritise", order_id, priority, asked_by)
        try:
            self.journal.change(
                lambda tx: prioritise_order(tx, order_id, priority, who=asked_by, at_ns=self.at_ns)
            )
        except RobotCellError as error:
            return CommandResult(False, str(error))
        return CommandResult(True, "done")

    def allow_order(self, order_id: str, asked_by: str, *, on: bool) -> CommandResult:
        self._note("allow", order_id, on, asked_by)
        change = allow_order if on else revoke_order
        try:
            self.journal.change(lambda tx: change(tx, order_id, who=asked_by, at_ns=self.at_ns))
        except RobotCellError as error:
            return CommandResult(False, str(error))
        return CommandResult(True, "done")

    def command(self, cell: str, command: str, asked_by: str) -> CommandResult:
        self._note("command", cell, command, asked_by)
        if command == "Unhold" and self.said.get(cell) != "Held":
            return CommandResult(False, f"cell {cell} does not obey Unhold")
        if command == "Hold":
            self.said[cell] = "Held"
        return CommandResult(True, command)

    def change_mode(self, cell: str, mode: str, asked_by: str) -> CommandResult:
        self._note("mode", cell, mode, asked_by)
        if self.said.get(cell, "Execute") == "Execute":
            return CommandResult(False, f"cell {cell} is Execute and does not change its mode")
        self.journal.change_mode(cell, Mode[mode.upper()], asked_by, self.at_ns)
        return CommandResult(True, mode)

    def resolve(self, cell: str, step_id: int, word: str, asked_by: str) -> CommandResult:
        self._note("resolve", cell, step_id, word, asked_by)
        return CommandResult(False, f"step {step_id} waits for nobody")

    def jog(self, cell: str, what: str, press: str, **how: Any) -> JogResult:
        self._note("jog", cell, what, press, how)
        if what == "start":
            self.pressed[press] = "planning"
            if how["axis"] == "joint_9":
                return JogResult(False, "ended", "the arm has no axis 'joint_9'")
        if press not in self.pressed:
            return JogResult(False, "ended", "that press is over, or was never begun")
        if what == "look":
            self.pressed[press] = "ended" if self.ends else "moving"
        if what == "end":
            self.pressed[press] = "ended"
        return JogResult(True, self.pressed[press], "as far as its limit")

    def operate(self, cell: str, what: str, request: str, **how: Any) -> OperateResult:
        self._note("operate", cell, what, request, how)
        if what == "begin":
            if how["device"] == "gripper" and how["command"] == "open" and not how["drop"]:
                return OperateResult(False, "ended", True, "it would fall", {})
            self.operated[request] = OperateResult(True, "waiting", False, "", {})
        elif request in self.operated:
            readings = {"state": "open"}
            self.operated[request] = OperateResult(True, "ended", False, "done", readings)
        return self.operated.get(
            request, OperateResult(False, "ended", False, "no command of that name", {})
        )

    def decide_draft(self, verdict: str, asked_by: str) -> CommandResult:
        self._note("draft", verdict, asked_by)
        return CommandResult(False, "there is no draft")

    def override(self, cell: str, percent: float) -> CommandResult:
        self._note("override", cell, percent)
        return CommandResult(True, "slower")

    def fault(self, cell: str, device: str, verb: str, **how: Any) -> FaultResult:
        self._note("fault", cell, device, verb)
        known = device in self.plant.cells[cell].fixtures
        return FaultResult(known, "" if known else "no such device", {"gripper": "ok"})

    def close(self) -> None:
        pass

    def _note(self, what: str, *how: Any) -> None:
        if not self.reachable:
            raise PlantNotReachable("nobody answers")
        self.asked.append((what, how))


@dataclass
class Served:
    """A gateway that can be asked, and a token of each role."""

    client: TestClient
    gateway: Gateway
    plant: MadeUpPlant
    journal: Journal
    tokens: dict[str, str]
    ids: dict[str, str]

    def get(self, path: str, role: str | None = "viewer", **how: Any) -> Any:
        return self.ask("GET", path, role, **how)

    def ask(self, method: str, path: str, role: str | None, **how: Any) -> Any:
        headers = dict(how.pop("headers", {}))
        if role is not None:
            headers["Authorization"] = f"Bearer {self.tokens.get(role, role)}"
        return self.client.request(method, path, headers=headers, **how)


@pytest.fixture(scope="session")
def plant() -> Plant:
    return load_plant(ROOT / "examples" / "housing_plant.yaml")


def order(order_id: str, quantity: int = 1, product: str = "housing_s") -> JobOrder:
    return JobOrder(
        order_id=order_id,
        product=product,
        quantity=quantity,
        release=START,
        due=START + timedelta(hours=1),
    )


def plan_all(journal: Journal, each_ns: int = 10 * NS) -> None:
    """Publish a plan: one operation after the other, deburring on cell_a, the rest on cell_b."""
    rows = [
        PlannedOperation(
            o.operation_id, o.order_id, o.unit, o.name,
            "cell_a" if o.name == "deburr" else "cell_b", "program",
            i * each_ns, (i + 1) * each_ns,
        )
        for i, o in enumerate(journal.operations())
    ]  # fmt: skip
    journal.publish_schedule(rows, at_ns=0, engine="by hand")


def fill(journal: Journal, plant: Plant) -> None:
    """Two orders of which one operation is complete, one runs, and the rest waits."""
    journal.plant_start(START)
    journal.accept_batch([order("WO-1"), order("WO-2", 2)], "week.csv", "Kim", plant)
    plan_all(journal)
    first, second = (o.operation_id for o in journal.operations("WO-1")[:2])
    token = journal.lease_operation(first, "cell_a", "deburr_s", NS)
    journal.begin_operation(first, "cell_a", token, 1 * NS)
    step = journal.step_intent(first, 0, "infeed present", 1 * NS)
    journal.step_outcome(step, "done", 9 * NS)
    journal.end_operation(first, "complete", 9 * NS, joint_error_rad=[1e-4] * 6)
    token = journal.lease_operation(second, "cell_b", "assemble_s", 9 * NS)
    journal.begin_operation(second, "cell_b", token, 10 * NS)
    journal.event("scheduler", "cell lost", 20 * NS, {"cell": "cell_a", "interrupted": []})
    journal.event("scheduler", "cell back", 30 * NS, {"cell": "cell_a"})


@pytest.fixture(scope="session")
def secrets() -> dict[str, tuple[Secret, str]]:
    """A token of each role with its hash, which is slow to make."""
    made = {role: new_secret() for role in (*ROLES, "stale")}
    return {role: (secret, secret.hash()) for role, secret in made.items()}


def add_tokens(journal: Journal, secrets: Mapping[str, tuple[Secret, str]]) -> None:
    """Add them all; the stale one has run out."""
    for role, (secret, hash) in secrets.items():
        journal.change(
            partial(
                token_book.add_token,
                token_id=secret.token_id,
                name=role,
                role="admin" if role == "stale" else role,
                hash=hash,
                who="test",
                expires_us=1 if role == "stale" else None,
            )
        )


@pytest.fixture(scope="module")
def reading(
    tmp_path_factory: pytest.TempPathFactory,
    plant: Plant,
    secrets: dict[str, tuple[Secret, str]],
) -> Iterator[Served]:
    """A gateway for tests that change nothing."""
    yield from serving(tmp_path_factory.mktemp("reading"), plant, secrets)


@pytest.fixture
def served(
    tmp_path: Path, plant: Plant, secrets: dict[str, tuple[Secret, str]]
) -> Iterator[Served]:
    """A gateway of the test's own."""
    yield from serving(tmp_path, plant, secrets)


def serving(
    folder: Path,
    plant: Plant,
    secrets: Mapping[str, tuple[Secret, str]],
    filled: Callable[[Journal, Plant], None] | None = None,
) -> Iterator[Served]:
    place = folder / "journal.db"
    journal = open_journal(place)
    if filled is None:
        fill(journal, plant)
    else:
        journal.plant_start(START)
        filled(journal, plant)
    add_tokens(journal, secrets)
    made_up = MadeUpPlant(plant, journal)
    gateway = build(plant, place, journal, made_up, simulated=True)
    with TestClient(make_app(gateway), base_url="http://plant.test") as client:
        yield Served(
            client,
            gateway,
            made_up,
            journal,
            {role: secret.text for role, (secret, _) in secrets.items()},
            {role: secret.token_id for role, (secret, _) in secrets.items()},
        )
    gateway.worker.close()
    gateway.access.trail.close()
    journal.close()

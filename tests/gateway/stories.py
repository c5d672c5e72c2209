"""Journals of whatever can happen to a plant, and gateways on them that keep more or less."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from hypothesis import strategies as st
from starlette.testclient import TestClient

from robot_cell.gateway.app import make_app
from robot_cell.gateway.serve import build
from robot_cell.gateway.tokens import Secret
from robot_cell.gateway.window import Window
from robot_cell.model import JobOrder, PlannedOperation, Plant
from robot_cell.programs import ProgramKey
from robot_cell.programs.energy import ProgramEnergy
from robot_cell.store import Journal
from robot_cell.store.accept import REVOKED, allow_order, prioritise_order, revoke_order
from tests.gateway.conftest import NS, START, MadeUpPlant, Served, order

NOTHING = Window(operations=0, least=0, ns=0)
"""Keeps nothing of what is over."""

EVERYTHING = Window(operations=10**9, least=10**9, ns=2**61)
PRODUCTS = ("housing_s", "housing_m", "valve_block")

happenings = st.lists(
    st.tuples(
        st.sampled_from(
            ["order", "plan", "work", "work", "work", "work", "finish", "finish", "break",
             "uncertain", "resolve", "repeat", "cancel", "revoke", "allow", "urgent", "lose",
             "find", "hold", "unhold", "alarm", "over", "wait", "draft", "look"]
        ),
        st.integers(0, 11),
    ),
    min_size=5,
    max_size=50,
)  # fmt: skip
"""What happens, and to which of those that it can happen to."""


@dataclass
class Story:
    """A plant's journal, written as its processes would: a cell does one thing after the other."""

    plant: Plant
    journal: Journal
    at_ns: int = 0
    orders: list[JobOrder] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.journal.plant_start(START)

    def tell(self, verb: str, pick: int) -> None:
        """One thing happens, where it can."""
        self.at_ns += (1 + pick) * NS
        getattr(self, f"_{verb}")(pick)

    def _order(self, pick: int) -> None:
        product = PRODUCTS[pick % len(PRODUCTS)]
        made = order(f"WO-{len(self.orders)}", 1 + pick % 2, product).model_copy(
            update={"customer": ("", "Söhne", "Kim")[pick % 3]}
        )
        made = made.model_copy(update={"due": made.release + (made.due - made.release) / 60})
        self.orders.append(made)
        self.journal.accept_batch([made], "f.csv", "Kim", self.plant, at_ns=self.at_ns)

    def _plan(self, _pick: int) -> None:
        rows = []
        for number, one in enumerate(self.journal.operations(status="planned")):
            cell = "cell_a" if one.name == "deburr" else "cell_b"
            begin = self.at_ns + number * 10 * NS
            rows.append(
                PlannedOperation(
                    one.operation_id, one.order_id, one.unit, one.name, cell, "program",
                    begin, begin + 8 * NS,
                )
            )  # fmt: skip
        self.journal.publish_schedule(rows, at_ns=self.at_ns, engine="story")

    def _work(self, pick: int) -> None:
        """A cell that does nothing begins the next of a unit."""
        busy = {o.cell for o in self.journal.operations(status="running")}
        units: dict[tuple[str, int], list[str]] = {}
        bad = set()
        for one in self.journal.operations():
            if one.status in ("failed", "cancelled", "uncertain", "running"):
                bad.add((one.order_id, one.unit))
            elif one.status == "planned" and one.cell is not None and one.cell not in busy:
                units.setdefault((one.order_id, one.unit), []).append(one.operation_id)
        able = [ids[0] for unit, ids in units.items() if unit not in bad]
        if not able:
            return
        record = self.journal.operation(able[pick % len(able)])
        cell = record.cell or ""
        token = self.journal.lease_operation(record.operation_id, cell, "program", self.at_ns)
        self.journal.begin_operation(record.operation_id, cell, token, self.at_ns)
        step = self.journal.step_intent(record.operation_id, 0, "all of it", self.at_ns)
        if pick % 3:
            self.journal.step_outcome(step, "done", self.at_ns + pick * NS // 12)

    def _end(self, pick: int, status: str) -> None:
        running = self.journal.operations(status="running")
        if running:
            one = running[pick % len(running)]
            for step in self.journal.steps(one.operation_id):
                if step.outcome is None:
                    outcome = "done" if status == "complete" else "failed"
                    self.journal.step_outcome(step.step_id, outcome, self.at_ns)  # type: ignore[arg-type]
            self.journal.end_operation(one.operation_id, status, self.at_ns)  # type: ignore[arg-type]

    def _finish(self, pick: int) -> None:
        self._end(pick, "complete")

    def _break(self, pick: int) -> None:
        self._end(pick, "failed")

    def _uncertain(self, pick: int) -> None:
        self._end(pick, "uncertain")

    def _resolve(self, pick: int) -> None:
        found = self.journal.operations(status="uncertain")
        if found:
            status = "complete" if pick % 2 else "failed"
            self.journal.resolve_operation(
                found[pick % len(found)].operation_id, status, "Kim", "seen", self.at_ns  # type: ignore[arg-type]
            )  # fmt: skip

    def _repeat(self, pick: int) -> None:
        found = self.journal.operations(status=("failed", "uncertain"))
        if found:
            one = found[pick % len(found)].operation_id
            self.journal.requeue(one, "again", self.at_ns, confirmed_by="Kim")

    def _of_order(self, pick: int, which: set[str]) -> str | None:
        found = [
            one.order_id
            for one in self.orders
            if {o.status for o in self.journal.operations(one.order_id)} <= which
            and (which != {"cancelled"} or self._was_revoked(one.order_id))
        ]
        return found[pick % len(found)] if found else None

    def _was_revoked(self, order_id: str) -> bool:
        return self.journal.order(order_id).cancel_reason == REVOKED

    def _cancel(self, pick: int) -> None:
        if self.orders:
            one = self.orders[pick % len(self.orders)].order_id
            self.journal.cancel_order(one, "Kim", "no", self.at_ns)

    def _revoke(self, pick: int) -> None:
        if (one := self._of_order(pick, {"planned"})) is not None:
            self.journal.change(lambda tx: revoke_order(tx, one, who="Kim", at_ns=self.at_ns))

    def _allow(self, pick: int) -> None:
        if (one := self._of_order(pick, {"cancelled"})) is not None:
            self.journal.change(lambda tx: allow_order(tx, one, who="Kim", at_ns=self.at_ns))

    def _urgent(self, pick: int) -> None:
        found = [o for o in self.orders if self.journal.order(o.order_id).cancelled_ns is None]
        if found:
            one = found[pick % len(found)].order_id
            self.journal.change(
                lambda tx: prioritise_order(tx, one, 1 + pick % 9, who="Kim", at_ns=self.at_ns)
            )

    def _cell(self, pick: int) -> str:
        return ("cell_a", "cell_b")[pick % 2]

    def _lose(self, pick: int) -> None:
        self.journal.event(
            "scheduler", "cell lost", self.at_ns, {"cell": self._cell(pick), "interrupted": []}
        )

    def _find(self, pick: int) -> None:
        self.journal.event("scheduler", "cell back", self.at_ns, {"cell": self._cell(pick)})

    def _hold(self, pick: int, what: str = "Hold") -> None:
        asked = self.journal.command("Kim", what, self._cell(pick), self.at_ns)
        outcome = "refused" if pick % 5 == 4 else "obeyed"
        self.journal.command_outcome(asked, outcome, self.at_ns)

    def _unhold(self, pick: int) -> None:
        self._hold(pick, "Unhold")

    def _alarm(self, pick: int) -> None:
        cell = self._cell(pick)
        self.journal.alarms.raise_(cell, "device_fault", "gripper", "stuck", self.at_ns)

    def _over(self, pick: int) -> None:
        self.journal.alarms.return_(self._cell(pick), self.at_ns, ("device_fault",))

    def _wait(self, pick: int) -> None:
        self.at_ns += 60 * pick * NS

    def _draft(self, _pick: int) -> None:
        data = {
            "because": "better", "moved": [], "end_before_s": 2.0, "end_after_s": 1.0,
            "orders_later_s": 0.0, "waiting": [], "open": 1, "revision": 1,
            "placed": [
                [o.operation_id, "cell_a", self.at_ns + n * 7 * NS, self.at_ns + (n + 1) * 7 * NS]
                for n, o in enumerate(self.journal.operations(status="planned"))
            ],
        }  # fmt: skip
        self.journal.event("scheduler", "plan drafted", self.at_ns, data)

    def _look(self, _pick: int) -> None:
        """Nothing: who follows looks here."""


class StillPlant(MadeUpPlant):
    """A plant whose time stands while it is asked about."""

    def take(self) -> None:
        pass


@contextlib.contextmanager
def gateway_on(
    place: Path, plant: Plant, journal: Journal, secrets: Mapping[str, tuple[Secret, str]],
    window: Window,
) -> Iterator[Served]:  # fmt: skip
    """A gateway that keeps so much, and can be asked; its tokens are in the journal already."""
    made_up = StillPlant(plant, journal)
    gateway = build(plant, place, journal, made_up, simulated=True, window=window)
    # The energy of its programs is known: no process is started that would plan them.
    gateway.energies.known = {
        ProgramKey(cell, "program", product): ProgramEnergy(1000.0, 10.0, True)
        for cell in plant.cells
        for product in PRODUCTS
    }
    client = TestClient(make_app(gateway), base_url="http://plant.test")
    tokens = {role: secret.text for role, (secret, _) in secrets.items()}
    try:
        yield Served(client, gateway, made_up, journal, tokens, {})
    finally:
        gateway.worker.close()
        gateway.access.trail.close()


def at(served: Served, at_ns: int) -> None:
    """Have it be that plant time for a gateway, and the journal read."""
    served.plant.at_ns = served.gateway.hub.now_ns = at_ns
    served.gateway.figures = (-1e9, {})
    served.gateway.mirror.refresh()

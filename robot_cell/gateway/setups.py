"""The setups before operations, as the plan has them and as they went."""

from __future__ import annotations

from bisect import bisect_left, insort
from collections.abc import Collection, Iterable, Mapping

from robot_cell.model import PlannedOperation
from robot_cell.orders.setups import SetupTimes, Turn, setups_before
from robot_cell.store import OperationRecord
from robot_cell.store.past import Begun

_ENDED_BADLY = ("failed", "cancelled", "uncertain")


class Lanes:
    """The turns of the cells that are set up, kept in order: a change costs what it changes.

    Attributes:
        setups_s: seconds of setup before operations, by operation id; those without are left out.
    """

    def __init__(self, times: SetupTimes) -> None:
        self._times = times
        self._turns: dict[str, Turn] = {}
        self._gone: set[str] = set()
        self._lanes: dict[str, list[Turn]] = {cell: [] for cell in times.by_cell}
        self.setups_s: dict[str, float] = {}

    def take(self, records: Collection[OperationRecord], products: Mapping[str, str]) -> set[str]:
        """Take whole work units in the place of older ones; before which operations setups differ.

        What was cancelled, and what follows work that failed, has no turn.
        """
        stopped = {(o.order_id, o.unit) for o in records if o.status in _ENDED_BADLY}
        behind: set[Turn] = set()
        changed: set[str] = set()
        for record in records:
            key = record.operation_id
            old = self._turns.get(key)
            new = self._turn(record, products, (record.order_id, record.unit) in stopped)
            if old == new:
                continue
            if old is not None:
                lane = self._lanes[old.cell]
                at = bisect_left(lane, old)
                del lane[at]
                behind.update(lane[at : at + 1])
                del self._turns[key]
                if self.setups_s.pop(key, None) is not None:
                    changed.add(key)
            if new is not None:
                lane = self._lanes[new.cell]
                at = bisect_left(lane, new)
                lane.insert(at, new)
                behind.update(lane[at : at + 2])
                self._turns[key] = new
        for turn in behind:
            if turn.key in self._gone or self._turns.get(turn.key) != turn:
                continue
            if self._differs(turn):
                changed.add(turn.key)
        return changed

    def stand_in(self, begun: Iterable[Begun]) -> None:
        """Say what cells had begun before what is taken: known, and with no setup of its own."""
        for one in begun:
            turn = Turn(one.cell, False, one.start_ns, one.operation_id, one.product)
            if one.cell in self._lanes and one.operation_id not in self._turns:
                self._turns[one.operation_id] = turn
                self._gone.add(one.operation_id)
                insort(self._lanes[one.cell], turn)

    def let_go(self, ids: Iterable[str]) -> None:
        """Forget operations that are over, but for those before which others say what they are.

        Of these one stays before each that is known, and the last of each cell.
        """
        self._gone.update(one for one in ids if one in self._turns)
        for cell, lane in self._lanes.items():
            stays = [
                turn.key not in self._gone
                or i + 1 == len(lane)
                or lane[i + 1].key not in self._gone
                for i, turn in enumerate(lane)
            ]
            for turn, kept in zip(lane, stays, strict=True):
                if turn.key in self._gone:
                    self.setups_s.pop(turn.key, None)
                    if not kept:
                        del self._turns[turn.key]
                        self._gone.discard(turn.key)
            self._lanes[cell] = [turn for turn, kept in zip(lane, stays, strict=True) if kept]

    def last_begun(self) -> list[Turn]:
        """What each cell has begun last, at hand or not."""
        found = (
            next((turn for turn in reversed(lane) if not turn.waits), None)
            for lane in self._lanes.values()
        )
        return [turn for turn in found if turn is not None]

    def _differs(self, turn: Turn) -> bool:
        """Work out the setup before a turn; whether it is another now."""
        lane = self._lanes[turn.cell]
        at = bisect_left(lane, turn)
        before = lane[at - 1].product if at else None
        takes_s = self._times.ms(turn.cell, before, turn.product) * 1e-3
        known_s = self.setups_s.pop(turn.key, 0.0)
        if takes_s:
            self.setups_s[turn.key] = takes_s
        return takes_s != known_s

    def _turn(self, o: OperationRecord, products: Mapping[str, str], stopped: bool) -> Turn | None:
        product, begun_ns = products.get(o.order_id), o.actual_start_ns
        if o.cell is None or o.cell not in self._lanes or product is None:
            return None
        if begun_ns is not None:
            return Turn(o.cell, False, begun_ns, o.operation_id, product)
        if stopped or o.planned_start_ns is None:
            return None
        return Turn(o.cell, True, o.planned_start_ns, o.operation_id, product)


def planned_setups_s(
    rows: Iterable[PlannedOperation],
    products: Mapping[str, str],
    times: SetupTimes,
    begun: Iterable[Turn] = (),
) -> dict[str, float]:
    """Seconds of setup before the rows of a plan, by operation id; those without are left out.

    `begun` is what the cells have begun last.
    """
    turns = [
        Turn(row.cell, True, row.start_ns, row.operation_id, products[row.order_id])
        for row in rows
        if row.order_id in products
    ]
    made = setups_before([*begun, *turns], times)
    return {key: ms * 1e-3 for key, ms in made.items()}

"""The simulators' side of the time page: when the next tick may happen, and how fast.

All simulators of a plant step the same ticks. A simulator may step from instant t when no
controller of its cell objects at t. Where t begins a window of the plant (`WINDOW_NS`), every other
simulator must also have reached it, unless its cell has promised to say nothing until then; every
expected participant must have come, and no controller of the plant may object. A controller that
stays busy for longer than the patience is taken for hung, and time goes on without it, as it would
on the shop floor.
"""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Final

from drivers.time_page import (
    KIND_CONTROLLER,
    KIND_NAMED,
    KIND_SIMULATOR,
    TICK_NS,
    WINDOW_NS,
    SlotView,
    TimePage,
    window_of,
)
from drivers.wake import Bell, Poker

PATIENCE_S: Final = 30.0
_LIVENESS_PERIOD_S: Final = 0.5
_CATCH_UP_S: Final = 2.0
"""What is made up for after time stood still, say for a plan; what is longer is left behind."""

_POLL_S: Final = 0.0002
LEAD_NS: Final = 10 * WINDOW_NS
"""How far a simulator may be ahead of another, however long that one's cell is silent."""


@dataclass
class _Blocked:
    version: int
    since_s: float


@dataclass
class TickGate:
    """One simulator's part in the common ticks.

    A tick goes: `may_tick`, then `depart`; step; once `all_departed`, let the devices of the new
    instant give their signals; `publish`. A simulator leaves the beginning of a window only by what
    was so there: that is why nobody may signal from the next window before all have departed.
    """

    page: TimePage
    name: str
    patience_s: float = PATIENCE_S
    reached_ns: int = 0
    overslept: set[str] = field(default_factory=set)
    _bell: Bell = field(init=False)
    _poker: Poker = field(init=False)
    _slot: int = -1
    _cell: str = ""
    _objector: int = -1
    _known_slots: int = -1
    _own: list[int] = field(default_factory=list)
    _of_plant: list[int] = field(default_factory=list)
    _in_cell: dict[int, list[int]] = field(default_factory=dict)
    _dead: dict[int, int] = field(default_factory=dict)
    _checked_s: float = -1.0
    _blocked: dict[int, _Blocked] = field(default_factory=dict)
    _anchor_wall_s: float | None = None
    _anchor_ns: int = 0
    _anchor_speed: float = 0.0

    @classmethod
    def open(cls, path: Path, name: str, *, patience_s: float = PATIENCE_S) -> TickGate:
        """Take part under that name, from the instant that the other simulators have reached."""
        page = TimePage(path)
        gate = cls(page=page, name=name, patience_s=patience_s)
        gate._slot = page.claim(name, KIND_SIMULATOR)
        gate._cell = page.cell(gate._slot)
        gate.reached_ns = page.reached(gate._slot)
        gate._bell = Bell(page, gate._slot)
        gate._poker = Poker(page)
        return gate

    def set_start(self, start: datetime, *, speed: float, expected: int) -> None:
        """Say what instant plant time 0 is, how fast time runs, and how many take part."""
        self.page.start_unix_ns = int(start.timestamp() * 1e9)
        self.page.speed = speed
        self.page.expected = expected

    def depart(self) -> None:
        """This simulator is on its way to the next tick."""
        self.page.set_departed(self._slot, self.reached_ns + TICK_NS)
        if self.reached_ns % WINDOW_NS == 0:
            self._poke_others()

    def all_departed(self) -> bool:
        """Whether all simulators have left the beginning of the window that ends here, if any."""
        page = self.page
        own_ns = page.departed(self._slot)
        if own_ns % WINDOW_NS:
            return True
        self._look_for_dead(time.monotonic())
        left_ns = own_ns - WINDOW_NS
        return all(
            page.departed(index) > left_ns or self._silent(index, left_ns + 1)
            for index in self._simulators()
            if not self._is_dead(index)
        )

    def publish(self, reached_ns: int) -> None:
        """Everything up to this instant has happened here, and all signals of it are given."""
        self.reached_ns = reached_ns
        self.page.set_reached(self._slot, reached_ns)
        if reached_ns % WINDOW_NS == 0:
            self._poke_others()

    def fileno(self) -> int:
        """For select: readable when somebody has let time pass, or another simulator gone on."""
        return self._bell.fileno()

    def clear(self) -> None:
        """Forget the wake-ups so far; look whether time may pass after this, not before."""
        self._bell.clear()

    def may_tick(self) -> bool:
        """Whether the next tick may happen now, as far as the participants are concerned.

        Once all expected participants have come, time goes on without those that leave.
        """
        page = self.page
        if page.held:
            return False
        now_s = time.monotonic()
        self._look_for_dead(now_s)
        meeting = self.reached_ns % WINDOW_NS == 0
        latest_ns = self.reached_ns - LEAD_NS
        # Whoever objected at the last look most likely still does: most looks end here.
        if self._objector in self._concerned(meeting) and self._objects(
            self._objector, now_s, meeting
        ):
            return False
        self._objector = -1
        if meeting and not all(
            page.reached(index) >= self.reached_ns
            or (page.reached(index) >= latest_ns and self._silent(index, self.reached_ns))
            for index in self._simulators()
            if not self._is_dead(index)
        ):
            return False
        for index in self._concerned(meeting):
            if self._objects(index, now_s, meeting):
                self._objector = index
                return False
        if not page.begun:
            present = sum(page.kind(index) != KIND_NAMED for index in range(page.slot_count))
            page.begun = present >= page.expected
        return page.begun

    def due(self) -> float:
        """Wall seconds until the next tick is due at the plant's speed; 0 when it is due."""
        speed = self.page.speed
        if speed <= 0.0:
            return 0.0
        now_s = time.monotonic()
        if self._anchor_wall_s is None or speed != self._anchor_speed:
            self._anchor_wall_s, self._anchor_ns = now_s, self.reached_ns
            self._anchor_speed = speed
        due_s = (self.reached_ns + TICK_NS - self._anchor_ns) * 1e-9 / speed
        early_s = self._anchor_wall_s + due_s - now_s
        if early_s < -_CATCH_UP_S:
            self._anchor_wall_s += -early_s - _CATCH_UP_S
        return max(0.0, early_s)

    def pause(self) -> None:
        """Give the processor away for a moment while a tick is not allowed."""
        time.sleep(_POLL_S)

    def close(self) -> None:
        """Leave: nobody waits for this simulator any more. May be called twice."""
        if not self.page.closed:
            self.page.release(self._slot)
            self._bell.close()
            self._poker.close()
            self.page.close()

    def _simulators(self) -> list[int]:
        page = self.page
        return [i for i in range(page.slot_count) if page.kind(i) == KIND_SIMULATOR]

    def _concerned(self, meeting: bool) -> list[int]:
        """Slots of the own cell, and where the cells meet those of the plant."""
        page = self.page
        count = page.slot_count
        if count != self._known_slots:
            cells = [page.cell(index) for index in range(count)]
            self._own = [i for i, cell in enumerate(cells) if cell == self._cell]
            self._of_plant = [i for i, cell in enumerate(cells) if not cell]
            self._in_cell = {
                index: [i for i, other in enumerate(cells) if other == cell]
                for index, cell in enumerate(cells)
            }
            self._known_slots = count
        return self._own + self._of_plant if meeting else self._own

    def _silent(self, simulator: int, until_ns: int) -> bool:
        """Whether nobody of that simulator's cell tells anything to others before an instant.

        A cell without a controller promises nothing: one may come.
        """
        page = self.page
        self._concerned(False)
        told = [
            page.silent_until(index)
            for index in self._in_cell[simulator]
            if page.kind(index) == KIND_CONTROLLER and not self._is_dead(index)
        ]
        return bool(told) and min(told) >= until_ns

    def _poke_others(self) -> None:
        self._poker.poke(index for index in self._simulators() if index != self._slot)

    def _look_for_dead(self, now_s: float) -> None:
        if now_s - self._checked_s <= _LIVENESS_PERIOD_S:
            return
        self._checked_s = now_s
        page = self.page
        self._dead = {
            index: page.pid(index)
            for index in range(page.slot_count)
            if page.kind(index) != KIND_NAMED and not page.alive(index)
        }

    def _is_dead(self, index: int) -> bool:
        """Dead at the last look, and not taken over by another process since."""
        return self._dead.get(index) == self.page.pid(index)

    def _objects(self, index: int, now_s: float, meeting: bool) -> bool:
        """Whether a controller keeps this simulator from going on."""
        page = self.page
        if page.kind(index) != KIND_CONTROLLER or self._is_dead(index):
            return False
        view = page.view(index)
        if view.waiting and view.until_ns > self.reached_ns and self._quiet(view, meeting):
            self._blocked.pop(index, None)
            return False
        blocked = self._blocked.get(index)
        if blocked is None or blocked.version != view.version:
            self._blocked[index] = _Blocked(view.version, now_s)
            return True
        if now_s - blocked.since_s <= self.patience_s:
            return True
        self.overslept.add(page.name(index))
        return False

    def _quiet(self, view: SlotView, meeting: bool) -> bool:
        """Whether none of those that a controller watches has given a signal that counts by now."""
        page, cell = self.page, self.page.cell(view.slot)
        for peer, seq in view.watches:
            if cell and page.cell(peer) == cell:
                if page.seq(peer) > seq:
                    return False
            elif meeting and page.seq_before(peer, window_of(self.reached_ns)) > seq:
                return False
        return True

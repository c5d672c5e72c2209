"""What is open in a plant, stated as a scheduling problem."""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import groupby
from typing import Final

from planners.scheduling import (
    FOREVER_MS,
    Alternative,
    Assignment,
    Cell,
    Job,
    Operation,
    SchedulingProblem,
)
from robot_cell.errors import RobotCellError
from robot_cell.model import JobOrder, PlannedOperation, Plant, Product
from robot_cell.orders.horizon import closed_cells, sufficient_end_ms, windows
from robot_cell.orders.setups import SetUp
from robot_cell.orders.stating_setups import CellSetups
from robot_cell.store import OperationRecord

NS_PER_MS: Final = 1_000_000

Duration = Callable[[str, str, str], float]
"""Seconds that a cell needs for a program and a product: (cell, program, product) -> seconds."""


class PlanningError(RobotCellError):
    """No plan can be made; the message says what excludes it and what would help."""


@dataclass(frozen=True, slots=True)
class Keys:
    """What the numbers of a scheduling problem stand for.

    Attributes:
        operations: per job, the records of its operations.
        programs: per job and operation, the program by cell.
        cells: names of the cells.
        horizon_ms: from here on the problem knows no calendars.
        note: what may be in the way should there be no plan; empty, or to be added to a message.
    """

    operations: tuple[tuple[OperationRecord, ...], ...]
    programs: tuple[tuple[dict[str, str], ...], ...]
    cells: tuple[str, ...]
    horizon_ms: int
    note: str = ""


def planning_problem(
    plant: Plant,
    orders: Iterable[JobOrder],
    operations: Iterable[OperationRecord],
    durations: Duration,
    *,
    now_ns: int,
    start: datetime,
    horizon_ms: int = 0,
    lost: Collection[str] = (),
    published: Collection[PlannedOperation] = (),
    confirmed_ns: int = 0,
    set_up: SetUp | None = None,
) -> tuple[SchedulingProblem, Keys]:
    """State what is open as a scheduling problem whose time 0 is the plant's.

    One scheduling job per order and work unit, of its operations that are not complete. Leased and
    running operations are frozen: running ones from their start to their expected end, leased ones
    as planned, later if that has passed. A unit with an operation that failed, was cancelled or is
    uncertain waits for a person: of it only what is leased or running is in the problem. Calendars
    are known as far as the work surely needs them, and at least up to `horizon_ms`. Work that only
    `lost` cells can do, and what follows it, is left out: it waits until they are back.
    The `published` plan is part of the problem, and what starts in it before `confirmed_ns` is
    confirmed: it keeps its cell and its turn, as leased work does.
    Cells are set up between products as the plant file says, from what `set_up` says they are set
    up for; a cell of which it says nothing begins with any product at once.

    Raises:
        PlanningError: an operation fits into no open time of its cells, or a cell's calendar leaves
            too little time.
    """
    now_ms = -(-now_ns // NS_PER_MS)
    by_id = {order.order_id: order for order in orders}
    rows = {row.operation_id: row for row in published}
    builder = ProblemBuilder(
        plant, durations, start, now_ms, lost, rows, confirmed_ns, set_up or SetUp()
    )
    rank = {order_id: index for index, order_id in enumerate(by_id)}
    ordered = sorted(
        (record for record in operations if record.order_id in rank),
        key=lambda r: (rank[r.order_id], r.unit, r.position),
    )
    for (order_id, _), records in groupby(ordered, key=lambda r: (r.order_id, r.unit)):
        builder.add_unit(by_id[order_id], list(records))
    return builder.problem(horizon_ms)


class ProblemBuilder:
    """Collects jobs and frozen assignments while going through the work units."""

    def __init__(
        self,
        plant: Plant,
        durations: Duration,
        start: datetime,
        now_ms: int,
        lost: Collection[str],
        published: Mapping[str, PlannedOperation],
        confirmed_ns: int,
        set_up: SetUp,
    ) -> None:
        self._plant, self._durations, self._start, self._now_ms = plant, durations, start, now_ms
        self._lost = frozenset(lost)
        self._published, self._confirmed_ns = published, confirmed_ns
        self._names = tuple(plant.cells)
        self._cells = {name: index for index, name in enumerate(self._names)}
        self._jobs: list[Job] = []
        self._products: list[str] = []
        self._operations: list[tuple[OperationRecord, ...]] = []
        self._programs: list[tuple[dict[str, str], ...]] = []
        self._known: dict[tuple[str, str, str], int] = {}
        self._setups = CellSetups(plant, start, now_ms, set_up)
        self._latest_ms = now_ms

    def add_unit(self, order: JobOrder, records: list[OperationRecord]) -> None:
        """Add a work unit, unless nothing of it is left to do."""
        product = self._plant.products[order.product]
        blocked = any(r.status in ("failed", "cancelled", "uncertain") for r in records)
        wanted = {"leased", "running"} if blocked else {"planned", "leased", "running"}
        kept = self._doable(product, [r for r in records if r.status in wanted])
        if not kept:
            return
        place = {record.position: index for index, record in enumerate(kept)}
        programs = tuple(product.operations[r.position].programs for r in kept)
        release_ms = max(0, self._ms(order.release, up=True))
        if release_ms > FOREVER_MS:
            raise PlanningError(f"{order.order_id}: its release is more than ten years away")
        self._latest_ms = max(self._latest_ms, release_ms)
        family = self._setups.family(order.product)
        self._products.append(order.product)
        self._jobs.append(
            Job(
                name=f"{order.order_id}/{kept[0].unit}",
                operations=tuple(
                    Operation(
                        name=record.name,
                        alternatives=tuple(
                            Alternative(
                                self._cells[cell],
                                self._ms_of(cell, program, order.product),
                                family=family,
                            )
                            for cell, program in runs.items()
                            if cell not in self._lost or record.status != "planned"
                        ),
                        predecessors=tuple(
                            place[p] for p in product.predecessors(record.position) if p in place
                        ),
                    )
                    for record, runs in zip(kept, programs, strict=True)
                ),
                release_ms=release_ms,
                # A due date before the start counts from the start: the sum of weighted tardiness
                # changes by a constant only.
                due_ms=min(max(0, self._ms(order.due)), FOREVER_MS),
                weight=float(order.priority),
            )
        )
        self._operations.append(tuple(kept))
        self._programs.append(programs)

    def _doable(self, product: Product, records: list[OperationRecord]) -> list[OperationRecord]:
        """Without what only lost cells can do, and what comes after that."""
        waiting: set[int] = set()
        for record in records:  # in the order of the recipe, in which nothing precedes itself
            place = record.position
            if record.status == "planned" and (
                self._lost.issuperset(product.operations[place].programs)
                or waiting.intersection(product.predecessors(place))
            ):
                waiting.add(place)
        return [record for record in records if record.position not in waiting]

    def _ms(self, instant: datetime, *, up: bool = False) -> int:
        microseconds = (instant - self._start) // timedelta(microseconds=1)
        return -(-microseconds // 1000) if up else microseconds // 1000

    def _ms_of(self, cell: str, program: str, product: str) -> int:
        key = (cell, program, product)
        if key not in self._known:
            seconds = self._durations(*key)
            if not (math.isfinite(seconds) and seconds > 0.0):
                raise PlanningError(
                    f"{program} on {cell} for {product}: a duration of {seconds} s is none"
                )
            self._known[key] = max(1, math.ceil(seconds * 1000.0 - 1e-6))
        return self._known[key]

    def problem(self, at_least_ms: int) -> tuple[SchedulingProblem, Keys]:
        """The problem, with calendars that reach far enough."""
        frozen = self._frozen()
        begun = {(a.job, a.operation) for a in frozen}
        busy_until = max((a.end_ms for a in frozen), default=0)
        by_cell: dict[int, list[int]] = defaultdict(list)
        for j, job in enumerate(self._jobs):
            for o, operation in enumerate(job.operations):
                for alternative in operation.alternatives if (j, o) not in begun else ():
                    setup_ms = self._setups.longest_ms(
                        self._names[alternative.cell], self._products[j]
                    )
                    by_cell[alternative.cell].append(setup_ms + alternative.duration_ms)
        end_ms = sufficient_end_ms(
            self._plant,
            self._start,
            self._now_ms,
            max(self._latest_ms, busy_until),
            [by_cell[index] for index in range(len(self._cells))],
        )
        horizon_ms = FOREVER_MS if end_ms is None else max(end_ms, at_least_ms)
        cells = closed_cells(self._plant, self._start, self._now_ms, horizon_ms)
        note = self._explain(cells, begun) if end_ms is None else ""
        cells = tuple(self._setups.with_setups(cell) for cell in cells)
        problem = SchedulingProblem(
            cells, tuple(self._jobs), frozen, self._now_ms, published=self._as_published()
        )
        keys = Keys(
            tuple(self._operations), tuple(self._programs), tuple(self._cells), horizon_ms, note
        )
        return problem, keys

    def _explain(self, cells: Sequence[Cell], begun: set[tuple[int, int]]) -> str:
        """Say what fits into no open time, or does not with its longest setup."""
        tight = ""
        longest = [max(windows(cell, self._now_ms, FOREVER_MS), default=0) for cell in cells]
        for j, job in enumerate(self._jobs):
            for o, operation in enumerate(job.operations):
                for a in operation.alternatives if (j, o) not in begun else ():
                    setup_ms = self._setups.longest_ms(self._names[a.cell], self._products[j])
                    if not tight and setup_ms and setup_ms + a.duration_ms > longest[a.cell]:
                        tight = (
                            f"; {job.name}/{operation.name} takes {a.duration_ms / 1000:.1f} s on "
                            f"{self._names[a.cell]} and its setup up to {setup_ms / 1000:.1f} s, "
                            f"in one piece, but the cell is open at most "
                            f"{longest[a.cell] / 1000:.1f} s at a time: change its calendar or "
                            "setups_s"
                        )
                fits = any(a.duration_ms <= longest[a.cell] for a in operation.alternatives)
                if not fits and (j, o) not in begun:
                    ways = ", ".join(
                        f"{cells[a.cell].name}: takes {a.duration_ms / 1000:.1f} s, open at most "
                        f"{longest[a.cell] / 1000:.1f} s at a time"
                        for a in operation.alternatives
                    )
                    raise PlanningError(
                        f"{job.name}/{operation.name} fits into no open time ({ways}): change the "
                        "cell's calendar or the program"
                    )
        return tight

    def _as_published(self) -> tuple[Assignment, ...]:
        """The published plan in the numbers of the problem; later where its time has passed."""
        found = []
        for j, records in enumerate(self._operations):
            for o, record in enumerate(records):
                row = self._published.get(record.operation_id)
                if row is not None and row.cell in self._cells:
                    begin, end = row.start_ns // NS_PER_MS, -(-row.end_ns // NS_PER_MS)
                    cell = self._cells[row.cell]
                    found.append(Assignment(j, o, cell, begin, max(end, begin + 1)))
        return tuple(found)

    def _is_confirmed(self, record: OperationRecord) -> bool:
        row = self._published.get(record.operation_id)
        return (
            record.status == "planned"
            and row is not None
            and row.cell not in self._lost
            and row.start_ns < self._confirmed_ns
        )

    def _frozen(self) -> tuple[Assignment, ...]:
        """Running, leased and confirmed operations, one after the other on each cell.

        Setups before them are in no engine's hands: these rows themselves leave the time for them.
        """
        frozen: dict[tuple[int, int], Assignment] = {}
        made: dict[int, str] = {}
        free_ms: dict[int, int] = defaultdict(int)
        held = []
        for j, records in enumerate(self._operations):
            for o, record in enumerate(records):
                if record.status in ("leased", "running") and record.cell in self._cells:
                    rank, cell_name = int(record.status == "leased"), record.cell
                elif self._is_confirmed(record):
                    rank, cell_name = 2, self._published[record.operation_id].cell
                else:
                    continue
                held.append((rank, record.planned_start_ns or 0, j, o, record, cell_name))
        for rank, planned_ns, j, o, record, cell_name in sorted(held, key=lambda item: item[:4]):
            predecessors = self._jobs[j].operations[o].predecessors
            if any((j, p) not in frozen for p in predecessors):
                continue  # its lease came too early: it is planned like any other
            cell = self._cells[cell_name or ""]
            duration = next(
                (a.duration_ms for a in self._jobs[j].operations[o].alternatives if a.cell == cell),
                1,
            )
            setup_ms = 0
            if cell in made:
                setup_ms = self._setups.ms(self._names[cell], made[cell], self._products[j])
            elif rank == 2:  # what is leased begins now: its cell is set up
                setup_ms = self._setups.first_ms(self._names[cell], self._products[j])
            if rank:
                begin = max(
                    planned_ns // NS_PER_MS,
                    max(self._now_ms, free_ms[cell]) + setup_ms,
                    *(frozen[j, p].end_ms for p in predecessors),
                )
                end = begin + duration
            else:
                begin = (record.actual_start_ns or 0) // NS_PER_MS
                end = max(begin + duration, self._now_ms + 1)
            if rank == 2 and self._closed(cell, begin - setup_ms, end):
                continue  # what was late no longer fits where it was: it is planned like any other
            free_ms[cell], made[cell] = max(free_ms[cell], end), self._products[j]
            frozen[j, o] = Assignment(j, o, cell, begin, end)
        return tuple(frozen.values())

    def _closed(self, cell: int, begin_ms: int, end_ms: int) -> bool:
        """Whether the cell's calendar closes it at some time of an interval."""
        return bool(closed_cells(self._plant, self._start, begin_ms, end_ms)[cell].unavailable)

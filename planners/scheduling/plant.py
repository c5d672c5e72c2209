"""What the work is done with: cells and their setups, buffers, shared resources, people, power."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise

from planners.scheduling.errors import ProblemError
from planners.scheduling.intervals import Intervals, check_time, checked_intervals
from planners.scheduling.work import Amounts, check_amounts, check_cost, check_count


@dataclass(frozen=True, slots=True)
class Cell:
    """A cell: one operation at a time, closed in its calendar, perhaps with setups and a buffer.

    Before each operation the cell is set up for its family for ``setups[family before][family]``
    ms, right up to the start, in open time and with an empty cell. Setups before the first
    operation count from ``initial_family`` (None: nothing to set up). Between two frozen
    operations, and before a frozen one that is the first, they are a fact and not counted.

    With an ``output_buffer`` a finished part whose next operation runs on another cell waits there
    for its transport; while the buffer is full, the part stays and keeps the cell. Without one
    (None) there is always room. Parts that go on in the same cell do not pass the buffer.

    Attributes:
        name: For messages and charts.
        unavailable: Intervals in ms in which nothing may run. They may come unsorted and may
            touch or overlap; they are merged here.
        setups: Square matrix in ms, ``[from family][to family]``; empty without setups.
        initial_family: What the cell is set up for.
        setup_crew: (skill, amount) that a setup needs.
        setup_needs: (resource, amount) that a setup needs.
        output_buffer: Index into the problem's buffers.
        setup_power_w: Power during a setup.
        standby_power_w: Power between the first and the last use, whenever nothing works.

    Raises:
        ProblemError: An interval is empty, reversed or outside ``0..FOREVER_MS``; the matrix is
            not square or holds something else than times.
    """

    name: str
    unavailable: Intervals = ()
    setups: tuple[tuple[int, ...], ...] = ()
    initial_family: int | None = None
    setup_crew: Amounts = ()
    setup_needs: Amounts = ()
    output_buffer: int | None = None
    setup_power_w: int = 0
    standby_power_w: int = 0

    def __post_init__(self) -> None:
        merged = checked_intervals(self.unavailable, f"calendar of cell {self.name!r}")
        object.__setattr__(self, "unavailable", merged)
        for row, times in enumerate(self.setups):
            if len(times) != len(self.setups):
                raise ProblemError(
                    f"setups of cell {self.name!r}: row {row} has {len(times)} entries "
                    f"instead of {len(self.setups)}"
                )
            for value in times:
                check_time(value, f"setups of cell {self.name!r}, row {row}: a setup")
        if self.initial_family is not None and not 0 <= self.initial_family < len(self.setups):
            raise ProblemError(
                f"cell {self.name!r} is set up for family {self.initial_family}, "
                f"which its setups do not have"
            )
        check_amounts(self.setup_crew, "skill")
        check_amounts(self.setup_needs, "resource")
        check_count(self.setup_power_w, f"setup power of cell {self.name!r}", least=0)
        check_count(self.standby_power_w, f"standby power of cell {self.name!r}", least=0)

    def setup_ms(self, before: int | None, family: int) -> int:
        """Setup from one family (None: whatever there is) to another, ms."""
        if not self.setups or before is None:
            return 0
        return self.setups[before][family]


@dataclass(frozen=True, slots=True)
class Buffer:
    """Places for finished parts between cells; several cells may share one. 0 places block."""

    name: str
    places: int

    def __post_init__(self) -> None:
        check_count(self.places, f"places of buffer {self.name!r}", least=0)


@dataclass(frozen=True, slots=True)
class Resource:
    """So many interchangeable units of something that operations share: fixtures, pallets, AGVs.

    None of them is there during ``unavailable``.
    """

    name: str
    capacity: int
    unavailable: Intervals = ()

    def __post_init__(self) -> None:
        check_count(self.capacity, f"capacity of resource {self.name!r}", least=0)
        merged = checked_intervals(self.unavailable, f"calendar of resource {self.name!r}")
        object.__setattr__(self, "unavailable", merged)


@dataclass(frozen=True, slots=True)
class Skill:
    """Something that only some operators can do, and what an hour of it costs."""

    name: str
    cost_per_h: float = 0.0

    def __post_init__(self) -> None:
        check_cost(self.cost_per_h, f"cost of skill {self.name!r}")


@dataclass(frozen=True, slots=True)
class Operator:
    """One person: the skills (indices), and the times off. May hand work over at any moment."""

    name: str
    skills: tuple[int, ...]
    unavailable: Intervals = ()

    def __post_init__(self) -> None:
        merged = checked_intervals(self.unavailable, f"shifts of operator {self.name!r}")
        object.__setattr__(self, "unavailable", merged)
        object.__setattr__(self, "skills", tuple(sorted(set(self.skills))))


@dataclass(frozen=True, slots=True)
class Tariff:
    """Price of electric energy over time: (from ms, price per kWh) steps, the first at 0."""

    steps: tuple[tuple[int, float], ...] = ((0, 0.0),)

    def __post_init__(self) -> None:
        if not self.steps or self.steps[0][0] != 0:
            raise ProblemError("tariff: the first step must begin at 0 ms")
        for at, price in self.steps:
            check_time(at, "tariff: a step")
            check_cost(price, f"tariff: the price from {at} ms on")
        for (first, _), (second, _) in pairwise(self.steps):
            if first >= second:
                raise ProblemError(f"tariff: the step at {second} ms does not follow {first} ms")

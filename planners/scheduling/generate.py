"""Random plants with everything that couples cells: the same seed gives the same problem.

For benchmarks and tests. Published seeds of the benchmark are 1 to 5 at each size.
"""

from __future__ import annotations

import random
from dataclasses import dataclass

from planners.scheduling.problem import (
    Alternative,
    Buffer,
    Cell,
    Job,
    Operation,
    Operator,
    OptionalWork,
    Resource,
    SchedulingProblem,
    Skill,
    Tariff,
)

MINUTE_MS = 60_000
HOUR_MS = 60 * MINUTE_MS


@dataclass(frozen=True, slots=True)
class Features:
    """What a generated plant has beside cells, jobs and dates."""

    setups: bool = True
    setup_crew: bool = True
    calendars: bool = True
    operators: bool = True
    fixtures: bool = True
    pallets: bool = True
    buffers: bool = True
    transport: bool = True
    optional: bool = True
    energy: bool = True
    peak: bool = True
    interruptible: bool = True


BENCHMARK = Features(optional=False, energy=False, peak=False, interruptible=False)
"""Weighted tardiness with setups, calendars, operators, fixtures, pallets, buffers, transport."""


def generate(
    seed: int,
    *,
    jobs: int = 25,
    cells: int = 6,
    operations: tuple[int, int] = (3, 6),
    features: Features = Features(),  # frozen
    unit_ms: int = MINUTE_MS,
) -> SchedulingProblem:
    """A random plant.

    Args:
        seed: Seed.
        jobs: How many jobs.
        cells: How many cells.
        operations: Least and most operations per job.
        features: What couples the cells.
        unit_ms: Durations are 2 to 12 of it.
    """
    return _Generator(seed, jobs, cells, operations, features, unit_ms).problem()


class _Generator:
    def __init__(
        self,
        seed: int,
        jobs: int,
        cells: int,
        operations: tuple[int, int],
        features: Features,
        unit_ms: int,
    ) -> None:
        self.rng = random.Random(seed)
        self.jobs, self.cells, self.operations = jobs, cells, operations
        self.has, self.unit = features, unit_ms
        self.families = 4
        mean_operations = sum(operations) / 2
        self.span = int(jobs * mean_operations * 7 * unit_ms / cells) + 10 * unit_ms
        """Roughly how long the work takes, ms."""

    def problem(self) -> SchedulingProblem:
        rng, has, unit = self.rng, self.has, self.unit
        cells = tuple(self._cell(c) for c in range(self.cells))
        jobs = tuple(self._job(j) for j in range(self.jobs))
        people = max(2, self.cells - 2)
        operators = tuple(
            Operator(
                f"operator {i}",
                (0,) if i % 3 == 0 else (1,) if i % 3 == 1 else (0, 1),
                self._shift() if has.calendars and i % 2 else (),
            )
            for i in range(people)
        )
        return SchedulingProblem(
            cells,
            jobs,
            resources=(
                Resource("fixture", max(2, self.cells // 2)),
                Resource("pallet", max(2, self.cells + 2)),
            ),
            skills=(Skill("handling", 30.0), Skill("inspection", 40.0)),
            operators=operators,
            buffers=tuple(
                Buffer(f"after cell {c}", rng.choice((1, 2, 3))) for c in range(self.cells)
            )
            if has.buffers
            else (),
            transport_ms=tuple(
                tuple(0 if a == b else unit * (1 + abs(a - b)) // 2 for b in range(self.cells))
                for a in range(self.cells)
            )
            if has.transport
            else (),
            tariff=self._tariff() if has.energy else Tariff(),
            peak_power_w=3000 * max(2, self.cells // 2) if has.peak else None,
        )

    def _tariff(self) -> Tariff:
        step = max(1, self.span // 4)
        return Tariff(tuple((k * step, self.rng.choice((0.1, 0.2, 0.4))) for k in range(6)))

    def _shift(self) -> tuple[tuple[int, int], ...]:
        start = self.rng.randrange(self.span)
        return ((start, start + self.span // 8),)

    def _cell(self, c: int) -> Cell:
        rng, has, unit = self.rng, self.has, self.unit
        closed = []
        if has.calendars:
            for _ in range(2):
                start = rng.randrange(2 * self.span)
                closed.append((start, start + rng.randint(5, 20) * unit))
        setups = has.setups and c % 2 == 0
        return Cell(
            f"cell {c}",
            tuple(closed),
            setups=tuple(
                tuple(0 if a == b else rng.randint(1, 6) * unit for b in range(self.families))
                for a in range(self.families)
            )
            if setups
            else (),
            initial_family=rng.randrange(self.families) if setups else None,
            setup_crew=((0, 1),) if setups and has.setup_crew and has.operators else (),
            output_buffer=c if has.buffers and c % 3 != 2 else None,
            setup_power_w=500 if setups and has.energy else 0,
            standby_power_w=200 if has.energy else 0,
        )

    def _job(self, j: int) -> Job:
        rng, has = self.rng, self.has
        family = rng.randrange(self.families)
        count = rng.randint(*self.operations)
        operations = []
        for o in range(count):
            predecessors: tuple[int, ...] = (o - 1,) if o else ()
            if o >= 2 and rng.random() < 0.2:
                predecessors = (o - 2,)  # runs beside the one before
            operations.append(
                Operation(
                    f"{j}.{o}",
                    self._ways(family),
                    predecessors,
                    interruptible=has.interruptible and rng.random() < 0.3,
                )
            )
        optional: tuple[OptionalWork, ...] = ()
        if has.optional and count >= 3 and rng.random() < 0.4:
            optional = (OptionalWork("rework", (count - 2,), rng.choice((1.0, 50.0, 5000.0))),)
        release = rng.randrange(max(1, self.span // 2)) if rng.random() < 0.5 else 0
        due = release + int(rng.uniform(0.3, 1.2) * self.span)
        return Job(
            f"job {j}",
            tuple(operations),
            release,
            due,
            rng.choice((1.0, 2.0, 4.0)),
            holds=((1, 1),) if has.pallets and j % 2 == 0 else (),
            optional=optional,
        )

    def _ways(self, family: int) -> tuple[Alternative, ...]:
        rng, has, unit = self.rng, self.has, self.unit
        base = rng.randint(2, 12) * unit
        ways = []
        some = rng.sample(range(self.cells), min(self.cells, rng.choice((1, 2, 2, 3))))
        for c in sorted(some):
            crew: tuple[tuple[int, int], ...] = ()
            if has.operators and rng.random() < 0.5:
                crew = ((rng.randrange(2), 1),)
            ways.append(
                Alternative(
                    c,
                    max(1, int(base * rng.uniform(0.8, 1.3))),
                    family,
                    needs=((0, 1),) if has.fixtures and rng.random() < 0.3 else (),
                    crew=crew,
                    power_w=rng.choice((1000, 2000, 3000)) if has.energy or has.peak else 0,
                )
            )
        return tuple(ways)


def flexible_job_shop(
    seed: int,
    *,
    operations: int = 1000,
    per_job: int = 20,
    alternatives: tuple[int, int] = (2, 5),
    cells: int | None = None,
) -> SchedulingProblem:
    """A random flexible job shop in which nothing couples cells: for repair and for size.

    Jobs are chains. An operation takes 10 to 100 ms, on each of its cells 0.8 to 1.2 times that.

    Args:
        seed: Seed.
        operations: How many in all.
        per_job: How many in each job; the last may have fewer.
        alternatives: Least and most cells on which an operation can run.
        cells: How many; by default one for every 50 operations.
    """
    rng = random.Random(seed)
    count_of_cells = max(alternatives[1], operations // 50) if cells is None else cells
    jobs: list[Job] = []
    left = operations
    while left:
        count = min(per_job, left)
        left -= count
        chain = []
        for o in range(count):
            base = rng.randint(10, 100)
            some = sorted(rng.sample(range(count_of_cells), rng.randint(*alternatives)))
            ways = tuple(Alternative(c, max(1, int(base * rng.uniform(0.8, 1.2)))) for c in some)
            chain.append(Operation(f"{len(jobs)}.{o}", ways, (o - 1,) if o else ()))
        jobs.append(Job(f"job {len(jobs)}", tuple(chain)))
    return SchedulingProblem(tuple(Cell(f"cell {c}") for c in range(count_of_cells)), tuple(jobs))

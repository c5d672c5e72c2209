"""A scheduling problem as a YAML file: everything that the scheduler knows, by names.

`examples/scheduling_problem.yaml` shows every key. Times are in the file's ``unit`` (``ms``, ``s``
or ``min``) and become whole milliseconds.
"""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from planners.scheduling import (
    Alternative,
    Assignment,
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
from robot_cell.cli.plan_yaml import Value, load

UNITS_MS = {"ms": 1, "s": 1000, "min": 60_000}
TOP = (
    *("unit", "now", "cells", "jobs", "resources", "skills", "operators", "buffers"),
    *("transport", "tariff", "peak_power_w", "frozen", "published"),
)
Amounts = tuple[tuple[int, int], ...]
Intervals = tuple[tuple[int, int], ...]


def is_problem(path: Path) -> bool:
    """Whether a YAML file is a scheduling problem rather than a plant: it has jobs."""
    document = load(path)
    return document.is_mapping() and any(
        key.plain == "jobs" for key, _ in document.items("the file")
    )


def read_problem(path: Path) -> SchedulingProblem:
    """Read a scheduling problem.

    Raises:
        InstanceError: The file breaks the format or names what it does not have; says where.
        ProblemError: The problem contradicts itself; names job and operation.
        OSError: The file cannot be read.
    """
    return _Reader(load(path)).problem()


class _Reader:
    """Names become indices in the order of the file."""

    def __init__(self, document: Value) -> None:
        self.top = document.fields("the problem", TOP)
        self.document = document
        unit = self.top["unit"].text() if "unit" in self.top else "ms"
        if unit not in UNITS_MS:
            raise self.top["unit"].error(f"the unit must be one of {', '.join(UNITS_MS)}")
        self.unit = UNITS_MS[unit]
        self.names = {
            kind: {key.text(): i for i, (key, _) in enumerate(self._named(kind))}
            for kind in ("cells", "resources", "skills", "buffers")
        }
        self.families: dict[str, int] = {}

    def _named(self, kind: str) -> list[tuple[Value, Value]]:
        return list(self.top[kind].items(kind)) if kind in self.top else []

    def _index(self, kind: str, name: Value) -> int:
        known = self.names[kind]
        if name.text() not in known:
            raise name.error(f"{name.text()!r} is none of the {kind}: {', '.join(known)}")
        return known[name.text()]

    def _ms(self, value: Value, what: str) -> int:
        return round(value.number(what) * self.unit)

    def _intervals(self, value: Value | None) -> Intervals:
        found = []
        for pair in value.members("a calendar") if value is not None else ():
            ends = pair.members("an interval")
            if len(ends) != 2:
                raise pair.error("an interval is [start, end]")
            found.append((self._ms(ends[0], "a start"), self._ms(ends[1], "an end")))
        return tuple(found)

    def _amounts(self, kind: str, value: Value | None) -> Amounts:
        pairs = value.items(f"amounts of {kind}") if value is not None else ()
        return tuple((self._index(kind, key), some.whole("an amount")) for key, some in pairs)

    def problem(self) -> SchedulingProblem:
        for needed in ("cells", "jobs"):
            if needed not in self.top:
                raise self.document.error(f"the problem lacks {needed!r}")
        cells = tuple(self._cell(key.text(), value) for key, value in self._named("cells"))
        jobs = tuple(self._job(value) for value in self.top["jobs"].members("jobs"))
        peak = self.top.get("peak_power_w")
        now = self.top.get("now")
        return SchedulingProblem(
            cells,
            jobs,
            frozen=tuple(self._assignments("frozen", jobs)),
            earliest_start_ms=0 if now is None else self._ms(now, "now"),
            resources=tuple(self._resource(k.text(), v) for k, v in self._named("resources")),
            skills=tuple(self._skill(k.text(), v) for k, v in self._named("skills")),
            operators=tuple(self._operator(k.text(), v) for k, v in self._named("operators")),
            buffers=tuple(
                Buffer(k.text(), v.whole("the places of a buffer"))
                for k, v in self._named("buffers")
            ),
            transport_ms=self._transport(),
            tariff=self._tariff(),
            peak_power_w=None if peak is None else peak.whole("the peak"),
            published=tuple(self._assignments("published", jobs)),
        )

    def _resource(self, name: str, value: Value) -> Resource:
        if not value.is_mapping():
            return Resource(name, value.whole("a capacity"))
        some = value.fields("a resource", ("capacity", "unavailable"))
        if "capacity" not in some:
            raise value.error("a resource needs a capacity")
        return Resource(
            name, some["capacity"].whole("a capacity"), self._intervals(some.get("unavailable"))
        )

    def _skill(self, name: str, value: Value) -> Skill:
        some = value.fields("a skill", ("cost_per_h",))
        return Skill(name, some["cost_per_h"].number("a cost") if some else 0.0)

    def _operator(self, name: str, value: Value) -> Operator:
        some = value.fields("an operator", ("skills", "unavailable"))
        if "skills" not in some:
            raise value.error("an operator needs skills")
        skills = tuple(self._index("skills", skill) for skill in some["skills"].members("skills"))
        return Operator(name, skills, self._intervals(some.get("unavailable")))

    def _cell(self, name: str, value: Value) -> Cell:
        if not value.is_mapping() and value.plain is None:
            return Cell(name)
        known = (
            *("unavailable", "setups", "initial_family", "setup_crew", "setup_needs"),
            *("output_buffer", "setup_power_w", "standby_power_w"),
        )
        some = value.fields("a cell", known)
        setups = self._setups(some["setups"]) if "setups" in some else ()
        initial = some.get("initial_family")
        buffer = some.get("output_buffer")
        return Cell(
            name,
            self._intervals(some.get("unavailable")),
            setups,
            None if initial is None else self._family(initial),
            self._amounts("skills", some.get("setup_crew")),
            self._amounts("resources", some.get("setup_needs")),
            None if buffer is None else self._index("buffers", buffer),
            some["setup_power_w"].whole("power") if "setup_power_w" in some else 0,
            some["standby_power_w"].whole("power") if "standby_power_w" in some else 0,
        )

    def _family(self, name: Value) -> int:
        if name.text() not in self.families:
            raise name.error(f"{name.text()!r} is in no setups: {', '.join(self.families)}")
        return self.families[name.text()]

    def _setups(self, value: Value) -> tuple[tuple[int, ...], ...]:
        """From family to family; every cell with setups lists the same families."""
        rows = list(value.items("setups"))
        names = [key.text() for key, _ in rows]
        if self.families and list(self.families) != names:
            raise value.error(f"setups must list the same families: {', '.join(self.families)}")
        self.families = {name: i for i, name in enumerate(names)}
        found = []
        for key, row in rows:
            times = {to.text(): self._ms(ms, "a setup") for to, ms in row.items("a row of setups")}
            if times.keys() != self.families.keys():
                raise key.error(f"the setups from {key.text()!r} need all of {', '.join(names)}")
            found.append(tuple(times[name] for name in names))
        return tuple(found)

    def _job(self, value: Value) -> Job:
        known = ("name", "release", "due", "weight", "holds", "operations", "optional")
        some = value.fields("a job", known)
        for needed in ("name", "operations"):
            if needed not in some:
                raise value.error(f"a job needs {needed!r}")
        entries = [
            entry.fields("an operation", ("name", "cells", "after", "interruptible"))
            for entry in some["operations"].members("operations")
        ]
        numbers: dict[str, int] = {}
        operations = []
        for entry, where in zip(entries, some["operations"].members("operations"), strict=True):
            for needed in ("name", "cells"):
                if needed not in entry:
                    raise where.error(f"an operation needs {needed!r}")
            numbers.setdefault(entry["name"].text(), len(numbers))
        if len(numbers) < len(entries):
            raise some["operations"].error("two operations of the job have the same name")
        for i, entry in enumerate(entries):
            if "after" in entry:
                before = self._operations_of(numbers, entry["after"])
            else:
                before = (i - 1,) if i else ()
            operations.append(
                Operation(
                    entry["name"].text(),
                    tuple(
                        self._way(cell, way)
                        for cell, way in entry["cells"].items("the cells of an operation")
                    ),
                    before,
                    entry["interruptible"].truth("interruptible")
                    if "interruptible" in entry
                    else False,
                )
            )
        optional = some["optional"].members("optional") if "optional" in some else []
        return Job(
            some["name"].text(),
            tuple(operations),
            self._ms(some["release"], "a release") if "release" in some else 0,
            self._ms(some["due"], "a due date") if "due" in some else None,
            some["weight"].number("a weight") if "weight" in some else 1.0,
            self._amounts("resources", some.get("holds")),
            tuple(self._optional(numbers, part) for part in optional),
        )

    def _operations_of(self, numbers: dict[str, int], names: Value) -> tuple[int, ...]:
        found = []
        for name in names.members("operations"):
            if name.text() not in numbers:
                raise name.error(f"the job has no operation {name.text()!r}")
            found.append(numbers[name.text()])
        return tuple(found)

    def _optional(self, numbers: dict[str, int], value: Value) -> OptionalWork:
        some = value.fields("optional work", ("name", "operations", "left_out_cost"))
        if len(some) < 3:
            raise value.error("optional work needs name, operations and left_out_cost")
        return OptionalWork(
            some["name"].text(),
            self._operations_of(numbers, some["operations"]),
            some["left_out_cost"].number("a cost"),
        )

    def _way(self, cell: Value, value: Value) -> Alternative:
        index = self._index("cells", cell)
        if not value.is_mapping():
            return Alternative(index, self._ms(value, "a duration"))
        some = value.fields("a way", ("duration", "family", "needs", "crew", "power_w"))
        if "duration" not in some:
            raise value.error("a way needs a duration")
        return Alternative(
            index,
            self._ms(some["duration"], "a duration"),
            self._family(some["family"]) if "family" in some else 0,
            self._amounts("resources", some.get("needs")),
            self._amounts("skills", some.get("crew")),
            some["power_w"].whole("power") if "power_w" in some else 0,
        )

    def _transport(self) -> tuple[tuple[int, ...], ...]:
        """From cell to cell; ways that are not named take no time."""
        if "transport" not in self.top:
            return ()
        count = len(self.names["cells"])
        matrix = [[0] * count for _ in range(count)]
        for start, row in self.top["transport"].items("transport"):
            for end, time in row.items("a row of transport"):
                matrix[self._index("cells", start)][self._index("cells", end)] = self._ms(
                    time, "a transport"
                )
        return tuple(tuple(row) for row in matrix)

    def _tariff(self) -> Tariff:
        if "tariff" not in self.top:
            return Tariff()
        steps = []
        for step in self.top["tariff"].members("a tariff"):
            pair = step.members("a step of the tariff")
            if len(pair) != 2:
                raise step.error("a step of the tariff is [from, price per kWh]")
            steps.append((self._ms(pair[0], "a time"), pair[1].number("a price")))
        return Tariff(tuple(steps))

    def _assignments(self, kind: str, jobs: tuple[Job, ...]) -> Iterable[Assignment]:
        numbers = {job.name: j for j, job in enumerate(jobs)}
        for value in self.top[kind].members(kind) if kind in self.top else ():
            keys = ("job", "operation", "cell", "start", "end")
            some = value.fields("an assignment", keys)
            if len(some) < len(keys):
                raise value.error(f"an assignment needs {', '.join(keys)}")
            if some["job"].text() not in numbers:
                raise some["job"].error(f"there is no job {some['job'].text()!r}")
            j = numbers[some["job"].text()]
            names = [operation.name for operation in jobs[j].operations]
            if some["operation"].text() not in names:
                raise some["operation"].error(
                    f"the job has no operation {some['operation'].text()!r}"
                )
            yield Assignment(
                j,
                names.index(some["operation"].text()),
                self._index("cells", some["cell"]),
                self._ms(some["start"], "a start"),
                self._ms(some["end"], "an end"),
            )

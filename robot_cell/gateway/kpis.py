"""Key figures after ISO 22400-2:2014, made from what the journal says happened.

The standard's elements are sums of time and counts of work; a key figure is made by dividing sums,
never by averaging figures. A divisor of 0 makes a figure undefined (None), which is not 0 or 1.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

from robot_cell.gateway import shapes
from robot_cell.gateway.spans import Span, common, length, merged, without
from robot_cell.store import CommandRecord, EventRecord, OperationRecord, StepRecord
from robot_cell.store.ran import Obeyed, Ran, StepSpan

_NS: Final = 1e-9
ENDED: Final = ("complete", "failed")
_HOLDS: Final = ("hold", "suspend")
_GOES_ON: Final = ("unhold", "unsuspend", "stop", "abort", "reset", "clear", "start")

HOLDS_AND_GOES_ON: Final = (*_HOLDS, *_GOES_ON)
"""Commands that say when a cell was held, in lower case."""

_SOURCE: Final = "ISO 22400-2:2014"
FORMULAS: Final[dict[str, shapes.Formula]] = {
    name: {"formula": formula, "text": text, "unit": unit, "source": source}
    for name, formula, text, unit, source in (
        (
            "availability",
            "APT / PBT",
            "The part of the planned time in which the cell really worked on parts.",
            "1",
            f"{_SOURCE}, availability",
        ),
        (
            "effectiveness",
            "PRI * PQ / APT",
            "How fast the parts were made against the plan; above 1 is faster and is not cut off.",
            "1",
            f"{_SOURCE}, effectiveness",
        ),
        (
            "quality_ratio",
            "GQ / PQ",
            "The part of the processed operations that were good.",
            "1",
            f"{_SOURCE}, quality ratio",
        ),
        (
            "oee",
            "availability * effectiveness * quality_ratio",
            "Overall equipment effectiveness index.",
            "1",
            f"{_SOURCE}, OEE index",
        ),
        (
            "nee",
            "AUPT / PBT * effectiveness * quality_ratio",
            "Net equipment effectiveness index: as OEE, but setting up does not count against it.",
            "1",
            f"{_SOURCE}, NEE index",
        ),
        (
            "allocation_efficiency",
            "AUBT / PBT",
            "The part of the planned time in which the cell had an order.",
            "1",
            f"{_SOURCE}, allocation efficiency",
        ),
        (
            "utilisation_efficiency",
            "APT / AUBT",
            "The part of the time with an order in which the cell really worked.",
            "1",
            f"{_SOURCE}, utilization efficiency",
        ),
        (
            "technical_efficiency",
            "APT / (APT + ADET)",
            "Work against work and delays.",
            "1",
            f"{_SOURCE}, technical efficiency",
        ),
        (
            "throughput_per_h",
            "PQ / AOET",
            "Cell: operations, plant: work units, per hour in which orders were carried out.",
            "1/h",
            f"{_SOURCE}, throughput rate",
        ),
        (
            "first_pass_yield",
            "GP / IP",
            "The part that was good at the first try.",
            "1",
            f"{_SOURCE}, first pass yield",
        ),
        ("scrap_ratio", "SQ / PQ", "The part that failed.", "1", f"{_SOURCE}, scrap ratio"),
        (
            "rework_ratio",
            "RQ / PQ",
            "The part that was good, but not at the first try.",
            "1",
            f"{_SOURCE}, rework ratio",
        ),
        (
            "energy_per_part_j",
            "(energy of the motions as planned + base power * actual time) / GQ",
            "By a model, not measured: no arm has a meter. Cell: of an operation, plant: of a work "
            "unit. Undefined where a program's energy is not known yet.",
            "J",
            "planners/kinematics/energy.py, after ISO 20140-1",
        ),
    )
}


Worked = OperationRecord | Ran
"""An operation, as a whole or as much of it as is read of many."""


@dataclass(frozen=True)
class Facts:
    """What happened to one cell, plant times in ns.

    Attributes:
        open: when its calendar has it work.
        operations: that ran on it, ended or not.
        steps: of these operations.
        held: when a person held it. lost: when its controller was gone.
        setups: when it was set up, at the latest: right before what it was set up for began.
    """

    cell: str
    open: Sequence[Span]
    operations: Sequence[Worked]
    steps: Sequence[StepRecord | StepSpan]
    held: Sequence[Span] = ()
    lost: Sequence[Span] = ()
    setups: Sequence[Span] = ()


@dataclass
class Elements:
    """Sums of the standard's elements; times in ns, counts of operations (plant: see `units`).

    `losses` are how long and how often, `edges` whether they were there at its begin and its end.
    """

    pbt: int = 0
    aubt: int = 0
    apt: int = 0
    aust: int = 0
    adet: int = 0
    adot: int = 0
    aoet: int = 0
    pri_pq: int = 0
    pq: int = 0
    gq: int = 0
    sq: int = 0
    rq: int = 0
    gp: int = 0
    units: int | None = None
    losses: dict[str, tuple[int, int]] = field(default_factory=dict)
    edges: dict[str, tuple[bool, bool]] = field(default_factory=dict)

    def add(self, other: Elements) -> None:
        """Sum up."""
        for name in _SUMMED:
            setattr(self, name, getattr(self, name) + getattr(other, name))


_SUMMED: Final = (
    "pbt", "aubt", "apt", "aust", "adet", "adot", "aoet", "pri_pq", "pq", "gq", "sq", "rq", "gp",
)  # fmt: skip


def elements_of(facts: Facts, span: Span, now_ns: int) -> Elements:
    """The elements of a cell in a span of time that ends now at the latest."""
    begin, end = span[0], min(span[1], now_ns)
    if end <= begin:
        return Elements()
    window = [(begin, end)]
    opened = common(merged(facts.open), window)
    attempts = {o.operation_id: o.attempt for o in facts.operations}
    working = [
        (s.intent_ns, s.outcome_ns if s.outcome_ns is not None else now_ns) for s in facts.steps
    ]
    running = [
        (o.actual_start_ns, o.actual_end_ns if o.actual_end_ns is not None else now_ns)
        for o in facts.operations
        if o.actual_start_ns is not None
    ]
    busy = common(merged([*running, *working]), window)
    good_steps = [
        (s.intent_ns, s.outcome_ns)
        for s in facts.steps
        if s.outcome == "done"
        and s.outcome_ns is not None
        and s.attempt == attempts.get(s.operation_id)
    ]
    held, lost = common(merged(facts.held), window), common(merged(facts.lost), window)
    producing = without(without(common(merged(good_steps), window), held), lost)
    idle = without(without(opened, busy), lost)
    setting_up = common(merged(facts.setups), idle)
    ended = [
        o
        for o in facts.operations
        if o.status in ENDED and o.actual_end_ns is not None and begin <= o.actual_end_ns < end
    ]
    good = [o for o in ended if o.status == "complete"]
    found = Elements(
        pbt=length(opened),
        aubt=length(busy) + length(setting_up),
        apt=length(producing),
        aust=length(setting_up),
        adet=length(without(without(busy, producing), lost)),
        adot=length(common(lost, opened)),
        aoet=length(busy) + length(setting_up),
        pri_pq=sum(_planned_ns(o) for o in ended),
        pq=len(ended),
        gq=len(good),
        sq=len(ended) - len(good),
        rq=sum(o.attempt > 1 for o in good),
        gp=sum(o.attempt == 1 for o in good),
    )
    idle = without(idle, setting_up)
    held_busy = common(held, busy)
    failed = [
        (s.intent_ns, s.outcome_ns)
        for s in facts.steps
        if s.outcome in ("failed", "uncertain", "not_done") and s.outcome_ns is not None
    ]
    failing = without(common(merged(failed), window), held)
    other = without(without(without(without(busy, producing), held), lost), failing)
    for cause, spans, ns in (
        ("no work", idle, length(idle)),
        ("setting up", setting_up, length(setting_up)),
        ("held", held_busy, length(held_busy)),
        ("cell lost", lost, found.adot),
        ("steps that failed", failing, length(failing)),
        ("between steps", other, length(other)),
    ):
        if spans:
            found.losses[cause] = ns, len(spans)
            found.edges[cause] = spans[0][0] == begin, spans[-1][1] == end
    tell_slowness(found)
    return found


def tell_slowness(found: Elements) -> None:
    """Say among the losses how much slower than planned it was, which is of sums, if it was."""
    slow_ns = max(0, found.apt - found.pri_pq)
    found.losses.pop("slower than planned", None)
    if slow_ns:
        found.losses["slower than planned"] = slow_ns, 1


def kpi_of(cell: str | None, found: Elements, energy_j: float | None = None) -> shapes.Kpi:
    """The key figures of some elements; `energy_j` is that of the operations that ended."""
    availability = _ratio(found.apt, found.pbt)
    effectiveness = _ratio(found.pri_pq, found.apt)
    quality = _ratio(found.gq, found.pq)
    done = found.pq if found.units is None else found.units
    good = found.gq if found.units is None else found.units
    return {
        "cell": cell,
        "elements": {
            "PBT_s": found.pbt * _NS,
            "AUBT_s": found.aubt * _NS,
            "APT_s": found.apt * _NS,
            "AUST_s": found.aust * _NS,
            "AUPT_s": (found.apt + found.aust) * _NS,
            "ADET_s": found.adet * _NS,
            "ADOT_s": found.adot * _NS,
            "AOET_s": found.aoet * _NS,
            "PRI_PQ_s": found.pri_pq * _NS,
            "PQ": found.pq,
            "GQ": found.gq,
            "SQ": found.sq,
            "RQ": found.rq,
            "GP": found.gp,
            "IP": found.pq,
            **({} if found.units is None else {"units": found.units}),
        },
        "availability": availability,
        "effectiveness": effectiveness,
        "quality_ratio": quality,
        "oee": _product(availability, effectiveness, quality),
        "nee": _product(_ratio(found.apt + found.aust, found.pbt), effectiveness, quality),
        "allocation_efficiency": _ratio(found.aubt, found.pbt),
        "utilisation_efficiency": _ratio(found.apt, found.aubt),
        "technical_efficiency": _ratio(found.apt, found.apt + found.adet),
        "throughput_per_h": _ratio(done, found.aoet * _NS / 3600.0),
        "first_pass_yield": _ratio(found.gp, found.pq),
        "scrap_ratio": _ratio(found.sq, found.pq),
        "rework_ratio": _ratio(found.rq, found.pq),
        "energy_per_part_j": None if energy_j is None else _ratio(energy_j, good),
    }


def plant_elements(
    of_cells: Iterable[Elements], operations: Sequence[Worked], span: Span, now_ns: int
) -> Elements:
    """The plant's elements: the sums over its cells; its output is counted in whole work units."""
    total = Elements()
    for found in of_cells:
        total.add(found)
    begin, end = span[0], min(span[1], now_ns)
    units: defaultdict[tuple[str, int], list[Worked]] = defaultdict(list)
    orders: dict[str, Span] = {}
    for record in operations:
        units[record.order_id, record.unit].append(record)
        if record.actual_start_ns is not None:
            until = record.actual_end_ns if record.actual_end_ns is not None else now_ns
            first, last = orders.get(record.order_id, (record.actual_start_ns, until))
            orders[record.order_id] = min(first, record.actual_start_ns), max(last, until)
    total.units = sum(
        begin <= max(o.actual_end_ns or 0 for o in records) < end
        for records in units.values()
        if all(o.status == "complete" for o in records)
    )
    total.aoet = length(common(merged(orders.values()), [(begin, end)])) if end > begin else 0
    return total


def held_spans(commands: Iterable[CommandRecord | Obeyed], cell: str, now_ns: int) -> list[Span]:
    """When a cell was held by a person, told from what people asked and got."""
    spans: list[Span] = []
    since: int | None = None
    for one in commands:
        what = one.what.lower()
        if one.target != cell or one.outcome != "obeyed":
            continue
        if what in _HOLDS and since is None:
            since = one.at_ns
        elif what in _GOES_ON and since is not None:
            spans.append((since, one.at_ns))
            since = None
    if since is not None:
        spans.append((since, now_ns))
    return spans


def setup_spans(operations: Iterable[Worked], setups: Mapping[str, float]) -> list[Span]:
    """When a cell was set up for what it has begun; `setups` in s by operation id."""
    return [
        (o.actual_start_ns - round(setups[o.operation_id] / _NS), o.actual_start_ns)
        for o in operations
        if o.actual_start_ns is not None and o.operation_id in setups
    ]


def lost_spans(events: Iterable[EventRecord], now_ns: int) -> dict[str, list[Span]]:
    """When each cell's controller was gone, told from the notes `cell lost` and `cell back`."""
    spans: defaultdict[str, list[Span]] = defaultdict(list)
    since: dict[str, int] = {}
    for event in events:
        if event.what == "cell lost":
            since.setdefault(event.data["cell"], event.at_ns)
        elif event.what == "cell back" and event.data["cell"] in since:
            spans[event.data["cell"]].append((since.pop(event.data["cell"]), event.at_ns))
    for cell, begin in since.items():
        spans[cell].append((begin, now_ns))
    return spans


def losses_of(by_cell: Mapping[str, Elements]) -> list[shapes.Loss]:
    """What cost most time first (a Pareto chart)."""
    found: list[shapes.Loss] = [
        {"cell": cell, "cause": cause, "s": ns * _NS, "count": count}
        for cell, elements in by_cell.items()
        for cause, (ns, count) in elements.losses.items()
        if ns > 0
    ]
    return sorted(found, key=lambda one: -one["s"])


def _planned_ns(record: Worked) -> int:
    if record.planned_start_ns is None or record.planned_end_ns is None:
        return 0
    return record.planned_end_ns - record.planned_start_ns


def _ratio(part: float, whole: float) -> float | None:
    return None if whole <= 0 else part / whole


def _product(*factors: float | None) -> float | None:
    product = 1.0
    for factor in factors:
        if factor is None:
            return None
        product *= factor
    return product

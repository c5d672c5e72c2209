"""Key figures after ISO 22400-2:2014, made from elements: sums of time and counts of work.

A key figure is made by dividing sums, never by averaging figures. A divisor of 0 makes a figure
undefined (None), which is not 0 or 1.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

from robot_cell.gateway import shapes

_NS: Final = 1e-9


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
"""The elements of which a plant has the sum over its cells, and a span that over its parts."""


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


def losses_of(by_cell: Mapping[str, Elements]) -> list[shapes.Loss]:
    """What cost most time first (a Pareto chart)."""
    found: list[shapes.Loss] = [
        {"cell": cell, "cause": cause, "s": ns * _NS, "count": count}
        for cell, elements in by_cell.items()
        for cause, (ns, count) in elements.losses.items()
        if ns > 0
    ]
    return sorted(found, key=lambda one: -one["s"])


def _ratio(part: float, whole: float) -> float | None:
    return None if whole <= 0 else part / whole


def _product(*factors: float | None) -> float | None:
    product = 1.0
    for factor in factors:
        if factor is None:
            return None
        product *= factor
    return product

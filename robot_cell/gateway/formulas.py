"""What each key figure is and how it is made, as it is shown beside it."""

from __future__ import annotations

from typing import Final

from robot_cell.gateway import shapes

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

"""What a run of the scheduling benchmark amounts to, for people and as JSON."""

from __future__ import annotations

from collections.abc import Iterable
from statistics import mean
from typing import Any

from rich import box
from rich.table import Table
from scheduling_files import CLASSES

Row = dict[str, Any]
ENGINE_NAMES = ("solve", "cp-sat", "pyjobshop")


def _engines(rows: Iterable[Row]) -> list[str]:
    return [name for name in ENGINE_NAMES if any(name in row for row in rows)]


def _of(row: Row, engine: str, what: str) -> Any:
    return row.get(engine, {}).get(what)


def summary(which: str, rows: list[Row]) -> Row:
    """The figures that are compared with targets."""
    if which in ("public", "peers", "proofs"):
        return _public_summary(rows)
    if which == "coupled":
        beaten = [
            row["name"]
            for row in rows
            if row["solve"]["value"] >= min(row["rule"]["value"], row["cp-sat"]["value"])
        ]
        return {"instances": len(rows), "not_better_than_rule_and_cp_sat": beaten}
    if which == "scale":
        figures = ("first_feasible_s", "gap_to_load_bound", "peak_mib")
        return {row["name"]: {what: row[what] for what in figures} for row in rows}
    return {name: value for row in rows for name, value in row["summary"].items()}


def _public_summary(rows: list[Row]) -> Row:
    engines = _engines(rows)
    found: Row = {"mean_gap_percent": {}, "proved": {}, "without_plan": {}}
    for group in CLASSES:
        own = [row for row in rows if row["class"] == group]
        gaps = {
            engine: [gap for row in own if (gap := _of(row, engine, "gap")) is not None]
            for engine in engines
        }
        if own and any(gaps.values()):
            found["mean_gap_percent"][group] = {
                engine: round(100 * mean(some), 3) for engine, some in gaps.items() if some
            } | {"files": len(own)}
    for engine in engines:
        found["proved"][engine] = sum(_of(row, engine, "status") == "optimal" for row in rows)
        missing = [row["name"] for row in rows if engine in row and not row[engine]["makespan"]]
        if missing:
            found["without_plan"][engine] = missing
    found["worse_than_a_peer"] = {
        row["name"]: {
            peer: row[peer]["makespan"]
            for peer in engines[1:]
            if _of(row, peer, "makespan") and row[peer]["makespan"] < row["solve"]["makespan"]
        }
        for row in rows
        if "solve" in row
        and any(
            (_of(row, peer, "makespan") or float("inf")) < row["solve"]["makespan"]
            for peer in engines[1:]
        )
    }
    found["better_than_listed"] = {
        row["name"]: {
            engine: plan["makespan"] for engine, plan in row["better_than_listed"].items()
        }
        for row in rows
        if row["better_than_listed"]
    }
    return found


def table(which: str, rows: list[Row], settings: Row) -> Table:
    """The rows, and the means below them."""
    title = (
        f"{which}: {settings['seconds']:g} s per instance and engine, "
        f"{settings['workers']} threads, seed {settings['seed']}"
    )
    if which in ("public", "peers", "proofs"):
        return _public_table(title, rows)
    if which == "coupled":
        return _coupled_table(title, rows)
    if which == "scale":
        return _scale_table(title, rows)
    return _repair_table(rows)


def _new(title: str, columns: Iterable[str]) -> Table:
    made = Table(title=title, box=box.SIMPLE_HEAD, title_justify="left", pad_edge=False)
    for column in columns:
        right = column.startswith(">")
        made.add_column(column.removeprefix(">"), justify="right" if right else "left")
    return made


def _gap(gap: float | None) -> str:
    return "" if gap is None else f"{100 * gap:+.2f} %"


def _public_table(title: str, rows: list[Row]) -> Table:
    engines = _engines(rows)
    columns = ["instance", ">ops", ">listed"]
    for engine in engines:
        columns += [f">{engine}", ">gap"]
    made = _new(title, [*columns, ">bound", ">wall", ">first plan", ""])
    for row in rows:
        low, high = row["listed"]
        listed = "-" if high is None else f"{high:,}" if low == high else f"{low:,}–{high:,}"
        cells = [row["name"], f"{row['operations']:,}", listed]
        for engine in engines:
            makespan = _of(row, engine, "makespan")
            proved = "*" if _of(row, engine, "status") == "optimal" else ""
            missing = "no plan" if engine in row else ""
            cells.append(missing if makespan is None else f"{makespan:,}{proved}")
            cells.append(_gap(_of(row, engine, "gap")))
        own = row.get("solve") or row[next(engine for engine in engines if engine in row)]
        first = own["first_feasible_s"]
        notes = "below the listed bound" if row["better_than_listed"] else ""
        made.add_row(
            *cells,
            f"{own['lower_bound']:,.0f}",
            f"{own['wall_s']:.1f} s",
            "" if first is None else f"{1000 * first:.0f} ms",
            "FAULT" if row["faults"] else notes,
        )
    made.add_section()
    for group, means in _public_summary(rows)["mean_gap_percent"].items():
        cells = [f"mean {group}", "", f"{means['files']} files"]
        for engine in engines:
            cells += ["", f"{means[engine]:+.2f} %" if engine in means else ""]
        made.add_row(*cells, "", "", "", "", style="bold")
    made.caption = "* proved optimal"
    made.caption_justify = "left"
    return made


def _coupled_table(title: str, rows: list[Row]) -> Table:
    made = _new(
        f"{title}; weighted tardiness, s",
        ["plant", ">ops", ">best rule", ">solve", ">cp-sat", "by"],
    )
    for row in rows:
        late = [f"{row[e]['weighted_tardiness_s']:,.0f}" for e in ("rule", "solve", "cp-sat")]
        made.add_row(row["name"], str(row["operations"]), *late, row["solve"]["engine"])
    return made


def _scale_table(title: str, rows: list[Row]) -> Table:
    made = _new(
        title,
        [">operations", ">first plan", ">makespan", ">over the load bound", ">memory", "rules, ms"],
    )
    for row in rows:
        rules = ", ".join(f"{name} {ms:.0f}" for name, ms in row["rules_cpu_ms"].items())
        made.add_row(
            row["name"],
            f"{1000 * row['first_feasible_s']:.0f} ms",
            f"{row['makespan']:,}",
            _gap(row["gap_to_load_bound"]),
            f"{row['peak_mib']:,} MiB",
            rules,
        )
    return made


def _repair_table(rows: list[Row]) -> Table:
    made = _new("repair: the busiest cell stands still", ["figure", ">measured", ">target"])
    for row in rows:
        for name, value in row["summary"].items():
            target = row["targets"].get(name)
            made.add_row(name, f"{value:g}", "" if target is None else f"{target:g}")
    return made

"""Where the public instances lie, and what is known about each: an index and its files.

The index is a CSV file with at least the columns ``instance, kind, file, lb, ub``; ``lb`` and
``ub`` are the best known bounds and may be empty. Small copies are in ``tests/data/scheduling``.
"""

from __future__ import annotations

import csv
import os
from dataclasses import dataclass
from pathlib import Path

from planners.scheduling import SchedulingProblem
from planners.scheduling.formats import Format, read_instance

VARIABLE = "ROBOT_CELL_SCHEDULING_DATA"
SMALL_COPIES = Path(__file__).resolve().parents[1] / "tests" / "data" / "scheduling"
INDEX = "index.csv"
FORMATS = {"fjsp": Format.fjsp, "jsp": Format.jsp, "fjsp_sdst": Format.sdst}
CLASSES = ("fjsp", "fjsp dp", "jsp", "jsp industry", "sdst")
"""Means are told by class; the listed bounds of the dp files are old, so they stand apart."""


class DataMissing(Exception):
    """The folder of instances lacks something; the message says what, and what to do."""


@dataclass(frozen=True)
class Entry:
    """One line of the index."""

    name: str
    kind: str
    path: Path
    lower: int | None
    upper: int | None

    @property
    def group(self) -> str:
        """Which mean it counts for."""
        if self.kind == "fjsp_sdst":
            return "sdst"
        if self.kind == "fjsp" and self.name.startswith("dp"):
            return "fjsp dp"
        if self.kind == "jsp" and self.name.startswith("mt"):
            return "jsp industry"
        return self.kind

    def problem(self) -> SchedulingProblem:
        """Read the file."""
        return read_instance(self.path, FORMATS[self.kind]).problem


def data_folder(given: Path | None) -> Path:
    """The folder that was asked for: by option, by variable, or the small copies.

    Raises:
        DataMissing: It has no index.
    """
    named = os.environ.get(VARIABLE)
    folder = given or (Path(named) if named else SMALL_COPIES)
    if not (folder / INDEX).is_file():
        raise DataMissing(
            f"{folder / INDEX} is missing; name a folder that has it with --data DIR or {VARIABLE}"
        )
    return folder


def entries(folder: Path, names: list[str] | None = None) -> list[Entry]:
    """The entries of the index, or those of the given names in that order.

    Raises:
        DataMissing: A name is not in the index, a file is not in the folder, or a line is wrong.
    """
    index = folder / INDEX
    with index.open(newline="", encoding="utf-8") as file:
        rows = [row for row in csv.DictReader(file) if row.get("kind") in FORMATS]
    found: dict[str, Entry] = {}
    for row in rows:
        try:
            entry = Entry(
                row["instance"],
                row["kind"],
                folder / row["file"],
                int(row["lb"]) if row["lb"] else None,
                int(row["ub"]) if row["ub"] else None,
            )
        except (KeyError, TypeError, ValueError) as error:
            raise DataMissing(f"{index}: {row} lacks or garbles a column: {error}") from error
        found[entry.name] = entry
    if names:
        unknown = [name for name in names if name not in found]
        if unknown:
            raise DataMissing(
                f"{index} does not list {', '.join(unknown)}; "
                f"name a folder that has them with --data DIR or {VARIABLE}"
            )
        found = {name: found[name] for name in names}
    absent = [str(entry.path) for entry in found.values() if not entry.path.is_file()]
    if absent:
        raise DataMissing(f"{index} lists files that are missing: {', '.join(absent)}")
    return list(found.values())

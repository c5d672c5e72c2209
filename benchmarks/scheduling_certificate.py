"""Checks a plan against the raw file, and keeps plans that beat a listed bound.

It shares no code with the readers, the engines or the verifier: numbers in, complaint out.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from itertools import pairwise
from pathlib import Path

Row = tuple[int, int, int, int, int]
"""job, operation, machine (all from zero), start, end"""
Duration = dict[tuple[int, int, int], int]


def _numbers(path: Path) -> list[list[int]]:
    """The lines of a file as numbers, without comments; the mean in the header is dropped."""
    lines = path.read_text(encoding="utf-8-sig").splitlines()
    words = [line.split() for line in lines if line.strip() and not line.strip().startswith("#")]
    return [[int(word) for word in words[0][:2]], *([int(w) for w in row] for row in words[1:])]


def _flexible(rows: Sequence[Sequence[int]], first: int) -> tuple[Duration, dict[int, int]]:
    durations: Duration = {}
    lengths = {}
    for j, row in enumerate(rows):
        left = iter(row)
        lengths[j] = next(left)
        for o in range(lengths[j]):
            for _ in range(next(left)):
                machine = next(left) - first
                durations[j, o, machine] = next(left)
        if list(left):
            raise ValueError(f"job {j} has numbers after its last operation")
    return durations, lengths


def _smallest_machine(rows: Sequence[Sequence[int]]) -> int:
    durations, _ = _flexible(rows, 0)
    return min(machine for _, _, machine in durations)


def complaints(path: Path, kind: str, plan: Iterable[Row], makespan: int) -> list[str]:
    """Everything in which a plan contradicts the file; an empty list is a certificate.

    Args:
        path: The file.
        kind: ``fjsp``, ``jsp`` or ``fjsp_sdst``.
        plan: The plan.
        makespan: What is claimed.
    """
    (jobs, machines), *rest = _numbers(path)
    rows = rest[:jobs]
    if kind == "jsp":
        durations = {
            (j, o, row[2 * o]): row[2 * o + 1]
            for j, row in enumerate(rows)
            for o in range(len(row) // 2)
        }
        lengths = {j: len(row) // 2 for j, row in enumerate(rows)}
    else:
        durations, lengths = _flexible(rows, 1 if _smallest_machine(rows) == 1 else 0)
    found = []
    seen: dict[tuple[int, int], Row] = {}
    for row in plan:
        j, o, machine, start, end = row
        if (j, o) in seen:
            found.append(f"operation {j}.{o} is there twice")
        seen[j, o] = row
        if (j, o, machine) not in durations:
            found.append(f"operation {j}.{o} cannot run on machine {machine}")
        elif end - start != durations[j, o, machine]:
            found.append(f"operation {j}.{o} takes {end - start} on machine {machine}")
        if start < 0:
            found.append(f"operation {j}.{o} starts at {start}")
    expected = {(j, o) for j, count in lengths.items() for o in range(count)}
    if seen.keys() != expected:
        found.append(f"operations missing or unknown: {sorted(expected ^ seen.keys())[:5]}")
        return found
    found += [
        f"operation {j}.{o} starts at {row[3]}, before {j}.{o - 1} ends"
        for (j, o), row in seen.items()
        if o and row[3] < seen[j, o - 1][4]
    ]
    count = len(expected)
    number = {key: i for i, key in enumerate(sorted(expected))}
    setups = rest[jobs : jobs + machines * count] if kind == "fjsp_sdst" else []
    for machine in range(machines):
        busy = sorted((row for row in seen.values() if row[2] == machine), key=lambda row: row[3])
        for one, other in pairwise(busy):
            before, after = number[one[0], one[1]], number[other[0], other[1]]
            setup = setups[machine * count + before][after] if setups else 0
            if other[3] < one[4] + setup:
                found.append(
                    f"{other[0]}.{other[1]} starts on machine {machine} at {other[3]}, "
                    f"{one[0]}.{one[1]} ends at {one[4]} and the setup takes {setup}"
                )
    last = max(row[4] for row in seen.values())
    if last != makespan:
        found.append(f"the plan ends at {last}, not at {makespan}")
    return found

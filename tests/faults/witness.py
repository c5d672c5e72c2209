"""Compares what the journal says with what the devices wrote down themselves.

This is the oracle of the fault tests: the device log is written by the simulator, which knows of
steps only what a device is told, and never read by the control side.
"""

from __future__ import annotations

import json
from collections import defaultdict
from pathlib import Path
from typing import Any

import numpy as np

from robot_cell.model import FixtureStep, MoveStep, Plant
from robot_cell.programs import CycleLibrary, ProgramKey, StepMotion
from robot_cell.store import Journal, OperationRecord, StepRecord

AT_RAD = 0.012
SLACK_NS = 60_000_000
"""A motion is noticed as over a few ticks after its end, and an outcome is written in between."""


def read_log(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_text().splitlines()]


def by_a_person(step: StepRecord) -> bool:
    return ", said " in step.message


def compare(plant: Plant, journal: Journal, log: Path) -> list[str]:
    """Everything in which journal and devices contradict each other; empty if nothing does."""
    early = read_log(log)
    operations = journal.operations()
    steps_of = {o.operation_id: journal.steps(o.operation_id) for o in operations}
    # While the plant works: what the journal says is done, a device wrote down before; what a
    # device had written down before the journal was read, the journal had intended.
    late = read_log(log)
    begun: dict[int, list[str]] = defaultdict(list)
    for line in early:
        if line["result"] == "begun":
            begun[line["step_id"]].append(f"{line['device']} {line['command']}")
    done = {line["step_id"] for line in late if line["result"] == "done"}
    moves: dict[str, list[dict[str, Any]]] = defaultdict(list)
    for line in late:
        if line["device"] == "arm":
            moves[line["cell"]].append(line)
    library = CycleLibrary(plant)
    problems: list[str] = []
    known: set[int] = set()
    for operation in operations:
        by_index: dict[tuple[int, int], list[StepRecord]] = defaultdict(list)
        for step in steps_of[operation.operation_id]:
            known.add(step.step_id)
            by_index[step.attempt, step.step_index].append(step)
        if operation.program is None or operation.cell is None:
            continue
        steps = plant.cells[operation.cell].programs[operation.program].steps
        for (attempt, index), records in sorted(by_index.items()):
            where = f"{operation.operation_id} attempt {attempt} step {index + 1}"
            times = sum(len(begun[record.step_id]) for record in records)
            repeats = sum(r.outcome == "not_done" and by_a_person(r) for r in records)
            if times > 1 + repeats:
                problems.append(f"{where} ({records[0].label}) was carried out {times} times")
            last = records[-1]
            if last.outcome != "done" or by_a_person(last) or attempt != operation.attempt:
                continue
            if isinstance(steps[index], FixtureStep) and last.step_id not in done:
                problems.append(f"{where} ({last.label}) is done in the journal; no device did it")
            if isinstance(steps[index], MoveStep):
                motion = _motion(library, plant, journal, operation, index)
                if motion is not None:
                    problems += _moved(where, motion, records, moves[operation.cell])
        if operation.status == "complete":
            missing = [i for i in range(len(steps)) if (operation.attempt, i) not in by_index]
            if missing:
                problems.append(f"{operation.operation_id} is complete without steps {missing}")
    problems += [
        f"step {step_id} ({', '.join(what)}) was carried out and is not in the journal"
        for step_id, what in begun.items()
        if step_id not in known
    ]
    return problems


def _motion(
    library: CycleLibrary, plant: Plant, journal: Journal, operation: OperationRecord, index: int
) -> StepMotion | None:
    del plant
    product = journal.order(operation.order_id).order.product
    assert operation.cell is not None
    assert operation.program is not None
    cycle = library.find(ProgramKey(operation.cell, operation.program, product))
    return None if cycle is None else cycle.motions.get(index)


def _moved(
    where: str, motion: StepMotion, records: list[StepRecord], moves: list[dict[str, Any]]
) -> list[str]:
    """A motion that is done ended at its goal, and was made as a whole once at most."""
    first, last = records[0], records[-1]
    assert last.outcome_ns is not None
    mine = [
        move
        for move in moves
        if first.intent_ns - SLACK_NS <= move["began_ns"]
        and move["plant_ns"] <= last.outcome_ns + SLACK_NS
    ]
    arrived = [m for m in mine if _near(m["to"], motion.positions[-1])]
    whole = [m for m in arrived if _near(m["from"], motion.positions[0])]
    if not arrived:
        return [f"{where} ({last.label}) is done in the journal; the arm never came to its goal"]
    if len(whole) > 1:
        return [f"{where} ({last.label}) was made {len(whole)} times by the arm"]
    return []


def _near(positions: list[float], goal: Any) -> bool:
    return bool(np.abs(np.asarray(positions) - goal).max() <= AT_RAD)

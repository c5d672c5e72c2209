"""Compares what the journal says with what the devices wrote down themselves.

This is the oracle of the fault tests: the device log is written by the simulator, which knows of
steps only what a device is told, and never read by the control side.
"""

from __future__ import annotations

import json
from bisect import bisect_left, bisect_right
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


class Witness:
    """Compares again and again, and looks only at what may still change.

    An operation that is over and was found right is settled: a device that begins one of its steps
    after that is a problem of its own.
    """

    def __init__(self, plant: Plant, log: Path) -> None:
        self._plant = plant
        self._log = log
        self._library = CycleLibrary(plant)
        self._read_bytes = 0
        self._begun: dict[int, list[str]] = defaultdict(list)
        self._done: set[int] = set()
        self._moves: dict[tuple[str, str], list[dict[str, Any]]] = defaultdict(list)
        self._products: dict[str, str] = {}
        self._settled: set[str] = set()
        self._settled_steps: dict[int, int] = {}
        """By step id: how often it had been begun when its operation was settled."""

    def look(self, journal: Journal) -> list[str]:
        """Everything in which journal and devices contradict each other; empty if nothing does."""
        # While the plant works: what the journal says is done, a device wrote down before; what a
        # device had written down before the journal was read, the journal had intended.
        self._read()
        begun = {step_id: list(what) for step_id, what in self._begun.items()}
        operations = [o for o in journal.operations() if o.operation_id not in self._settled]
        steps_of = {o.operation_id: journal.steps(o.operation_id) for o in operations}
        by_hand = {
            int(one.data["step_id"]): one
            for name in self._plant.cells
            for one in journal.by_hand(name)
        }
        self._read()
        known = {step.step_id for steps in steps_of.values() for step in steps} | set(by_hand)
        problems: list[str] = [
            f"{one.what} by hand (step {step_id}) was carried out {len(begun[step_id])} times"
            for step_id, one in by_hand.items()
            if len(begun.get(step_id, ())) > 1
        ]
        for operation in operations:
            records = steps_of[operation.operation_id]
            found = self._operation(journal, operation, records, begun)
            problems += found
            if operation.status == "complete" and not found:
                self._settled.add(operation.operation_id)
                for step in records:
                    self._settled_steps[step.step_id] = len(begun.get(step.step_id, ()))
        for step_id, what in begun.items():
            if step_id in self._settled_steps:
                if len(what) > self._settled_steps[step_id]:
                    problems.append(f"step {step_id} ({what[-1]}) was begun when all was over")
            elif step_id not in known:
                problems.append(
                    f"step {step_id} ({', '.join(what)}) was carried out and is not in the journal"
                )
        return problems

    def _read(self) -> None:
        if not self._log.exists():
            return
        with self._log.open("rb") as log:
            log.seek(self._read_bytes)
            content = log.read()
        whole = content[: content.rfind(b"\n") + 1]
        self._read_bytes += len(whole)
        for text in whole.splitlines():
            line = json.loads(text)
            if line["result"] == "begun":
                self._begun[line["step_id"]].append(f"{line['device']} {line['command']}")
            elif line["result"] == "done":
                self._done.add(line["step_id"])
            if line["device"] in self._plant.cells[line["cell"]].arms:
                self._moves[line["cell"], line["device"]].append(line)

    def _operation(
        self,
        journal: Journal,
        operation: OperationRecord,
        records: list[StepRecord],
        begun: dict[int, list[str]],
    ) -> list[str]:
        if operation.program is None or operation.cell is None:
            return []
        problems: list[str] = []
        by_index: dict[tuple[int, int], list[StepRecord]] = defaultdict(list)
        for step in records:
            by_index[step.attempt, step.step_index].append(step)
        cell = self._plant.cells[operation.cell]
        steps = cell.programs[operation.program].steps
        for (attempt, index), tries in sorted(by_index.items()):
            where = f"{operation.operation_id} attempt {attempt} step {index + 1}"
            times = sum(len(begun.get(record.step_id, ())) for record in tries)
            repeats = sum(r.outcome == "not_done" and by_a_person(r) for r in tries)
            if times > 1 + repeats:
                problems.append(f"{where} ({tries[0].label}) was carried out {times} times")
            last = tries[-1]
            if last.outcome != "done" or by_a_person(last) or attempt != operation.attempt:
                continue
            if isinstance(steps[index], FixtureStep) and last.step_id not in self._done:
                problems.append(f"{where} ({last.label}) is done in the journal; no device did it")
            step = steps[index]
            if isinstance(step, MoveStep):
                motion = self._motion(journal, operation, index)
                if motion is not None:
                    moves = self._moves[operation.cell, cell.mover(step)]
                    problems += _moved(where, motion, tries, moves)
        if operation.status == "complete":
            missing = [i for i in range(len(steps)) if (operation.attempt, i) not in by_index]
            if missing:
                problems.append(f"{operation.operation_id} is complete without steps {missing}")
        return problems

    def _motion(
        self, journal: Journal, operation: OperationRecord, index: int
    ) -> StepMotion | None:
        if operation.order_id not in self._products:
            self._products[operation.order_id] = journal.order(operation.order_id).order.product
        product = self._products[operation.order_id]
        assert operation.cell is not None
        assert operation.program is not None
        cycle = self._library.find(ProgramKey(operation.cell, operation.program, product))
        return None if cycle is None else cycle.motions.get(index)


def _moved(
    where: str, motion: StepMotion, records: list[StepRecord], moves: list[dict[str, Any]]
) -> list[str]:
    """A motion that is done ended at its goal, and was made as a whole once at most."""
    first, last = records[0], records[-1]
    assert last.outcome_ns is not None
    since_ns, until_ns = first.intent_ns - SLACK_NS, last.outcome_ns + SLACK_NS
    # As they were written down: by when they were over.
    begin = bisect_left(moves, since_ns, key=_over_ns)
    end = bisect_right(moves, until_ns, key=_over_ns)
    mine = [move for move in moves[begin:end] if since_ns <= move["began_ns"]]
    arrived = [m for m in mine if _near(m["to"], motion.positions[-1])]
    whole = [m for m in arrived if _near(m["from"], motion.positions[0])]
    if not arrived:
        return [f"{where} ({last.label}) is done in the journal; the arm never came to its goal"]
    if len(whole) > 1:
        return [f"{where} ({last.label}) was made {len(whole)} times by the arm"]
    return []


def _over_ns(move: dict[str, Any]) -> int:
    return int(move["plant_ns"])


def _near(positions: list[float], goal: Any) -> bool:
    return bool(np.abs(np.asarray(positions) - goal).max() <= AT_RAD)

"""What becomes of the operation that a cell was running when it was lost.

Nobody can be asked what the cell did last. If the journal knows that no step had been done, the
operation goes back to the plan. Otherwise it is `uncertain`, and waits for a person, unless the
plant file says of its program that it may be done again from the beginning (`repeatable`): then it
goes back to the plan as well, for whichever cell can do it.
"""

from __future__ import annotations

from dataclasses import dataclass

from robot_cell.model import Plant
from robot_cell.store import Journal, WrongStatus


@dataclass(frozen=True)
class Interrupted:
    """An operation that a lost cell had.

    Attributes:
        status: what it is now: `planned` again, `uncertain`, or what the cell still wrote.
        steps_done: how many of its steps had been done for sure.
        message: what happened, for people.
    """

    operation_id: str
    cell: str
    status: str
    steps_done: int
    message: str


def settle(journal: Journal, plant: Plant, operation_id: str, cell: str, at_ns: int) -> Interrupted:
    """Say in the journal what became of an operation whose cell was lost.

    Its lease is void afterwards: the cell, should it come back, cannot end it any more.
    """
    record = journal.operation(operation_id)
    steps = [step for step in journal.steps(operation_id) if step.attempt == record.attempt]
    done = sum(step.outcome == "done" for step in steps)
    if record.status not in ("leased", "running") or record.cell != cell:
        return Interrupted(operation_id, cell, record.status, done, record.message)
    reason = f"{cell} was lost"
    try:
        journal.requeue(operation_id, f"{reason} before any step of it", at_ns)
        return Interrupted(operation_id, cell, "planned", done, f"{reason}; nothing was done yet")
    except WrongStatus:
        pass  # something of it was done, or may have been
    last = steps[-1].label if steps else "the start"
    reason = f"{reason} in step {len(steps)} ({last})"
    journal.end_operation(operation_id, "uncertain", at_ns, reason)
    program = plant.cells[cell].programs.get(record.program or "")
    if program is None or not program.repeatable:
        message = f"{reason}: a person has to say what became of it"
        return Interrupted(operation_id, cell, "uncertain", done, message)
    journal.requeue(
        operation_id, reason, at_ns, confirmed_by=f"plant file: {record.program} is repeatable"
    )
    return Interrupted(operation_id, cell, "planned", done, f"{reason}; it begins anew")

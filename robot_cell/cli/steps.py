"""`robot-cell steps`, `robot-cell resolve`: steps whose outcome only a person can tell."""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from robot_cell.cli.exit_codes import ExitCode
from robot_cell.cli.options import Json, Timeout
from robot_cell.errors import RobotCellError

if TYPE_CHECKING:
    from robot_cell.model import Step
    from robot_cell.store import Journal, OperationRecord, StepRecord

RunDir = Annotated[
    Path | None,
    typer.Option("--run-dir", help="Run directory of the plant. [default: that of `up`]"),
]


class NoJournalError(RobotCellError):
    """There is no journal where one was looked for."""


@dataclass(frozen=True)
class Uncertain:
    """An uncertain step, its operation, and what the program says of it."""

    record: StepRecord
    operation: OperationRecord
    step: Step
    steps: int


def steps(run_dir: RunDir = None, as_json: Json = False) -> int:
    """List the steps that wait for a person: what is known of each, and what may be said."""
    from robot_cell.cli.output import make_table, out, print_json
    from robot_cell.execution.asking import choices

    with plant_journal(run_dir) as journal:
        found = list(_uncertain(journal, _plant_file(run_dir)))
    views = [
        {
            "step_id": one.record.step_id,
            "cell": one.operation.cell,
            "operation_id": one.operation.operation_id,
            "step": one.record.step_index + 1,
            "steps": one.steps,
            "label": one.record.label,
            "intent_ns": one.record.intent_ns,
            "known": one.record.message,
            "choices": choices(one.step),
        }
        for one in found
    ]
    if as_json:
        print_json({"steps": views})
        return ExitCode.OK
    console = out()
    if not views:
        console.print("no step waits for a person")
    for view, one in zip(views, found, strict=True):
        console.print(
            f"step {one.record.step_id} on {one.operation.cell}: {one.record.label} "
            f"(step {one.record.step_index + 1} of {one.steps} of {one.operation.operation_id}, "
            f"begun at {one.record.intent_ns * 1e-9:.1f} s)\n  known: {one.record.message}",
            markup=False,
        )
        said = choices(one.step)
        rows = [(f"robot-cell resolve {view['step_id']} {word}", said[word]) for word in said]
        console.print(make_table("", ("say", "if"), rows))
    return ExitCode.OK


def resolve(
    step: Annotated[int, typer.Argument(metavar="STEP", help="Id of the step, from `steps`.")],
    word: Annotated[str, typer.Argument(metavar="done|redo|abort", help="What became of it.")],
    run_dir: RunDir = None,
    timeout: Timeout = 10.0,
    as_json: Json = False,
) -> int:
    """Say what became of an uncertain step; who said it is kept in the journal."""
    from robot_cell.cli.options import connect, who
    from robot_cell.cli.output import err, out, print_json

    with plant_journal(run_dir) as journal:
        found = [o for o in _uncertain(journal, _plant_file(run_dir)) if o.record.step_id == step]
    if not found:
        err().print(f"error: step {step} waits for nobody; `robot-cell steps` lists those that do")
        return ExitCode.REFUSED
    cell = found[0].operation.cell
    assert cell is not None
    with connect(timeout) as client:
        result = client.resolve(cell, step, word, who())
    if as_json:
        print_json({"success": result.success, "message": result.message})
    else:
        (out() if result.success else err()).print(result.message)
    return ExitCode.OK if result.success else ExitCode.REFUSED


def _folder(run_dir: Path | None) -> Path:
    given = run_dir or Path(os.environ.get("ROBOT_CELL_RUN_DIR", "~/.robot_cell/run"))
    return given.expanduser()


def plant_journal(run_dir: Path | None) -> Journal:
    """The journal of the plant that runs in a folder, by default that of `up`.

    Raises:
        NoJournalError: there is none.
    """
    from robot_cell.store import journal_location, open_journal

    place = journal_location(_folder(run_dir))
    if isinstance(place, Path) and not place.exists():
        raise NoJournalError(f"there is no journal {place}; give the plant's folder with --run-dir")
    return open_journal(place)


def _plant_file(run_dir: Path | None) -> Path:
    from robot_cell.cli.options import running_plant_file

    return running_plant_file(_folder(run_dir))


def _uncertain(journal: Journal, plant_file: Path) -> Iterator[Uncertain]:
    """The last step of each running operation, where its outcome is uncertain."""
    from robot_cell.model.plant_file import load_plant

    running = journal.operations(status="running")
    plant = load_plant(plant_file) if running else None
    for operation in running:
        assert plant is not None
        assert operation.cell is not None
        assert operation.program is not None
        last = journal.steps(operation.operation_id)[-1:]
        if last and last[0].attempt == operation.attempt and last[0].outcome == "uncertain":
            program = plant.cells[operation.cell].programs[operation.program].steps
            yield Uncertain(last[0], operation, program[last[0].step_index], len(program))

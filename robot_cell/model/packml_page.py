"""Writes what is generated from the PackML table: its page with the diagram, and its test cases.

`python -m robot_cell.model.packml_page` writes both; with `--check` it says what differs. Whoever
changes the table sees in both files what that means.
"""

from __future__ import annotations

import csv
import io
import sys
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Final

from robot_cell.model.packml import (
    ASKERS,
    COMPLETED,
    FORBIDDEN_IN,
    JOG_MODE,
    JOG_STATES,
    MODE_STATES,
    TRANSITIONS,
    Command,
    Mode,
    State,
    allowed,
    target,
)

ROOT: Final = Path(__file__).parents[2]
PAGE: Final = Path("docs/packml.md")
CASES: Final = Path("tests/model/packml_cases.csv")

_HEAD: Final = """\
<!-- Written by `python -m robot_cell.model.packml_page`; change robot_cell/model/packml.py. -->

# The states of a cell

A cell follows PackML (ISA-TR88.00.02-2015): it is in one of 17 states, obeys the commands that its
state and mode allow, and refuses all others with a sentence that names those it would obey. This
page, its diagram and the cases of `tests/execution/test_control.py` are written from one table,
`robot_cell/model/packml.py`.

States in *italics* act, and end by themselves in the state that the arrow without a command leads
to.
"""

_MODES: Final = """\
## Modes

```sh
robot-cell mode cell_a maintenance     # or production, manual
```

| mode | number | forbids | what that means |
|---|---|---|---|
{modes}

A mode is changed only while the cell is {states}. Each change begins a new
motion epoch, so that nothing that was asked before is carried out after it. Who changed it when is
in the journal, and a cell that is started again is in the mode that it had. An operation that was
begun waits for production mode: its cell does not reset before. The scheduler gives a cell work
in production mode only, and leaves its share of the plan to it; work goes elsewhere when a cell is
lost.

## By hand

```sh
robot-cell jog cell_a joint_2 -5       # degrees; x, y and z of the arm's base in mm
```

In {jog_mode} mode, while the cell is {jog_states}, a person may move its arm: by a step, or
for as long as a button of the Cell page is held. An idle cell is stopped by that, because its arm
leaves home: in production or maintenance mode a reset brings it back. A stop, an abort, a change of
mode or a fault ends the move, and it is never taken up again.
[Decision 17](decisions/0017-jog.md) says how.

```sh
robot-cell device cell_a gripper open       # robot-cell device cell_a lists what there is
```

In the same mode and states a person may command its devices: open a gripper or a clamp, turn a
table. An idle cell is stopped by that, too. Interlocks hold as for programs, and a gripper lets
what it holds fall only where that is said. [Decision 19](decisions/0019-devices-by-hand.md) says
how, and what becomes of work that was begun.

## Who may ask

| command | asked by |
|---|---|
{askers}
"""

_MEANING: Final = {
    Mode.PRODUCTION: "leased work is begun",
    Mode.MAINTENANCE: "no leased work is begun; at a reset the arm goes home",
    Mode.MANUAL: "nothing moves by itself; a person may move the arm and command devices by hand",
}


def page() -> str:
    """The documentation page."""
    modes = "\n".join(
        f"| {mode.label} | {int(mode)} | {_listed(FORBIDDEN_IN[mode]) or 'nothing'} "
        f"| {_MEANING[mode]} |"
        for mode in Mode
    )
    askers = "\n".join(
        f"| {command.label} | {', '.join(asker.value for asker in ASKERS[command])} |"
        for command in Command
    )
    states = ", ".join(state.label for state in MODE_STATES[:-1]) + f" or {MODE_STATES[-1].label}"
    jog_states = " or ".join(state.label for state in JOG_STATES)
    filled = _MODES.format(
        modes=modes,
        askers=askers,
        states=states,
        jog_mode=JOG_MODE.label,
        jog_states=jog_states,
    )
    return "\n".join((_HEAD, "## Diagram\n", diagram(), _table(), filled))


def diagram() -> str:
    """The states as a Mermaid diagram; Stop and Abort lead away from many, drawn as one."""
    lines = ["```mermaid", "stateDiagram-v2"]
    for command in (Command.STOP, Command.ABORT):
        [left] = {after for (_, c), after in TRANSITIONS.items() if c is command}
        name = f"obeys_{command.label.lower()}"
        lines.append(f'    state "any state that obeys {command.label}" as {name}')
        lines.append(f"    {name} --> {left.label} : {command.label}")
    lines += [
        f"    {state.label} --> {after.label} : {command.label}"
        for (state, command), after in TRANSITIONS.items()
        if command not in (Command.STOP, Command.ABORT)
    ]
    lines += [f"    {state.label} --> {after.label}" for state, after in COMPLETED.items()]
    return "\n".join((*lines, "```", ""))


def cases() -> str:
    """Every state, mode and command with what comes of it, as CSV; `-` is a refusal."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(("mode", "state", *(command.label for command in Command), "mode_changes"))
    for mode in Mode:
        for state in State:
            afters = (target(state, command, mode) for command in Command)
            row = ("-" if after is None else after.label for after in afters)
            writer.writerow(
                (mode.label, state.label, *row, "yes" if state in MODE_STATES else "no")
            )
    return text.getvalue()


def _table() -> str:
    lines = ["## Commands", "", "| state | number | obeys | ends in |", "|---|---|---|---|"]
    for state in State:
        name = f"*{state.label}*" if state in COMPLETED else state.label
        after = COMPLETED[state].label if state in COMPLETED else ""
        lines.append(f"| {name} | {int(state)} | {_listed(allowed(state))} | {after} |")
    return "\n".join((*lines, ""))


def _listed(commands: Iterable[Command]) -> str:
    return ", ".join(command.label for command in commands)


def main(arguments: Sequence[str]) -> int:
    """Write both files, or say which of them is not what the table says."""
    written = {PAGE: page(), CASES: cases()}
    wrong = [
        path
        for path, text in written.items()
        if not (ROOT / path).exists() or (ROOT / path).read_text() != text
    ]
    if "--check" not in arguments:
        for path in wrong:
            (ROOT / path).write_text(written[path])
        return 0
    for path in wrong:
        print(f"{path} is not what the table says; run python -m robot_cell.model.packml_page")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

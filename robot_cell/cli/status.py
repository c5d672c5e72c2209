"""`robot-cell status`: what the cells are doing now."""

from __future__ import annotations

from dataclasses import asdict

from robot_cell.cli.exit_codes import ExitCode
from robot_cell.cli.options import Json, Timeout


def status(timeout: Timeout = 10.0, as_json: Json = False) -> int:
    """Show each cell's state, and what is left of the schedule."""
    from robot_cell.cli.options import connect
    from robot_cell.cli.output import make_table, out, print_json

    with connect(timeout) as client:
        cells = client.cell_states()
        schedule = client.schedule()
    left = sum(o.status in ("planned", "leased", "running") for o in schedule.operations)
    if as_json:
        print_json(
            {
                "cells": {name: asdict(state) for name, state in cells.items()},
                "schedule": {
                    "revision": schedule.revision,
                    "engine": schedule.engine,
                    "operations": len(schedule.operations),
                    "operations_left": left,
                    "makespan_s": schedule.makespan_ns * 1e-9,
                    "lower_bound_s": schedule.lower_bound_ns * 1e-9,
                },
            }
        )
        return ExitCode.OK
    rows = [
        (
            name,
            state.state,
            "" if state.mode == "production" else state.mode,
            state.operation_id,
            state.program,
            f"{state.step}/{state.steps}" if state.steps else "",
            state.message,
        )
        for name, state in sorted(cells.items())
    ]
    console = out()
    console.print(
        make_table("", ("cell", "state", "mode", "operation", "program", ">step", ""), rows)
    )
    if schedule.revision:
        console.print(
            f"schedule {schedule.revision} by {schedule.engine}: {left} of "
            f"{len(schedule.operations)} operations to do, makespan "
            f"{schedule.makespan_ns * 1e-9:.0f} s"
        )
    else:
        console.print("nothing is planned")
    return ExitCode.OK

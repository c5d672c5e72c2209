"""`robot-cell doctor`: prints what the checks of `robot_cell.cli.doctor` find."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from robot_cell.cli.exit_codes import ExitCode
from robot_cell.cli.options import Json

Controller = Annotated[
    bool,
    typer.Option(
        "--controller",
        help="Look also at what a controller of a real cell needs: kernel, clocks, network, units.",
    ),
]
PlantFile = Annotated[
    Path | None,
    typer.Option(
        "--plant",
        metavar="FILE",
        help="Look at the serial ports and arms of this plant file as well; none moves.",
    ),
]


def doctor(controller: Controller = False, plant: PlantFile = None, as_json: Json = False) -> int:
    """Check this machine: what is there, what is missing, and how to mend it."""
    from robot_cell.cli.doctor import CHECKS, Verdict, run_checks, worst
    from robot_cell.cli.output import make_table, out, print_json

    checks = CHECKS
    if controller:
        from robot_cell.cli.doctor_controller import controller_checks

        checks += controller_checks()
    if plant is not None:
        from robot_cell.cli.doctor_controller import port_checks

        checks += port_checks(plant)
    findings = run_checks(checks)
    if plant is not None:
        from robot_cell.cli.arms_check import check_arms

        findings += check_arms(plant)
    verdict = worst(findings)
    if as_json:
        print_json(
            {
                "verdict": verdict.value,
                "findings": [
                    {
                        "name": finding.name,
                        "verdict": finding.verdict.value,
                        "found": finding.found,
                        "mend": finding.mend,
                    }
                    for finding in findings
                ],
            }
        )
    else:
        from rich.text import Text

        styles = {Verdict.OK: "green", Verdict.WARNING: "yellow", Verdict.ERROR: "bold red"}
        rows = [
            (Text(f.verdict.value, style=styles[f.verdict]), f.name, f.found, f.mend)
            for f in findings
        ]
        out().print(make_table("", ("", "what", "found", "what to do"), rows))
    return ExitCode.NOT_COMPLETE if verdict is Verdict.ERROR else ExitCode.OK

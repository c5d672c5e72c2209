"""`robot-cell draft`: approve or refuse a better plan, where the plant asks for it."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated

import typer

from robot_cell.cli.exit_codes import ExitCode
from robot_cell.cli.options import Json, Timeout, connect, who


class Verdict(StrEnum):
    """What becomes of a draft."""

    approve = "approve"
    refuse = "refuse"


def draft(
    verdict: Annotated[Verdict, typer.Argument(help="What becomes of the draft.")],
    timeout: Timeout = 10.0,
    as_json: Json = False,
) -> int:
    """Decide on the plan that waits for approval (`planning.approve_drafts` of the plant file)."""
    from robot_cell.cli.output import err, out, print_json

    with connect(timeout) as client:
        result = client.decide_draft(verdict.value, who())
    if as_json:
        print_json({"success": result.success, "message": result.message})
    else:
        (out() if result.success else err()).print(result.message)
    return ExitCode.OK if result.success else ExitCode.REFUSED

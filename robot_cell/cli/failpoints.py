"""`robot-cell failpoints`: the places at which a fault test can stop the world."""

from __future__ import annotations

from robot_cell.cli.exit_codes import ExitCode
from robot_cell.cli.options import Json


def failpoints(as_json: Json = False) -> int:
    """List the failpoints that ROBOT_CELL_FAILPOINT=NAME:kill|error|delay[:N] can set."""
    from robot_cell.cli.output import make_table, out, print_json
    from robot_cell.failpoints import FAILPOINTS

    if as_json:
        print_json(dict(FAILPOINTS))
    else:
        out().print(make_table("", ("failpoint", "what is durable there"), FAILPOINTS.items()))
    return ExitCode.OK

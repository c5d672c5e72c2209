"""`robot-cell doctor`: prints what the checks of `robot_cell.cli.doctor` find."""

from __future__ import annotations

from robot_cell.cli.exit_codes import ExitCode
from robot_cell.cli.options import Json


def doctor(as_json: Json = False) -> int:
    """Check this machine: what is there, what is missing, and how to mend it."""
    from robot_cell.cli.doctor import run_checks
    from robot_cell.cli.output import make_table, out, print_json

    checks = run_checks()
    healthy = all(check.ok for check in checks)
    if as_json:
        print_json(
            {
                "ok": healthy,
                "checks": [
                    {"name": c.name, "ok": c.ok, "found": c.found, "mend": c.mend} for c in checks
                ],
            }
        )
    else:
        from rich.text import Text

        rows = [
            (
                Text("ok", style="green") if check.ok else Text("wrong", style="bold red"),
                check.name,
                check.found,
                "" if check.ok else check.mend,
            )
            for check in checks
        ]
        out().print(make_table("", ("", "check", "found", "how to mend it"), rows))
    return ExitCode.OK if healthy else ExitCode.NOT_COMPLETE

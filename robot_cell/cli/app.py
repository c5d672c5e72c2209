"""The entry point `robot-cell`: the list of commands, and what becomes of their errors."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from functools import wraps
from typing import Annotated, Any

import typer

from robot_cell.cli import (
    alarms,
    bench,
    device,
    draft,
    failpoints,
    fault,
    jobs,
    jog,
    journal,
    mode,
    motion,
    plan,
    record,
    report,
    run,
    schedule,
    speed,
    status,
    steps,
    submit,
    token,
    up,
    warm_up,
)
from robot_cell.cli import check as doctor
from robot_cell.cli.exit_codes import ExitCode, help_text
from robot_cell.cli.options import Json

DEBUG_VARIABLE = "ROBOT_CELL_DEBUG"

app = typer.Typer(
    name="robot-cell",
    no_args_is_help=True,
    rich_markup_mode="rich",
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
    epilog=help_text(),
)


def _returning(command: Callable[..., int]) -> Callable[..., None]:
    """A command that returns its exit code, as Typer wants it."""

    @wraps(command)
    def wrapped(*args: Any, **kwargs: Any) -> None:
        raise typer.Exit(int(command(*args, **kwargs)))

    return wrapped


for _name, _command in (
    ("run", run.run),
    ("up", up.up),
    ("submit", submit.submit),
    ("jobs", jobs.jobs),
    ("job", jobs.job),
    ("cancel", jobs.cancel),
    ("plan", plan.plan),
    ("schedule", schedule.schedule),
    ("draft", draft.draft),
    ("hold", speed.hold),
    ("resume", speed.resume),
    ("override", speed.override),
    ("status", status.status),
    ("mode", mode.mode),
    ("fault", fault.fault),
    ("record", record.record),
    ("report", report.report),
    ("steps", steps.steps),
    ("resolve", steps.resolve),
    ("failpoints", failpoints.failpoints),
    ("doctor", doctor.doctor),
    ("warm-up", warm_up.warm_up),
):
    app.command(_name)(_returning(_command))
# A step of -5 is no option, and neither is an argument of a device.
app.command("jog", context_settings={"ignore_unknown_options": True})(_returning(jog.jog))
app.command("device", context_settings={"ignore_unknown_options": True})(_returning(device.device))
app.add_typer(bench.bench, name="bench")


_motion = typer.Typer(
    name="motion",
    no_args_is_help=True,
    help="Plan a program, draw it, or look at an arm; no plant is needed.",
)
_motion.command("plan")(_returning(motion.plan))
_motion.command("fill")(_returning(motion.fill))
_motion.command("check")(_returning(motion.check))
_motion.command("replay")(_returning(motion.replay))
app.add_typer(_motion)

_alarms = typer.Typer(
    name="alarms",
    invoke_without_command=True,
    help="List the alarms, or see to one.",
)


@_alarms.callback()
def _list_alarms(
    context: typer.Context,
    run_dir: alarms.RunDir = None,
    every: alarms.Every = False,
    as_json: Json = False,
) -> None:
    """List the alarms (the most urgent first, shelved ones last), or see to one."""
    if context.invoked_subcommand is None:
        raise typer.Exit(int(alarms.alarms(run_dir, every, as_json)))


_alarms.command("ack")(_returning(alarms.acknowledge))
_alarms.command("shelve")(_returning(alarms.shelve))
_alarms.command("unshelve")(_returning(alarms.unshelve))
app.add_typer(_alarms)

_journal = typer.Typer(
    name="journal",
    no_args_is_help=True,
    help="Verify, export, repair, back up or restore a plant's journal.",
)
_journal.command("verify")(_returning(journal.verify))
_journal.command("export")(_returning(journal.export))
_journal.command("repair")(_returning(journal.repair))
_journal.command("backup")(_returning(journal.backup))
_journal.command("restore")(_returning(journal.restore))
app.add_typer(_journal)


_token = typer.Typer(
    name="token",
    no_args_is_help=True,
    help="Who may ask what over the network: add, list or revoke tokens.",
)
_token.command("add")(_returning(token.add))
_token.command("list")(_returning(token.list_))
_token.command("revoke")(_returning(token.revoke))
app.add_typer(_token)


@app.callback()
def _options(
    debug: Annotated[
        bool, typer.Option("--debug", help="Show where in the code an error comes from.")
    ] = False,
    url: Annotated[
        str | None,
        typer.Option(
            "--url",
            metavar="URL",
            help="Ask the plant over REST at this address, such as http://host:8080, with the "
            "token in ROBOT_CELL_TOKEN; also ROBOT_CELL_URL. Else it is asked over ROS 2.",
        ),
    ] = None,
) -> None:
    """Control and scheduling of robot cells: from a batch file to moving arms."""
    if url:
        os.environ["ROBOT_CELL_URL"] = url
    if debug:
        os.environ[DEBUG_VARIABLE] = "1"


def main() -> None:
    """Run the command line; every error that a person can mend is a message and an exit code."""
    from drivers.errors import DriverError
    from planners.errors import PlannerError
    from robot_cell.cli.output import print_error
    from robot_cell.errors import RobotCellError

    try:
        app()
    except KeyboardInterrupt:
        print("interrupted", file=sys.stderr)
        raise SystemExit(int(ExitCode.INTERRUPTED)) from None
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        raise SystemExit(int(ExitCode.OK)) from None
    except (RobotCellError, PlannerError, DriverError) as error:
        if os.environ.get(DEBUG_VARIABLE):
            raise
        raise SystemExit(int(print_error(error))) from None


if __name__ == "__main__":
    main()

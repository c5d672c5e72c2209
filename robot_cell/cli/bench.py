"""`robot-cell bench`: run one of the scripts in `benchmarks/`."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import typer

from robot_cell.cli.exit_codes import ExitCode
from robot_cell.errors import RobotCellError

SCRIPTS = {
    "first-run": "From the command to the first motion of an arm.",
    "scheduling": "Plans beside the best known and beside open peers (--set, --help).",
    "motion": "Path planning, timing, cycles.",
    "loop": "The servo's loop beside an empty one.",
    "rtde": "A simulated Universal Robots controller at 500 Hz, and after reboots.",
    "faults": "Kills at every failpoint and at random; how soon an arm stands.",
    "journal": "Durable step outcomes a second, and the intake of a large batch.",
    "simulators": "How alike MuJoCo and Gazebo's physics engine are, arm by arm.",
    "fault-verbs": "What a run comes to when a device fails, verb by verb.",
    "kinematics": "Models, inverse kinematics, collision.",
}
"""What can be measured; each is a script of the same name."""


class BenchmarkMissingError(RobotCellError):
    """The script is not where it should be."""

    def __init__(self, script: Path) -> None:
        super().__init__(f"{script} is missing; benchmarks run from a source tree (git clone)")
        self.script = script


bench = typer.Typer(
    help="Measure this machine. What follows the name goes to the benchmark, --help too.",
    invoke_without_command=True,
)


@bench.callback()
def _first_run(context: typer.Context) -> None:
    if context.invoked_subcommand is None:
        raise typer.Exit(_run("first-run", []))


def _run(name: str, arguments: list[str]) -> int:
    import os
    import subprocess
    import sys

    root = Path(__file__).resolve().parents[2]
    script = root / "benchmarks" / f"{name.replace('-', '_')}.py"
    if not script.is_file():
        raise BenchmarkMissingError(script)
    paths = [str(root), *filter(None, [os.environ.get("PYTHONPATH")])]  # scripts share modules
    environment = os.environ | {"PYTHONPATH": os.pathsep.join(paths)}
    child = subprocess.Popen([sys.executable, str(script), *arguments], env=environment)
    while True:
        try:
            return child.wait()
        except KeyboardInterrupt:
            # The terminal interrupts both; the script writes down what it has, then ends.
            try:
                child.wait()
            except KeyboardInterrupt:
                child.kill()
            return ExitCode.INTERRUPTED


def _command(name: str) -> Callable[[typer.Context], None]:
    def measured(context: typer.Context) -> None:
        raise typer.Exit(_run(name, context.args))

    return measured


for _name, _help in SCRIPTS.items():
    bench.command(
        _name,
        help=_help,
        add_help_option=False,
        context_settings={"allow_extra_args": True, "ignore_unknown_options": True},
    )(_command(_name))

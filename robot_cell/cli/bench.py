"""`robot-cell bench`: run one of the scripts in `benchmarks/`."""

from __future__ import annotations

from enum import Enum
from pathlib import Path
from typing import Annotated

import typer

from robot_cell.errors import RobotCellError


class Benchmark(str, Enum):
    """What can be measured."""

    first_run = "first-run"
    scheduling = "scheduling"
    motion = "motion"
    loop = "loop"
    kinematics = "kinematics"
    coupled = "coupled"
    public_instances = "public-instances"


class BenchmarkMissingError(RobotCellError):
    """The script is not where it should be."""

    def __init__(self, script: Path) -> None:
        super().__init__(f"{script} is missing; benchmarks run from a source tree (git clone)")
        self.script = script


def bench(
    context: typer.Context,
    what: Annotated[Benchmark, typer.Argument(help="What to measure.")] = Benchmark.first_run,
) -> int:
    """Measure this machine; what follows the name goes to the benchmark's script."""
    import subprocess
    import sys

    root = Path(__file__).resolve().parents[2]
    script = root / "benchmarks" / f"{what.value.replace('-', '_')}.py"
    if not script.is_file():
        raise BenchmarkMissingError(script)
    return subprocess.run([sys.executable, str(script), *context.args], check=False).returncode

"""Entry point of `gazebo_server`: Gazebo's server with a world that stands still.

gazebo_server FILE [ARGUMENT ...]

The process becomes `gz sim`, so that a launcher stops Gazebo itself. Look on with
`GZ_PARTITION=... gz sim -g`.
"""

from __future__ import annotations

import os
import shutil
import sys

from sim.errors import SimulationError


class GazeboMissing(SimulationError):
    """There is no `gz` on this machine."""

    def __init__(self) -> None:
        super().__init__(
            "gazebo_server: there is no `gz` on the path. Install Gazebo (docs/controllers.md), or "
            "use launch/sim.launch.xml: the same plant in MuJoCo"
        )


def command(arguments: list[str]) -> list[str]:
    """The command line of Gazebo's server.

    Raises:
        GazeboMissing: it is not installed.
    """
    program = shutil.which("gz")
    if program is None:
        raise GazeboMissing
    # A launcher adds --ros-args for a name and a namespace, which Gazebo does not know.
    end = arguments.index("--ros-args") if "--ros-args" in arguments else len(arguments)
    return [program, "sim", "-s", "-v", "2", *arguments[:end]]


def main() -> None:
    """Become Gazebo; exit code 1 where it is not installed."""
    try:
        words = command(sys.argv[1:])
    except GazeboMissing as error:
        print(f"error: {error}", file=sys.stderr)
        sys.exit(1)
    os.execv(words[0], words)


if __name__ == "__main__":
    main()

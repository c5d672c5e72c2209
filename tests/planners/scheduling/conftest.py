"""Compiles the engines before the first test, whose time limit it would otherwise use up.

In a process of its own: a compiler leaves half a gigabyte behind, and other tests measure memory.
"""

import subprocess
import sys
from pathlib import Path

subprocess.run(
    [
        sys.executable,
        "-c",
        "from planners.scheduling import tabu, warm_up; warm_up(); tabu.warm_up()",
    ],
    cwd=Path(__file__).parents[3],
    check=True,
)

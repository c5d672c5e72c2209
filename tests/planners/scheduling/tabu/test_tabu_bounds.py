"""No access beyond an array, nor from its end: a compiled kernel would not notice."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path


def test_every_index_lies_within_its_array():
    walk = subprocess.run(
        [sys.executable, "-W", "error", Path(__file__).with_name("tabu_without_compiler.py")],
        env={**os.environ, "NUMBA_DISABLE_JIT": "1"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert walk.returncode == 0, walk.stderr
    assert int(walk.stdout) > 300

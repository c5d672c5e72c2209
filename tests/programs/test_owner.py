"""A pool's process does not outlive whoever started it."""

from __future__ import annotations

import subprocess
import sys
import time
from pathlib import Path

import pytest

OWNER = """
import os, sys, time
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from robot_cell.programs.owner import end_with_owner

if __name__ == "__main__":
    context = get_context("forkserver")
    pool = ProcessPoolExecutor(1, mp_context=context, initializer=end_with_owner)
    print(pool.submit(os.getpid).result(), flush=True)
    if sys.argv[1] == "works":
        pool.submit(time.sleep, 3600)
    sys.stdin.read()
"""


@pytest.mark.parametrize("state", ["waits", "works"])
def test_it_ends_with_an_owner_that_is_killed(tmp_path: Path, state: str) -> None:
    script = tmp_path / "owner.py"
    script.write_text(OWNER)
    with subprocess.Popen(
        [sys.executable, str(script), state],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as owner:
        assert owner.stdout is not None
        worker = Path(f"/proc/{int(owner.stdout.readline())}")
        assert worker.exists()
        owner.kill()
        until_s = time.monotonic() + 10.0
        while worker.exists():
            assert time.monotonic() < until_s, "it waits for work that nobody has"
            time.sleep(0.01)

"""What waits for the broker outlives the process, is bounded, and is told in order."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

from robot_cell.gateway.sparkplug.outbox import Outbox
from robot_cell.gateway.sparkplug.session import Sample

WRITES_AND_DIES = """
import os, signal, sys
from pathlib import Path
from robot_cell.gateway.sparkplug.outbox import Outbox
from robot_cell.gateway.sparkplug.session import Sample
box = Outbox(Path(sys.argv[1]), 100)
print(box.next_bd_seq(), box.next_bd_seq())
box.add([Sample("cell_a", 1, {"x": 1.5, "ä": None})])
box.add([Sample("cell_a", 2, {"x": 2}), Sample("", 2, {"y": "z"})])
sys.stdout.flush()
os.kill(os.getpid(), signal.SIGKILL)
"""


def samples(*numbers: int) -> list[Sample]:
    return [Sample("c", one, {"n": one}) for one in numbers]


def told(box: Outbox, after: int = 0) -> list[int]:
    return [one.at_ms for _, one in box.after(after, 1000)]


def test_it_outlives_a_process_that_is_killed(tmp_path: Path) -> None:
    path = tmp_path / "out.db"
    done = subprocess.run(
        [sys.executable, "-c", WRITES_AND_DIES, str(path)],
        capture_output=True, text=True, timeout=60, env=os.environ,
    )  # fmt: skip
    assert done.returncode == -signal.SIGKILL, done.stderr
    assert done.stdout.split() == ["0", "1"]
    box = Outbox(path, 100)
    assert [one for _, one in box.after(0, 10)] == [
        Sample("cell_a", 1, {"x": 1.5, "ä": None}),
        Sample("cell_a", 2, {"x": 2}),
        Sample("", 2, {"y": "z"}),
    ]
    assert box.next_bd_seq() == 2
    assert box.waiting() == {"cell_a": 2, "": 1}
    box.close()


def test_the_oldest_are_dropped_and_counted(tmp_path: Path) -> None:
    box = Outbox(tmp_path / "out.db", 100)
    for first in range(0, 250, 50):
        box.add(samples(*range(first, first + 50)))
    assert told(box) == list(range(150, 250))
    assert box.dropped() == 150
    box.close()


def test_only_what_has_come_is_forgotten(tmp_path: Path) -> None:
    box = Outbox(tmp_path / "out.db", 100)
    last = box.add(samples(1, 2, 3))
    box.forget(last - 1)
    assert told(box) == [3]
    box.forget(last)
    assert box.add(samples(4)) == last + 1, "an id is never used twice"
    assert told(box, last) == [4]
    box.close()


def test_a_damaged_file_is_put_aside(tmp_path: Path) -> None:
    path = tmp_path / "out.db"
    path.write_bytes(b"no database" * 1000)
    box = Outbox(path, 100)
    assert box.add(samples(1)) == 1
    box.close()
    assert (tmp_path / "out.db.damaged").read_bytes().startswith(b"no database")

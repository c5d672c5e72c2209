"""A power cut at any moment: what was acknowledged is there, and the journal is whole.

The same test finds a journal that acknowledges before its disk has.
"""

from __future__ import annotations

import random
from pathlib import Path

import pytest

from robot_cell.store import JournalError, open_journal
from tests.promises import Figure
from tests.store.power_cut import Call, Disk, trace

CUTS = 60
_WORK = """
import os, sys
from sqlalchemy import event
from robot_cell.store import StepEnd, log, open_journal
from tests.store.test_faults import orders
from tests.store.test_whole import plant_of_the_example

place, wrong, count = sys.argv[1], sys.argv[2], int(sys.argv[3])
import robot_cell.store.group_commit as group_commit
import robot_cell.store.log_sync as log_sync
group_commit.CARRY_OVER_EVENTS = 32
log_sync.ROOM_BYTES = 1 << 18
if wrong == "not waited":
    from robot_cell.store.log_sync import LogSync
    LogSync.wait = lambda self: None
if wrong == "not synchronised":
    import robot_cell.store.engine as engine
    opened = engine.open_engine
    def careless(*args, **kwargs):
        made = opened(*args, **kwargs)
        event.listen(made, "connect", lambda connection, _: connection.execute(
            "PRAGMA synchronous=OFF"))
        return made
    import robot_cell.store.journal as module
    module.open_engine = careless
journal = open_journal(place)

def acknowledge():
    with journal._read() as connection:
        last, digest = log.end_of_log(connection)
    os.write(1, f"ack {last} {digest.hex()}\\n".encode())

journal.accept_batch(orders(1, quantity=count), "f", "me", plant_of_the_example())
acknowledge()
for record in journal.operations("WO-0")[:count]:
    name = record.operation_id
    token = journal.lease_operation(name, "cell_a", "p")
    acknowledge()
    journal.begin_operation(name, "cell_a", token, 0)
    acknowledge()
    ended = None
    for step in range(5):
        ended = StepEnd(journal.step_intent(name, step, "ptp to nest", 0, ended), "done")
        acknowledge()
    journal.step_outcome(ended.step_id, "done", 0)
    acknowledge()
    journal.end_operation(name, "complete", 0, "", [0.0] * 6, [[0.1] * 6] * 20)
    acknowledge()
os._exit(0)
"""


def lost(calls: list[Call], folder: Path, seed: int) -> list[str]:
    """Cut the power at many moments; what was acknowledged before, and is not there after."""
    chance = random.Random(seed)
    first = next(n for n, call in enumerate(calls) if call.data.startswith(b"ack "))
    acks = [n for n, call in enumerate(calls) if call.data.startswith(b"ack ")]
    # Half the cuts come right after an acknowledgement, the others anywhere.
    moments = set(chance.sample(acks, CUTS // 2))
    moments |= set(chance.sample(range(first, len(calls)), CUTS // 2))
    disk, acknowledged, wrong = Disk(), b"", []
    for number, call in enumerate(calls):
        disk.do(call)
        if call.data.startswith(b"ack "):
            acknowledged = call.data
        if number not in moments:
            continue
        after = folder / f"after_{number}"
        after.mkdir()
        for path, content in disk.cut(chance).items():
            (after / Path(path).name).write_bytes(content)
        _, last, digest = acknowledged.split()
        try:
            with open_journal(after / "j.db") as journal:
                found = {event.event_id: event.digest.hex() for event in journal.history()}
                if found.get(int(last)) != digest.decode():
                    wrong.append(f"cut {number}: event {last.decode()} is lost")
                wrong += [f"cut {number}: {f.message}" for f in journal.verify().findings]
        except JournalError as error:
            wrong.append(f"cut {number}: {error}")
    return wrong


@pytest.mark.promise("power")
@pytest.mark.parametrize("seed", [1])
def test_what_was_acknowledged_outlasts_a_power_cut(
    seed: int, tmp_path: Path, pytestconfig: pytest.Config, figure: Figure
) -> None:
    words = [str(tmp_path / "j.db"), "", "25"]
    calls = trace(_WORK, words, pytestconfig.rootpath, tmp_path / "notes")
    checkpoints = sum(c.name == "pwrite64" and c.path.endswith("j.db") for c in calls)
    assert checkpoints > 20, "the log was to be carried over into the database as well"
    assert lost(calls, tmp_path, seed) == []
    figure("power cuts", CUTS)


@pytest.mark.promise("power")
@pytest.mark.parametrize("wrong", ["not waited", "not synchronised"])
def test_a_journal_that_acknowledges_too_early_is_found_out(
    wrong: str, tmp_path: Path, pytestconfig: pytest.Config
) -> None:
    words = [str(tmp_path / "j.db"), wrong, "10"]
    calls = trace(_WORK, words, pytestconfig.rootpath, tmp_path / "notes")
    assert lost(calls, tmp_path, 1) != []

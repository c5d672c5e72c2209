"""Full, locked, damaged, killed, and a hundred at once."""

from __future__ import annotations

import errno
import os
import signal
import subprocess
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timedelta, timezone
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sqlalchemy import event

from robot_cell.model import JobOrder, Plant
from robot_cell.store import (
    Journal,
    JournalCorrupt,
    JournalFull,
    JournalLocked,
    JournalUnavailable,
    OrderConflict,
    UnknownStep,
    group_commit,
    log_sync,
    open_journal,
)
from robot_cell.store.log import Transaction
from tests.promises import Figure
from tests.store.postgresql import Server

START = datetime(2026, 11, 23, 5, tzinfo=timezone.utc)


def orders(count: int, first: int = 0, quantity: int = 1) -> list[JobOrder]:
    return [
        JobOrder(
            order_id=f"WO-{number}",
            product="housing_s",
            quantity=quantity,
            release=START,
            due=START + timedelta(hours=1),
        )
        for number in range(first, first + count)
    ]


@pytest.mark.promise("disk")
def test_a_full_disk(tmp_path: Path, plant: Plant) -> None:
    with open_journal(tmp_path / "j.db") as journal:
        journal.accept_batch(orders(1), "f", "me", plant)
        with journal._read() as connection:  # this connection goes back to the pool and is reused
            pages = connection.exec_driver_sql("PRAGMA page_count").scalar()
            connection.exec_driver_sql(f"PRAGMA max_page_count={pages + 2}")
        with pytest.raises(JournalFull, match="free space"):
            journal.accept_batch(orders(2000, first=10), "f", "me", plant)
        assert len(journal.orders()) == 1
        token = journal.lease_operation("WO-0/1/deburr", "cell_a", "deburr_s")
        journal.begin_operation("WO-0/1/deburr", "cell_a", token, 1)  # running work goes on


_FILL = """
import resource, sys
from robot_cell.store import JournalError, JournalUnavailable, open_journal
from tests.store.test_faults import orders
from tests.store.test_whole import plant_of_the_example
plant = plant_of_the_example()
journal = open_journal(sys.argv[1])
journal.accept_batch(orders(1), "f", "me", plant)
token = journal.lease_operation("WO-0/1/deburr", "cell_a", "p")
journal.begin_operation("WO-0/1/deburr", "cell_a", token, 1)
before, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
resource.setrlimit(resource.RLIMIT_FSIZE, (500_000, hard))
try:
    journal.accept_batch(orders(5000, first=10), "f", "me", plant)
except JournalUnavailable as error:
    print("refused:", error)
print(len(journal.orders()), "order")
journal.step_intent("WO-0/1/deburr", 0, "close", 2)  # small things still find a place
print(journal.verify().total, "findings")
resource.setrlimit(resource.RLIMIT_FSIZE, (before, hard))
print(len(journal.accept_batch(orders(5000, first=10), "f", "me", plant).new_ids), "accepted")
print(journal.verify().total, "findings")
"""


@pytest.mark.promise("disk")
def test_a_file_that_may_not_grow(tmp_path: Path, pytestconfig: pytest.Config) -> None:
    """The system refuses to write on in the middle of a batch; room comes back while it is open."""
    done = subprocess.run(
        [sys.executable, "-c", _FILL, str(tmp_path / "j.db")],
        cwd=pytestconfig.rootpath,
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    assert done.returncode == 0, done.stderr
    refused, *rest = done.stdout.splitlines()
    assert "check its disk; nothing of this request was stored" in refused
    assert rest == ["1 order", "0 findings", "5000 accepted", "0 findings"]


@pytest.mark.promise("disk")
def test_a_locked_journal(place: Path | str, plant: Plant) -> None:
    with open_journal(place, busy_timeout_s=0.05) as journal, open_journal(place) as other:
        holds, enough = threading.Event(), threading.Event()

        def hold(transaction: Transaction) -> None:
            transaction.connection.exec_driver_sql("SELECT 1")
            holds.set()
            enough.wait(30)

        holder = threading.Thread(target=other._write, args=(hold,))
        holder.start()
        assert holds.wait(30)
        with pytest.raises(JournalLocked, match="another process holds it"):
            journal.accept_batch(orders(1), "f", "me", plant)
        assert journal.orders() == []  # readers never wait
        enough.set()
        holder.join()
        assert journal.accept_batch(orders(1), "f", "me", plant).new_ids == ("WO-0",)


def test_a_writer_that_is_cut_off_loses_its_turn(postgresql: Server, plant: Plant) -> None:
    """A controller that vanishes in mid-transaction does not stop the plant: the others' patience
    (5 s here) is longer than the server's with one that says nothing."""
    url, patience_s = postgresql.database(), 5.0
    with (
        open_journal(url, busy_timeout_s=patience_s) as gone,
        open_journal(url, busy_timeout_s=patience_s) as journal,
    ):
        holds, back = threading.Event(), threading.Event()

        def hold(transaction: Transaction) -> None:
            transaction.connection.exec_driver_sql("SELECT 1")
            holds.set()
            back.wait(60)

        with ThreadPoolExecutor(1) as pool:
            written = pool.submit(gone._write, hold)
            assert holds.wait(30)
            began_s = time.monotonic()
            journal.accept_batch(orders(1), "f", "me", plant)
            assert time.monotonic() - began_s > 1.0, "nobody else had the turn"
            back.set()
            with pytest.raises(JournalUnavailable, match="its server does not answer"):
                written.result()
        assert gone.accept_batch(orders(1, first=1), "f", "me", plant).new_ids == ("WO-1",)


def test_a_server_that_goes_and_comes_back(plant: Plant) -> None:
    with Server() as server, open_journal(server.database()) as journal:
        journal.accept_batch(orders(1), "f", "me", plant)
        server.stop("immediate")
        with pytest.raises(JournalUnavailable, match="its server does not answer"):
            journal.accept_batch(orders(1, first=1), "f", "me", plant)
        with pytest.raises(JournalUnavailable):
            journal.orders()
        server.start()
        assert journal.accept_batch(orders(1, first=1), "f", "me", plant).new_ids == ("WO-1",)
        assert journal.verify().findings == ()


def test_threads_share_a_commit_and_not_an_error(place: Path | str, plant: Plant) -> None:
    """One of a group fails; the others are stored as if they had been alone."""
    with open_journal(place) as journal:
        journal.accept_batch(orders(1), "f", "me", plant)
        commits: list[int] = []
        holds, enough = threading.Event(), threading.Event()

        def first(_: Transaction) -> None:
            holds.set()
            enough.wait(30)

        @event.listens_for(journal._writer, "commit")
        def _count(connection: object) -> None:
            commits.append(1)

        def note(number: int) -> int | str:
            try:
                if number == 7:
                    journal.step_outcome(99, "done", 0)
                return journal.event("me", str(number), 0)
            except UnknownStep as error:
                return str(error)

        def waiting() -> int:
            return len(journal._group._waiting)

        with ThreadPoolExecutor(21) as pool:
            holder = pool.submit(journal._write, first)
            assert holds.wait(30)
            notes = [pool.submit(note, number) for number in range(20) if number != 7]
            deadline = time.monotonic() + 30
            while waiting() < 19:
                assert time.monotonic() < deadline
            enough.set()
            holder.result()
            assert len({one.result() for one in notes}) == 19
        assert len(commits) == 2, "nineteen threads, one commit; and the holder's"
        holds.clear()
        enough.clear()
        with ThreadPoolExecutor(21) as pool:
            holder = pool.submit(journal._write, first)
            assert holds.wait(30)
            notes = [pool.submit(note, number) for number in range(20)]
            while waiting() < 20:
                assert time.monotonic() < deadline
            enough.set()
            results = [one.result() for one in notes]
        assert results[7] == "there is no step 99"
        assert len({result for result in results if isinstance(result, int)}) == 19
        assert len(journal.events()) == 38
        assert journal.verify().findings == ()


def test_a_file_that_is_no_journal(tmp_path: Path) -> None:
    path = tmp_path / "j.db"
    path.write_bytes(b"order_id,product\n" * 1000)
    with pytest.raises(JournalCorrupt, match="restore a backup"):
        open_journal(path)


@pytest.mark.promise("disk")
def test_a_damaged_file(tmp_path: Path, plant: Plant) -> None:
    path = tmp_path / "j.db"
    with open_journal(path) as journal:
        journal.accept_batch(orders(500), "f", "me", plant)
    data = bytearray(path.read_bytes())
    data[4096:] = os.urandom(len(data) - 4096)
    path.write_bytes(bytes(data))
    with pytest.raises(JournalCorrupt), open_journal(path) as journal:
        journal.orders()


def test_a_folder_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(JournalUnavailable, match="its folder does not exist"):
        open_journal(tmp_path / "nowhere" / "j.db")


def test_a_folder_in_place_of_the_file(tmp_path: Path) -> None:
    with pytest.raises(JournalUnavailable):
        open_journal(tmp_path)


@pytest.mark.promise("same batch")
def test_a_hundred_submissions_at_once(place: Path | str, plant: Plant, figure: Figure) -> None:
    batch = orders(5)
    ready = threading.Barrier(20)

    def submit(_: int) -> list[tuple[str, ...]]:
        ready.wait(30)
        with open_journal(place) as journal:
            return [journal.accept_batch(batch, "f", "me", plant).new_ids for _ in range(5)]

    with ThreadPoolExecutor(20) as pool:
        new = [ids for some in pool.map(submit, range(20)) for ids in some]
    figure("submissions at once", len(new))
    assert sorted(ids for ids in new if ids) == [tuple(o.order_id for o in batch)]
    with open_journal(place) as journal:
        assert len(journal.orders()) == 5
        assert len(journal.operations()) == 15
        changed = [*batch[:4], orders(1, first=4, quantity=2)[0]]
        with pytest.raises(OrderConflict, match=r"WO-4 \(quantity\)"):
            journal.accept_batch(changed, "f", "me", plant)
        assert journal.verify().findings == ()


_SUBMIT = """
import sys
from pathlib import Path
sys.path.insert(0, sys.argv[4])
from test_faults import orders
from robot_cell.model import load_plant
from robot_cell.store import open_journal
plant = load_plant(sys.argv[1])
batch = orders(int(sys.argv[3]), quantity=10)
with open_journal(sys.argv[2]) as journal:
    print("ready", flush=True)
    sys.stdin.readline()
    print(len(journal.accept_batch(batch, "f", "me", plant).new_ids), flush=True)
"""


def submit(plant: Plant, path: Path, count: int, root: Path) -> subprocess.Popen[str]:
    plant_file = next(iter(plant.cells.values())).arm.urdf.parents[1]
    return subprocess.Popen(
        [
            sys.executable,
            "-c",
            _SUBMIT,
            str(plant_file / "examples" / "housing_plant.yaml"),
            str(path),
            str(count),
            str(Path(__file__).parent),
        ],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        cwd=root,
        env=os.environ | {"PYTHONPATH": str(root)},
    )


@pytest.mark.promise("same batch")
def test_several_processes_submit_the_same(
    tmp_path: Path, plant: Plant, pytestconfig: pytest.Config
) -> None:
    path = tmp_path / "j.db"
    processes = [submit(plant, path, 20, pytestconfig.rootpath) for _ in range(4)]
    for process in processes:
        assert process.stdout is not None
        assert process.stdout.readline() == "ready\n"
    outcomes = [process.communicate("go\n", timeout=60)[0].strip() for process in processes]
    assert sorted(outcomes) == ["0", "0", "0", "20"]


@pytest.mark.promise("power")
@pytest.mark.parametrize("wal_bytes", [200_000, 2_000_000])
def test_a_process_that_is_killed_in_the_middle_leaves_all_or_nothing(
    wal_bytes: int, tmp_path: Path, plant: Plant, pytestconfig: pytest.Config
) -> None:
    path = tmp_path / "j.db"
    count = 2000
    process = submit(plant, path, count, pytestconfig.rootpath)
    assert process.stdout is not None
    assert process.stdin is not None
    assert process.stdout.readline() == "ready\n"
    wal = path.with_name("j.db-wal")

    def written() -> bool:
        with wal.open("rb") as log:
            log.seek(wal_bytes)
            return any(log.read(4096))

    assert not written()
    process.stdin.write("go\n")
    process.stdin.flush()
    deadline = time.monotonic() + 30
    # SQLite spills a large transaction into the log before it commits: that is the middle.
    while not written() and time.monotonic() < deadline:
        assert process.poll() is None
    process.send_signal(signal.SIGKILL)
    process.communicate(timeout=10)
    with open_journal(path) as journal:
        stored = len(journal.orders())
        assert stored in (0, count)
        assert stored == 0, "the process was to be killed before it committed"
        assert journal.operations() == []
        assert len(journal.accept_batch(orders(count), "f", "me", plant).new_ids) == count


@pytest.mark.parametrize(("every", "grows"), [(16, False), (10**9, True)])
def test_the_log_is_begun_anew_although_several_write(
    every: int, grows: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    room = 1 << 19
    monkeypatch.setattr(group_commit, "CARRY_OVER_EVENTS", every)
    monkeypatch.setattr(log_sync, "ROOM_BYTES", room)
    path = tmp_path / "j.db"
    with open_journal(path) as journal, open_journal(path) as other:
        for number in range(100):
            journal.event("me", "x" * 200, number)
            other.event("you", "y" * 200, number)
        assert (path.with_name("j.db-wal").stat().st_size > room) == grows
        assert len(journal.events()) == 200


_KILLED = """
import sys
from robot_cell import failpoints
from robot_cell.store import open_journal
from pathlib import Path
with open_journal(Path(sys.argv[1]) / "j.db") as journal:
    for number in range(5):
        print(journal.event("it", str(number), 0), flush=True)
    failpoints.switch_on(Path(sys.argv[1]), sys.argv[2] + ":kill")
    print(journal.event("it", "last", 0), flush=True)
"""


@pytest.mark.parametrize(
    ("failpoint", "visible"), [("journal.changed", 5), ("journal.committed", 6)]
)
def test_a_writer_that_is_killed_keeps_nobody_waiting(
    failpoint: str, visible: int, tmp_path: Path, pytestconfig: pytest.Config
) -> None:
    """With the write lock in its hand, or before it could acknowledge what is committed."""
    with open_journal(tmp_path / "j.db", busy_timeout_s=5.0) as journal:
        done = subprocess.run(
            [sys.executable, "-c", _KILLED, str(tmp_path), failpoint],
            cwd=pytestconfig.rootpath, capture_output=True, text=True, check=False, timeout=60,
        )  # fmt: skip
        assert done.returncode == -signal.SIGKILL, done.stderr
        acknowledged = [int(line) for line in done.stdout.split()]
        assert len(acknowledged) == 5
        assert journal.event("me", "goes on", 0) == visible + 1
        assert {event.event_id for event in journal.events()} >= set(acknowledged)
        assert journal.verify().findings == ()


@pytest.mark.promise("disk")
def test_a_disk_that_fails_to_synchronise_is_not_believed_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with open_journal(tmp_path / "j.db") as journal:
        journal.event("me", "one", 0)

        def fails(_: int) -> None:
            raise OSError(errno.EIO, "Input/output error")

        with monkeypatch.context() as broken:
            broken.setattr("robot_cell.store.log_sync.os.fdatasync", fails)
            with pytest.raises(JournalUnavailable, match="the disk did not take what was written"):
                journal.event("me", "two", 0)
        with pytest.raises(JournalUnavailable, match="an earlier synchronisation failed"):
            journal.event("me", "three", 0)
    with open_journal(tmp_path / "j.db") as journal:
        journal.event("me", "four", 0)
        assert journal.verify().findings == ()


@settings(max_examples=30, deadline=None)
@given(
    batches=st.lists(
        st.lists(
            st.tuples(st.integers(0, 5), st.integers(1, 2)), max_size=5, unique_by=lambda o: o[0]
        ),
        max_size=6,
    )
)
def test_any_sequence_of_batches_stores_each_order_once(
    batches: list[list[tuple[int, int]]], plant: Plant, tmp_path_factory: pytest.TempPathFactory
) -> None:
    expected: dict[str, int] = {}
    with open_journal(tmp_path_factory.mktemp("journal") / "j.db") as journal:
        for batch in batches:
            wanted = {f"WO-{number}": quantity for number, quantity in batch}
            content = [orders(1, number, quantity)[0] for number, quantity in batch]
            conflicts = {o for o, q in wanted.items() if expected.get(o, q) != q}
            if conflicts:
                with pytest.raises(OrderConflict) as error:
                    journal.accept_batch(content, "f", "me", plant)
                assert set(error.value.conflicts) == conflicts
            else:
                accepted = journal.accept_batch(content, "f", "me", plant)
                assert set(accepted.new_ids) == wanted.keys() - expected.keys()
                assert set(accepted.known_ids) == wanted.keys() & expected.keys()
                expected |= wanted
        check(journal, expected)


def check(journal: Journal, expected: dict[str, int]) -> None:
    assert {r.order.order_id: r.order.quantity for r in journal.orders()} == expected
    assert len(journal.operations()) == 3 * sum(expected.values())


def test_step_ids_are_unique_among_threads(place: Path | str, plant: Plant) -> None:
    with open_journal(place) as journal:
        journal.accept_batch(orders(4), "f", "me", plant)

        def work(number: int) -> list[int]:
            name = f"WO-{number}/1/deburr"
            token = journal.lease_operation(name, "cell_a", "deburr_s")
            journal.begin_operation(name, "cell_a", token, 0)
            return [journal.step_intent(name, i, "move", i) for i in range(25)]

        with ThreadPoolExecutor(4) as pool:
            ids = [step for some in pool.map(work, range(4)) for step in some]
        assert journal.verify().findings == ()
    assert sorted(ids) == list(range(1, 101))


_RSS = """
import robot_cell.model, robot_cell.store
fields = dict(line.split(":", 1) for line in open("/proc/self/status"))
print(int(fields["VmRSS"].split()[0]) / 1024)
"""


def test_memory_stays_low(pytestconfig: pytest.Config) -> None:
    done = subprocess.run(
        [sys.executable, "-c", _RSS],
        cwd=pytestconfig.rootpath,
        capture_output=True,
        text=True,
        check=True,
        timeout=60,
    )
    assert float(done.stdout) < 70

"""What waits for the broker, on disk: every sample goes through here and leaves when it is there.

A file of its own beside the journal, since the journal is the plant's truth and this is post. What
is written is safe from the end of the process; the last moments before a power cut may be lost,
because waiting for the disk twice a second would wear it for nothing.
"""

from __future__ import annotations

import contextlib
import json
import sqlite3
import threading
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Final

from robot_cell.gateway.sparkplug.session import Sample

_LAYOUT: Final = """
CREATE TABLE IF NOT EXISTS samples (
    id INTEGER PRIMARY KEY AUTOINCREMENT, entity TEXT NOT NULL, at_ms INTEGER NOT NULL,
    told TEXT NOT NULL
);
CREATE TABLE IF NOT EXISTS counters (name TEXT PRIMARY KEY, value INTEGER NOT NULL);
"""


class Outbox:
    """Samples in the order in which they were made; every method is one transaction.

    Args:
        keep: at most so many samples.
    """

    def __init__(self, path: Path, keep: int) -> None:
        self._keep, self._lock = keep, threading.Lock()
        try:
            self._db = _open(path)
        except sqlite3.OperationalError:
            raise  # locked, no room, no right: nothing is wrong with what is in it
        except sqlite3.DatabaseError:
            # Post that cannot be read is worth less than post that goes on.
            for one in path.parent.glob(f"{path.name}*"):
                one.replace(one.with_name(f"{one.name}.damaged"))
            self._db = _open(path)

    def add(self, samples: Iterable[Sample]) -> int:
        """Keep samples, and drop the oldest if there are too many; the id of the last."""
        with self._transaction() as db:
            rows = [(one.entity, one.at_ms, json.dumps(dict(one.values))) for one in samples]
            db.executemany("INSERT INTO samples (entity, at_ms, told) VALUES (?, ?, ?)", rows)
            row = db.execute("SELECT seq FROM sqlite_sequence WHERE name = 'samples'").fetchone()
            last = 0 if row is None else int(row[0])
            # Ids have no gaps but at the front: what is older than the newest `keep` is too much.
            gone = db.execute("DELETE FROM samples WHERE id <= ?", (last - self._keep,)).rowcount
            if gone:
                self._count(db, "dropped", gone)
        return last

    def after(self, sample_id: int, limit: int) -> list[tuple[int, Sample]]:
        """The next samples after one, with their ids."""
        with self._lock:
            rows = self._db.execute(
                "SELECT id, entity, at_ms, told FROM samples WHERE id > ? ORDER BY id LIMIT ?",
                (sample_id, limit),
            ).fetchall()
        return [(one, Sample(entity, at_ms, json.loads(told))) for one, entity, at_ms, told in rows]

    def forget(self, sample_id: int) -> None:
        """Samples up to this one have come to the broker."""
        with self._transaction() as db:
            db.execute("DELETE FROM samples WHERE id <= ?", (sample_id,))

    def waiting(self) -> dict[str, int]:
        """How many samples wait, by entity."""
        with self._lock:
            query = "SELECT entity, count(*) FROM samples GROUP BY entity"
            return dict(self._db.execute(query).fetchall())

    def dropped(self) -> int:
        """How many samples were dropped since there is this file."""
        with self._lock:
            query = "SELECT value FROM counters WHERE name = 'dropped'"
            row = self._db.execute(query).fetchone()
        return 0 if row is None else int(row[0])

    def next_bd_seq(self) -> int:
        """The number of the next connection: 0 at first, one more each time."""
        with self._transaction() as db:
            return self._count(db, "connections", 1) - 1

    def give_back_bd_seq(self) -> None:
        """The last number was not used: no packet has left."""
        with self._transaction() as db:
            self._count(db, "connections", -1)

    def close(self) -> None:
        """Give the file back."""
        with self._lock:
            self._db.close()

    def _count(self, db: sqlite3.Connection, name: str, more: int) -> int:
        query = (
            "INSERT INTO counters VALUES (?, ?) ON CONFLICT (name) "
            "DO UPDATE SET value = value + excluded.value RETURNING value"
        )
        return int(db.execute(query, (name, more)).fetchall()[0][0])

    @contextlib.contextmanager
    def _transaction(self) -> Iterator[sqlite3.Connection]:
        with self._lock, self._db:
            yield self._db


def _open(path: Path) -> sqlite3.Connection:
    db = sqlite3.connect(path, check_same_thread=False)
    try:
        db.execute("PRAGMA journal_mode = WAL")
        db.execute("PRAGMA synchronous = NORMAL")
        db.executescript(_LAYOUT)
    except sqlite3.DatabaseError:
        db.close()
        raise
    return db

from __future__ import annotations

import json
import sqlite3
from pathlib import Path

import pytest

from robot_cell.cli.exit_codes import ExitCode
from robot_cell.store import open_journal
from tests.cli.test_commands import robot_cell


@pytest.fixture
def path(tmp_path: Path) -> Path:
    path = tmp_path / "journal.db"
    with open_journal(path) as journal:
        for at_ns in range(3):
            journal.event("cell_a", "held", at_ns, {"alarm": "Käfig"})
        journal.command("Kim", "hold", "cell_a", 5)
    return path


def damage(path: Path, statement: str) -> None:
    connection = sqlite3.connect(path)
    connection.execute(statement)
    connection.commit()
    connection.close()


def test_verify_and_repair(path: Path) -> None:
    done = robot_cell("journal", "verify", "--journal", str(path))
    assert done.returncode == ExitCode.OK, done.stderr
    assert "whole. 4 events" in done.stdout
    damage(path, "UPDATE commands SET who = 'Lee'")
    done = robot_cell("journal", "verify", "--journal", str(path))
    assert done.returncode == ExitCode.FAILED
    for word in ("commands", "who is 'Lee', the events say 'Kim'", " 4 ", "journal repair"):
        assert word in done.stderr
    told = json.loads(robot_cell("journal", "verify", "--journal", str(path), "--json").stdout)
    assert (told["ok"], told["total"]) == (False, 1)
    assert told["findings"][0]["event_id"] == 4
    done = robot_cell("journal", "repair", "--journal", str(path), "--json")
    assert json.loads(done.stdout) == {"ok": True, "events": 4, "findings": 0}
    damage(path, "DROP TRIGGER events_no_update")
    damage(path, "UPDATE events SET who = 'Lee' WHERE event_id = 2")
    done = robot_cell("journal", "verify", "--journal", str(path))
    assert done.returncode == ExitCode.FAILED
    assert "restore a backup" in done.stderr
    done = robot_cell("journal", "repair", "--journal", str(path))
    assert done.returncode == ExitCode.FAILED
    assert "event 2 (held) is not what was written" in done.stderr


def test_export(path: Path) -> None:
    done = robot_cell("journal", "export", "--journal", str(path))
    lines = [json.loads(line) for line in done.stdout.splitlines()]
    assert [line["event_id"] for line in lines] == [1, 2, 3, 4]
    assert lines[0]["data"] == {"alarm": "Käfig"}
    assert len(lines[0]["digest"]) == 64
    done = robot_cell("journal", "export", "--journal", str(path), "--after", "3")
    assert [json.loads(line) for line in done.stdout.splitlines()] == lines[3:]


def test_backup_and_restore(path: Path, tmp_path: Path) -> None:
    copied = tmp_path / "backup.db"
    done = robot_cell("journal", "backup", str(copied), "--journal", str(path))
    assert done.returncode == ExitCode.OK, done.stderr
    done = robot_cell("journal", "restore", str(copied), "--journal", str(path))
    assert done.returncode == ExitCode.FAILED
    assert "is in the way" in done.stderr
    for name in ("journal.db", "journal.db-wal", "journal.db-shm"):
        (tmp_path / name).unlink(missing_ok=True)
    done = robot_cell("journal", "restore", str(copied), "--journal", str(path))
    assert done.returncode == ExitCode.OK, done.stderr
    assert "look at each cell" in done.stdout
    with open_journal(path) as journal:
        assert [event.kind for event in journal.history()][-1] == "restored"


def test_a_journal_that_is_not_there_is_not_made(tmp_path: Path) -> None:
    for command in ("verify", "export", "repair"):
        done = robot_cell("journal", command, "--journal", str(tmp_path / "no.db"))
        assert done.returncode == ExitCode.FAILED
        assert "there is no journal" in done.stderr
        assert "Traceback" not in done.stderr
    assert list(tmp_path.iterdir()) == []

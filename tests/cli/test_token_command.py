from __future__ import annotations

import json
from pathlib import Path

from robot_cell.cli.exit_codes import ExitCode
from robot_cell.gateway.tokens import read_secret
from robot_cell.store import open_journal, token_book
from tests.cli.test_commands import robot_cell


def test_a_token_is_added_listed_and_revoked(tmp_path: Path) -> None:
    where = ("--journal", str(tmp_path / "journal.db"))
    added = robot_cell("token", "add", "Kim Berg", "--role", "operator", *where)
    assert added.returncode == ExitCode.OK, added.stderr
    secret = read_secret(added.stdout.strip())
    assert secret is not None
    with open_journal(tmp_path / "journal.db") as journal:
        (record,) = journal.look(token_book.all_tokens)
    assert secret.fits(record.hash)
    listed = robot_cell("token", "list", *where, "--json").stdout
    (one,) = json.loads(listed)["tokens"]
    assert (one["name"], one["role"], one["revoked"]) == ("Kim Berg", "operator", None)
    assert secret.secret not in listed
    assert robot_cell("token", "revoke", secret.token_id, *where).returncode == ExitCode.OK
    again = robot_cell("token", "revoke", secret.token_id, *where)
    assert again.returncode == ExitCode.REFUSED
    assert secret.token_id in again.stderr


def test_a_role_that_there_is_not_is_refused(tmp_path: Path) -> None:
    done = robot_cell("token", "add", "Kim", "--role", "boss", "--journal", str(tmp_path / "j.db"))
    assert done.returncode == ExitCode.USAGE
    assert "viewer, operator, maintainer, admin" in done.stderr

"""A new journal's tables, an old journal's upgrade, and who may open which.

A new journal gets the tables as `tables.py` has them; an old one is led to the same by the
migrations, in one transaction: it is upgraded, or it is as it was. Alembic is loaded only then.
"""

from __future__ import annotations

from pathlib import Path
from typing import Final

from sqlalchemy import (
    Column,
    Connection,
    MetaData,
    PrimaryKeyConstraint,
    String,
    Table,
    inspect,
    select,
)

from robot_cell.store.errors import JournalError, OtherVersion
from robot_cell.store.tables import REVISION, facts, metadata

FIRST_REVISION: Final = "0001"
"""Of journals that were made before they said which revision they have."""

MIGRATIONS: Final = Path(__file__).parent / "migrations"

_version: Final = Table(
    "alembic_version",
    MetaData(),
    Column("version_num", String(32), nullable=False),
    PrimaryKeyConstraint("version_num", name="alembic_version_pkc"),
)


def revision(connection: Connection) -> str | None:
    """The migration that a journal is at, None for an empty database."""
    tables = inspect(connection)
    if tables.has_table(_version.name):
        return connection.scalar(select(_version.c.version_num))
    return FIRST_REVISION if tables.has_table(facts.name) else None


def create_or_upgrade(connection: Connection, where: str) -> None:
    """Make the tables what this version knows; called in a transaction that alone may write.

    Raises:
        OtherVersion: the journal is newer than this version of robot_cell.
    """
    found = revision(connection)
    if found == REVISION:
        return
    if found is None:
        _version.create(connection)
        connection.execute(_version.insert().values(version_num=REVISION))
        metadata.create_all(connection)
        return
    check_known(found, where)
    migrate(connection)


def check_known(found: str, where: str) -> None:
    """See that a journal is not of a later version than this one.

    Raises:
        OtherVersion: it is.
    """
    known = sorted(file.name[:4] for file in (MIGRATIONS / "versions").glob("[0-9]*.py"))
    if found not in known:
        raise OtherVersion(
            f"{where}: has schema {found}, this robot_cell knows {known[0]} to {known[-1]}: it was "
            "written by a newer version; use that version, or restore a backup from before it"
        )


def migrate(connection: Connection, to: str = REVISION) -> None:
    """Run the migrations that are missing on a connection whose transaction has begun.

    Raises:
        JournalError: one of them failed; nothing has been changed.
    """
    from alembic import command
    from alembic.config import Config
    from alembic.util import CommandError

    config = Config()
    config.set_main_option("script_location", str(MIGRATIONS))
    config.attributes["connection"] = connection
    try:
        if revision(connection) == FIRST_REVISION and not inspect(connection).has_table(
            _version.name
        ):
            command.stamp(config, FIRST_REVISION)
        command.upgrade(config, to)
    except CommandError as error:
        raise JournalError(f"the journal could not be upgraded to {to}: {error}") from error

"""Who may ask what over the network: tokens are added and revoked, never changed."""

from __future__ import annotations

from dataclasses import fields
from typing import Final

from sqlalchemy import Connection, and_, or_, select

from robot_cell.store.errors import JournalError
from robot_cell.store.log import Transaction
from robot_cell.store.records import TokenRecord
from robot_cell.store.tables import tokens

_COLUMNS: Final = tuple(tokens.c[field.name] for field in fields(TokenRecord))


class UnknownToken(JournalError):
    """There is no token with this id, or it was revoked already."""


def add_token(
    transaction: Transaction,
    token_id: str,
    *,
    name: str,
    role: str,
    hash: str,
    who: str,
    expires_us: int | None = None,
    parent: str | None = None,
    at_ns: int = 0,
) -> None:
    """Store a token by the hash of its secret."""
    data = {
        "token_id": token_id,
        "name": name,
        "role": role,
        "hash": hash,
        "expires_us": expires_us,
        "parent": parent,
    }
    transaction.record("token_added", at_ns, who, data)


def revoke_token(transaction: Transaction, token_id: str, *, who: str, at_ns: int = 0) -> None:
    """Make a token void for ever, and the sessions that it began.

    Raises:
        UnknownToken: there is none, or it is void.
    """
    found = token(transaction.connection, token_id)
    if found is None or found.revoked_us is not None:
        raise UnknownToken(f"there is no token {token_id!r} that could be revoked")
    sessions = select(tokens.c.token_id).where(
        tokens.c.parent == token_id, tokens.c.revoked_us.is_(None)
    )
    for one in (token_id, *transaction.connection.scalars(sessions).all()):
        transaction.record("token_revoked", at_ns, who, {"token_id": one})


def token(connection: Connection, token_id: str) -> TokenRecord | None:
    """One token."""
    row = connection.execute(select(*_COLUMNS).where(tokens.c.token_id == token_id)).one_or_none()
    return None if row is None else TokenRecord(*row)


def all_tokens(connection: Connection, *, sessions: bool = False) -> list[TokenRecord]:
    """Every token, revoked ones too, oldest first; sessions only if asked for."""
    query = select(*_COLUMNS).order_by(tokens.c.added_us, tokens.c.token_id)
    if not sessions:
        query = query.where(tokens.c.parent.is_(None))
    return [TokenRecord(*row) for row in connection.execute(query)]


def tokens_in_use(connection: Connection, now_us: int) -> list[TokenRecord]:
    """Every token, and the sessions that are not void at an instant, microseconds since 1970."""
    query = select(*_COLUMNS).where(
        or_(
            tokens.c.parent.is_(None),
            and_(
                tokens.c.revoked_us.is_(None),
                or_(tokens.c.expires_us.is_(None), tokens.c.expires_us > now_us),
            ),
        )
    )
    return [TokenRecord(*row) for row in connection.execute(query)]

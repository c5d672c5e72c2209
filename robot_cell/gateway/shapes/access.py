"""Sessions, tokens, and who did what."""

from __future__ import annotations

from typing import Any

from typing_extensions import TypedDict


class Session(TypedDict):
    """A session that has begun; the token is told once."""

    token: str
    token_id: str
    name: str
    role: str
    expires_ms: int | None


class Me(TypedDict):
    """Who asks."""

    name: str
    role: str
    token_id: str
    expires_ms: int | None


class TokenView(TypedDict):
    """A token without its secret."""

    id: str
    name: str
    role: str
    added_ms: int
    added_by: str
    expires_ms: int | None
    revoked_ms: int | None
    revoked_by: str | None


class Tokens(TypedDict):
    """All tokens."""

    items: list[TokenView]


class NewToken(TokenView):
    """A token that was just added; the secret is told once."""

    token: str


class AuditEntry(TypedDict):
    """What somebody asked for, and what came of it."""

    id: int
    at_ms: int
    wall_ms: int
    who: str
    what: str
    target: str
    data: Any
    outcome: str | None


class Audit(TypedDict):
    """A page of the audit trail."""

    items: list[AuditEntry]
    next: str | None

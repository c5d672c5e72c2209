"""Tokens: what they look like, what their roles may do, and how only their hash is kept.

A token is `rc_<id>_<secret>`: the id is no secret and names the token in lists and in the audit
trail; the secret has 256 random bits. Kept is its argon2id hash (RFC 9106, with the memory-lean
parameters of the OWASP Password Storage Cheat Sheet: 19 MiB, 2 passes, 1 lane).
"""

from __future__ import annotations

import re
import secrets
from dataclasses import dataclass
from typing import Final, Literal

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError

Role = Literal["viewer", "operator", "maintainer", "admin"]
ROLES: Final[tuple[Role, ...]] = ("viewer", "operator", "maintainer", "admin")
"""Each may what those before it may."""

_FORM: Final = re.compile(r"rc_([a-z2-7]{10})_([A-Za-z0-9_-]{43})", re.ASCII)
_ALPHABET: Final = "abcdefghijklmnopqrstuvwxyz234567"
_HASHER: Final = PasswordHasher(time_cost=2, memory_cost=19_456, parallelism=1)


@dataclass(frozen=True)
class Secret:
    """A token in the open."""

    token_id: str
    secret: str

    @property
    def text(self) -> str:
        """As it is handed to its owner, once."""
        return f"rc_{self.token_id}_{self.secret}"

    def hash(self) -> str:
        """What may be stored of it; takes some 30 ms of work and 19 MiB."""
        return _HASHER.hash(self.secret)

    def fits(self, hash: str) -> bool:
        """Whether a stored hash is of this secret."""
        try:
            return _HASHER.verify(hash, self.secret)
        except (VerificationError, InvalidHashError):
            return False


def new_secret() -> Secret:
    """A token that nobody has had before."""
    token_id = "".join(secrets.choice(_ALPHABET) for _ in range(10))
    return Secret(token_id, secrets.token_urlsafe(32))


def read_secret(text: str) -> Secret | None:
    """A token as it was handed in; None if it does not look like one."""
    found = _FORM.fullmatch(text)
    return None if found is None else Secret(found[1], found[2])


def at_least(role: str, needed: Role) -> bool:
    """Whether a role may what another may."""
    return role in ROLES and ROLES.index(role) >= ROLES.index(needed)


def is_plain_name(name: str) -> bool:
    """Whether a name can stand in the audit trail: printable, 1 to 100 characters."""
    return 0 < len(name) <= 100 and name.isprintable() and name == name.strip()

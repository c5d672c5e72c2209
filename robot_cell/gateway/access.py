"""Who asks, and whether they may: tokens, sessions, one-time codes, and what was refused."""

from __future__ import annotations

import contextlib
import hashlib
import queue
import secrets
import threading
import time
from collections import defaultdict, deque
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final

import structlog

from robot_cell.errors import RobotCellError
from robot_cell.gateway.mirror import Mirror
from robot_cell.gateway.problems import Problem, unauthorised
from robot_cell.gateway.tokens import ROLES, Role, Secret, at_least, new_secret, read_secret
from robot_cell.store import Journal, token_book
from robot_cell.store.records import TokenRecord

SESSION_S: Final = 12 * 3600.0
FAILURES: Final = 10
"""So many wrong tokens a minute are looked at from one address; the rest is refused unseen."""

_MINUTE_S: Final = 60.0
_TRAIL_PER_MINUTE: Final = 60
"""So many refusals a minute are written down one by one; of the rest the number is."""

_KNOWN_AT_MOST: Final = 4096
_log: Final = structlog.get_logger("gateway.access")


@dataclass(frozen=True)
class Caller:
    """Who asks."""

    name: str
    role: str
    token_id: str
    expires_us: int | None

    @property
    def who(self) -> str:
        """As the journal names them."""
        return f"{self.name} ({self.token_id})"


class Trail:
    """Writes refusals to the journal, beside the requests, so that nobody waits for the disk."""

    def __init__(self, journal: Journal, now_ns: Callable[[], int | None]) -> None:
        self._journal, self._now_ns = journal, now_ns
        self._queue: queue.Queue[tuple[str, str, dict[str, Any]] | None] = queue.Queue(10_000)
        self._window_s, self._written, self._left_out = 0.0, 0, 0
        self._thread = threading.Thread(target=self._write, name="trail", daemon=True)
        self._thread.start()

    def refused(self, who: str, what: str, **data: Any) -> None:
        """Note that somebody was refused."""
        _log.warning("refused", who=who, what=what, **data)
        with contextlib.suppress(queue.Full):
            self._queue.put_nowait((who, what, data))

    def close(self) -> None:
        """Write what waits."""
        self._queue.put(None)
        self._thread.join(5.0)

    def _write(self) -> None:
        while (asked := self._queue.get()) is not None:
            now_s = time.monotonic()
            if now_s - self._window_s > _MINUTE_S:
                self._window_s, self._written = now_s, 0
            if self._written >= _TRAIL_PER_MINUTE:
                self._left_out += 1
                continue
            self._written += 1
            who, what, data = asked
            if self._left_out:
                data = {**data, "refusals_not_written": self._left_out}
                self._left_out = 0
            try:
                at_ns = self._now_ns() or 0
                entry = self._journal.command(who, what[:200], "gateway", at_ns, data)
                self._journal.command_outcome(entry, "refused", at_ns)
            except RobotCellError as error:
                _log.error("the audit trail cannot be written", reason=str(error))


class Access:
    """Knows tokens by the mirror of the journal.

    A token is hashed once, when it is first seen; later it is known by its SHA-256 in memory, and
    whether it is revoked or has expired is looked up each time.
    """

    def __init__(
        self,
        journal: Journal,
        mirror: Mirror,
        trail: Trail,
        *,
        wall_s: Callable[[], float] = time.time,
    ) -> None:
        self._journal, self._mirror, self.trail = journal, mirror, trail
        self._wall_s = wall_s
        self._known: dict[bytes, str] = {}
        self._failures: defaultdict[str, deque[float]] = defaultdict(deque)
        self._lock, self._hashing = threading.Lock(), threading.Lock()
        self._code: tuple[bytes, Role] | None = None
        self._link: Callable[[str], None] = lambda _code: None

    # -- tokens ---------------------------------------------------------------------------------

    def caller(self, text: str | None, address: str) -> Caller:
        """Who a token is of; may hash, so it is called in a thread unless `quick` knew it.

        Raises:
            Problem: 401, or 429 after too many wrong ones.
        """
        if not text:
            raise unauthorised("this needs a token: Authorization: Bearer rc_...")
        quick = self.quick(text)
        if quick is not None:
            return quick
        self._check_failures(address)
        secret = read_secret(text)
        record = None if secret is None else self._mirror.tokens.get(secret.token_id)
        if record is None and secret is not None:
            self._mirror.refresh()  # it may have been added a moment ago
            record = self._mirror.tokens.get(secret.token_id)
        if secret is None or record is None or not self._fits(text, secret, record):
            self._failures[address].append(time.monotonic())
            raise unauthorised("the token is not known: ask for one (robot-cell token add)")
        self._check_valid(record)
        return _caller(record)

    def _fits(self, text: str, secret: Secret, record: TokenRecord) -> bool:
        """Whether a secret is a token's.

        One at a time is hashed, since each takes 19 MiB, and once for all who come together.
        """
        with self._hashing:
            if self._token_id(text) == record.token_id:
                return True
            if not secret.fits(record.hash):
                return False
            self._remember(text, record.token_id)
            return True

    def quick(self, text: str) -> Caller | None:
        """Who a token is of that was seen before; None if it has to be looked at.

        Raises:
            Problem: 401, it is void by now.
        """
        token_id = self._token_id(text)
        record = None if token_id is None else self._mirror.tokens.get(token_id)
        if record is None:
            return None
        self._check_valid(record)
        return _caller(record)

    def _token_id(self, text: str) -> str | None:
        return self._known.get(hashlib.sha256(text.encode()).digest())

    def still_valid(self, caller: Caller) -> bool:
        """Whether a token is good that was good a while ago."""
        record = self._mirror.tokens.get(caller.token_id)
        return record is not None and self._void(record) is None

    def _check_valid(self, record: TokenRecord) -> None:
        why = self._void(record)
        if why is not None:
            raise unauthorised(why)

    def _void(self, record: TokenRecord) -> str | None:
        if record.revoked_us is not None:
            return f"the token {record.token_id} was revoked; ask for another one"
        if record.expires_us is not None and record.expires_us <= self._wall_s() * 1e6:
            return f"the token {record.token_id} has expired; log in again"
        parent = None if record.parent is None else self._mirror.tokens.get(record.parent)
        return None if parent is None else self._void(parent)

    def _check_failures(self, address: str) -> None:
        if len(self._failures) > _KNOWN_AT_MOST:
            self._failures.clear()
        recent = self._failures[address]
        now_s = time.monotonic()
        while recent and recent[0] < now_s - _MINUTE_S:
            recent.popleft()
        if len(recent) >= FAILURES:
            wait_s = max(1, int(_MINUTE_S - (now_s - recent[0])) + 1)
            raise Problem(
                "too-many",
                f"{FAILURES} wrong tokens within a minute from here; wait {wait_s} s",
                headers={"Retry-After": str(wait_s)},
            )

    def _remember(self, text: str, token_id: str) -> None:
        with self._lock:
            if len(self._known) >= _KNOWN_AT_MOST:
                self._known.clear()
            self._known[hashlib.sha256(text.encode()).digest()] = token_id

    # -- adding and revoking --------------------------------------------------------------------

    def add(
        self,
        name: str,
        role: Role,
        who: str,
        *,
        valid_s: float | None,
        parent: str | None = None,
    ) -> tuple[Secret, TokenRecord]:
        """Add a token; its secret is known here for the last time."""
        secret = add_token(
            self._journal, name, role, who, valid_s=valid_s, parent=parent, wall_s=self._wall_s()
        )
        self._mirror.refresh()
        self._remember(secret.text, secret.token_id)
        return secret, self._mirror.tokens[secret.token_id]

    def begin_session(self, caller: Caller) -> tuple[Secret, TokenRecord]:
        """A token of twelve hours for somebody who has shown one."""
        record = self._mirror.tokens[caller.token_id]
        parent = record.parent or record.token_id
        return self.add(
            caller.name, _role(caller.role), caller.who, valid_s=SESSION_S, parent=parent
        )

    def revoke(self, token_id: str, who: str) -> None:
        """Make a token void, and the sessions that it began."""
        try:
            self._journal.change(lambda tx: token_book.revoke_token(tx, token_id, who=who))
        except token_book.UnknownToken as error:
            raise Problem("not-found", str(error)) from error
        self._mirror.refresh()

    # -- the one-time code ----------------------------------------------------------------------

    def offer_code(self, role: Role, link: Callable[[str], None], first: str) -> None:
        """Let one person in who was shown a code; `link` is told the next one, once it was used."""
        self._link = link
        self._code = (hashlib.sha256(first.encode()).digest(), role)

    def use_code(self, code: str, address: str) -> tuple[Secret, TokenRecord]:
        """Begin a session by a one-time code; it is void afterwards.

        Raises:
            Problem: 401, it is not the code, or it was used.
        """
        self._check_failures(address)
        with self._lock:
            offered, given = self._code, hashlib.sha256(code.encode()).digest()
            if offered is None or not secrets.compare_digest(offered[0], given):
                self._failures[address].append(time.monotonic())
                raise unauthorised("the link was used already, or is of an earlier start")
            self._code = None
        found = self.add("one-time link", offered[1], "gateway", valid_s=SESSION_S)
        code = secrets.token_urlsafe(24)
        self._code = (hashlib.sha256(code.encode()).digest(), offered[1])
        self._link(code)
        return found


def add_token(
    journal: Journal,
    name: str,
    role: Role,
    who: str,
    *,
    valid_s: float | None,
    parent: str | None = None,
    wall_s: float | None = None,
) -> Secret:
    """Store a new token by its hash."""
    secret = new_secret()
    hash = secret.hash()
    now_s = time.time() if wall_s is None else wall_s
    expires_us = None if valid_s is None else int((now_s + valid_s) * 1e6)
    journal.change(
        lambda tx: token_book.add_token(
            tx,
            secret.token_id,
            name=name,
            role=role,
            hash=hash,
            who=who,
            expires_us=expires_us,
            parent=parent,
        )
    )
    return secret


def check_role(caller: Caller, needed: Role) -> None:
    """See that a caller may.

    Raises:
        Problem: 403.
    """
    if not at_least(caller.role, needed):
        raise Problem(
            "forbidden",
            f"this needs the role {needed}; the token {caller.token_id} has {caller.role}",
            needs=needed,
        )


def _caller(record: TokenRecord) -> Caller:
    return Caller(record.name, record.role, record.token_id, record.expires_us)


def _role(text: str) -> Role:
    return next(role for role in ROLES if role == text)

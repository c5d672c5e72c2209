"""The same request again is the same request: answers that are kept by the client's key.

After the IETF draft "The Idempotency-Key HTTP Header Field": the same key with the same content
gets the first answer again, with other content it is refused, and so it is while the first is under
way. Answers are kept in memory for a day. After a restart what guards is what a request means: a
batch is known by its orders, and a cell refuses a command that its state does not allow.
"""

from __future__ import annotations

import hashlib
import time
from collections import OrderedDict
from dataclasses import dataclass
from typing import Final

from robot_cell.gateway.problems import Problem

HEADER: Final = "idempotency-key"
REPLAYED: Final = b"idempotency-replayed"
KEPT_S: Final = 86_400.0
KEPT_AT_MOST: Final = 2_000
KEPT_BYTES: Final = 32 << 20
LONGEST: Final = 1 << 20
"""Longer answers are not kept."""


@dataclass(frozen=True)
class Kept:
    """An answer."""

    content: str
    status: int
    headers: tuple[tuple[bytes, bytes], ...]
    body: bytes
    at_s: float


class Answers:
    """Answers by key; used in the event loop only."""

    def __init__(self) -> None:
        self._kept: OrderedDict[str, Kept] = OrderedDict()
        self._under_way: dict[str, str] = {}
        self._bytes = 0

    def begin(self, key: str, content: str) -> Kept | None:
        """The answer that was given before; None if the request is to be carried out now.

        Raises:
            Problem: the key stands for something else, or for something that is under way.
        """
        now_s = time.monotonic()
        while self._kept:
            oldest = next(iter(self._kept.values()))
            full = len(self._kept) >= KEPT_AT_MOST or self._bytes > KEPT_BYTES
            if not full and now_s - oldest.at_s < KEPT_S:
                break
            self._bytes -= len(self._kept.popitem(last=False)[1].body)
        known = self._kept.get(key)
        before = known.content if known is not None else self._under_way.get(key)
        if before is not None and before != content:
            raise Problem(
                "idempotency-mismatch",
                "this Idempotency-Key was used for another request; take a new one for each",
            )
        if before is not None and known is None:
            raise Problem("conflict", "the same request is under way; ask again for its answer")
        if known is None:
            self._under_way[key] = content
        return known

    def end(self, key: str, answer: Kept | None) -> None:
        """A request has been carried out; only an answer that is final is kept."""
        self._under_way.pop(key, None)
        if answer is not None and len(answer.body) <= LONGEST:
            self._kept[key] = answer
            self._bytes += len(answer.body)


def key_of(token: str, method: str, target: str, key: str) -> str:
    """A client's key is its own, and for one kind of request."""
    return hashlib.sha256("\0".join((token, method, target, key)).encode()).hexdigest()


def is_final(status: int) -> bool:
    """Whether an answer stays the same when it is asked again: not a refusal that may pass."""
    return status < 500 and status not in (401, 403, 409, 429)

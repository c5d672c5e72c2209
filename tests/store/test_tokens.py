"""Tokens are events like all others: they come and go, and nobody puts one in by hand."""

from __future__ import annotations

from functools import partial

import pytest
from sqlalchemy import insert, update

from robot_cell.model import Plant
from robot_cell.store import Journal, OrderConflict, UnknownOrder, accept, token_book
from robot_cell.store.errors import JournalError
from robot_cell.store.tables import tokens
from tests.store.test_journal import order


def add(journal: Journal, token_id: str, parent: str | None = None) -> None:
    journal.change(
        partial(
            token_book.add_token,
            token_id=token_id,
            name="Kim",
            role="viewer",
            hash="$argon2id$x",
            who="Lee",
            parent=parent,
        )
    )


def revoke(journal: Journal, token_id: str) -> None:
    journal.change(partial(token_book.revoke_token, token_id=token_id, who="Lee"))


def test_a_token_takes_its_sessions_with_it(journal: Journal) -> None:
    add(journal, "one")
    add(journal, "other")
    add(journal, "session", "one")
    assert [t.token_id for t in journal.look(token_book.all_tokens)] == ["one", "other"]
    revoke(journal, "one")
    revoked = {
        t.token_id: t.revoked_by
        for t in journal.look(partial(token_book.all_tokens, sessions=True))
    }
    assert revoked == {"one": "Lee", "session": "Lee", "other": None}
    for unknown in ("one", "none"):
        with pytest.raises(token_book.UnknownToken, match=unknown):
            revoke(journal, unknown)
    assert journal.verify().findings == ()


@pytest.mark.parametrize("harm", ["put in", "raised"])
def test_a_token_that_no_event_tells_of_is_found_and_taken_out(journal: Journal, harm: str) -> None:
    add(journal, "one")
    with journal._writer.begin() as connection:
        if harm == "put in":
            row = {"token_id": "two", "name": "x", "role": "admin", "hash": "y"}
            connection.execute(insert(tokens).values(**row, added_us=1, added_by="nobody"))
        else:
            connection.execute(update(tokens).values(role="admin"))
    (finding,) = journal.verify().findings
    assert finding.table == "tokens"
    journal.repair()
    assert journal.verify().findings == ()
    (left,) = journal.look(token_book.all_tokens)
    assert left.role == "viewer"


def test_a_priority_that_a_person_gave_is_beside_what_was_ordered(
    journal: Journal, plant: Plant
) -> None:
    ordered = order("WO-1", priority=5)
    journal.accept_batch([ordered], "a.csv", "Kim", plant)

    def give(priority: int, order_id: str = "WO-1") -> bool:
        return journal.change(
            partial(
                accept.prioritise_order, order_id=order_id, priority=priority, who="Lee", at_ns=1
            )
        )

    assert give(9)
    assert not give(9)
    assert journal.order("WO-1").order.priority == 9
    assert journal.accept_batch([ordered], "a.csv", "Kim", plant).known_ids == ("WO-1",)
    with pytest.raises(OrderConflict, match="priority"):
        journal.accept_batch([order("WO-1", priority=9)], "a.csv", "Kim", plant)
    assert give(5)
    assert journal.order("WO-1").order.priority == 5
    for wrong in (0, 10):
        with pytest.raises(JournalError, match=r"1 \(can wait\) to 9"):
            give(wrong)
    with pytest.raises(UnknownOrder):
        give(3, "none")
    journal.cancel_order("WO-1", "Kim", "", 2)
    with pytest.raises(JournalError, match="cancelled"):
        give(7)
    assert journal.verify().findings == ()

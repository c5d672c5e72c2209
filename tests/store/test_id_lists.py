"""Lists of ids for `IN`: all ids are in them, and there are few lengths."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from robot_cell.store.id_lists import FEW, id_lists


@given(st.integers(0, 2000), st.sampled_from([FEW, 512]))
def test_every_id_is_in_one_list_and_lengths_are_few(count: int, most: int) -> None:
    ids = [f"id {number}" for number in range(count)]
    lists = list(id_lists(iter(ids), most))
    assert [one for some in lists for one in dict.fromkeys(some)] == ids
    assert {len(some) for some in lists} <= {1, 8, 64, most}
    assert len(lists) == -(-count // most)

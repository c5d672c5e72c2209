"""What goes on over the cut between two parts of a span is one loss, not two."""

from __future__ import annotations

from itertools import pairwise

import pytest

from robot_cell.gateway.kpis import Elements
from robot_cell.gateway.parts import joined, parts_of


def part(loss: tuple[int, int], edges: tuple[bool, bool]) -> Elements:
    found = Elements()
    found.losses["held"] = loss
    found.edges["held"] = edges
    return found


@pytest.mark.parametrize(
    ("goes_on", "went_on", "times"), [(True, True, 2), (True, False, 3), (False, False, 3)]
)
def test_a_loss_that_goes_on_over_the_cut_is_counted_once(
    goes_on: bool, went_on: bool, times: int
) -> None:
    found = joined(part((10, 2), (True, goes_on)), part((5, 1), (went_on, False)))
    assert found.losses["held"] == (15, times)
    assert found.edges["held"] == (True, False)


def test_parts_follow_on_each_other_and_hold_no_more_than_they_may() -> None:
    ended = [3, 4, 5, 11, 12, 19]

    def count(span: tuple[int, int]) -> int:
        return sum(span[0] <= at < span[1] for at in ended)

    parts = list(parts_of(range(0, 21), count, most=2))
    assert (parts[0][0], parts[-1][1]) == (0, 20)
    assert all(one[1] == after[0] for one, after in pairwise(parts))
    assert all(count(one) <= 2 for one in parts)

"""A motion epoch only grows, outlives its writer, and is carried by a goal."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from robot_cell.execution.epoch import EpochPage, read, written


def test_an_epoch_only_grows_and_is_kept(tmp_path: Path) -> None:
    page = EpochPage(tmp_path, "cell_a")
    assert page.current() == 0
    page.enter(5)
    page.enter(3)
    assert page.current() == 5
    page.close()
    assert EpochPage(tmp_path, "cell_a").current() == 5


@given(st.integers(0, 2**63))
def test_a_goal_carries_it(epoch: int) -> None:
    assert read(written(epoch)) == epoch


@pytest.mark.parametrize("frame", ["", "base_link", "epoch:", "epoch:-1", "epoch:\u0663"])
def test_other_frames_carry_none(frame: str) -> None:
    assert read(frame) is None

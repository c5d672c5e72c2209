"""A cell obeys the table, counts epochs, and lets a running operation wait or end."""

import threading
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from robot_cell.execution.control import CellControl, CommandRefusedError, StoppedError, Transition
from robot_cell.model.packml import COMPLETED, TRANSITIONS, Command, State


def control(state: State = State.IDLE) -> tuple[CellControl, list[Transition]]:
    changes: list[Transition] = []
    return CellControl("cell_x", changes.append, state), changes


@given(st.sampled_from(list(State)), st.lists(st.sampled_from([*Command, None]), max_size=30))
def test_any_history_follows_the_table(start: State, history: list[Command | None]) -> None:
    cell, changes = control(start)
    expected, epoch = start, 1
    for command in history:
        if command is None:
            if expected in COMPLETED:
                assert cell.completed(expected)
                expected = COMPLETED[expected]
        elif (expected, command) in TRANSITIONS:
            expected = TRANSITIONS[expected, command]
            epoch += command in (Command.STOP, Command.ABORT)
            assert cell.command(command) is expected
        else:
            with pytest.raises(CommandRefusedError):
                cell.command(command)
        assert cell.state is expected
        assert cell.epoch == epoch
    assert all(a.after is b.before for a, b in pairwise(changes))


def test_a_refusal_says_what_would_be_obeyed() -> None:
    cell, _ = control(State.ABORTED)
    with pytest.raises(CommandRefusedError, match=r"Aborted .* Start; it obeys: Clear"):
        cell.command(Command.START)


def test_work_done_in_a_state_that_was_left_does_not_count() -> None:
    cell, _ = control(State.RESETTING)
    cell.command(Command.STOP)
    assert not cell.completed(State.RESETTING)
    assert cell.state is State.STOPPING


def test_a_checkpoint_waits_while_held_and_goes_on_after_unhold() -> None:
    cell, _ = control(State.EXECUTE)
    cell.command(Command.HOLD)
    held, resumed, passed = threading.Event(), threading.Event(), threading.Event()

    def work() -> None:
        cell.checkpoint(held.set, resumed.set)
        passed.set()

    thread = threading.Thread(target=work)
    thread.start()
    assert held.wait(5.0)
    assert cell.state is State.HELD
    assert not passed.is_set()
    cell.command(Command.UNHOLD)
    assert passed.wait(5.0)
    assert resumed.is_set()
    assert cell.state is State.EXECUTE
    thread.join()


def test_a_checkpoint_ends_an_operation_that_was_stopped_while_held() -> None:
    cell, _ = control(State.EXECUTE)
    cell.command(Command.HOLD)
    held, ended = threading.Event(), threading.Event()

    def work() -> None:
        with pytest.raises(StoppedError):
            cell.checkpoint(held.set)
        ended.set()

    thread = threading.Thread(target=work)
    thread.start()
    assert held.wait(5.0)
    cell.command(Command.STOP, "operator")
    assert ended.wait(5.0)
    thread.join()

"""A cell obeys the table, counts epochs, and lets a running operation wait or end."""

import threading
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from robot_cell.execution.control import (
    CellControl,
    CommandRefusedError,
    ModeRefusedError,
    StoppedError,
    Transition,
)
from robot_cell.model.packml import COMPLETED, Command, Mode, State
from tests.model.test_packml import generated_cases


def control(state: State = State.IDLE) -> tuple[CellControl, list[Transition]]:
    changes: list[Transition] = []
    return CellControl("cell_x", changes.append, state), changes


CASES = {(row["mode"], row["state"]): row for row in generated_cases()}


@given(
    st.sampled_from(list(State)),
    st.lists(st.sampled_from([*Command, *[m.name for m in Mode], None]), max_size=30),
)
def test_any_history_follows_the_generated_cases(
    start: State, history: list[Command | str | None]
) -> None:
    cell, changes = control(start)
    expected, epoch, mode = start, 1, Mode.PRODUCTION
    for what in history:
        case = CASES[mode.label, expected.label]
        if what is None:
            if expected in COMPLETED:
                assert cell.completed(expected)
                expected = COMPLETED[expected]
        elif isinstance(what, str):
            wanted = Mode[what]
            if case["mode_changes"] == "yes":
                cell.change_mode(wanted)
                epoch += wanted is not mode
                mode = wanted
            else:
                with pytest.raises(ModeRefusedError, match="Stopped, Idle, Aborted"):
                    cell.change_mode(wanted)
        elif case[what.label] != "-":
            expected = State[case[what.label].upper()]
            epoch += what in (Command.STOP, Command.ABORT)
            assert cell.command(what) is expected
        else:
            with pytest.raises(CommandRefusedError):
                cell.command(what)
        assert (cell.state, cell.mode) == (expected, mode)
        assert cell.epoch == epoch
    assert all(a.after is b.before for a, b in pairwise(changes))


def test_every_pair_of_state_and_command_in_every_mode_is_a_case() -> None:
    assert len(CASES) == len(Mode) * len(State)
    for (mode, state), row in CASES.items():
        for command in Command:
            cell = CellControl(
                "cell_x", lambda _: None, State[state.upper()], mode=Mode[mode.upper()]
            )
            if row[command.label] == "-":
                with pytest.raises(CommandRefusedError):
                    cell.command(command)
            else:
                assert cell.command(command).label == row[command.label]


def test_what_is_forbidden_now_is_refused_with_the_reason() -> None:
    cell = CellControl("cell_x", lambda _: None, State.HELD, forbids=lambda _: "the door is open")
    with pytest.raises(CommandRefusedError, match="Unhold: the door is open"):
        cell.command(Command.UNHOLD)
    assert cell.state is State.HELD


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

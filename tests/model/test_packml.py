"""The PackML table against the standard's rules, stated here in words of their own."""

import pytest

from robot_cell.model.packml import COMPLETED, TRANSITIONS, Command, State, allowed, parse_command

WAITING = {
    State.STOPPED, State.IDLE, State.SUSPENDED, State.EXECUTE, State.ABORTED, State.HELD,
    State.COMPLETE,
}  # fmt: skip


def test_every_state_is_either_acting_and_completes_or_waits_for_a_command() -> None:
    assert set(COMPLETED) == set(State) - WAITING
    for state in WAITING:
        assert allowed(state), f"{state.label} is a dead end"


@pytest.mark.parametrize("state", sorted(set(State) - {State.ABORTING, State.ABORTED}))
def test_abort_is_obeyed_everywhere_but_where_it_has_happened(state: State) -> None:
    assert TRANSITIONS[state, Command.ABORT] is State.ABORTING


def test_an_aborted_machine_only_clears() -> None:
    assert allowed(State.ABORTED) == (Command.CLEAR,)
    assert COMPLETED[State.CLEARING] is State.STOPPED


def test_a_stopped_machine_resets_before_it_starts() -> None:
    assert (State.STOPPED, Command.START) not in TRANSITIONS
    assert TRANSITIONS[State.STOPPED, Command.RESET] is State.RESETTING
    assert COMPLETED[State.RESETTING] is State.IDLE


def test_from_anywhere_a_way_leads_back_to_execute() -> None:
    after = {state: {COMPLETED[state]} if state in COMPLETED else set() for state in State}
    for (state, _), target in TRANSITIONS.items():
        after[state].add(target)
    for origin in State:
        reached, front = {origin}, [origin]
        while front:
            for state in after[front.pop()] - reached:
                reached.add(state)
                front.append(state)
        assert State.EXECUTE in reached, origin.label


def test_commands_are_read_in_any_case() -> None:
    assert parse_command(" Hold ") is Command.HOLD
    assert parse_command("jump") is None

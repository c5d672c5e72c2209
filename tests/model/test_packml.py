"""The PackML table against the standard's rules, stated here in words of their own."""

import csv
from pathlib import Path

import pytest

from robot_cell.model import packml_page
from robot_cell.model.packml import (
    ASKERS,
    COMPLETED,
    TRANSITIONS,
    Asker,
    Command,
    Mode,
    State,
    allowed,
    parse_command,
    parse_mode,
    target,
)

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
    for (state, _), led_to in TRANSITIONS.items():
        after[state].add(led_to)
    for origin in State:
        reached, front = {origin}, [origin]
        while front:
            for state in after[front.pop()] - reached:
                reached.add(state)
                front.append(state)
        assert State.EXECUTE in reached, origin.label


def test_page_diagram_and_cases_are_what_the_table_says(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    assert packml_page.main(["--check"]) == 0
    monkeypatch.setattr(packml_page, "ROOT", tmp_path)
    for path in (packml_page.PAGE, packml_page.CASES):
        (tmp_path / path).parent.mkdir(parents=True)
    assert packml_page.main(["--check"]) == 1
    assert "docs/packml.md is not what the table says" in capsys.readouterr().out
    assert packml_page.main([]) == packml_page.main(["--check"]) == 0


def test_the_diagram_has_every_arrow() -> None:
    arrows = [line for line in packml_page.diagram().splitlines() if "-->" in line]
    led_out = sum(command in (Command.STOP, Command.ABORT) for _, command in TRANSITIONS)
    assert len(arrows) == len(TRANSITIONS) - led_out + 2 + len(COMPLETED)


def test_nothing_is_begun_outside_production_and_nothing_moves_in_manual_mode() -> None:
    moving = {State.STARTING, State.RESETTING, State.UNHOLDING, State.COMPLETING}
    for state in State:
        for mode in (Mode.MAINTENANCE, Mode.MANUAL):
            assert target(state, Command.START, mode) is None
        for command in (Command.STOP, Command.ABORT):  # never forbidden
            assert {target(state, command, mode) for mode in Mode} == {
                TRANSITIONS.get((state, command))
            }
    for state in (State.STOPPED, State.IDLE, State.ABORTED):  # where a mode can be entered
        left = {target(state, command, Mode.MANUAL) for command in Command}
        assert not left & moving


def test_every_command_has_an_asker_and_a_person_may_always_stop() -> None:
    assert set(ASKERS) == set(Command)
    assert all(ASKERS.values())
    for command in (Command.STOP, Command.ABORT, Command.HOLD):
        assert Asker.PERSON in ASKERS[command]
    assert ASKERS[Command.START] == (Asker.LEASE,)


def test_modes_are_read_in_any_case() -> None:
    assert parse_mode(" Manual ") is Mode.MANUAL
    assert parse_mode("fast") is None


def generated_cases() -> list[dict[str, str]]:
    with (packml_page.ROOT / packml_page.CASES).open(newline="") as file:
        return list(csv.DictReader(file))


def test_commands_are_read_in_any_case() -> None:
    assert parse_command(" Hold ") is Command.HOLD
    assert parse_command("jump") is None

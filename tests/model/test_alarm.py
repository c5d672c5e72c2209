"""The life of an alarm against ISA-18.2, stated here in words of its own."""

import pytest

from robot_cell.model.alarm import (
    ALARM_KINDS,
    ALARM_TRANSITIONS,
    AlarmEvent,
    AlarmState,
    Priority,
    after,
)


def test_an_alarm_that_was_seen_and_is_over_is_normal_in_either_order() -> None:
    for order in (
        (AlarmEvent.ACKNOWLEDGE, AlarmEvent.RETURN),
        (AlarmEvent.RETURN, AlarmEvent.ACKNOWLEDGE),
    ):
        state = AlarmState.UNACKNOWLEDGED
        for event in order:
            state = ALARM_TRANSITIONS[state, event]
        assert state is AlarmState.NORMAL


def test_nothing_ends_an_alarm_whose_condition_is_there() -> None:
    for (state, event), target in ALARM_TRANSITIONS.items():
        if state.active and event is not AlarmEvent.RETURN:
            assert target.active, (state, event)


def test_an_alarm_is_over_only_when_somebody_has_seen_or_shelved_it() -> None:
    ended = {pair for pair, target in ALARM_TRANSITIONS.items() if target is AlarmState.NORMAL}
    assert ended == {
        (AlarmState.ACKNOWLEDGED, AlarmEvent.RETURN),
        (AlarmState.RETURNED, AlarmEvent.ACKNOWLEDGE),
        (AlarmState.SHELVED_RETURNED, AlarmEvent.UNSHELVE),
    }


@pytest.mark.parametrize("state", list(AlarmState))
def test_each_state_is_reached_and_left(state: AlarmState) -> None:
    assert any(target is state for target in ALARM_TRANSITIONS.values())
    assert any(origin is state for origin, _ in ALARM_TRANSITIONS)


def test_a_shelved_alarm_is_not_acknowledged_behind_its_back() -> None:
    assert after(AlarmState.SHELVED, AlarmEvent.ACKNOWLEDGE) is None


def test_every_kind_says_what_to_do() -> None:
    for name, kind in ALARM_KINDS.items():
        assert kind.action, name
        assert kind.priority in Priority

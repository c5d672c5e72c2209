"""Alarms: one for a root cause, as people see to them, derived from events, over a restart."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from robot_cell.model.alarm import AlarmState, Priority
from robot_cell.store import AlarmNotInState, Journal, UnknownAlarm, open_journal

US = 1_000_000


@pytest.mark.promise("one alarm")
def test_a_fault_and_all_that_follows_is_one_alarm(journal: Journal) -> None:
    alarms = journal.alarms
    root = alarms.raise_("cell_a", "part_unexpected", "gripper", "gripper reads absent", 10)
    assert alarms.raise_("cell_a", "step_uncertain", "3", "step 3 waits", 11) == root
    assert alarms.raise_("cell_a", "cell_aborted", "", "Aborted", 12) == root
    for at_ns in range(100):
        assert alarms.raise_("cell_a", "part_unexpected", "gripper", "again", at_ns) == root
        assert alarms.raise_("cell_a", "cell_aborted", "", "Aborted", at_ns) == root
    [only] = alarms.standing()
    assert (only.text, only.consequences) == ("gripper reads absent", ("step 3 waits", "Aborted"))
    assert (only.first_out, only.times, only.raised_ns) == (True, 1, 10)
    assert only.priority is Priority.HIGH  # of what came of it
    assert "robot-cell steps" in only.action
    assert len([e for e in journal.events() if e.kind.startswith("alarm")]) == 3


@pytest.mark.promise("one alarm")
def test_another_cause_is_another_alarm_and_only_the_first_is_first_out(journal: Journal) -> None:
    alarms = journal.alarms
    first = alarms.raise_("cell_a", "device_fault", "gripper", "silent", 1)
    second = alarms.raise_("cell_a", "device_fault", "table", "silent", 2)
    other = alarms.raise_("cell_b", "device_fault", "gripper", "silent", 3)
    assert {a.alarm_id: a.first_out for a in alarms.standing()} == {
        first: True, second: False, other: True,
    }  # fmt: skip
    assert alarms.raise_("cell_a", "cell_aborted", "", "Aborted", 4) == first


def test_what_follows_from_nothing_is_an_alarm(journal: Journal) -> None:
    journal.alarms.raise_("cell_a", "cell_aborted", "", "Abort by Kim", 1)
    [only] = journal.alarms.standing()
    assert (only.kind, only.first_out) == ("cell_aborted", True)


def test_acknowledged_and_returned_it_is_over_and_kept(journal: Journal) -> None:
    alarms = journal.alarms
    one = alarms.raise_("cell_a", "device_fault", "gripper", "silent", 1)
    assert alarms.acknowledge(one, "Kim").state is AlarmState.ACKNOWLEDGED
    with pytest.raises(AlarmNotInState, match="acknowledged"):
        alarms.acknowledge(one, "Kim")
    assert alarms.return_("cell_a", 5, ("arm_fault",)) == []
    assert alarms.return_("cell_a", 5, ("device_fault",), "table") == []
    assert alarms.return_("cell_a", 5, ("device_fault",), "gripper") == [one]
    assert alarms.standing() == []
    [kept] = alarms.history()
    assert (kept.acknowledged_by, kept.returned_ns) == ("Kim", 5)
    again = alarms.raise_("cell_a", "device_fault", "gripper", "silent", 9)
    assert again == one + 1
    with pytest.raises(UnknownAlarm, match="no alarm 77"):
        alarms.acknowledge(77, "Kim")


def test_one_that_comes_again_before_anybody_saw_it_is_the_same(journal: Journal) -> None:
    alarms = journal.alarms
    one = alarms.raise_("cell_a", "device_fault", "gripper", "silent", 1)
    alarms.return_("cell_a", 2, ("device_fault",))
    assert alarms.standing()[0].state is AlarmState.RETURNED
    assert alarms.raise_("cell_a", "device_fault", "gripper", "silent again", 3) == one
    [only] = alarms.standing()
    assert (only.times, only.text, only.returned_ns) == (2, "silent again", None)


def test_shelving_ends_by_itself(journal: Journal) -> None:
    alarms = journal.alarms
    one = alarms.raise_("cell_a", "device_fault", "gripper", "silent", 1)
    shelved = alarms.shelve(one, "Kim", 1800.0, now_us=100 * US)
    assert (shelved.state, shelved.shelved_until_us) == (AlarmState.SHELVED, 1900 * US)
    assert alarms.end_shelving(1899 * US) == []
    assert alarms.end_shelving(1900 * US) == [one]
    assert alarms.standing()[0].state is AlarmState.UNACKNOWLEDGED
    alarms.shelve(one, "Kim", 10.0, now_us=0)
    alarms.return_("cell_a", 2, ("device_fault",))
    assert alarms.end_shelving(20 * US) == [one]
    assert alarms.standing() == []
    for too_long in (0.0, 13 * 3600.0, float("nan")):
        with pytest.raises(AlarmNotInState, match="12 h"):
            alarms.shelve(one, "Kim", too_long)


def test_alarms_outlive_whoever_raised_them(place: Path | str) -> None:
    with open_journal(place) as before:
        one = before.alarms.raise_("cell_a", "device_fault", "gripper", "silent", 1)
        before.alarms.acknowledge(one, "Kim")
        told = before.alarms.standing()
    with open_journal(place) as after:
        assert after.alarms.standing() == told
        assert after.alarms.raise_("cell_a", "device_fault", "gripper", "silent", 7) == one


_ACTIONS = st.one_of(
    st.tuples(
        st.just("raise"),
        st.sampled_from(["device_fault", "cell_aborted"]),
        st.sampled_from(["", "gripper"]),
    ),
    st.tuples(st.just("return"), st.sampled_from(["device_fault", "cell_aborted"]), st.just("")),
    st.tuples(st.sampled_from(["ack", "shelve", "unshelve"]), st.integers(1, 4), st.just("")),
    st.tuples(st.just("time"), st.integers(1, 50), st.just("")),
)


@settings(max_examples=15, deadline=None)
@given(st.lists(_ACTIONS, max_size=25))
def test_any_history_is_what_its_events_say(
    tmp_path_factory: pytest.TempPathFactory, history: list[tuple[str, object, str]]
) -> None:
    now_us = 0
    with open_journal(tmp_path_factory.mktemp("alarms") / "journal.db") as journal:
        alarms = journal.alarms
        for what, given_, subject in history:
            try:
                if what == "raise":
                    found = alarms.raise_("cell_a", str(given_), subject, "it broke", 1)
                    assert found in {a.alarm_id for a in alarms.standing() if a.state.active}
                elif what == "return":
                    alarms.return_("cell_a", 2, (str(given_),))
                    assert not [a for a in alarms.standing() if a.kind == given_ and a.state.active]
                elif what == "ack":
                    alarms.acknowledge(int(str(given_)), "Kim")
                elif what == "shelve":
                    alarms.shelve(int(str(given_)), "Kim", 20.0, now_us=now_us)
                elif what == "unshelve":
                    alarms.unshelve(int(str(given_)), "Kim")
                else:
                    now_us += int(str(given_)) * US
                    alarms.end_shelving(now_us)
            except (AlarmNotInState, UnknownAlarm):
                pass
            standing = [(a.kind, a.subject) for a in alarms.standing()]
            assert len(standing) == len(set(standing))
        assert journal.verify().findings == ()

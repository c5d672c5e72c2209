"""What an interlock guards, what it needs, and which of two readings of a device counts."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from robot_cell.execution.interlocks import SILENT_S, Interlocks, Reading
from robot_cell.model import Interlock, Plant
from robot_cell.programs import ProgramCycle, StepMotion

MOTION = StepMotion(np.zeros(2), *(np.zeros((2, 6)) for _ in range(3)))


@pytest.fixture
def cell(plant: Plant):
    return plant.cells["cell_a"]


def test_the_example_guards_the_nest_and_the_turning_table(cell) -> None:
    steps = cell.programs["deburr_s"].steps
    interlocks = Interlocks(cell)
    motions = {
        i: MOTION
        for i, step in enumerate(steps)
        if hasattr(step, "move") and not (i and getattr(steps[i - 1], "blend_radius_m", 0.0))
    }
    cycle = ProgramCycle("deburr_s", "housing_s", (0.0,) * len(steps), motions)
    guards = [interlocks.guards(steps, cycle, i) for i in range(len(steps))]
    assert [i for i, g in enumerate(guards) if "clamped_to_turn" in g] == [14, 19]
    at_nest = [i for i, g in enumerate(guards) if "table_stands" in g and i in motions]
    # Step 4 lifts the part at the infeed and runs on to the nest without a stop; 25 leaves it.
    assert at_nest[0] == 4
    assert 2 not in at_nest
    assert 24 in at_nest
    assert 26 not in at_nest
    assert 31 not in at_nest


def test_any_condition_of_several_is_enough_and_all_of_one_is_needed() -> None:
    interlock = Interlock.model_validate(
        {
            "arm_at": ["nest"],
            "only_if": [{"clamp": {"state": "closed"}}, {"table": {"state": "ready", "at": "0"}}],
        }
    )
    good = {"table": {"state": "ready", "at": "0"}}
    assert interlock.contradiction({"clamp": {"state": "closed"}}) == ""
    assert interlock.contradiction(good | {"clamp": {"state": "open"}}) == ""
    why = interlock.contradiction({"clamp": {}, "table": {"state": "ready"}})
    assert "clamp does not say" in why
    assert "table reads at = nothing" in why
    assert "clamp state = closed, or table state = ready and table at = 0" in why


readings = st.dictionaries(
    st.sampled_from(["clamp", "table"]),
    st.dictionaries(st.sampled_from(["state", "at"]), st.sampled_from(["0", "1"])),
)
conditions = st.lists(
    st.dictionaries(
        st.sampled_from(["clamp", "table"]),
        st.dictionaries(st.sampled_from(["state", "at"]), st.sampled_from(["0", "1"]), min_size=1),
        min_size=1,
    ),
    min_size=1,
    max_size=3,
)


@given(conditions, readings)
def test_it_holds_exactly_when_one_condition_is_among_the_readings(only_if, told) -> None:
    interlock = Interlock.model_validate({"arm_at": ["nest"], "only_if": only_if})
    facts = {(d, k, v) for d, values in told.items() for k, v in values.items()}
    holds = any(
        {(d, k, v) for d, values in one.items() for k, v in values.items()} <= facts
        for one in only_if
    )
    assert (interlock.contradiction(told) == "") is holds


@given(st.permutations(range(1, 6)))
def test_of_readings_in_any_order_the_newest_counts(plant: Plant, order: list[int]) -> None:
    interlocks = Interlocks(plant.cells["cell_a"])
    for sequence in order:
        state = "ready" if sequence == 5 else "moving"
        interlocks.note("table", Reading(sequence, {"state": state}))
    assert interlocks.enter(("table_stands",)) is None


def test_where_nothing_is_heard_nothing_holds(cell) -> None:
    now = [100.0]
    interlocks = Interlocks(cell, lambda: now[0])
    interlocks.note("table", Reading(1, {"state": "ready"}))
    assert interlocks.enter(("table_stands",)) is None
    now[0] += SILENT_S + 0.1
    broken = interlocks.broken()
    assert broken is not None
    assert "table does not say" in str(broken)
    interlocks.watched()
    assert interlocks.broken() is None
    interlocks.note("table", Reading(2, {}))
    assert interlocks.broken() is not None
    interlocks.leave()
    assert interlocks.broken() is None


def test_a_look_tells_what_forbids_a_command_and_watches_nothing(cell) -> None:
    interlocks = Interlocks(cell)
    guards = interlocks.of_command("table", "index")
    assert guards == ("clamped_to_turn",)
    assert interlocks.of_command("table", "home") == ()
    interlocks.note("nest_clamp", Reading(1, {"state": "open", "part": "absent"}))
    found = interlocks.look(guards)
    assert found is not None
    assert found.name == "clamped_to_turn"
    assert interlocks.broken() is None  # so nothing is held by it, and no alarm is raised
    interlocks.note("nest_clamp", Reading(2, {"state": "closed", "part": "present"}))
    assert interlocks.look(guards) is None

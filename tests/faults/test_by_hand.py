"""Two grippers hold one part, and a person has one of them let go: each in its own plant."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from robot_cell.client import OperateResult
from tests.faults.hand_over import APPROACH, BOTH_HOLD, CELL, LOWEST_M, HandOver, hand_over_plant
from tests.faults.witness import read_log

pytestmark = [
    pytest.mark.ros, pytest.mark.plant, pytest.mark.promise("hand-over"), pytest.mark.timeout(400),
]  # fmt: skip


def give(running: HandOver, device: str, command: str, *, drop: bool = False) -> OperateResult:
    return running.plant.client.command_device(CELL, device, command, (), "Kim", drop=drop)


def mode(running: HandOver, name: str) -> None:
    answer = running.plant.client.change_mode(CELL, name, "Kim")
    assert answer.success, answer.message


def carried_out(running: HandOver, device: str, command: str) -> list[int]:
    """Step ids under which a device itself wrote down that it has done that."""
    return [
        line["step_id"]
        for line in read_log(running.plant.log)
        if (line["device"], line["command"], line["result"]) == (device, command, "done")
    ]


def seen(running: HandOver, condition: Callable[[], bool], what: str) -> None:
    running.plant.until(condition, 60.0, what)


def test_after_a_stop_one_gripper_is_opened_by_hand_and_the_plant_works_again(
    domain: int, tmp_path: Path
) -> None:
    del domain
    with hand_over_plant(tmp_path) as running:
        client = running.plant.client
        running.order()
        running.reach(BOTH_HOLD)
        running.give("stop", ("Stopped",))
        running.stands_for()
        mode(running, "manual")
        stuck = client.jog_step(CELL, "z", 0.03, "Kim", "left")
        assert not stuck.success
        assert "have one of them let go first" in stuck.message
        # Right has it, and is seen to: nothing falls.
        opened = give(running, "gripper_left", "open")
        assert opened.success, opened.message
        assert opened.readings == {"state": "open", "part": "absent"}
        assert len(carried_out(running, "gripper_left", "open")) == 1
        # Now right alone has it.
        refused = give(running, "gripper_right", "open")
        assert (refused.success, refused.drops) == (False, True)
        assert "gripper_right holds a part, and neither another gripper nor a closed clamp" in (
            refused.message
        )
        moved = client.jog_step(CELL, "z", 0.03, "Kim", "left")
        assert moved.success, moved.message
        running.stands_for()
        assert running.lowest_m > LOWEST_M
        assert carried_out(running, "gripper_right", "open") == []
        # Right has the part still, and a program would come for the next one with it.
        mode(running, "production")
        at_rest = running.moves()
        seen(running, lambda: running.obeys("reset"), "no reset")
        seen(running, lambda: "gripper_right holds a part" in running.label(), "it says nothing")
        assert running.state() == "Stopped"
        assert running.moves() == at_rest
        # It is taken out of the cell: here it falls, and that is meant.
        mode(running, "manual")
        assert give(running, "gripper_right", "open", drop=True).success
        assert len(carried_out(running, "gripper_right", "open")) == 1
        seen(running, lambda: running.lowest_m < LOWEST_M, "it does not fall")
        assert running.state() == "Stopped"
        mode(running, "production")
        running.give("reset", ("Idle",))
        running.order()
        seen(running, running.plant.over, "the next part is not handed over")
        assert [o.status for o in running.plant.journal.operations()] == ["failed", "complete"]
        assert running.plant.new_problems() == []
        ids = [one.data["step_id"] for one in running.plant.journal.by_hand(CELL)]
        steps = {
            step.step_id
            for o in running.plant.journal.operations()
            for step in running.plant.journal.steps(o.operation_id)
        }
        assert len(ids) == 2
        assert steps.isdisjoint(ids)
        assert running.plant.journal.verify().findings == ()


def test_the_arms_go_home_with_a_part_that_a_stop_has_left_and_it_is_taken_out_there(
    domain: int, tmp_path: Path
) -> None:
    """The next program would drive it into the part that it is to take."""
    del domain
    with hand_over_plant(tmp_path) as running:
        running.order()
        running.reach(APPROACH)
        running.give("stop", ("Stopped",))
        running.stands_for()
        moved = running.moves()
        seen(running, lambda: running.obeys("reset"), "no reset")
        seen(running, lambda: "gripper_left holds a part" in running.label(), "it says nothing")
        assert running.state() == "Stopped"
        assert running.moves() == moved + 2, "each arm goes home once"
        assert running.lowest_m > LOWEST_M
        mode(running, "manual")
        assert give(running, "gripper_left", "open", drop=True).success
        mode(running, "production")
        running.give("reset", ("Idle",))
        assert running.moves() == moved + 2, "they are at home"
        running.order()
        seen(running, running.plant.over, "the next part is not handed over")
        assert [o.status for o in running.plant.journal.operations()] == ["failed", "complete"]
        assert running.plant.new_problems() == []


def test_work_that_was_begun_waits_for_a_person_after_a_command_by_hand(
    domain: int, tmp_path: Path
) -> None:
    del domain
    with hand_over_plant(tmp_path) as running:
        running.order()
        running.reach(BOTH_HOLD)
        running.put("left", "off")
        seen(running, lambda: running.state() == "Aborted", "it is not lost")
        running.put("left", "ok")
        running.give("clear", ("Stopped",))
        mode(running, "manual")
        assert give(running, "gripper_right", "open").success  # left has it
        mode(running, "production")
        running.give("reset", ("Held",))
        assert "devices were commanded by hand since the last step: gripper_right open (Kim)" in (
            running.label()
        )
        running.stands_for()
        assert running.lowest_m > LOWEST_M
        [step] = [
            s
            for o in running.plant.journal.operations()
            for s in running.plant.journal.steps(o.operation_id)
            if s.outcome == "uncertain"
        ]
        # Do it again: the wait ends, and then left does not open: its taker has nothing.
        answer = running.plant.client.resolve(CELL, step.step_id, "redo", "Kim")
        assert answer.success, answer.message
        seen(
            running,
            lambda: (
                running.state() == "Held"
                and "gripper_right has not got the part" in running.label()
            ),
            "it does not go on",
        )
        assert carried_out(running, "gripper_left", "open") == []
        assert running.lowest_m > LOWEST_M
        assert running.plant.new_problems() == []


def test_a_controller_that_dies_over_a_command_by_hand_asks_what_became_of_it(
    domain: int, tmp_path: Path
) -> None:
    del domain
    with hand_over_plant(tmp_path) as running:
        running.order()  # the plant's clock waits for the first one
        running.reach(APPROACH)
        running.give("stop", ("Stopped",))
        mode(running, "manual")
        path = running.plant.set("cell.step-commanded:kill")
        running.plant.client.operate(
            CELL, "begin", "by-hand-1", device="gripper_right", command="close", asked_by="Kim"
        )
        running.plant.wait_fired(path, 60.0)
        journal = running.plant.journal

        def told() -> bool:
            return all(one.outcome is not None for one in journal.by_hand(CELL))

        seen(running, told, "nobody asked the device")
        [one] = journal.by_hand(CELL)
        assert one.outcome == "state = open, part = absent to state = closed, part = absent: done"
        assert carried_out(running, "gripper_right", "close") == [one.data["step_id"]]
        assert running.state() == "Stopped"
        opened = give(running, "gripper_right", "open")
        assert opened.success, opened.message
        assert running.plant.new_problems() == []

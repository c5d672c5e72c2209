"""In the middle of a hand-over between two arms: an emergency stop, a lost arm, holds, kills.

Whatever happens, nothing moves before it may, the part is never dropped, no step is carried out
twice, and the order is completed.
"""

from __future__ import annotations

import random
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.faults.hand_over import (
    APPROACH,
    ARMS,
    BOTH_HOLD,
    CELL,
    EXAMPLE,
    LOWEST_M,
    MOMENTS,
    HandOver,
    hand_over_plant,
)
from tests.faults.plant import batch_text, fault_plant
from tests.faults.test_kills import BETWEEN_S, KILLS, SEED

pytestmark = [pytest.mark.ros, pytest.mark.plant, pytest.mark.faults, pytest.mark.timeout(400)]


@pytest.fixture(scope="module")
def running(domain: int, tmp_path_factory: pytest.TempPathFactory) -> Iterator[HandOver]:
    """One plant for the module: each test leaves it idle."""
    del domain
    with hand_over_plant(tmp_path_factory.mktemp("hand_over")) as plant:
        yield plant


def lost_and_back(running: HandOver, moment: str, arms: tuple[str, ...]) -> None:
    running.order()
    running.reach(moment)
    for arm in arms:
        running.put(arm, "off")
    running.plant.until(lambda: running.state() == "Aborted", 60.0, "the cell goes on")
    running.stands_for()
    alarms = {(a.kind, a.subject) for a in running.plant.journal.alarms.standing()}
    assert {kind for kind, _ in alarms} >= {"arm_gone"}
    for arm in arms:
        running.put(arm, "ok")
    horizons = running.horizons
    running.plant.until(
        lambda: all(horizons[arm].connected for arm in arms), 30.0, "the arm does not come back"
    )
    running.stands_for()
    assert running.state() == "Aborted"
    running.give("clear", ("Stopped",))
    running.stands_for()
    running.give("reset", ("Resetting", "Idle", "Starting", "Execute"))
    running.finish()


def killed(running: HandOver, moment: str, process: str) -> None:
    running.order()
    running.reach(moment)
    before = running.pid(process)
    assert running.plant.kill(f"{CELL}.{process}")
    running.plant.until(
        lambda: running.pid(process) not in (None, before), 30.0, f"no new {process}"
    )
    running.finish()


def test_an_emergency_stop_of_both_arms_while_both_hold_the_part(running: HandOver) -> None:
    lost_and_back(running, BOTH_HOLD, ARMS)


def test_the_giver_is_lost_while_the_taker_comes(running: HandOver) -> None:
    lost_and_back(running, APPROACH, ("left",))


def test_the_controller_is_killed_while_both_hold_the_part(running: HandOver) -> None:
    killed(running, BOTH_HOLD, "cell")


@pytest.mark.long
@pytest.mark.parametrize("arms", [ARMS, ("left",), ("right",)], ids="-".join)
@pytest.mark.parametrize("moment", MOMENTS)
def test_an_arm_is_lost(running: HandOver, moment: str, arms: tuple[str, ...]) -> None:
    lost_and_back(running, moment, arms)


@pytest.mark.long
@pytest.mark.parametrize("moment", MOMENTS)
def test_a_feed_hold_and_on(running: HandOver, moment: str) -> None:
    running.order()
    running.reach(moment)
    assert running.obeys("hold")
    running.plant.until(lambda: running.state() == "Held", 60.0, "the cell is not held")
    running.stands_for()
    running.give("unhold", ("Unholding", "Execute", "Completing", "Complete", "Idle"))
    running.finish()


@pytest.mark.long
def test_who_holds_one_arm_holds_the_other_and_the_cell(running: HandOver) -> None:
    from std_srvs.srv import SetBool

    running.order()
    running.reach(APPROACH)
    client = running.plant.client._node.create_client(SetBool, f"/{CELL}/left/hold")

    def ask(on: bool) -> bool:
        answer = client.call_async(SetBool.Request(data=on))
        running.plant.until(answer.done, 30.0, "left does not answer")
        return bool(answer.result().success)

    running.plant.until(client.service_is_ready, 30.0, "left cannot be held")
    assert ask(True)
    running.plant.until(lambda: running.state() == "Held", 60.0, "the cell is not held")
    running.stands_for()
    assert ask(False)
    running.finish()


@pytest.mark.long
@pytest.mark.parametrize("process", ["cell", *ARMS, "fixtures", "supervisor"])
@pytest.mark.parametrize("moment", MOMENTS)
def test_a_process_is_killed(running: HandOver, moment: str, process: str) -> None:
    killed(running, moment, process)


@pytest.mark.long
def test_kills_at_random_while_parts_are_handed_over(
    domain: int, tmp_path: Path, numbers: dict[str, Any]
) -> None:
    """As fast as possible; journal and devices are compared after each kill."""
    del domain
    chance = random.Random(SEED)
    killed: dict[str, int] = {}
    with fault_plant(tmp_path, plant_file=EXAMPLE) as plant:
        batches = 0
        while sum(killed.values()) < KILLS:
            if sum(o.status == "planned" for o in plant.journal.operations()) < 3:
                batches += 1
                plant.submit(tmp_path, batch_text(batches, bush=6))
            name = chance.choice(("cell", *ARMS, "fixtures", "supervisor"))
            if plant.kill(f"{CELL}.{name}"):
                killed[name] = killed.get(name, 0) + 1
            next_s = time.monotonic() + chance.uniform(*BETWEEN_S)
            assert plant.new_problems() == [], killed
            time.sleep(max(0.0, next_s - time.monotonic()))
        plant.until(plant.done, 180.0, "not every job was completed")
        assert plant.problems() == []
        steps = sum(len(plant.journal.steps(o.operation_id)) for o in plant.journal.operations())
    numbers["hand_over_kills"] = killed
    numbers["hand_over_steps_in_journal"] = steps


@pytest.mark.long
def test_after_a_stop_while_both_hold_the_part_no_arm_pulls_at_it(
    domain: int, tmp_path: Path
) -> None:
    """A stop fails the operation, as with one arm; a person has to open one of the grippers."""
    del domain
    with hand_over_plant(tmp_path) as running:
        running.order()
        running.reach(BOTH_HOLD)
        running.give("stop", ("Stopped",))
        running.stands_for()
        assert {o.status for o in running.plant.journal.operations()} == {"failed"}
        running.plant.until(lambda: running.obeys("reset"), 60.0, "no reset")
        running.plant.until(lambda: "the same one" in running.label(), 60.0, "it says nothing")
        assert running.state() == "Stopped"
        running.stands_for()
        assert running.lowest_m > LOWEST_M
        assert running.plant.new_problems() == []


@pytest.mark.long
def test_after_a_stop_as_the_taker_comes_the_arms_go_home_with_the_part(
    domain: int, tmp_path: Path
) -> None:
    del domain
    with hand_over_plant(tmp_path) as running:
        running.order()
        running.reach(APPROACH)
        running.give("stop", ("Stopped",))
        running.stands_for()
        moved = running.moves()
        running.give("reset", ("Idle",))
        assert running.moves() == moved + 2, "each arm goes home once"
        assert running.lowest_m > LOWEST_M
        assert {o.status for o in running.plant.journal.operations()} == {"failed"}
        assert running.plant.new_problems() == []

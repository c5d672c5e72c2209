"""In the middle of a hand-over between two arms: an emergency stop, a lost arm, holds, kills.

Whatever happens, nothing moves before it may, the part is never dropped, no step is carried out
twice, and the order is completed.
"""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.faults.hand_over import (
    APPROACH,
    ARMS,
    BOTH_HOLD,
    CELL,
    MOMENTS,
    HandOver,
    KeptPlant,
)

pytestmark = [
    pytest.mark.ros, pytest.mark.plant, pytest.mark.promise("hand-over"), pytest.mark.timeout(400),
]  # fmt: skip


@pytest.fixture(scope="module")
def kept(domain: int, tmp_path_factory: pytest.TempPathFactory) -> Iterator[KeptPlant]:
    """One plant for the module, as long as each test leaves it idle."""
    del domain
    plant = KeptPlant(lambda: tmp_path_factory.mktemp("hand_over"))
    try:
        yield plant
    finally:
        plant.end()


@pytest.fixture
def running(kept: KeptPlant) -> HandOver:
    return kept.take()


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
    client = running.plant.client.node.create_client(SetBool, f"/{CELL}/left/hold")

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

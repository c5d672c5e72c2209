"""An arm that is moved by hand in manual mode, by real processes: it moves while it is held."""

from __future__ import annotations

import json
import os
import signal
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from math import degrees, radians
from pathlib import Path

import numpy as np
import pytest

from robot_cell.bringup.session import PlantSession
from robot_cell.client import JogResult, PlantClient, PlantNotReachable
from robot_cell.client.jogging import new_press
from robot_cell.model import JointPose, Plant
from robot_cell.model.arm_safety import ArmSafety, safety_of
from robot_cell.model.plant_file import load_plant
from robot_cell.programs.arm_jog import JOINT_SPEED_RAD_S
from robot_cell.store import CommandRecord, open_journal
from tests.plant.conftest import PLANT_FILE, Listener, Watch, domain

__all__ = ["domain"]

pytestmark = [pytest.mark.ros, pytest.mark.plant, pytest.mark.timeout(240)]

CELL = "cell_a"
READY_S = 90.0
RENEW_S = 0.1
STANDS_WITHIN_S = 0.7
"""After the last renewal: 0.3 s that it is good for, and what a busy machine needs to stop."""

STILL_RAD = 2e-4
PRESSES = 5
TOLD_LATE_S = 0.1
"""Between the last that is heard of an arm that loses its power and where its brakes hold it."""


@dataclass
class Cell:
    """A cell, who asks, and where its arm is measured to be."""

    client: PlantClient
    run_dir: Path
    plant: Plant
    watch: Watch = field(default_factory=Watch)

    def __post_init__(self) -> None:
        self._listener = Listener([CELL], self.watch)
        self._ends = threading.Event()
        self._thread = threading.Thread(target=self._listen, daemon=True)
        self._thread.start()

    def _listen(self) -> None:
        """Take what comes when it comes: what waits in a queue tells where the arm was."""
        while not self._ends.is_set():
            self._listener.spin(0.05)

    def close(self) -> None:
        self._ends.set()
        self._thread.join()
        self._listener.close()

    def newest(self, after: int = -1) -> tuple[int, np.ndarray]:
        """How many measurements there were, and the last, rad; one beyond the first `after`."""
        heard, until_s = self.watch.joints[CELL], time.monotonic() + 20.0
        while (count := len(heard)) <= max(after, 0):
            assert time.monotonic() < until_s
            time.sleep(0.002)
        return count, np.array(heard[count - 1].position)

    def at(self) -> np.ndarray:
        """Joints as measured a little later, rad."""
        return self.newest(len(self.watch.joints[CELL]) + 3)[1]

    def stands(self) -> np.ndarray:
        """Joints once they are the same twice."""
        before = self.at()
        while np.abs((now := self.at()) - before).max() > STILL_RAD / 10:
            before = now
        return now

    def jog(self, what: str, press: str, **how: object) -> JogResult:
        return self.client.jog(CELL, what, press, asked_by="Kim", **how)  # type: ignore[arg-type]

    def press(self, axis: str, sign: int) -> str:
        """Press a button, and hold it until the arm moves.

        On a busy machine a renewal may come too late before it does; then it is pressed again.
        """
        began = self.stands()
        for _ in range(PRESSES):
            press = new_press()
            assert self.jog("start", press, axis=axis, amount=sign, held=True).success
            now = self.hold(press, lambda: np.abs(self.at() - began).max() > radians(1.0))
            if now.phase != "ended":
                break
        return press

    def hold(self, press: str, until: Callable[[], bool], within_s: float = 30.0) -> JogResult:
        """Hold a button until something has happened, or the press has ended."""
        end_s = time.monotonic() + within_s
        while True:
            now = self.jog("renew", press)
            if now.phase == "ended" or until():
                return now
            assert time.monotonic() < end_s, now

    def ended(self, press: str) -> JogResult:
        """What was told at the end of a press."""
        until_s = time.monotonic() + 30.0
        while (now := self.jog("look", press)).phase != "ended":
            assert time.monotonic() < until_s
            time.sleep(0.02)
        return now

    def step(self, axis: str, amount: float) -> JogResult:
        press = new_press()
        begun = self.jog("start", press, axis=axis, amount=amount)
        return self.ended(press) if begun.success else begun

    def state(self) -> tuple[str, str]:
        now = self.client.cell_states()[CELL]
        return now.state, now.mode

    def until(self, state: str) -> None:
        end_s = time.monotonic() + 60.0
        while self.state()[0] != state:
            assert time.monotonic() < end_s, self.client.cell_states()
            self.client.wait_change(0.2)

    def jogs(self, least: int = 0) -> list[CommandRecord]:
        """What was written down, once there is so much and an outcome to each."""
        until_s = time.monotonic() + 20.0
        with open_journal(self.run_dir / "journal.db") as journal:
            while True:
                found = [one for one in journal.commands() if one.what.startswith("jog")]
                if len(found) >= least and all(one.outcome is not None for one in found):
                    return found
                assert time.monotonic() < until_s, found
                time.sleep(0.02)

    def pid(self, process: str) -> int | None:
        """Number of a process, None while it is not there."""
        state = json.loads((self.run_dir / "processes.json").read_text())
        [pid] = [row["pid"] for row in state["processes"] if row["name"] == f"{CELL}.{process}"]
        return None if pid is None else int(pid)


@pytest.fixture(scope="module")
def cell(domain: int) -> Iterator[Cell]:
    """A plant at real speed, ready, in production mode."""
    del domain
    plant = load_plant(PLANT_FILE)
    arguments = {
        "plant": str(PLANT_FILE),
        "speed": "1.0",
        "start": "2026-11-23T06:00:00+01:00",
    }
    with PlantSession([CELL], arguments) as session, PlantClient.connect(READY_S) as client:
        client.wait_ready(READY_S, cells=[CELL])
        made = Cell(client, session.run_dir, plant)
        yield made
        made.close()


@pytest.fixture
def manual(cell: Cell) -> Cell:
    """The cell, stopped or idle in manual mode; where its arm stands is the test's business."""
    if cell.state()[1] != "manual":
        assert cell.client.change_mode(CELL, "manual", "Kim").success
    return cell


def home(cell: Cell) -> np.ndarray:
    pose = cell.plant.cells[CELL].poses["home"]
    assert isinstance(pose, JointPose)
    return np.radians(pose.joints_deg)


def stood(cell: Cell, since_s: float) -> tuple[float, np.ndarray]:
    """Seconds from an instant until the arm stood, and where; it has to stay there a second."""
    count, until_s = 0, time.monotonic() + 10.0
    rows: list[tuple[float, np.ndarray]] = []
    while time.monotonic() < until_s:
        count, now = cell.newest(max(count, len(cell.watch.joints[CELL]) - 1))
        rows.append((time.monotonic(), now))
        last = [row for row in rows if np.abs(row[1] - rows[-1][1]).max() > STILL_RAD]
        begun_s = last[-1][0] if last else (rows[0][0] if rows else time.monotonic())
        if rows and rows[-1][0] - begun_s > 1.0:
            return begun_s - since_s, rows[-1][1]
    raise AssertionError("it never stands")


def test_in_production_nothing_is_moved_by_hand(cell: Cell) -> None:
    before = cell.stands()
    refused = cell.step("joint_1", radians(5.0))
    assert not refused.success
    assert "production mode; its arm is moved by hand in manual mode only" in refused.message
    assert cell.stands() == pytest.approx(before, abs=STILL_RAD)
    assert cell.state()[0] == "Idle"
    [noted] = cell.jogs(1)
    assert (noted.who, noted.what, noted.outcome) == ("Kim", "jog joint_1 +5.0°", refused.message)


def test_a_step_is_made_and_stops_an_idle_cell(manual: Cell) -> None:
    assert manual.state() == ("Idle", "manual")
    before, count = manual.stands(), len(manual.jogs())
    done = manual.step("joint_6", radians(-5.0))
    assert done.success, done.message
    moved = np.degrees(manual.stands() - before)
    assert moved == pytest.approx([0, 0, 0, 0, 0, -5.0], abs=0.02)
    # Its arm is no longer at home: it takes no work before a reset.
    assert manual.state() == ("Stopped", "manual")
    [noted] = manual.jogs(count + 1)[count:]
    start = degrees(before[5])
    assert (noted.who, noted.what) == ("Kim", "jog joint_6 -5.0°")
    assert noted.outcome == f"{start:.2f}° to {start - 5.0:.2f}°: the step is done"


def test_it_moves_while_it_is_held_and_stops_when_it_is_let_go(manual: Cell) -> None:
    before, count = manual.stands(), len(manual.jogs())
    press = manual.press("joint_1", -1)
    other = manual.step("joint_6", radians(1.0))
    assert not other.success
    assert other.message == "Kim is moving it: joint_1 -"
    manual.jog("end", press)
    took_s, at = stood(manual, time.monotonic())
    print(f"stands {took_s:.3f} s after it was let go")
    assert took_s < STANDS_WITHIN_S
    assert degrees(before[0] - at[0]) > 1.0
    told = manual.ended(press)
    assert told.message.endswith("the button was let go")
    # What comes late of a press that is over moves nothing.
    for _ in range(3):
        assert manual.jog("renew", press).phase == "ended"
    assert manual.stands() == pytest.approx(at, abs=STILL_RAD)
    noted = manual.jogs(count + 2)[count:]
    assert [one.what for one in noted] == ["jog joint_1 -", "jog joint_6 +1.0°"] or [
        one.what for one in noted
    ] == ["jog joint_6 +1.0°", "jog joint_1 -"]
    [pressed] = [one for one in noted if one.what == "jog joint_1 -"]
    assert pressed.outcome == told.message


def test_without_a_renewal_it_stands_and_stays(manual: Cell) -> None:
    press = manual.press("joint_1", -1)
    last_s = time.monotonic()  # the last renewal was a moment before
    took_s, at = stood(manual, last_s)
    print(f"stands {took_s:.3f} s after the last renewal")
    assert took_s < STANDS_WITHIN_S
    told = manual.ended(press)
    assert told.message.endswith("nobody held the button for 0.3 s")
    assert manual.jog("renew", press).phase == "ended"
    assert manual.stands() == pytest.approx(at, abs=STILL_RAD)


def test_a_cell_controller_that_is_frozen_cannot_let_it_run_on(manual: Cell) -> None:
    manual.press("joint_1", 1)
    pid = manual.pid("cell")
    assert pid is not None
    os.kill(pid, signal.SIGSTOP)
    try:
        took_s, at = stood(manual, time.monotonic())
        print(f"stands {took_s:.3f} s after its controller was frozen")
        assert took_s < STANDS_WITHIN_S
    finally:
        os.kill(pid, signal.SIGCONT)
    until_s = time.monotonic() + 60.0
    while True:  # its supervisor may have had it started anew meanwhile
        assert time.monotonic() < until_s
        states = manual.client.cell_states()
        if states[CELL].state == "Stopped" and manual.jog("look", "none").phase == "ended":
            break
    assert manual.stands() == pytest.approx(at, abs=STILL_RAD)


def test_a_stop_and_a_change_of_mode_end_it(manual: Cell) -> None:
    for ask, says in (
        (lambda: manual.client.command(CELL, "abort", "Lee"), "the cell is Abort"),
        (lambda: manual.client.change_mode(CELL, "maintenance", "Lee"), "the cell is Stopped"),
    ):
        press = manual.press("joint_1", 1)
        asked: list[bool] = []
        asking = threading.Thread(target=lambda ask=ask, asked=asked: asked.append(ask().success))
        asking.start()
        told = manual.hold(press, lambda: False)  # however long the button is held
        asking.join()
        assert asked == [True]
        assert told.phase == "ended"
        assert says in told.message
        took_s, _ = stood(manual, time.monotonic())
        assert took_s < STANDS_WITHIN_S
        if manual.state()[0] == "Aborted":
            refused = manual.step("joint_1", radians(1.0))
            assert "it is Stopped or Idle" in refused.message or "while it is Stopped" in (
                refused.message
            )
            assert manual.client.command(CELL, "clear", "Lee").success
            manual.until("Stopped")
    assert manual.client.change_mode(CELL, "manual", "Kim").success


def test_an_emergency_stop_ends_it_and_the_arm_says_so(manual: Cell) -> None:
    feed = manual.client.watch_motion([CELL], bodies=False)

    def says(beginning: str) -> None:
        until_s = time.monotonic() + 20.0
        while not feed.arms.get(CELL, "").startswith(beginning):
            assert time.monotonic() < until_s, feed.arms
            feed.take()
            time.sleep(0.02)

    try:
        says("running")
        press = manual.press("joint_1", -1)
        assert manual.client.fault(CELL, "arm", "off").success
        told = manual.hold(press, lambda: False)
        assert "the arm was lost in mid-motion" in told.message
        says("fault EMERGENCY_STOP: ")
        assert safety_of(feed.arms[CELL], "mujoco").emergency_stop is True
        at = manual.newest()[1]  # it tells no more
        refused = manual.step("joint_1", radians(1.0))
        assert "the arm is not there" in refused.message
        assert manual.client.fault(CELL, "arm", "ok").success
        says("running")
        assert safety_of(feed.arms[CELL], "mujoco") == ArmSafety(False, False)
        # It has power again, and moves when somebody asks for it, not before.
        assert manual.stands() == pytest.approx(at, abs=TOLD_LATE_S * JOINT_SPEED_RAD_S)
        assert manual.step("joint_1", radians(-1.0)).success
    finally:
        manual.client.fault(CELL, "arm", "ok")
        feed.close()


def test_what_is_in_the_way_is_named(manual: Cell) -> None:
    press = new_press()
    assert manual.jog("start", press, axis="joint_3", amount=1, held=True).success
    told = manual.hold(press, lambda: False)
    assert told.phase == "ended"
    assert "would come too near to each other" in told.message
    refused = manual.step("joint_3", radians(5.0))
    assert not refused.success
    assert "would come too near to each other on the way" in refused.message
    assert manual.step("joint_3", radians(-5.0)).success


def test_a_controller_that_starts_anew_in_manual_mode_waits(manual: Cell) -> None:
    at, before = manual.stands(), manual.pid("cell")
    assert before is not None
    os.kill(before, signal.SIGKILL)
    until_s = time.monotonic() + 60.0
    while manual.pid("cell") in (None, before) or not _answers(manual):
        assert time.monotonic() < until_s
        time.sleep(0.05)
    came = manual.pid("cell")
    assert manual.step("joint_6", radians(2.0)).success
    assert manual.state() == ("Stopped", "manual")
    assert manual.pid("cell") == came
    assert np.degrees(manual.stands() - at) == pytest.approx([0, 0, 0, 0, 0, 2.0], abs=0.02)


def _answers(cell: Cell) -> bool:
    try:
        return cell.jog("look", "none").phase == "ended"
    except PlantNotReachable:
        return False


def test_back_in_production_a_reset_brings_it_home(manual: Cell) -> None:
    assert np.abs(manual.stands() - home(manual)).max() > 0.05
    assert "does not obey Reset" in manual.client.command(CELL, "reset", "Kim").message
    assert manual.client.change_mode(CELL, "production", "Kim").success
    assert manual.client.command(CELL, "reset", "Kim").success
    manual.until("Idle")
    assert np.abs(manual.stands() - home(manual)).max() < 0.02

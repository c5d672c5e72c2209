"""Whole simulated cells: real sockets, real serial ports, the gate, and the same result always."""

from __future__ import annotations

import hashlib
import multiprocessing
import sys
import threading
import time
from pathlib import Path

import numpy as np
import pytest

from drivers.clock import LockstepClock
from drivers.fixtures import FixtureBus, StepState, load_fixture_driver
from drivers.serial_link import SerialLink
from drivers.time_page import TICK_NS, WINDOW_NS

DEADLINE_S = 30.0

FEED_NS = 500_000_000


def run_in_thread(*cells):
    """Loops of cells in threads; returns what stops them."""
    stop = threading.Event()

    def loop(cell) -> None:
        while not stop.is_set():
            cell.run_once(0.01)

    threads = [threading.Thread(target=loop, args=(cell,)) for cell in cells]
    for thread in threads:
        thread.start()

    def end() -> None:
        stop.set()
        for thread in threads:
            thread.join(10.0)

    return end


def test_nothing_moves_before_the_arms_driver_has_come(simulate, stream, until):
    cell = simulate()
    for _ in range(20):
        cell.run_once(0.001)
    assert cell.time_ns == 0
    stream()
    until(lambda: cell.time_ns > 10 * TICK_NS, lambda: cell.run_once(0.01))


def test_two_cells_step_the_same_ticks(simulate, stream, until):
    cells = [simulate("cell_a"), simulate("cell_b")]
    streams = [stream("cell_a"), stream("cell_b")]
    apart = []

    def step() -> None:
        for cell in cells:
            cell.run_once(0.001)
        apart.append(abs(cells[0].time_ns - cells[1].time_ns))

    until(lambda: cells[0].spent.ticks > 100, step)
    assert max(apart) <= WINDOW_NS
    for streamer in streams:
        assert streamer.error is None
        assert set(np.diff(streamer.times)) == {TICK_NS}


def test_a_controller_that_is_busy_stops_its_cell_and_still_talks_to_fixtures(
    simulate, tmp_path, plant
):
    cells = [simulate("cell_a", await_arm=False), simulate("cell_b", await_arm=False)]
    clock = LockstepClock(tmp_path / "time.page", "cell_a/fixtures")
    end = run_in_thread(*cells)
    try:
        assert clock.sleep_until(5 * TICK_NS)
        assert clock.now_ns() == 5 * TICK_NS
        link = SerialLink(str(tmp_path / "ports" / "cell_a.bus"), 115_200)
        bus = FixtureBus(link)
        feeder = load_fixture_driver("feeder")("infeed", bus, 4)
        sensor = load_fixture_driver("sensor")("outfeed_sensor", bus, 5)
        assert feeder.begin(1, "present", ("housing_s",)).state is StepState.RUNNING
        assert feeder.read()["infeed"] == "absent"
        assert cells[0].time_ns == 5 * TICK_NS
        assert cells[1].time_ns <= 5 * TICK_NS + WINDOW_NS
        assert clock.sleep_until(5 * TICK_NS + FEED_NS - TICK_NS)
        assert feeder.outcome(1).state is StepState.RUNNING
        assert clock.sleep_until(5 * TICK_NS + FEED_NS)
        assert feeder.outcome(1).state is StepState.DONE
        assert feeder.read()["infeed"] == "present"
        assert sensor.read()["state"] == "absent"
        assert feeder.begin(2, "clear", ()).state is StepState.FAILED
        assert feeder.outcome(2).code == "NOTHING"
        link.close()
    finally:
        end()


def test_a_plant_held_by_a_person_stands_still_and_goes_on(simulate, until):
    cell = simulate(await_arm=False)
    until(lambda: cell.spent.ticks > 3, lambda: cell.run_once(0.01))
    cell.gate.page.held = True
    held_ns = cell.time_ns
    for _ in range(50):
        cell.run_once(0.001)
    assert cell.time_ns == held_ns
    cell.gate.page.held = False
    until(lambda: cell.time_ns > held_ns, lambda: cell.run_once(0.01))


def test_a_cell_that_is_not_running_stands_still(simulate, until):
    cell = simulate(await_arm=False)
    cell.running = False
    for _ in range(50):
        cell.run_once(0.001)
    assert cell.time_ns == 0


def test_sockets_and_ports_are_gone_when_a_cell_is_closed(simulate, tmp_path):
    cell = simulate()
    port = tmp_path / "ports" / "cell_a.bus"
    assert port.is_symlink()
    cell.close()
    assert not port.is_symlink()
    assert not (tmp_path / "sockets" / "cell_a.arm").exists()


def _simulate_and_hash(run_dir: str, speed: float, answer) -> None:
    """A process of its own: carry out the same setpoints and commands, and digest the world."""
    sys.path.insert(0, str(Path(__file__).parent))
    from conftest import PLANT, START, Streamer, home_of, ramp

    from planners.kinematics.arm_description import expand_xacro
    from robot_cell.model.plant_file import load_plant
    from sim.cell import SimulatedCell
    from sim.time import TickGate

    plant = load_plant(PLANT)
    home = home_of(plant, "cell_a")
    gate = TickGate.open(Path(run_dir) / "time.page", "cell_a/sim")
    gate.set_start(START, speed=speed, expected=1)
    urdf = expand_xacro(plant.cells["cell_a"].arm.urdf)
    cell = SimulatedCell(plant, "cell_a", {"arm": urdf}, Path(run_dir), gate, seed=3)
    rows = np.vstack([ramp(home, home + 0.3, 0.8), ramp(home + 0.3, home, 0.7)])
    streamer = Streamer(Path(run_dir) / "sockets" / "cell_a.arm", rows)
    begun = False
    while cell.spent.ticks < 180:
        cell.run_once(0.01)
        if cell.spent.ticks == 20 and not begun:
            begun = True
            cell.devices.actuate("infeed", "present", ("housing_m",))
            cell.devices.actuate("table", "index", ("1",))
    streamer.stop()
    data = cell.physics.data
    digest = hashlib.sha256()
    digest.update(data.qpos.tobytes() + data.qvel.tobytes() + np.array(streamer.states).tobytes())
    answer.put((digest.hexdigest(), float(np.abs(streamer.states[-1] - home).max())))
    cell.close()


def test_the_same_at_every_speed_and_in_every_process(tmp_path):
    context = multiprocessing.get_context("spawn")
    answers = []
    for number, speed in enumerate((0.0, 0.0, 4.0)):
        queue = context.Queue()
        run_dir = str(tmp_path / str(number))
        process = context.Process(target=_simulate_and_hash, args=(run_dir, speed, queue))
        process.start()
        answers.append(queue.get(timeout=DEADLINE_S))
        process.join(DEADLINE_S)
    assert len({digest for digest, _ in answers}) == 1
    assert answers[0][1] < 1e-3


@pytest.mark.parametrize("speed", [1.0, 5.0])
def test_time_runs_at_the_speed_that_was_asked_for(simulate, until, speed):
    cell = simulate(speed=speed, await_arm=False)
    until(lambda: cell.spent.ticks >= 1, lambda: cell.run_once(0.05))

    def factor() -> float:
        began_s, began_ns = time.monotonic(), cell.time_ns
        until(lambda: time.monotonic() - began_s > 0.5, lambda: cell.run_once(0.05))
        return (cell.time_ns - began_ns) * 1e-9 / (time.monotonic() - began_s)

    fast_enough = False
    until_s = time.monotonic() + DEADLINE_S / 2
    while not fast_enough:  # a busy machine falls behind, and is not hurried afterwards
        assert time.monotonic() < until_s
        seen = factor()
        assert seen < 1.15 * speed
        fast_enough = seen > 0.85 * speed

"""`fixture_node` as a process, on real ports: what it says of devices that fail."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import rclpy
from rclpy.action import ActionClient
from rclpy.context import Context
from rclpy.executors import SingleThreadedExecutor
from rclpy.node import Node
from robot_cell_interfaces.action import FixtureCommand

from drivers.fixtures.modbus import register_map
from robot_cell.model.register_map import load_register_map
from sim.fixtures import BusRunner, EmulatedBus, EmulatedDevice, SimplePhysics
from sim.fixtures.modbus import EmulatedModbusDevice, EmulatedModbusLine
from tests.plant.conftest import PLANT_FILE, ROOT, domain

__all__ = ["domain"]

pytestmark = [pytest.mark.ros, pytest.mark.timeout(120)]

ANSWER_S = 30.0
VALVE = ROOT / "examples" / "registers" / "valve_clamp.yaml"
BUS = "      bus: {port: ports/cell_a.bus, baudrate: 115200}\n"
PLC = "      plc: {port: ports/cell_a.plc, baudrate: 115200, protocol: modbus_rtu}\n"
GRIPPER = "      gripper: {kind: clamp, bus: bus, address: 1}\n"
VISE = f"      vise: {{kind: modbus, bus: plc, address: 1, registers: {VALVE}}}\n"


class Cell:
    """The fixtures of a cell behind their node; `physics` says what they really did."""

    def __init__(self, run_dir: Path) -> None:
        self.physics = SimplePhysics({"gripper": "clamp", "vise": "clamp"})
        gripper = EmulatedDevice("gripper", "clamp", 1, self.physics)
        vise = EmulatedDevice("vise", "clamp", 1, self.physics)
        registers = register_map(load_register_map(VALVE).model_dump())
        line = EmulatedModbusLine([EmulatedModbusDevice(vise, registers)])
        ports = run_dir / "ports"
        self.buses = {
            "gripper": BusRunner(EmulatedBus(ports / "cell_a.bus", [gripper])),
            "vise": BusRunner(EmulatedBus(ports / "cell_a.plc", line)),
        }
        self.context = Context()
        rclpy.init(context=self.context, signal_handler_options=rclpy.SignalHandlerOptions.NO)
        self.node = Node("fixture_client", context=self.context, enable_rosout=False)
        self.executor = SingleThreadedExecutor(context=self.context)
        self.executor.add_node(self.node)
        self.client = ActionClient(self.node, FixtureCommand, "/cell_a/fixtures/command")

    def fault(self, device: str, verb: str) -> None:
        self.buses[device].call(lambda bus: bus.set_fault(device, verb))

    def command(self, device: str, step_id: int, command: str, timeout_s: float = 5.0) -> Any:
        goal = FixtureCommand.Goal(
            device=device, step_id=step_id, command=command, timeout_s=timeout_s
        )
        handle = self._wait(self.client.send_goal_async(goal))
        return self._wait(handle.get_result_async()).result

    def reads(self, device: str) -> dict[str, str]:
        told = self.command(device, 0, "read")
        return dict(zip(told.keys, told.values, strict=True))

    def orders(self, device: str) -> list[str]:
        return [command for name, command, _ in self.physics.actuations if name == device]

    def _wait(self, future: Any) -> Any:
        self.executor.spin_until_future_complete(future, timeout_sec=ANSWER_S)
        assert future.done()
        return future.result()

    def close(self) -> None:
        self.executor.shutdown()
        self.node.destroy_node()
        rclpy.try_shutdown(context=self.context)


@pytest.fixture(scope="module")
def cell(domain: int, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cell]:
    del domain
    run_dir = tmp_path_factory.mktemp("run")
    text = PLANT_FILE.read_text().replace("../urdf/", f"{ROOT}/urdf/")
    plant = run_dir / "plant.yaml"
    plant.write_text(text.replace(BUS, BUS + PLC).replace(GRIPPER, GRIPPER + VISE, 1))
    cell = Cell(run_dir)
    start = "from robot_cell.nodes.fixture_node import main; main()"
    command = [sys.executable, "-c", start, "--ros-args"]
    command += ["-r", "__ns:=/cell_a", "-p", f"plant:={plant}", "-p", "cell:=cell_a"]
    with cell.buses["gripper"], cell.buses["vise"]:
        process = subprocess.Popen(
            [*command, "-p", f"run_dir:={run_dir}"], env=dict(os.environ), cwd=ROOT
        )
        try:
            assert cell.client.wait_for_server(ANSWER_S)
            yield cell
        finally:
            process.terminate()
            process.wait(20)
            cell.close()


@pytest.mark.parametrize("device", ["gripper", "vise"])
def test_a_command_is_done_and_read(cell: Cell, device: str) -> None:
    told = cell.command(device, 1, "close")
    assert (told.status, told.success) == ("done", True)
    assert cell.reads(device)["state"] == "closed"
    assert cell.command(device, 2, "open").status == "done"
    assert cell.orders(device) == ["close", "open"]


def test_what_a_device_reads_against_what_it_did_is_uncertain_at_once(cell: Cell) -> None:
    cell.fault("gripper", "wrong")
    began = time.monotonic()
    told = cell.command("gripper", 3, "close", timeout_s=60.0)
    assert time.monotonic() - began < 30.0  # two readings, not the time of the step
    assert told.status == "uncertain"
    assert "gripper is not plausible: it has done close (step 3) and reads state" in told.message
    cell.fault("gripper", "ok")
    assert cell.command("gripper", 4, "open").status == "done"


@pytest.mark.promise("device")
def test_a_lost_answer_of_a_device_without_memory_is_uncertain_and_not_sent_again(
    cell: Cell,
) -> None:
    before = cell.orders("vise")
    cell.fault("vise", "off")
    told = cell.command("vise", 5, "close")
    assert told.status == "uncertain"
    assert "nobody knows whether vise began step 5" in told.message
    cell.fault("vise", "ok")
    assert cell.command("vise", 5, "close").status == "uncertain"
    assert cell.orders("vise") == [*before, "close"]
    while cell.reads("vise")["state"] == "moving":
        pass
    assert cell.command("vise", 6, "open").status == "done"


@pytest.mark.promise("device")
def test_a_lost_answer_of_a_device_with_memory_is_asked_for(cell: Cell) -> None:
    before = cell.orders("gripper")
    cell.fault("gripper", "intermittent")
    for step in range(7, 13):
        assert cell.command("gripper", step, "open" if step % 2 else "close").status == "done"
    cell.fault("gripper", "ok")
    assert cell.orders("gripper")[len(before) :] == ["open", "close"] * 3


def test_a_step_that_takes_too_long_may_yet_be_done(cell: Cell) -> None:
    cell.fault("gripper", "stuck")
    told = cell.command("gripper", 20, "close", timeout_s=0.5)
    assert told.status == "uncertain"
    assert "gripper still runs close after 0.5 s" in told.message
    cell.fault("gripper", "ok")
    assert cell.command("gripper", 21, "open").status == "done"

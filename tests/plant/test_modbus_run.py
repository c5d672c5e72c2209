"""A plant one of whose clamps is on a Modbus line makes a batch: the real node, driver and port."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.plant.conftest import PLANT_FILE, ROOT, SMALL_BATCH

pytestmark = [pytest.mark.ros, pytest.mark.plant]

LINE = (
    "      bus: {port: ports/cell_a.bus, baudrate: 115200}\n"
    "      plc: {port: ports/cell_a.plc, baudrate: 19200, parity: even, protocol: modbus_rtu}\n"
)
VISE = (
    "      nest_clamp: {kind: modbus, simulate_as: clamp, bus: plc, address: 3, frame: nest, "
    "mounted_on: table,\n        registers: %s/examples/registers/pneumatic_clamp.yaml}\n"
)


def with_modbus(folder: Path) -> Path:
    """The example plant with the clamp on the rotary table of cell_a on a line of its own."""
    text = PLANT_FILE.read_text().replace("../urdf/", f"{ROOT}/urdf/")
    for old, new in (
        ("      bus: {port: ports/cell_a.bus, baudrate: 115200}\n", LINE),
        ("      nest_clamp: {kind: clamp, bus: bus, address: 3, frame: nest, mounted_on: table}\n",
         VISE % ROOT),
    ):  # fmt: skip
        assert text.count(old) == 1
        text = text.replace(old, new)
    file = folder / "plant.yaml"
    file.write_text(text)
    return file


@pytest.mark.long
@pytest.mark.timeout(300)
def test_orders_are_made_with_a_clamp_on_modbus(tmp_path: Path) -> None:
    orders = tmp_path / "orders.csv"
    orders.write_text(SMALL_BATCH)
    done = subprocess.run(
        [sys.executable, "-m", "robot_cell.cli.app", "run", str(with_modbus(tmp_path)), str(orders),
         "--headless", "--json", "--speed", "max", "--report", str(tmp_path),
         "--fault", "cell_a/nest_clamp:intermittent@0s"],
        env={k: v for k, v in os.environ.items() if k != "ROS_DOMAIN_ID"},
        capture_output=True, text=True, timeout=280, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    result = json.loads(done.stdout)
    assert {job["status"] for job in result["jobs"]} == {"complete"}
    assert any(one["program"].startswith("deburr") for one in result["operations"])

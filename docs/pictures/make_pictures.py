"""Renders the README's pictures from a run: both cells at work, drawn by their simulators.

`. ./env.sh && python docs/pictures/make_pictures.py` writes cell_a.png and cell_b.png beside it.
"""

from __future__ import annotations

import shutil
import time
from pathlib import Path

import rclpy
from rclpy.node import Node
from std_srvs.srv import Trigger

from robot_cell.bringup.session import PlantSession
from robot_cell.client import PlantClient
from robot_cell.model.plant_file import load_plant
from robot_cell.orders import read_batch

HERE = Path(__file__).parent
ROOT = HERE.parents[1]
SHOTS = {
    "cell_a": ("deburr", "lin to edge_right"),
    "cell_b": ("assemble", "ptp to nest"),
}


def main() -> None:
    """Run the example until each cell does what its picture shows, and take it."""
    plant_file = ROOT / "examples" / "housing_plant.yaml"
    plant = load_plant(plant_file)
    batch = read_batch(ROOT / "examples" / "orders_week48.csv", plant)
    arguments = {
        "plant": str(plant_file),
        "speed": "0.5",
        "start": "2026-11-23T06:00:00+01:00",
        "hold_until_batch": "true",
    }
    with PlantSession(plant.cells, arguments) as session, PlantClient.connect(90.0) as client:
        client.wait_ready(90.0, cells=plant.cells)
        rclpy.init()
        node = Node("photographer")
        cameras = {c: node.create_client(Trigger, f"/{c}/sim/picture") for c in SHOTS}
        client.submit(batch.orders, "orders_week48.csv", "csv", "pictures")
        missing, deadline_s = dict(SHOTS), time.monotonic() + 300.0
        while missing and time.monotonic() < deadline_s:
            client.wait_change(0.5)
            for cell, state in client.cell_states().items():
                program, step = missing.get(cell, ("-", "-"))
                if not (program in state.operation_id and state.message.startswith(step)):
                    continue
                del missing[cell]
                future = cameras[cell].call_async(Trigger.Request())
                rclpy.spin_until_future_complete(node, future, timeout_sec=60.0)
                answer = future.result()
                if answer is None or not answer.success:
                    raise SystemExit(f"{cell}: {answer.message if answer else 'no answer'}")
                shutil.copyfile(answer.message, HERE / f"{cell}.png")
                print(HERE / f"{cell}.png")
        node.destroy_node()
        rclpy.shutdown()
        session.stop()


if __name__ == "__main__":
    main()

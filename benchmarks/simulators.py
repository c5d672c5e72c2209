"""How alike the simulators are: arms swung freely in two engines, and a move in each simulator.

robot-cell bench simulators [--out FILE]

Nothing here is Gazebo: `dart` is its physics engine with our reading of its systems
(tests/sim_contract).
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import subprocess
import tempfile
import time
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

import numpy as np

from planners.kinematics import expand_xacro
from robot_cell.model.plant_file import load_plant
from sim.engine import STEPS_PER_TICK, EngineFactory, MujocoEngine
from sim.gazebo.__main__ import make
from sim.gazebo.engine import gazebo
from sim.physics import CellPhysics
from sim.scene import build_scene
from tests.sim_contract.conftest import ramp
from tests.sim_contract.dart_link import DartLink
from tests.sim_contract.test_second_opinion import URDFS, swing

ROOT = Path(__file__).parents[1]
PLANT = ROOT / "examples" / "housing_plant.yaml"
AWAY = np.array([0.6, 0.3, -0.3, 0.5, -0.4, 0.7])


def swings(folder: Path) -> dict[str, dict[str, float]]:
    """Largest difference of a joint between MuJoCo and DART after 0.3 s, and how far it swung."""
    found = {}
    for file in URDFS:
        start, ours, theirs = swing(file, folder)
        found[file.name.partition(".")[0]] = {
            "difference_rad": float(np.abs(ours - theirs).max()),
            "swung_rad": float(np.abs(ours - start).max()),
        }
    return found


def moves(cell_name: str, folder: Path) -> dict[str, dict[str, float]]:
    """How each simulator follows a move of 0.8 s, and ticks per second of wall time."""
    plant = load_plant(PLANT)
    cell, world = plant.cells[cell_name], folder / f"{cell_name}.sdf"
    world.write_text(make(PLANT, cell_name, cell_name, "x").world)
    urdf = expand_xacro(cell.arm.urdf)
    engines: dict[str, EngineFactory] = {
        "mujoco": MujocoEngine,
        "dart": gazebo(lambda _: DartLink(world, folder)),
    }
    home = np.deg2rad(cell.poses[cell.arm.home].joints_deg)
    rows = np.vstack([ramp(home, home + AWAY, 0.8), np.tile(home + AWAY, (200, 1))])
    found = {}
    for name, engine in engines.items():
        scene = build_scene(cell, plant.products, {"arm": urdf})
        physics = CellPhysics(scene, home, engine)
        still = {table: np.zeros(STEPS_PER_TICK) for table in scene.tables}
        worst, began_s = 0.0, time.perf_counter()
        for at in range(0, len(rows), STEPS_PER_TICK):
            block = rows[at : at + STEPS_PER_TICK]
            physics.step_tick(block, still)
            worst = max(worst, float(np.abs(physics.arm_state()[0] - block[-1]).max()))
        took_s = time.perf_counter() - began_s
        found[name] = {
            "follows_within_rad": worst,
            "ends_within_rad": float(np.abs(physics.arm_state()[0] - rows[-1]).max()),
            "ticks_per_s": len(rows) / STEPS_PER_TICK / took_s,
        }
        physics.close()
    return found


def main() -> None:
    """Entry point."""
    parser = argparse.ArgumentParser(description=__doc__)
    results = ROOT / "benchmarks" / "results" / "simulators.json"
    parser.add_argument("--out", type=Path, default=results, help="file for the figures")
    out = parser.parse_args().out
    commit = ["git", "-C", str(ROOT), "rev-parse", "--short", "HEAD"]
    with tempfile.TemporaryDirectory() as folder:
        figures: dict[str, Any] = {
            "date": datetime.now(timezone.utc).isoformat(timespec="seconds"),
            "command": "robot-cell bench simulators",
            "commit": subprocess.run(commit, capture_output=True, text=True).stdout.strip(),
            "machine": {
                "cores": os.cpu_count(),
                "system": platform.release(),
                "load": os.getloadavg()[0],
            },
            "swings": swings(Path(folder)),
            "moves": {name: moves(name, Path(folder)) for name in ("cell_a", "cell_b")},
        }
    out.write_text(json.dumps(figures, indent=2) + "\n")
    print(json.dumps(figures, indent=2))


if __name__ == "__main__":
    main()

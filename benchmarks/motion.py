"""How fast motions are planned and timed, how near to the best, and how surely they stop.

Run from the top of the repository: `python -m benchmarks.motion [--quick] [--json]
[--rows ROW ...] [--arms ARM ...]`, or `robot-cell bench motion`. Prints the results and writes them
to `benchmarks/results/motion.json` (not with --quick); rows that are not measured keep what is
there, and each row says when it was measured and under which load. Times are milliseconds unless
said, median and 99th percentile, by the clock or (`cpu`) of the processor; what else the machine
does counts into both.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

import copp_py
import numpy as np
from scipy.interpolate import make_interp_spline

from benchmarks.motion_stops import stops, two_arms
from planners import kinematics, motion
from planners.arrays import Array
from planners.kinematics import Body, Box, CollisionScene, Cylinder, PartShape, Robot
from planners.motion import (
    Attach,
    Detach,
    Dwell,
    Item,
    JointTarget,
    Move,
    PlanningError,
    PoseTarget,
    Trajectory,
    plan_cycle,
    verify_trajectory,
)
from planners.motion.slack_bound import least_energy_j
from planners.motion.timing import time_optimal, timed_trajectory
from planners.motion.within import cycle_within, payloads, spent_j
from robot_cell.model import load_plant
from robot_cell.model.arm_names import THE_ARM
from robot_cell.programs import plan_program
from robot_cell.programs.arms import CellArms
from robot_cell.programs.library import keys_of
from robot_cell.programs.planning import program_runs

RESULTS: Final = Path(__file__).parent / "results" / "motion.json"
URDF: Final = Path(__file__).parents[1] / "urdf"
ARMS: Final = {
    "kuka_kr6_r900": (1.0, [0.0, -1.57, 1.57, 0.0, 0.9, 0.0]),
    "ur10e": (1.4, [0.0, -1.57, 1.57, -1.57, -1.57, 0.0]),
}
BOXES: Final = 10
PLANT: Final = URDF.parent / "examples" / "housing_plant.yaml"
ROWS: Final = ("cycles", "timing", "slack", "stops", "arms")


def measured() -> dict[str, Any]:
    """When, and how much else the machine does: its load of the last minute and five minutes."""
    now = datetime.now(UTC).isoformat(timespec="minutes")
    return {"at": now, "load": [round(x, 1) for x in os.getloadavg()[:2]]}


def at(x: float, y: float, z: float, *, down: bool = False) -> Array:
    transform = np.eye(4)
    transform[:3, 3] = x, y, z
    if down:
        transform[:3, :3] = np.diag([1.0, -1.0, -1.0])
    return transform


def milliseconds(seconds: list[float]) -> dict[str, float]:
    median, p99 = np.quantile(np.array(seconds) * 1e3, (0.5, 0.99))
    return {"median_ms": round(float(median), 2), "p99_ms": round(float(p99), 2)}


def arm(name: str) -> Robot:
    return Robot.from_urdf(
        URDF / f"{name}.urdf.xacro", transform_flange_tool=at(0.0, 0.0, 0.15), tool_mass_kg=1.0
    )


class Waypoints:
    """A quintic spline through joint positions: the path that time parametrisation is given."""

    def __init__(self, q: Array) -> None:
        self.length = float(len(q) - 1)
        self._spline = make_interp_spline(np.arange(len(q)), q, k=5)

    def evaluate(self, s: Array) -> tuple[Array, Array, Array]:
        """q, dq/ds and d2q/ds2, each (k, n), at s (k,)."""
        return self._spline(s), self._spline(s, 1), self._spline(s, 2)

    def third(self, s: Array) -> Array:
        """d3q/ds3 (k, n) at s (k,)."""
        return np.asarray(self._spline(s, 3))


def topp3_s(robot: Robot, path: Waypoints, count: int) -> tuple[float, float]:
    """Duration of copp-py's TOPP3 on `count` stations, and what it takes to compute, s."""
    start = time.perf_counter()
    s = np.linspace(0.0, path.length, count)
    q, slope, bend = path.evaluate(s)
    solver = copp_py.Robot(robot.dof, capacity=count)
    solver.append_s(s)
    solver.set_q(q, slope, bend, 0, dddq=path.third(s))
    for add, limit in (
        (solver.add_velocity_limits, robot.velocity),
        (solver.add_acceleration_limits, robot.acceleration),
    ):
        rows = np.tile(limit, (count, 1))
        add(rows, -rows, start_idx_s=0, length=count)
    topp2 = copp_py.solver.topp2_ra
    reference = np.asarray(
        topp2.solve(
            topp2.Problem(solver.constraints, idx_s_interval=(0, count - 1), a_boundary=(0.0, 0.0)),
            topp2.Options(),
        )
    )
    rows = np.tile(robot.jerk, (count, 1))
    solver.add_jerk_limits(rows, -rows, start_idx_s=0, length=count)
    topp3 = copp_py.solver.topp3_socp
    for _ in range(3):  # its jerk limits are linearised around the profile before
        problem = topp3.Problem(solver.constraints, reference, num_stationary_max=1)
        profile = topp3.solve(problem, topp3.Options())
        reference = np.asarray(profile.a)
    duration, _ = copp_py.interpolation.s_to_t_topp3(s, profile)
    return float(duration), time.perf_counter() - start


def used(robot: Robot, trajectory: Trajectory) -> dict[str, float]:
    """Largest shares of the limits at 1 kHz."""
    state = trajectory.sample(np.arange(0.0, trajectory.duration_s, 0.001))
    return {
        "velocity": float(np.max(np.abs(state.velocities) / robot.velocity)),
        "acceleration": float(np.max(np.abs(state.accelerations) / robot.acceleration)),
        "jerk": float(np.max(np.abs(state.jerks) / robot.jerk)),
    }


def timing(name: str, repeats: int) -> dict[str, Any]:
    robot, rng = arm(name), np.random.default_rng(1)
    home = np.array(ARMS[name][1])
    optimal, limited, ratios, shares2, shares3 = [], [], [], [], []
    optimal_cpu, limited_cpu = [], []
    for k in range(repeats):
        path = Waypoints(
            home + np.vstack([np.zeros(6), rng.uniform(-0.35, 0.35, (9, 6)).cumsum(0)])
        )
        start, start_cpu = time.perf_counter(), time.thread_time()
        profile = time_optimal(robot, path, stations=200)
        optimal.append(time.perf_counter() - start)
        optimal_cpu.append(time.thread_time() - start_cpu)
        shares2.append(max(profile.used(robot, path)))
        start, start_cpu = time.perf_counter(), time.thread_time()
        trajectory = timed_trajectory(robot, path)
        limited.append(time.perf_counter() - start)
        limited_cpu.append(time.thread_time() - start_cpu)
        shares3.append(used(robot, trajectory))
        if k < 12:
            try:
                ratios.append(trajectory.duration_s / topp3_s(robot, path, 200)[0])
            except copp_py.CoppError:
                continue
    return {
        "paths": repeats,
        "time_optimal": milliseconds(optimal),
        "time_optimal_cpu": milliseconds(optimal_cpu),
        "time_optimal_largest_share_of_speed_acceleration_torque": round(max(shares2), 5),
        "jerk_limited": milliseconds(limited),
        "jerk_limited_cpu": milliseconds(limited_cpu),
        "jerk_limited_largest_share": {
            key: round(max(share[key] for share in shares3), 5) for key in shares3[0]
        },
        "duration_over_topp3": [round(float(x), 3) for x in np.quantile(ratios, (0.0, 0.5, 1.0))],
        "topp3_compared": len(ratios),
        "measured": measured(),
    }


def boxes(scale: float, rng: np.random.Generator) -> list[Body]:
    """A table and random boxes on it that leave the pick and place poses free."""
    found = [Body("table", Box((1.2 * scale, 1.6 * scale, 0.04)), at(0.3, 0.0, -0.03))]
    while len(found) < BOXES:
        x, y = rng.uniform(0.2, 0.7) * scale, rng.uniform(-0.6, 0.6) * scale
        near = min(np.hypot(x - 0.4 * scale, y - side * 0.4 * scale) for side in (1, -1))
        if near < 0.2 * scale or np.hypot(x, y) < 0.3:
            continue
        height = rng.uniform(0.05, 0.25)
        found.append(Body(f"box {len(found)}", Box((0.08, 0.08, height)), at(x, y, height / 2)))
    return found


def program(scale: float, home: Array) -> list[Item]:
    pick, place = (at(0.4 * scale, s * 0.4 * scale, 0.01, down=True) for s in (1, -1))
    above = at(0.0, 0.0, 0.1)
    return [
        Move("ptp", PoseTarget(above @ pick)),
        Move("lin", PoseTarget(pick), tcp_speed_m_s=0.25),
        Dwell(0.3),
        Attach(PartShape((0.06, 0.06, 0.04))),
        Move("lin", PoseTarget(above @ pick)),
        Move("ptp", PoseTarget(above @ place)),
        Move("lin", PoseTarget(place), tcp_speed_m_s=0.25),
        Dwell(0.3),
        Detach(),
        Move("lin", PoseTarget(above @ place)),
        Move("ptp", JointTarget(home)),
    ]


def cycles(name: str, count: int) -> tuple[dict[str, Any], list[Trajectory]]:
    scale, joints = ARMS[name]
    robot, home = arm(name), np.array(joints)
    gripper = Body("gripper", Cylinder(0.035, 0.11), at(0.0, 0.0, 0.06))
    wall, cpu, refused, summed_s = [], [], [], 0.0
    last: list[Trajectory] = []
    for seed in range(count):
        obstacles = boxes(scale, np.random.default_rng(seed))
        scene = CollisionScene(robot, obstacles=obstacles, tool=[gripper])
        start, start_cpu = time.perf_counter(), time.thread_time()
        try:
            cycle = plan_cycle(robot, scene, program(scale, home), q_start=home)
        except PlanningError as error:
            refused.append(f"{seed}: {error}")
            continue
        finally:
            wall.append(time.perf_counter() - start)
            cpu.append(time.thread_time() - start_cpu)
        if seed % 20 == 0:
            found = [verify_trajectory(robot, None, m.trajectory) for m in cycle.motions]
            assert not any(found), found
        last = [m.trajectory for m in cycle.motions]
        summed_s += cycle.duration_s
    return {
        "cycles": count,
        "planned": count - len(refused),
        "refused": refused[:5],
        "wall": milliseconds(wall),
        "cpu": milliseconds(cpu),
        "summed_duration_s": round(summed_s, 3),
        "measured": measured(),
    }, last


def slack(name: str) -> dict[str, Any]:
    """What the demo plant's programs save if their takt is a fifth longer than they take.

    Both plans end at the same time, or stand at their end until then; what is carried counts.
    """
    plant = load_plant(PLANT)
    saved: dict[str, Any] = {}
    for cell_name, cell in plant.cells.items():
        if cell.arm.urdf.name.removesuffix(".urdf.xacro") != name:
            continue
        arms = CellArms(cell)
        planner = arms.robot(THE_ARM), arms.scene(THE_ARM, {})
        for key in keys_of(plant, plant.products):
            if key.cell != cell_name or key.program in saved:
                continue
            product = plant.products[key.product]
            takt_s = plan_program(
                cell_name, cell, key.program, key.product, product, planner=arms
            ).duration_s
            (run,) = program_runs(arms, cell, key.program, key.product, product)
            saved[key.program] = saved_by_slack(planner, run.items, arms.home(THE_ARM), takt_s)
    every = list(saved.values())
    all_saved = {
        f"least_saved_at_20_percent_of_{what}": min(
            row[f"saved_at_20_percent_of_{what}"] for row in every
        )
        for what in ("takt", "motion")
    }
    return {**saved, **all_saved, "measured": measured()}


def saved_by_slack(
    planner: tuple[Robot, CollisionScene], items: list[Item], home: Array, takt_s: float
) -> dict[str, Any]:
    """What one program saves if it may take a fifth longer."""
    robot, scene = planner
    fast = plan_cycle(robot, scene, items, q_start=home, q_end_same_as_start=False)
    motions = [one.trajectory for one in fast.motions]
    loads = payloads(robot, items, fast)
    taken_s = sum(one.duration_s for one in motions)
    found: dict[str, Any] = {"cycle_s": round(takt_s, 3), "motion_s": round(taken_s, 3)}
    for what, of_s in (("takt", takt_s), ("motion", taken_s)):
        slack_s = 0.2 * of_s
        ends_s = fast.duration_s + slack_s
        began = time.perf_counter()
        slow = cycle_within(robot, scene, items, slack_s, q_start=home, q_end_same_as_start=False)
        took_s = time.perf_counter() - began
        assert slow.duration_s <= ends_s + 1e-9, "the takt is lost"
        parts = [carried_on(items, one.item_index) for one in slow.motions]
        for one, part in zip(slow.motions, parts, strict=True):
            wrong = verify_trajectory(robot, scene, one.trajectory, part)
            assert not wrong, wrong
        before_j, after_j = (spent_j(robot, items, cycle, ends_s) for cycle in (fast, slow))
        least_j = least_energy_j(robot, motions, taken_s + slack_s, loads)
        found |= {
            f"saved_at_20_percent_of_{what}": round(1.0 - after_j / before_j, 4),
            f"most_on_straight_ways_at_20_percent_of_{what}": round(1.0 - least_j / before_j, 4),
            f"joules_at_20_percent_of_{what}": [round(before_j, 1), round(after_j, 1)],
            f"takt_lost_at_20_percent_of_{what}_s": round(max(slow.duration_s - ends_s, 0.0), 6),
            f"planned_at_20_percent_of_{what}_in_s": round(took_s, 2),
        }
    return found


def carried_on(items: list[Item], index: int) -> PartShape | None:
    """The part that is in the gripper when an item begins."""
    part = None
    for item in items[:index]:
        part = item.part if isinstance(item, Attach) else None if isinstance(item, Detach) else part
    return part


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help="a hundredth of the counts")
    parser.add_argument("--json", action="store_true", help="print nothing but the results")
    parser.add_argument("--rows", nargs="+", choices=ROWS, default=ROWS, help="what to measure")
    parser.add_argument("--arms", nargs="+", choices=list(ARMS), default=list(ARMS))
    asked = parser.parse_args()
    quick, rows = asked.quick, asked.rows
    kinematics.warm_up()
    motion.warm_up()
    results: dict[str, Any] = {}
    if not quick and RESULTS.is_file():
        results = json.loads(RESULTS.read_text(encoding="utf-8"))
    results["machine"] = {"cpus": os.cpu_count(), "python": platform.python_version()}

    def show(what: str, row: dict[str, Any]) -> None:
        if not asked.json:
            print(what, json.dumps(row, indent=2), flush=True)

    moves: list[tuple[Robot, Trajectory]] = []
    for name in asked.arms:
        found = results.setdefault(name, {})
        if {"cycles", "stops"} & set(rows):
            count = 1000 if "cycles" in rows and not quick else 10
            planned, motions = cycles(name, count)
            moves += [(arm(name), m) for m in motions]
            if "cycles" in rows:
                found["pick_and_place"] = planned
        if "timing" in rows:
            found["timing"] = timing(name, 10 if quick else 100)
        if "slack" in rows:
            found["energy_slack"] = slack(name)
        show(name, found)
    if "stops" in rows:
        results["stop_and_resume"] = stops(moves, 100 if quick else 10_000, seed=0)
        show("stop and resume", results["stop_and_resume"])
    if "arms" in rows:
        results["two_arms"] = two_arms(10_000 if quick else 1_000_000, seed=0)
        show("two arms", results["two_arms"])
    if asked.json:
        print(json.dumps(results, indent=2))
    if not quick:
        RESULTS.write_text(json.dumps(results, indent=2) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()

"""How fast and how complete kinematics is: inverse, calibrated arms, collision, torques.

Run from the top of the repository: `python -m benchmarks.kinematics [--quick]`. Prints a table and
writes `benchmarks/results/kinematics.json`. Times are microseconds, median and 99th percentile.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

import numba
import numpy as np

from benchmarks.kinematics_arms import SEVEN_AXES, SIX_AXES, calibrated, nominal
from benchmarks.kinematics_branches import branches
from benchmarks.kinematics_poses import anywhere, near_singular
from planners.arrays import Array
from planners.kinematics import Body, Box, CollisionScene, Robot, joint_torques, warm_up
from planners.kinematics.inverse import inverse_batch

RESULTS: Final = Path(__file__).parent / "results" / "kinematics.json"
BATCH: Final = 1000
CHUNK: Final = 100_000
SEEDED: Final = ("kuka_kr6_r900", "ur10e")
"""Calibrated arms whose branches are counted against seeding."""


def timed(run: Callable[[int], object], repeats: int, per: int = 1) -> dict[str, float]:
    run(0)
    seconds = np.empty(repeats)
    for k in range(repeats):
        start = time.perf_counter()
        run(k)
        seconds[k] = time.perf_counter() - start
    microseconds = seconds * 1e6 / per
    return {
        "median_us": round(float(np.median(microseconds)), 2),
        "p99_us": round(float(np.quantile(microseconds, 0.99)), 2),
    }


def success(robot: Robot, q: Array) -> dict[str, Any]:
    """How many poses have a solution, and how exact all solutions are."""
    solved, position, rotation = 0, 0.0, 0.0
    for start in range(0, len(q), CHUNK):
        poses = robot.forward(q[start : start + CHUNK])
        found = robot.inverse(poses)
        solved += int(found.valid.any(axis=1).sum())
        wanted = np.repeat(poses[:, None], 8, axis=1)[found.valid]
        reached = robot.forward(found.q[found.valid])
        gap = np.linalg.norm(reached[:, :3, 3] - wanted[:, :3, 3], axis=1)
        turn = np.swapaxes(reached[:, :3, :3], -1, -2) @ wanted[:, :3, :3] - np.eye(3)
        position = max(position, float(gap.max()))
        rotation = max(rotation, float(np.linalg.norm(turn, axis=(1, 2)).max() / np.sqrt(2)))
    return {
        "poses": len(q),
        "solved": solved,
        "solved_percent": 100.0 * solved / len(q),
        "worst_position_m": position,
        "worst_rotation_rad": rotation,
    }


def inverse_row(robot: Robot, repeats: int) -> dict[str, Any]:
    q = anywhere(robot, 20 * BATCH, seed=9)
    poses = robot.forward(q)
    model, limits, near = robot.model, np.stack([robot.lower, robot.upper]), np.zeros((1, 6))
    out = np.empty((1, 8, 6)), np.empty((1, 8), dtype=np.bool_), np.empty((1, 8))
    single = [poses[k : k + 1] for k in range(BATCH)]

    def compiled_call(k: int) -> None:
        inverse_batch(
            model.parallel, model.exact, model.parameters, model.chain, limits,
            single[k % BATCH], near, *out,
        )  # fmt: skip

    def batch(k: int) -> None:
        first = (k % 20) * BATCH
        robot.inverse(poses[first : first + BATCH])

    return {
        "solver": robot.solver,
        "batched": timed(batch, 200, BATCH),
        "compiled_call": timed(compiled_call, repeats),
        "python_call": timed(lambda k: robot.inverse(poses[k % BATCH]), repeats),
        "nearest": timed(lambda k: robot.inverse_nearest(poses[k % BATCH], q[k % BATCH]), repeats),
    }


def collision_row(robot: Robot, verdicts: int) -> dict[str, Any]:
    scale = robot.model.reach_m * 0.55
    boxes = []
    for k in range(10):
        place = np.eye(4)
        place[:3, 3] = scale * np.cos(0.6 * k), scale * np.sin(0.6 * k), 0.1 * (k % 5)
        boxes.append(Body(f"box {k}", Box((0.15, 0.15, 0.15)), place))
    scene = CollisionScene(robot, obstacles=boxes)
    q = anywhere(robot, 4000, seed=3)
    every = anywhere(robot, verdicts // 2, seed=4)
    first = scene.collisions(every)
    order = np.random.default_rng(5).permutation(len(every))
    differ = int((scene.collisions(every[order]) != first[order]).sum())
    return {
        "solids": len(scene.robot.description.shapes) + len(boxes),
        "collide": timed(lambda k: scene.in_collision(q[k]), len(q)),
        "distance": timed(lambda k: scene.distance(q[k]), len(q)),
        "batch": timed(lambda _: scene.collisions(q[:BATCH]), 20, BATCH),
        "share_colliding": round(float(first.mean()), 3),
        "verdicts": 2 * len(every),
        "verdicts_that_depend_on_order": differ,
    }


def measure(quick: bool) -> dict[str, Any]:
    start = time.perf_counter()
    warm_up()
    result: dict[str, Any] = {
        "machine": {
            "cores": os.cpu_count(),
            "processor": platform.processor() or platform.machine(),
            "python": platform.python_version(),
            "numba": numba.__version__,
            "numpy": np.__version__,
            "load_at_start": round(os.getloadavg()[0], 2),
        },
        "warm_up_s": round(time.perf_counter() - start, 2),
        "inverse": {},
        "calibrated": {},
        "collision": {},
    }
    poses, singular = (20_000, 10_000) if quick else (1_000_000, 100_000)
    repeats = 2_000 if quick else 20_000
    for name in SIX_AXES:
        robot = nominal(name)
        row = inverse_row(robot, repeats)
        row["anywhere"] = success(robot, anywhere(robot, poses))
        row["singular"] = success(robot, near_singular(robot, singular))
        result["inverse"][name] = row
        print(
            f"{name:18} {row['batched']['median_us']:5.2f} us batched,"
            f" {row['compiled_call']['median_us']:5.2f} compiled call,"
            f" {row['python_call']['median_us']:5.2f} Python call,"
            f" {row['nearest']['median_us']:5.1f} nearest;"
            f" solved {row['anywhere']['solved']} of {poses},"
            f" singular {row['singular']['solved']} of {singular};"
            f" worst {row['anywhere']['worst_position_m']:.0e} m"
            f" {row['singular']['worst_position_m']:.0e} m"
            f" {row['singular']['worst_rotation_rad']:.0e} rad",
            flush=True,
        )
    for name in SIX_AXES:
        robot = calibrated(name)
        q = anywhere(robot, 1000, seed=9)
        at = robot.forward(q)
        row = {
            "all_branches": timed(lambda k, r=robot, p=at: r.inverse(p[k]), len(q)),
            "anywhere": success(robot, anywhere(robot, poses // 10)),
            "singular": success(robot, near_singular(robot, singular // 10)),
        }
        if name in SEEDED:
            row["against_seeding"] = branches(robot, anywhere(robot, 500 if quick else 10_000, 123))
        result["calibrated"][name] = row
        print(
            f"{name:18} calibrated: {row['all_branches']['median_us']:.0f} us for all branches"
            f" (p99 {row['all_branches']['p99_us']:.0f});"
            f" solved {row['anywhere']['solved']} of {poses // 10},"
            f" singular {row['singular']['solved']} of {singular // 10}"
            f"{'; ' + json.dumps(row['against_seeding']) if name in SEEDED else ''}",
            flush=True,
        )
    for name in ("kuka_kr6_r900", "ur10e"):
        robot = nominal(name)
        row = collision_row(robot, 20_000 if quick else 2_000_000)
        q, v, a = (anywhere(robot, BATCH, seed=k) for k in range(3))
        row["torques"] = timed(lambda _, r=robot, s=(q, v, a): joint_torques(r, *s), 20, BATCH)
        result["collision"][name] = row
        print(
            f"{name:18} self and 10 boxes: collide {row['collide']['median_us']:.1f} us"
            f" (p99 {row['collide']['p99_us']:.0f}), distance {row['distance']['median_us']:.1f}"
            f" (p99 {row['distance']['p99_us']:.0f}); {row['verdicts_that_depend_on_order']} of"
            f" {row['verdicts']} verdicts depend on the order; torques"
            f" {row['torques']['median_us']:.1f} us",
            flush=True,
        )
    seven = nominal(SEVEN_AXES)
    q = anywhere(seven, 200)
    at, elbow = seven.forward(q), seven.elbow_angle(q)
    found = [seven.inverse(p, elbow_rad=float(e)) for p, e in zip(at, elbow, strict=True)]
    result["seven_axes"] = {
        "all_solutions": timed(lambda k: seven.inverse(at[k], elbow_rad=float(elbow[k])), 200),
        "solved": sum(bool(one.valid.any()) for one in found),
        "poses": len(q),
    }
    print(f"{SEVEN_AXES:18} {result['seven_axes']}")
    return result


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help="fewer poses")
    result = measure(parser.parse_args().quick)
    RESULTS.write_text(json.dumps(result, indent=2) + "\n", encoding="utf-8")
    print(f"written to {RESULTS}")


if __name__ == "__main__":
    main()

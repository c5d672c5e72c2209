"""How fast arms are planned for: inverse kinematics, collision checks, and whole cycles.

Run from the top of the repository: `python -m benchmarks.motion`. Prints medians.
"""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np

from planners.arrays import Array
from planners.kinematics import Body, Box, CollisionScene, Cylinder, PartShape, Robot
from planners.motion import (
    Attach,
    Detach,
    Dwell,
    Item,
    JointTarget,
    Move,
    PoseTarget,
    plan_cycle,
    verify_trajectory,
)

URDF = Path(__file__).parents[1] / "urdf"
ARMS = {
    "kuka_kr6_r900": (1.0, [0.0, -1.57, 1.57, 0.0, 0.9, 0.0]),
    "ur10e": (1.4, [0.0, -1.57, 1.57, -1.57, -1.57, 0.0]),
}


def at(x: float, y: float, z: float, *, down: bool = False) -> Array:
    transform = np.eye(4)
    transform[:3, 3] = x, y, z
    if down:
        transform[:3, :3] = np.diag([1.0, -1.0, -1.0])
    return transform


def median_ms(run: Callable[[], object], repeats: int) -> float:
    times = []
    for _ in range(repeats):
        start = time.perf_counter()
        run()
        times.append(time.perf_counter() - start)
    return statistics.median(times) * 1e3


def program(scale: float, home: Array) -> list[Item]:
    pick, place = (at(0.4 * scale, s * 0.4 * scale, 0.01, down=True) for s in (1, -1))
    above = at(0.0, 0.0, 0.1)
    way: list[Item] = [
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
    ]
    inspect = at(0.45 * scale, 0.0, 0.4, down=True)
    return [*way, Move("ptp", PoseTarget(inspect)), Move("ptp", PoseTarget(above @ place)),
            Move("ptp", PoseTarget(inspect)), Move("ptp", JointTarget(home))]  # fmt: skip


def measure(name: str) -> None:
    scale, joints = ARMS[name]
    home = np.array(joints)
    robot = Robot.from_urdf(
        URDF / f"{name}.urdf.xacro", transform_flange_tool=at(0.0, 0.0, 0.15), tool_mass_kg=1.0
    )
    table = Body("table", Box((1.2 * scale, 1.6 * scale, 0.04)), at(0.3, 0.0, -0.03))
    post = Body("post", Box((0.1, 0.1, 0.8)), at(0.52 * scale, 0.22 * scale, 0.4))
    gripper = Body("gripper", Cylinder(0.035, 0.11), at(0.0, 0.0, 0.06))
    q = np.random.default_rng(0).uniform(robot.lower, robot.upper, (1000, 6))
    poses = robot.forward(q)
    batch = median_ms(lambda: robot.inverse_all(poses, q), 5)
    print(f"{name}: all branches of one pose {batch:.1f} µs (batch of 1000)")
    items = program(scale, home)
    moves = sum(isinstance(item, Move) for item in items)
    for title, obstacles in (("open", [table]), ("with a post in the way", [table, post])):
        scene = CollisionScene(robot, obstacles=obstacles, tool=[gripper])
        path = home + np.linspace(0.0, 0.3, 200)[:, None]
        checked = median_ms(lambda path=path, s=scene: s.first_collision(path), 20)
        cycle = plan_cycle(robot, scene, items, q_start=home)
        planned = median_ms(lambda s=scene: plan_cycle(robot, s, items, q_start=home), 5)
        trajectory = max((m.trajectory for m in cycle.motions), key=lambda t: t.duration_s)
        verified = median_ms(lambda t=trajectory, s=scene: verify_trajectory(robot, s, t), 5)
        print(
            f"  {title}: 200 samples checked {checked:.1f} ms; {moves} moves planned"
            f" {planned:.0f} ms (cycle {cycle.duration_s:.2f} s); its longest motion verified"
            f" {verified:.1f} ms"
        )


if __name__ == "__main__":
    for arm_name in ARMS:
        measure(arm_name)

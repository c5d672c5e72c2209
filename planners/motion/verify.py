"""Checks a trajectory before an arm sees it; shares no code with what makes trajectories.

It evaluates what the arm server will do, the quintic between neighbouring points, by itself (as
Bezier curves, Farin, "Curves and Surfaces for CAGD", 2002, chapter 5), at 1 kHz.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, Literal

import numpy as np
from numpy.typing import NDArray

from planners.arrays import Array
from planners.kinematics.collision import CollisionScene
from planners.kinematics.dynamics import joint_torques
from planners.kinematics.robot import Robot
from planners.kinematics.shapes import PartShape
from planners.motion.trajectory import Trajectory

ViolationKind = Literal[
    "shape",
    "joint_names",
    "not_finite",
    "times",
    "position",
    "velocity",
    "acceleration",
    "jerk",
    "effort",
    "not_at_rest",
    "start",
    "end",
    "tcp_speed",
    "clearance",
]

RATE_HZ: Final = 1000.0
_EFFORT_EVERY: Final = 20
_ROUNDING: Final = 1e-6
_END_TOLERANCE_RAD: Final = 1e-6
_JERK_ROUNDING: Final = 1e-3
"""A piece of a tenth of a millisecond carries that much rounding in its third derivative."""

_CONTACT_DEPTH_M: Final = 0.002
_CONTACT_SLACK_M: Final = 0.0006
_BINOMIALS: Final = {
    5: (1, 5, 10, 10, 5, 1),
    4: (1, 4, 6, 4, 1),
    3: (1, 3, 3, 1),
    2: (1, 2, 1),
}


@dataclass(frozen=True)
class TrajectoryViolation:
    """One thing that is wrong with a trajectory.

    Attributes:
        kind: what.
        time_s: when it is worst (clearance: when it first happens).
        subject: joint name, or the two bodies.
        value, limit: what is, and what may be (rad, rad/s, rad/s^2, rad/s^3, N m, m/s or m).
    """

    kind: ViolationKind
    time_s: float
    subject: str
    value: float
    limit: float

    def __str__(self) -> str:
        return (
            f"{self.kind} of {self.subject} at {self.time_s:.3f} s:"
            f" {self.value:.6g}, allowed {self.limit:.6g}"
        )


def verify_trajectory(
    robot: Robot,
    scene: CollisionScene | None,
    trajectory: Trajectory,
    attached: PartShape | None = None,
    *,
    q_start: Array | None = None,
    q_end: Array | None = None,
    tcp_speed_m_s: float | None = None,
) -> list[TrajectoryViolation]:
    """Everything that is wrong with a trajectory; an empty list lets it run.

    Args:
        robot: the arm and its limits.
        scene: surroundings; None leaves clearance out.
        trajectory: what an arm server would get.
        attached: the part in the gripper meanwhile.
        q_start: (6,) where the arm is; None leaves it out.
        q_end: (6,) where the arm has to arrive; None leaves it out.
        tcp_speed_m_s: highest speed of the tool centre point.
    """
    malformed = _malformed(robot, trajectory)
    if malformed:
        return malformed
    found = _ends(robot, trajectory, q_start, q_end)
    times, q, v, a, j = _resampled(trajectory)
    found += _limits(robot, times, q, v, a, j)
    found += _effort(robot, times, q, v, a)
    if tcp_speed_m_s is not None:
        speed = _tool_speeds(robot, q, v)
        k = int(speed.argmax())
        if speed[k] > tcp_speed_m_s * (1 + _ROUNDING):
            found.append(
                TrajectoryViolation("tcp_speed", times[k], "tcp", float(speed[k]), tcp_speed_m_s)
            )
    if scene is not None:
        found += _clearance(scene, times, q, attached)
    return found


def _malformed(robot: Robot, t: Trajectory) -> list[TrajectoryViolation]:
    shape = (len(t.times), robot.dof)
    states = (t.positions, t.velocities, t.accelerations)
    if t.times.ndim != 1 or len(t.times) < 2 or any(x.shape != shape for x in states):
        return [TrajectoryViolation("shape", 0.0, "points", float(len(t.times)), 2.0)]
    if t.joint_names != robot.joint_names:
        subject = ", ".join(t.joint_names)
        return [TrajectoryViolation("joint_names", 0.0, subject, float("nan"), float("nan"))]
    if not all(np.isfinite(x).all() for x in (t.times, *states)):
        return [TrajectoryViolation("not_finite", 0.0, "points", float("nan"), float("nan"))]
    steps = np.diff(t.times)
    if t.times[0] != 0.0 or steps.min() <= 0.0:
        k = int(steps.argmin())
        return [TrajectoryViolation("times", float(t.times[k]), "points", float(steps[k]), 0.0)]
    return []


def _ends(
    robot: Robot, t: Trajectory, q_start: Array | None, q_end: Array | None
) -> list[TrajectoryViolation]:
    found: list[TrajectoryViolation] = []
    for k in (0, -1):
        for value in (t.velocities[k], t.accelerations[k]):
            joint = int(np.abs(value).argmax())
            if abs(value[joint]) > _ROUNDING:
                found.append(
                    TrajectoryViolation(
                        "not_at_rest",
                        float(t.times[k]),
                        robot.joint_names[joint],
                        float(value[joint]),
                        0.0,
                    )
                )
    ends: tuple[tuple[ViolationKind, int, Array | None], ...] = (
        ("start", 0, q_start),
        ("end", -1, q_end),
    )
    for kind, k, expected in ends:
        if expected is None:
            continue
        error = t.positions[k] - expected
        joint = int(np.abs(error).argmax())
        if abs(error[joint]) > _END_TOLERANCE_RAD:
            found.append(
                TrajectoryViolation(
                    kind,
                    float(t.times[k]),
                    robot.joint_names[joint],
                    float(error[joint]),
                    _END_TOLERANCE_RAD,
                )
            )
    return found


def _resampled(t: Trajectory) -> tuple[Array, Array, Array, Array, Array]:
    """Times, positions, velocities, accelerations and jerks at 1 kHz and at every point."""
    grid = np.arange(0.0, t.times[-1], 1.0 / RATE_HZ)
    times = np.union1d(grid, t.times)
    k = np.clip(np.searchsorted(t.times, times, side="right") - 1, 0, len(t.times) - 2)
    h = np.diff(t.times)[:, None]
    p, v, a = t.positions, t.velocities, t.accelerations
    control = np.stack(
        [
            p[:-1],
            p[:-1] + v[:-1] * h / 5,
            p[:-1] + 2 * v[:-1] * h / 5 + a[:-1] * h**2 / 20,
            p[1:] - 2 * v[1:] * h / 5 + a[1:] * h**2 / 20,
            p[1:] - v[1:] * h / 5,
            p[1:],
        ]
    )
    x = (times - t.times[k])[:, None] / h[k]
    derivatives = [_bezier(control[:, k], x)]
    for degree in (5, 4, 3):
        control = degree * np.diff(control, axis=0) / h
        derivatives.append(_bezier(control[:, k], x))
    return (times, derivatives[0], derivatives[1], derivatives[2], derivatives[3])


def _bezier(control: Array, x: Array) -> Array:
    degree = len(control) - 1
    rising, falling = [np.ones_like(x)], [np.ones_like(x)]
    for _ in range(degree):
        rising.append(rising[-1] * x)
        falling.append(falling[-1] * (1 - x))
    value: Array = np.zeros_like(control[0])
    for i, count in enumerate(_BINOMIALS[degree]):
        value += count * rising[i] * falling[degree - i] * control[i]
    return value


def _limits(
    robot: Robot, times: Array, q: Array, v: Array, a: Array, j: Array
) -> list[TrajectoryViolation]:
    found: list[TrajectoryViolation] = []
    checks: tuple[tuple[ViolationKind, Array, Array, float], ...] = (
        ("velocity", v, robot.velocity, _ROUNDING),
        ("acceleration", a, robot.acceleration, _ROUNDING),
        ("jerk", j, robot.jerk, _JERK_ROUNDING),
    )
    for joint, name in enumerate(robot.joint_names):
        for limit, over in (
            (robot.upper[joint], q[:, joint] - robot.upper[joint]),
            (robot.lower[joint], robot.lower[joint] - q[:, joint]),
        ):
            k = int(over.argmax())
            if over[k] > _ROUNDING:
                found.append(
                    TrajectoryViolation(
                        "position", float(times[k]), name, float(q[k, joint]), float(limit)
                    )
                )
        for kind, value, limits, slack in checks:
            k = int(np.abs(value[:, joint]).argmax())
            if abs(value[k, joint]) > limits[joint] * (1.0 + slack):
                found.append(
                    TrajectoryViolation(
                        kind, float(times[k]), name, float(value[k, joint]), float(limits[joint])
                    )
                )
    return found


def _tool_speeds(robot: Robot, q: Array, v: Array) -> Array:
    return np.asarray(np.linalg.norm((robot.jacobian(q)[:, :3] @ v[..., None])[..., 0], axis=1))


def _effort_samples(count: int) -> NDArray[np.intp]:
    return np.append(np.arange(0, count - 1, _EFFORT_EVERY), count - 1)


def _effort(robot: Robot, times: Array, q: Array, v: Array, a: Array) -> list[TrajectoryViolation]:
    """Torques of arm and tool, every 20 ms: they change as slowly as the acceleration does."""
    every = _effort_samples(len(times))
    torques = joint_torques(robot, q[every], v[every], a[every])
    found: list[TrajectoryViolation] = []
    for joint, name in enumerate(robot.joint_names):
        k = int(np.abs(torques[:, joint]).argmax())
        value, limit = float(torques[k, joint]), float(robot.effort[joint])
        if abs(value) > limit:
            time_s = float(times[every][k])
            found.append(TrajectoryViolation("effort", time_s, name, value, limit))
    return found


def _clearance(
    scene: CollisionScene, times: Array, q: Array, attached: PartShape | None
) -> list[TrajectoryViolation]:
    """Clearance at samples so near to each other that the margin covers what lies between them."""
    touching: dict[str, float] = {}
    if attached is not None:
        for end in (q[0], q[-1]):
            for body, distance in scene.part_distances(end, attached).items():
                if distance >= -_CONTACT_DEPTH_M:
                    allowed = distance - _CONTACT_SLACK_M
                    touching[body] = min(touching.get(body, allowed), allowed)
    # One sample per margin of travel: from each to the next it is less than two margins.
    travelled = np.cumsum(scene.displacement(q, attached)) / scene.margin_m
    changes = np.flatnonzero(np.diff(np.floor(travelled), prepend=0.0)) + 1
    kept = np.unique(np.concatenate([[0], changes, [len(q) - 1]]))
    hit = scene.first_collision(q[kept], attached, touching)
    if hit is None:
        return []
    subject = f"{hit.body_a} and {hit.body_b}"
    return [
        TrajectoryViolation(
            "clearance", float(times[kept[hit.index]]), subject, hit.distance_m, scene.margin_m
        )
    ]

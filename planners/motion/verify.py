"""Checks a trajectory before an arm sees it; shares no code with what makes trajectories.

It evaluates what the arm server will do, the quintic between neighbouring points, by itself (as
Bezier curves, `verify_kernel.py`), at 1 kHz; torques are pinocchio's.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, Literal

import numpy as np
from numpy.typing import NDArray

from planners.arrays import Array, plain
from planners.kinematics.collision import CollisionScene
from planners.kinematics.dynamics import pinocchio_torques
from planners.kinematics.payload import carried
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
_EFFORT_EVERY: Final = 10
_EFFORT_NEAR: Final = 0.9
_ROUNDING: Final = 1e-6
_END_TOLERANCE_RAD: Final = 1e-6
_JERK_ROUNDING: Final = 1e-3
"""A piece of a tenth of a millisecond carries that much rounding in its third derivative."""

_KINDS: Final[tuple[ViolationKind, ...]] = ("position", "velocity", "acceleration", "jerk")
_OUTWARDS: Final = np.array([-1.0, 1.0])[:, None]
_SHARES: Final = np.array([0.0, _ROUNDING, _ROUNDING, _JERK_ROUNDING])[:, None, None]
_SLACKS: Final = np.array([_ROUNDING, 0.0, 0.0, 0.0])[:, None, None]
"""How much further than a limit counts as rounding: a share of it, or rad."""

_CONTACT_DEPTH_M: Final = 0.002
_CONTACT_SLACK_M: Final = 0.0006


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
    times, states = _resampled(trajectory)
    q, v, a, _ = states
    found += _limits(robot, times, states)
    found += _effort(robot, times, q, v, a, attached)
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


def _resampled(t: Trajectory) -> tuple[Array, Array]:
    """Times, and positions to jerks (4, m, n), at 1 kHz and at every point."""
    from planners.motion.verify_kernel import resampled

    every = np.sort(np.append(np.arange(0.0, t.times[-1], 1.0 / RATE_HZ), t.times))
    times = every[np.append(True, every[1:] > every[:-1])]
    states = np.empty((4, len(times), t.positions.shape[1]))
    knots, p, pv, pa = (plain(x) for x in (t.times, t.positions, t.velocities, t.accelerations))
    resampled(knots, p, pv, pa, times, states)
    return times, states


def _limits(robot: Robot, times: Array, states: Array) -> list[TrajectoryViolation]:
    from planners.motion.verify_kernel import extremes

    v, a, j = robot.velocity, robot.acceleration, robot.jerk
    limits = np.array([[robot.lower, robot.upper], [-v, v], [-a, a], [-j, j]])
    extreme, at = np.empty(limits.shape), np.empty(limits.shape, dtype=np.intp)
    extremes(states, extreme, at)
    over = _OUTWARDS * (extreme - limits) - _SHARES * np.abs(limits) - _SLACKS
    return [
        TrajectoryViolation(
            _KINDS[kind],
            float(times[at[kind, end, joint]]),
            robot.joint_names[joint],
            float(extreme[kind, end, joint]),
            float(limits[kind, end, joint] if kind == 0 else abs(limits[kind, end, joint])),
        )
        for kind, end, joint in np.argwhere(over > 0.0).tolist()
    ]


def _tool_speeds(robot: Robot, q: Array, v: Array) -> Array:
    return np.asarray(np.linalg.norm(np.einsum("kij,kj->ki", robot.jacobian(q)[:, :3], v), axis=1))


def _effort(
    robot: Robot, times: Array, q: Array, v: Array, a: Array, attached: PartShape | None
) -> list[TrajectoryViolation]:
    """Torques of arm, tool and part: every 10 ms, and every sample where they come near."""
    payload = carried(attached)

    def shares(rows: NDArray[np.intp]) -> Array:
        return np.abs(pinocchio_torques(robot, q[rows], v[rows], a[rows], payload=payload))

    looks = np.append(np.arange(0, len(times) - 1, _EFFORT_EVERY), len(times) - 1)
    torques = shares(looks)
    used = (torques / robot.effort).max(axis=1)
    # What it may rise to between two looks: as much again as it differs from one to the other.
    rise = np.maximum(used[1:], used[:-1]) + np.abs(np.diff(used))
    near = np.flatnonzero(rise > _EFFORT_NEAR)
    if len(near):
        between = np.concatenate([np.arange(looks[k] + 1, looks[k + 1]) for k in near])
        looks = np.concatenate([looks, between])
        torques = np.vstack([torques, shares(between)])
    found: list[TrajectoryViolation] = []
    for joint, name in enumerate(robot.joint_names):
        k = int(torques[:, joint].argmax())
        value, limit = float(torques[k, joint]), float(robot.effort[joint])
        if value > limit:
            found.append(TrajectoryViolation("effort", float(times[looks[k]]), name, value, limit))
    return found


def _clearance(
    scene: CollisionScene, times: Array, q: Array, attached: PartShape | None
) -> list[TrajectoryViolation]:
    """Clearance of every sample, what the part touches at its ends aside."""
    touching: dict[str, float] = {}
    if attached is not None:
        for end in (q[0], q[-1]):
            for body, distance in scene.part_distances(end, attached).items():
                if distance >= -_CONTACT_DEPTH_M:
                    allowed = distance - _CONTACT_SLACK_M
                    touching[body] = min(touching.get(body, allowed), allowed)
    # At 1 kHz, what moves slower than ten metres per second moves less than two margins.
    hit = scene.first_collision(q, attached, touching)
    if hit is None:
        return []
    subject = f"{hit.body_a} and {hit.body_b}"
    return [
        TrajectoryViolation(
            "clearance", float(times[hit.index]), subject, hit.distance_m, scene.margin_m
        )
    ]

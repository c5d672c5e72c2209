"""Plans one motion of a chosen route, or several that are blended: free, timed, verified."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np

from planners.arrays import Array
from planners.kinematics.collision import CollisionScene
from planners.kinematics.payload import carried
from planners.kinematics.robot import Robot
from planners.motion.bend import easiest_path
from planners.motion.blend import superposed
from planners.motion.branches import Edge, Leg
from planners.motion.clearance import contacts, curve_samples, line_samples, require_free
from planners.motion.errors import MotionError
from planners.motion.paths import JointPath, LinePath
from planners.motion.retime import retimed
from planners.motion.search import detour
from planners.motion.straight import straight_trajectory
from planners.motion.stretch import verified
from planners.motion.timing import MOST_STATIONS, timed_trajectory, tool_rates
from planners.motion.trajectory import Trajectory

_SHRINKS: Final = (1.0, 0.5, 0.25)
_LOOKS_S: Final = 0.002
_STATIONS_EACH: Final = 2
_FEWEST_STATIONS: Final = 60
_BENDS: Final = (1.0, 0.5, 0.25)
"""Shares of the bend of least energy that are tried where the whole of it is not free."""


@dataclass(frozen=True, eq=False)
class Chain:
    """One trajectory of several moves, and when (s) it passes from each to the next."""

    trajectory: Trajectory
    corners_s: tuple[float, ...]


def planned_alone(
    robot: Robot,
    scene: CollisionScene,
    leg: Leg,
    edge: Edge,
    seed: int,
    nodes: int,
    rest: Array,
    longer: float = 1.0,
) -> Trajectory:
    """The verified trajectory of one motion, from rest to rest.

    With `longer` above 1 a ptp motion whose straight way is free takes the way that needs least
    energy in so many times the straight one's duration.

    Raises:
        MotionError: it cannot be made.
    """
    path = free_path(scene, leg, edge, seed, nodes, rest)
    if path is None and longer > 1.0:
        found = _bent(robot, scene, leg, edge, longer)
        if found is not None:
            return found
    return _timed(robot, scene, leg, edge, path)


def _bent(
    robot: Robot, scene: CollisionScene, leg: Leg, edge: Edge, longer: float
) -> Trajectory | None:
    """The motion on the way of least energy, or near to it; None where that is not free."""
    attached, speed = leg.attached, leg.move.speed
    bent = easiest_path(
        robot, edge.q_start, edge.q_end, longer=longer, speed=speed, payload=carried(attached)
    )
    touching = contacts(scene, edge.q_start, edge.q_end, attached)
    for share in _BENDS:
        path = bent.flattened(share)
        try:
            require_free(scene, curve_samples(scene, path, attached), attached, touching)
            return _timed(robot, scene, leg, edge, path)
        except MotionError:
            continue
    return None


def _timed(
    robot: Robot, scene: CollisionScene, leg: Leg, edge: Edge, path: JointPath | None
) -> Trajectory:
    """The fastest motion on a path (None: straight in joint space), verified."""
    move = leg.move
    if path is None:
        trajectory = straight_trajectory(robot, edge.q_start, edge.q_end, move.speed)
    else:
        trajectory = timed_trajectory(
            robot,
            path,
            speed=move.speed,
            tcp_speed_m_s=move.tcp_speed_m_s,
            payload=carried(leg.attached),
            stations=_stations(path),
        )
    return verified(
        robot,
        scene,
        trajectory,
        leg.attached,
        q_start=edge.q_start,
        q_end=edge.q_end,
        tcp_speed_m_s=move.tcp_speed_m_s,
    )


def _stations(path: JointPath) -> int:
    """Into how many intervals a curve is cut to be timed: a short line of the tool needs fewer."""
    if not isinstance(path, LinePath):
        return MOST_STATIONS
    return min(max(_STATIONS_EACH * len(path.table), _FEWEST_STATIONS), MOST_STATIONS)


def planned_chain(
    robot: Robot, scene: CollisionScene, legs: Sequence[Leg], motions: Sequence[Trajectory]
) -> Chain | None:
    """The verified trajectory of several motions whose corners are cut.

    The cuts shrink until they are free and save time; None if the smallest ones do not.
    """
    blends = [leg.move.blend for leg in legs[:-1]]
    alone_s = sum(motion.duration_s for motion in motions)
    for shrink in _SHRINKS:
        cut = superposed(robot, motions, blends, shrink=shrink)
        speeds = np.array([leg.move.tcp_speed_m_s or np.inf for leg in legs])
        shares = np.array([leg.move.speed for leg in legs])
        highest = np.minimum(speeds[cut.first], speeds[cut.last])
        try:
            fastest = float(speeds.max())
            trajectory = verified(
                robot,
                scene,
                retimed(
                    robot,
                    cut.trajectory,
                    speed=np.minimum(shares[cut.first], shares[cut.last]),
                    highest_rate=tool_rates(robot, cut.trajectory, highest),
                    payload=carried(legs[0].attached),
                ),
                legs[0].attached,
                q_start=motions[0].positions[0],
                q_end=motions[-1].positions[-1],
                tcp_speed_m_s=fastest if np.isfinite(fastest) else None,
            )
        except MotionError:
            continue
        if trajectory.duration_s < alone_s:
            return Chain(trajectory, _passed(trajectory, cut.trajectory.positions[[*cut.corners]]))
    return None


def free_path(
    scene: CollisionScene, leg: Leg, edge: Edge, seed: int, nodes: int, rest: Array
) -> JointPath | None:
    """The collision-free curve of one motion; None if it is straight in joint space.

    Raises:
        MotionError: something is in the way, and for a ptp motion there is no way around.
    """
    attached = leg.attached
    touching = contacts(scene, edge.q_start, edge.q_end, attached)
    if edge.line is not None:
        # Its stations are a few millimetres apart; what lies between, the verifier looks at.
        require_free(scene, edge.line.table, attached, touching)
        return edge.line
    samples = line_samples(scene, edge.q_start, edge.q_end, attached)
    blocked = scene.first_collision(samples, attached, touching)
    if blocked is None:
        return None
    try:
        return detour(scene, edge.q_start, edge.q_end, attached, touching, seed, nodes, rest)
    except MotionError as error:
        bodies = (blocked.body_a, blocked.body_b)
        raise MotionError(
            "no_path",
            f"{bodies[0]!r} and {bodies[1]!r} are in each other's way, and {error}",
            bodies=bodies,
            q=samples[blocked.index],
        ) from error


def _passed(trajectory: Trajectory, q: Array) -> tuple[float, ...]:
    """When the trajectory is nearest to each of the joint positions, in their order."""
    times = np.arange(0.0, trajectory.duration_s, _LOOKS_S)
    way = trajectory.sample(times).positions
    found: list[float] = []
    first = 0
    for position in q:
        first += int(np.abs(way[first:] - position).max(axis=1).argmin())
        found.append(float(times[first]))
    return tuple(found)

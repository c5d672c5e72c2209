"""Plans a whole program: which branch each pose is reached on, which way, and how fast.

The branches of all poses form a layered graph, one layer per move. A shortest path through it
gives the joint positions; then each motion is checked, timed and verified. A motion that cannot be
made is struck out of the graph and the shortest path is sought again.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from planners.arrays import Array
from planners.kinematics.collision import CollisionScene
from planners.kinematics.robot import Robot
from planners.kinematics.shapes import PartShape
from planners.motion.branches import Edge, Leg, cheapest_route
from planners.motion.clearance import contacts, curve_samples, line_samples, require_free
from planners.motion.errors import MotionError, PlanningError
from planners.motion.items import Attach, Detach, Dwell, Item, JointTarget, Move
from planners.motion.search import detour
from planners.motion.straight import straight_trajectory
from planners.motion.stretch import verified
from planners.motion.timing import timed_trajectory
from planners.motion.trajectory import Trajectory

WAY_BACK: Final = "way back to the start"
"""Label of the motion that closes a cycle whose last move does not end at the start."""

_ROUTES: Final = 12


@dataclass(frozen=True, eq=False)
class PlannedMotion:
    """One motion of a cycle.

    Attributes:
        item_index: which item it carries out (the number of items for the way back to the start).
        trajectory: verified; starts where the motion before it ended.
    """

    item_index: int
    trajectory: Trajectory


@dataclass(frozen=True, eq=False)
class Cycle:
    """A planned program.

    Attributes:
        motions: in order; a move that ends where it starts has none.
        duration_s: motions and dwells together.
        item_durations_s: one per item.
    """

    motions: tuple[PlannedMotion, ...]
    duration_s: float
    item_durations_s: tuple[float, ...]


def plan_cycle(
    robot: Robot,
    scene: CollisionScene,
    items: Sequence[Item],
    *,
    q_start: Array,
    q_end_same_as_start: bool = True,
    seed: int = 0,
) -> Cycle:
    """Plan a program that starts at rest at `q_start` (6,); the same input gives the same cycle.

    Args:
        robot: the arm.
        scene: its surroundings; poses are in the arm's base frame.
        items: the program.
        q_start: where the arm is.
        q_end_same_as_start: add a way back if the last move does not end at `q_start`.
        seed: of the search for ways around.

    Raises:
        PlanningError: an item cannot be carried out; says which, and what is in the way.
    """
    start = JointTarget(q_start)
    legs = _legs(robot, items)
    if q_end_same_as_start and legs:
        legs.append(Leg(len(items), Move("ptp", start, label=WAY_BACK), legs[-1].attached_after))
    planned: dict[tuple[int, bytes, bytes], Trajectory] = {}
    failures: dict[tuple[int, bytes, bytes], MotionError] = {}
    for _ in range(_ROUTES):
        route = cheapest_route(robot, scene, legs, start.q, failures)
        failed = False
        for number, edge in enumerate(route):
            if edge.key(number) in planned or not edge.moves:
                continue
            try:
                planned[edge.key(number)] = _planned(
                    robot, scene, legs[number], edge, seed + number
                )
            except MotionError as error:
                failures[edge.key(number)] = error
                failed = True
                break
        if not failed:
            return _cycle(items, legs, route, planned)
    first = min(failures)
    leg = legs[first[0]]
    raise PlanningError(leg.item_index, leg.move.label, failures[first])


def _legs(robot: Robot, items: Sequence[Item]) -> list[Leg]:
    """The moves, each with the part that it carries."""
    legs: list[Leg] = []
    attached: PartShape | None = None
    for index, item in enumerate(items):
        if isinstance(item, Attach):
            attached = item.part
        elif isinstance(item, Detach):
            attached = None
        elif isinstance(item, Move):
            target = item.target
            if isinstance(target, JointTarget) and len(target.q) != robot.dof:
                raise ValueError(f"item {index}: {robot.dof} joint positions expected")
            legs.append(Leg(index, item, attached))
    if legs:
        legs[-1] = Leg(legs[-1].item_index, legs[-1].move, legs[-1].attached, attached)
    return legs


def _planned(robot: Robot, scene: CollisionScene, leg: Leg, edge: Edge, seed: int) -> Trajectory:
    """The verified trajectory of one motion."""
    move, attached = leg.move, leg.attached
    touching = contacts(scene, edge.q_start, edge.q_end, attached)
    tcp_speed: float | None = None
    if edge.line is not None:
        require_free(scene, curve_samples(scene, edge.line, attached), attached, touching)
        if move.tcp_speed_m_s is not None and edge.line.travel_m > 1e-6:
            tcp_speed = move.tcp_speed_m_s
        trajectory = timed_trajectory(robot, edge.line, speed=move.speed, path_speed=tcp_speed)
    else:
        line = line_samples(scene, edge.q_start, edge.q_end, attached)
        blocked = scene.first_collision(line, attached, touching)
        if blocked is None:
            trajectory = straight_trajectory(robot, edge.q_start, edge.q_end, move.speed)
        else:
            try:
                path = detour(scene, edge.q_start, edge.q_end, attached, touching, seed)
            except MotionError as error:
                bodies = (blocked.body_a, blocked.body_b)
                raise MotionError(
                    "no_path",
                    f"{bodies[0]!r} and {bodies[1]!r} are in each other's way, and {error}",
                    bodies=bodies,
                    q=line[blocked.index],
                ) from error
            trajectory = timed_trajectory(robot, path, speed=move.speed)
    return verified(
        robot,
        scene,
        trajectory,
        attached,
        q_start=edge.q_start,
        q_end=edge.q_end,
        tcp_speed_m_s=tcp_speed,
    )


def _cycle(
    items: Sequence[Item],
    legs: Sequence[Leg],
    route: Sequence[Edge],
    planned: dict[tuple[int, bytes, bytes], Trajectory],
) -> Cycle:
    durations = [item.duration_s if isinstance(item, Dwell) else 0.0 for item in items]
    motions: list[PlannedMotion] = []
    way_back = 0.0
    for number, (leg, edge) in enumerate(zip(legs, route, strict=True)):
        if not edge.moves:
            continue
        trajectory = planned[edge.key(number)]
        motions.append(PlannedMotion(leg.item_index, trajectory))
        if leg.item_index < len(items):
            durations[leg.item_index] = trajectory.duration_s
        else:
            way_back = trajectory.duration_s
    return Cycle(tuple(motions), sum(durations) + way_back, tuple(durations))

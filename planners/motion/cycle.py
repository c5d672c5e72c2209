"""Plans a whole program: which branch each pose is reached on, which way, and how fast.

The branches of all poses form a layered graph, one layer per move. A shortest path through it
gives the joint positions; then each motion is checked, timed and verified. A motion that cannot be
made is struck out of the graph and the shortest path is sought again.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final, TypeAlias

from planners.arrays import Array
from planners.kinematics.collision import CollisionScene
from planners.kinematics.robot import Robot
from planners.kinematics.shapes import PartShape
from planners.motion.branches import Edge, Key, Leg, Routes
from planners.motion.errors import MotionError, PlanningError
from planners.motion.items import Attach, Detach, Dwell, Item, JointTarget, Move
from planners.motion.planned import Chain, planned_alone, planned_chain
from planners.motion.search import MOST_NODES
from planners.motion.slow_spots import SlowSpot, slow_spots
from planners.motion.trajectory import Trajectory

WAY_BACK: Final = "way back to the start"
"""Label of the motion that closes a cycle whose last move does not end at the start."""

_ROUTES: Final = 12
_EFFORTS: Final = (0, 60, 300, MOST_NODES)
"""Positions tried in a search for a way around, after ways over lifted positions.

Another branch is often free, and soon found."""

Plan: TypeAlias = Trajectory | Chain | None


@dataclass(frozen=True, eq=False)
class PlannedMotion:
    """One motion of a cycle.

    Attributes:
        item_index: which item it carries out (the number of items for the way back to the start).
        trajectory: verified; starts where the motion before it ended.
        blended_items: the items it carries out if their corners are blended; else only that one.
        slow_spots: where a tool speed that was asked for is not kept.
    """

    item_index: int
    trajectory: Trajectory
    blended_items: tuple[int, ...] = ()
    slow_spots: tuple[SlowSpot, ...] = ()


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
    longer: float = 1.0,
) -> Cycle:
    """Plan a program that starts at rest at `q_start` (6,); the same input gives the same cycle.

    Args:
        robot: the arm.
        scene: its surroundings; poses are in the arm's base frame.
        items: the program.
        q_start: where the arm is.
        q_end_same_as_start: add a way back if the last move does not end at `q_start`.
        seed: of the search for ways around.
        longer: above 1, ptp motions take the ways that need least energy in so many times their
            durations, at the arm's full speed still: `cycle_within` spends the time.

    Raises:
        PlanningError: an item cannot be carried out; says which, and what is in the way.
    """
    start = JointTarget(q_start)
    legs = legs_of(robot, items)
    if q_end_same_as_start and legs:
        legs.append(Leg(len(items), Move("ptp", start, label=WAY_BACK), legs[-1].attached_after))
    routes = Routes(robot, scene, legs, start.q)
    planned: dict[tuple[Key, ...], Plan] = {}
    failures: dict[Key, MotionError] = {}
    for nodes in _EFFORTS:
        try:
            found = _planned_route(
                robot, scene, legs, routes, planned, failures, seed, nodes, longer
            )
        except PlanningError:
            # Nowhere to go without the motions struck out: search longer for a way around those.
            if nodes == _EFFORTS[-1] or not _unsought(failures):
                raise
            found = None
        if found is not None:
            return _cycle(robot, items, legs, *found, planned)
        if not _unsought(failures):
            break
        if nodes != _EFFORTS[-1]:
            for key in _unsought(failures):
                del failures[key]
    first = min(failures)
    leg = legs[first[0]]
    raise PlanningError(leg.item_index, leg.move.label, failures[first])


def _unsought(failures: Mapping[Key, MotionError]) -> list[Key]:
    """The motions for which a longer search might find a way around."""
    return [key for key, error in failures.items() if error.reason == "no_path"]


def _planned_route(
    robot: Robot,
    scene: CollisionScene,
    legs: Sequence[Leg],
    routes: Routes,
    planned: dict[tuple[Key, ...], Plan],
    failures: dict[Key, MotionError],
    seed: int,
    nodes: int,
    longer: float,
) -> tuple[tuple[Edge, ...], list[tuple[int, ...]]] | None:
    """The shortest route whose motions can all be planned; None after too many tries.

    Raises:
        PlanningError: no route is left.
    """
    for _ in range(_ROUTES):
        route = routes.cheapest(failures)
        groups = _groups(legs, route)
        failed = False
        for group in groups:
            key = tuple(route[number].key(number) for number in group)
            if key in planned:
                continue
            try:
                planned[key] = _plan(robot, scene, legs, route, group, planned, seed, nodes, longer)
            except _FailedError as failure:
                failures[failure.key] = failure.cause
                failed = True
                break
        if not failed:
            return route, groups
    return None


class _FailedError(Exception):
    """One motion of a route cannot be made."""

    def __init__(self, key: Key, cause: MotionError) -> None:
        super().__init__(str(cause))
        self.key = key
        self.cause = cause


def _groups(legs: Sequence[Leg], route: Sequence[Edge]) -> list[tuple[int, ...]]:
    """The motions of a route; those whose corners are blended together."""
    groups: list[tuple[int, ...]] = []
    for number, edge in enumerate(route):
        if not edge.moves:
            continue
        before = groups[-1][-1] if groups else -1
        if (
            groups
            and before == number - 1
            and not legs[before].move.blend.stops
            and legs[before].item_index + 1 == legs[number].item_index
        ):
            groups[-1] = (*groups[-1], number)
        else:
            groups.append((number,))
    return groups


def _plan(
    robot: Robot,
    scene: CollisionScene,
    legs: Sequence[Leg],
    route: Sequence[Edge],
    group: tuple[int, ...],
    planned: dict[tuple[Key, ...], Plan],
    seed: int,
    nodes: int,
    longer: float,
) -> Plan:
    """One motion's trajectory, or a chain's; None where its motions are planned one by one."""
    alone: list[Trajectory] = []
    for number in group:
        key = (route[number].key(number),)
        if key not in planned:
            try:
                planned[key] = planned_alone(
                    robot,
                    scene,
                    legs[number],
                    route[number],
                    seed + number,
                    nodes,
                    route[0].q_start,
                    longer,
                )
            except MotionError as error:
                raise _FailedError(key[0], error) from error
        motion = planned[key]
        assert isinstance(motion, Trajectory)
        alone.append(motion)
    if len(group) == 1:
        return alone[0]
    return planned_chain(robot, scene, [legs[k] for k in group], alone)


def legs_of(robot: Robot, items: Sequence[Item]) -> list[Leg]:
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


def _cycle(
    robot: Robot,
    items: Sequence[Item],
    legs: Sequence[Leg],
    route: Sequence[Edge],
    groups: Sequence[tuple[int, ...]],
    planned: dict[tuple[Key, ...], Plan],
) -> Cycle:
    durations = [item.duration_s if isinstance(item, Dwell) else 0.0 for item in items] + [0.0]
    motions: list[PlannedMotion] = []

    def add(group: tuple[int, ...], trajectory: Trajectory, corners_s: tuple[float, ...]) -> None:
        indices = tuple(legs[number].item_index for number in group)
        borders = (0.0, *corners_s, trajectory.duration_s)
        for index, begin, end in zip(indices, borders, borders[1:], strict=False):
            durations[index] = end - begin
        speeds = {legs[number].move.tcp_speed_m_s for number in group}
        speed = speeds.pop() if len(speeds) == 1 else None
        spots = slow_spots(robot, trajectory, speed) if speed is not None else ()
        motions.append(
            PlannedMotion(indices[0], trajectory, indices if len(group) > 1 else (), spots)
        )

    for group in groups:
        plan = planned[tuple(route[number].key(number) for number in group)]
        if isinstance(plan, Chain):
            add(group, plan.trajectory, plan.corners_s)
        elif plan is not None:
            add(group, plan, ())
        else:
            for number in group:
                alone = planned[(route[number].key(number),)]
                assert isinstance(alone, Trajectory)
                add((number,), alone, ())
    return Cycle(tuple(motions), sum(durations), tuple(durations[:-1]))

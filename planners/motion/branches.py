"""Which branch each pose of a program is reached on: a shortest path through a layered graph."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Final

import numpy as np

from planners.arrays import Array
from planners.kinematics.collision import CollisionScene
from planners.kinematics.errors import UnreachablePoseError
from planners.kinematics.robot import Robot
from planners.kinematics.shapes import PartShape
from planners.motion.circle import ToolArc
from planners.motion.clearance import collision_error, contacts
from planners.motion.errors import MotionError, PlanningError
from planners.motion.items import JointTarget, Move
from planners.motion.paths import LinePath, ToolCurve, ToolLine
from planners.motion.straight import straight_durations

Key = tuple[int, bytes, bytes]

_NODES: Final = 16
_NAMED: Final = 3
_STILL_RAD: Final = 1e-9
_LINE_END_RAD: Final = 1e-6


@dataclass(frozen=True, eq=False)
class Leg:
    """A move with the part it carries, and what is carried after the last item (last leg only)."""

    item_index: int
    move: Move
    attached: PartShape | None
    attached_after: PartShape | None = None


@dataclass(frozen=True, eq=False)
class Edge:
    """One motion between two joint positions; `line` if it is a line or an arc of the tool."""

    q_start: Array
    q_end: Array
    line: LinePath | None

    @cached_property
    def stance(self) -> bytes:
        """The same for ends that differ by full turns: they collide alike."""
        return np.round(np.remainder(self.q_end, 2 * np.pi), 6).tobytes()

    @property
    def moves(self) -> bool:
        """Whether the arm has to move at all."""
        return self.line is not None or bool(np.abs(self.q_end - self.q_start).max() > _STILL_RAD)

    def key(self, number: int) -> Key:
        """Names this motion as the `number`th of a program."""
        return (number, self.q_start.tobytes(), self.q_end.tobytes())


@dataclass(frozen=True, eq=False)
class _Ways:
    """The ways on from a node, how long each lasts (s), and why there are none or fewer."""

    edges: list[Edge]
    durations_s: list[float]
    reasons: list[MotionError]


@dataclass(frozen=True, eq=False)
class _Node:
    q: Array
    pose: Array
    cost_s: float
    edges: tuple[Edge, ...]


class Routes:
    """The ways through a program; what was found out of them is kept from search to search.

    Args:
        robot: the arm.
        scene: its surroundings.
        legs: the moves.
        q_start: (n,) where the arm is.
    """

    def __init__(
        self, robot: Robot, scene: CollisionScene, legs: Sequence[Leg], q_start: Array
    ) -> None:
        self._robot, self._scene, self._legs = robot, scene, legs
        self._start = _Node(q_start, robot.forward(q_start), 0.0, ())
        self._ways: dict[tuple[int, bytes], _Ways] = {}
        self._lines: dict[tuple[int, bytes], ToolCurve] = {}
        self._stances: dict[tuple[int, bytes], MotionError | None] = {}

    def cheapest(self, struck_out: Mapping[Key, MotionError]) -> tuple[Edge, ...]:
        """The motions of the shortest program that avoids the edges struck out.

        Raises:
            PlanningError: some move has no branch left; tells the reason of the best try, and
                what is in the way of the others.
        """
        nodes = [self._start]
        for number, leg in enumerate(self._legs):
            layer: dict[bytes, _Node] = {}
            pose = _pose_of(self._robot, leg)
            reasons: list[MotionError] = []
            found = self._from(number, leg, nodes)
            self._look_at(number, leg, found)
            for node, ways in zip(nodes, found, strict=True):
                reasons += ways.reasons
                for edge, lasts_s in zip(ways.edges, ways.durations_s, strict=True):
                    key = edge.key(number)
                    reason = struck_out.get(key) or self._stances[number, edge.stance]
                    if reason is not None:
                        reasons.append(reason)
                        continue
                    cost, mark = node.cost_s + lasts_s, key[2]
                    if mark not in layer or cost < layer[mark].cost_s:
                        layer[mark] = _Node(edge.q_end, pose(edge.q_end), cost, (*node.edges, edge))
            if not layer:
                raise PlanningError(leg.item_index, leg.move.label, _none_left(reasons))
            nodes = sorted(layer.values(), key=lambda node: node.cost_s)[:_NODES]
        return nodes[0].edges

    def _from(self, number: int, leg: Leg, nodes: Sequence[_Node]) -> list[_Ways]:
        """The ways on from each node of the layer before."""
        marks = [(number, node.q.tobytes()) for node in nodes]
        for mark, node in zip(marks, nodes, strict=True):
            if mark not in self._ways:
                self._ways[mark] = self._ways_from(number, leg, node)
        return [self._ways[mark] for mark in marks]

    def _ways_from(self, number: int, leg: Leg, node: _Node) -> _Ways:
        """The ways to carry out a move, and why there are none or fewer."""
        try:
            edges = self._edges(number, leg, node)
        except UnreachablePoseError as error:
            pose = error.transform_base_tool
            return _Ways([], [], [MotionError(error.reason, str(error), transform_base_tool=pose)])
        except MotionError as error:
            return _Ways([], [], [error])
        starts, ends = np.array([e.q_start for e in edges]), np.array([e.q_end for e in edges])
        lasts_s = straight_durations(self._robot, starts, ends, leg.move.speed).tolist()
        costs = [cost if e.moves else 0.0 for e, cost in zip(edges, lasts_s, strict=True)]
        return _Ways(edges, costs, [])

    def _edges(self, number: int, leg: Leg, node: _Node) -> list[Edge]:
        """Raises UnreachablePoseError or MotionError if there is no way on from a node."""
        robot, target, q = self._robot, leg.move.target, node.q
        if leg.move.kind == "ptp":
            if isinstance(target, JointTarget):
                return [Edge(q, _within_limits(robot, target.q), None)]
            found = robot.inverse_sorted(target.transform_base_tool, q)
            return [Edge(q, goal, None) for goal in found]
        end = (
            robot.forward(_within_limits(robot, target.q))
            if isinstance(target, JointTarget)
            else target.transform_base_tool
        )
        via = leg.move.via
        if via is None and np.abs(end - node.pose).max() < _STILL_RAD:
            return [Edge(q, q, None)]
        mark = (number, node.pose.tobytes())
        if mark not in self._lines:
            self._lines[mark] = (
                ToolLine(robot, node.pose, end)
                if via is None
                else ToolArc(robot, node.pose, via.transform_base_tool, end)
            )
        line = LinePath(self._lines[mark], q)
        if isinstance(target, JointTarget) and (
            np.abs(line.q_end - target.q).max() > _LINE_END_RAD
        ):
            raise MotionError(
                "singularity",
                "a straight line from here ends on another branch than the joint target",
                q=line.q_end,
            )
        return [Edge(q, line.q_end, line)]

    def _look_at(self, number: int, leg: Leg, found: Sequence[_Ways]) -> None:
        """Notes what is in the way of standing where the ways end."""
        stances = {edge.stance: edge.q_end for ways in found for edge in ways.edges}
        new = [mark for mark in stances if (number, mark) not in self._stances]
        if not new:
            return
        hits = self._scene.collisions(np.array([stances[mark] for mark in new]), leg.attached)
        for mark, hit in zip(new, hits.tolist(), strict=True):
            # A part may touch what it is taken from: that is looked at where anything is hit.
            reason = _in_the_way(self._scene, stances[mark], leg.attached) if hit else None
            self._stances[number, mark] = reason


def _none_left(reasons: Sequence[MotionError]) -> MotionError:
    """The first of the reasons; its text names what is in the way of the other branches, too."""
    first, others = reasons[0], reasons[1:]
    if not others:
        return first
    counted = Counter(
        f"{error.bodies[0]!r} and {error.bodies[1]!r}"
        if error.bodies
        else error.reason.replace("_", " ")
        for error in others
    )
    names = ", ".join(f"{name} ({count})" for name, count in counted.most_common(_NAMED))
    return MotionError(
        first.reason,
        f"{first}; {len(others)} other ways to do it fail: {names}",
        bodies=first.bodies,
        q=first.q,
        transform_base_tool=first.transform_base_tool,
    )


def _within_limits(robot: Robot, q: Array) -> Array:
    if not robot.within_limits(q):
        over = np.maximum(q - robot.upper, robot.lower - q)
        joint = int(over.argmax())
        raise MotionError(
            "joint_limits",
            f"{robot.joint_names[joint]} = {q[joint]:.4f} rad is outside its limits"
            f" [{robot.lower[joint]:.4f}, {robot.upper[joint]:.4f}]",
            q=q,
        )
    return q


def _pose_of(robot: Robot, leg: Leg) -> Callable[[Array], Array]:
    """The pose that a leg ends in; a pose target itself, so that all its branches share it."""
    target = leg.move.target
    if isinstance(target, JointTarget):
        return robot.forward
    return lambda _: target.transform_base_tool


def _in_the_way(scene: CollisionScene, q: Array, attached: PartShape | None) -> MotionError | None:
    """What is in the way of standing at `q`."""
    hit = scene.first_collision(q[None], attached, contacts(scene, q, q, attached))
    return None if hit is None else collision_error(hit, q[None])

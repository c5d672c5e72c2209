"""Which branch each pose of a program is reached on: a shortest path through a layered graph."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
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
from planners.motion.straight import straight_duration

Key = tuple[int, bytes, bytes]

_NODES: Final = 16
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

    @property
    def moves(self) -> bool:
        """Whether the arm has to move at all."""
        return self.line is not None or bool(np.abs(self.q_end - self.q_start).max() > _STILL_RAD)

    def key(self, number: int) -> Key:
        """Names this motion as the `number`th of a program."""
        return (number, self.q_start.tobytes(), self.q_end.tobytes())


@dataclass(frozen=True, eq=False)
class _Node:
    q: Array
    pose: Array
    cost_s: float
    edges: tuple[Edge, ...]


def cheapest_route(
    robot: Robot,
    scene: CollisionScene,
    legs: Sequence[Leg],
    q_start: Array,
    struck_out: Mapping[Key, MotionError],
) -> tuple[Edge, ...]:
    """The motions of the shortest program that avoids the edges struck out.

    Raises:
        PlanningError: some move has no branch left; tells the reason of the best try.
    """
    nodes = [_Node(q_start, robot.forward(q_start), 0.0, ())]
    for number, leg in enumerate(legs):
        layer: dict[bytes, _Node] = {}
        pose = _pose_of(robot, leg)
        reasons: list[MotionError] = []
        free: dict[bytes, MotionError | None] = {}
        lines: dict[bytes, ToolCurve] = {}
        for node in nodes:
            for edge in _edges(robot, leg, node, lines, reasons):
                if edge.key(number) in struck_out:
                    reasons.append(struck_out[edge.key(number)])
                    continue
                mark = edge.q_end.tobytes()
                stance = _without_turns(edge.q_end)
                if stance not in free:
                    free[stance] = _standing(scene, edge.q_end, leg.attached)
                obstacle = free[stance]
                if obstacle is not None:
                    reasons.append(obstacle)
                    continue
                cost = node.cost_s
                if edge.moves:
                    cost += straight_duration(robot, edge.q_start, edge.q_end, leg.move.speed)
                if mark not in layer or cost < layer[mark].cost_s:
                    layer[mark] = _Node(edge.q_end, pose(edge.q_end), cost, (*node.edges, edge))
        if not layer:
            raise PlanningError(leg.item_index, leg.move.label, reasons[0])
        nodes = sorted(layer.values(), key=lambda node: node.cost_s)[:_NODES]
    return nodes[0].edges


def _pose_of(robot: Robot, leg: Leg) -> Callable[[Array], Array]:
    """The pose that a leg ends in; a pose target itself, so that all its branches share it."""
    target = leg.move.target
    if isinstance(target, JointTarget):
        return robot.forward
    return lambda _: target.transform_base_tool


def _edges(
    robot: Robot, leg: Leg, node: _Node, lines: dict[bytes, ToolCurve], reasons: list[MotionError]
) -> list[Edge]:
    """The ways to carry out a move; why there are none or fewer goes to `reasons`."""
    target = leg.move.target
    q = node.q
    try:
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
        if leg.move.via is None and np.abs(end - node.pose).max() < _STILL_RAD:
            return [Edge(q, q, None)]
        mark = node.pose.tobytes()
        if mark not in lines:
            via = leg.move.via
            lines[mark] = (
                ToolLine(robot, node.pose, end)
                if via is None
                else ToolArc(robot, node.pose, via.transform_base_tool, end)
            )
        line = LinePath(lines[mark], q)
        if isinstance(target, JointTarget) and (
            np.abs(line.q_end - target.q).max() > _LINE_END_RAD
        ):
            raise MotionError(
                "singularity",
                "a straight line from here ends on another branch than the joint target",
                q=line.q_end,
            )
        return [Edge(q, line.q_end, line)]
    except UnreachablePoseError as error:
        reasons.append(
            MotionError(error.reason, str(error), transform_base_tool=error.transform_base_tool)
        )
    except MotionError as error:
        reasons.append(error)
    return []


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


def _without_turns(q: Array) -> bytes:
    """The same for positions that differ by full turns: they collide alike."""
    return np.round(np.remainder(q, 2 * np.pi), 6).tobytes()


def _standing(scene: CollisionScene, q: Array, attached: PartShape | None) -> MotionError | None:
    """What is in the way of standing at `q`."""
    hit = scene.first_collision(q[None], attached, contacts(scene, q, q, attached))
    return None if hit is None else collision_error(hit, q[None])

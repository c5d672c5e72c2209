"""A way around: lifted first, else two trees that grow towards each other; then a smooth curve.

Most of what blocks a straight motion stands below it: the tool is raised at both ends, or the arm
folded as it is where the program starts. Where that does not help, RRT-Connect (Kuffner and
LaValle, ICRA 2000) looks in joint space scaled by the joints' speeds, so that "near" means "soon".
The random numbers come from a seed: the same question has the same answer.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from itertools import pairwise
from typing import Final, TypeAlias

import numpy as np

from planners.arrays import Array
from planners.kinematics.collision import CollisionScene
from planners.kinematics.errors import UnreachablePoseError
from planners.kinematics.robot import Robot
from planners.kinematics.shapes import PartShape
from planners.motion.clearance import curve_samples, line_samples
from planners.motion.errors import MotionError
from planners.motion.paths import SplinePath

Free: TypeAlias = Callable[[Array, Array], bool]

_STEP_S: Final = 0.15
MOST_NODES: Final = 1500
_SHORTCUTS: Final = 30
_PIECES: Final = 3
_GLANCE: Final = 12
_LIFTS_M: Final = (0.1, 0.2, 0.35)
_SPACINGS_RAD: Final = (1.5, 1.0, 0.7, 0.5, 0.35, 0.25, 0.15, 0.08)


def detour(
    scene: CollisionScene,
    q_start: Array,
    q_end: Array,
    attached: PartShape | None,
    touching: dict[str, float],
    seed: int,
    nodes: int = MOST_NODES,
    rest: Array | None = None,
) -> SplinePath:
    """A smooth collision-free path from `q_start` to `q_end`, both free.

    Args:
        scene: the arm in its surroundings.
        q_start: (6,) where it starts.
        q_end: (6,) where it ends.
        attached: the part in the gripper.
        touching: how near the part may come to what it touches.
        seed: of the random numbers.
        nodes: most positions of the trees; 0 tries only what is lifted or folded.
        rest: (6,) a position in which the arm is out of the way, if one is known.

    Raises:
        MotionError: none was found.
    """
    blocking: Counter[tuple[str, str]] = Counter()

    def free(a: Array, b: Array) -> bool:
        samples = line_samples(scene, a, b, attached, glance=_GLANCE)
        hit = scene.first_collision(samples, attached, touching)
        if hit is not None:
            blocking[hit.body_a, hit.body_b] += 1
        return hit is None

    rng = np.random.default_rng(seed)
    way = _lifted(scene, q_start, q_end, free, rest)
    if way is None and nodes > 0:
        way = _connect(scene, q_start, q_end, free, rng, nodes)
    if way is None:
        pair, count = blocking.most_common(1)[0]
        raise MotionError(
            "no_path",
            f"no way around found over raised positions and {nodes} others; of {blocking.total()}"
            f" tries {count} were stopped by {pair[0]!r} and {pair[1]!r}",
            bodies=pair,
            q=q_start,
        )
    corners = _shortened(way, free, rng)
    for spacing in _SPACINGS_RAD:
        path = SplinePath(corners, spacing)
        q = curve_samples(scene, path, attached)
        if scene.first_collision(q, attached, touching) is None:
            return path
    raise MotionError("no_path", "the way around is too narrow for a smooth curve")


def _lifted(
    scene: CollisionScene, q_start: Array, q_end: Array, free: Free, rest: Array | None
) -> list[Array] | None:
    """The shortest free way over two raised or folded positions; None if all are blocked."""
    robot = scene.robot
    overs: list[tuple[Array, Array]] = []
    for height in _LIFTS_M:
        raised = []
        for q in (q_start, q_end):
            pose = robot.forward(q).copy()
            pose[:3, 3] += height * _up(robot)
            try:
                raised.append(robot.inverse_nearest(pose, q))
            except UnreachablePoseError:
                break
        if len(raised) == 2:
            overs.append((raised[0], raised[1]))
    if rest is not None:
        # Axis 1 turns the arm; the others, or the next two alone, fold it.
        for folded in (slice(1, None), slice(1, 3), slice(1, 2), slice(2, 3), slice(1, 4)):
            pair = q_start.copy(), q_end.copy()
            for q in pair:
                q[folded] = rest[folded]
            overs.append(pair)
    ways = [[q_start, *over, q_end] for over in overs]
    ways.sort(key=lambda way: _seconds(robot, way))
    for way in ways:
        if all(free(a, b) for a, b in ((way[1], way[2]), (way[0], way[1]), (way[2], way[3]))):
            return way
    return None


def _up(robot: Robot) -> Array:
    """Upwards in the base's axes."""
    return np.asarray(robot.transform_world_base[2, :3])


def _seconds(robot: Robot, way: list[Array]) -> float:
    return float((np.abs(np.diff(np.array(way), axis=0)) / robot.velocity).max(axis=1).sum())


class _Tree:
    def __init__(self, root: Array) -> None:
        self.q = root[None].copy()
        self.parent = [-1]

    def add(self, q: Array, parent: int) -> int:
        self.q = np.vstack([self.q, q])
        self.parent.append(parent)
        return len(self.parent) - 1

    def branch(self, node: int) -> list[Array]:
        way = []
        while node >= 0:
            way.append(self.q[node])
            node = self.parent[node]
        return way


def _connect(
    scene: CollisionScene,
    q_start: Array,
    q_end: Array,
    free: Free,
    rng: np.random.Generator,
    nodes: int,
) -> list[Array] | None:
    robot = scene.robot
    # Sampling every turn of a joint that turns twice would only lead astray.
    low = np.maximum(robot.lower, np.minimum(q_start, q_end) - np.pi)
    high = np.minimum(robot.upper, np.maximum(q_start, q_end) + np.pi)
    here, there = _Tree(q_start), _Tree(q_end)
    forward = True
    while len(here.parent) + len(there.parent) < nodes:
        new = _extend(robot.velocity, here, rng.uniform(low, high), free)
        if new is not None:
            goal, met = here.q[new], None
            while met is None:
                node = _extend(robot.velocity, there, goal, free)
                if node is None:
                    break
                if np.array_equal(there.q[node], goal):
                    met = node
            if met is not None:
                way = here.branch(new)[::-1] + there.branch(met)[1:]
                return way if forward else way[::-1]
        here, there, forward = there, here, not forward
    return None


def _extend(velocity: Array, tree: _Tree, goal: Array, free: Free) -> int | None:
    distance = np.abs((tree.q - goal) / velocity).max(axis=1)
    nearest = int(distance.argmin())
    share = _STEP_S / max(float(distance[nearest]), 1e-12)
    q = goal if share >= 1.0 else tree.q[nearest] + share * (goal - tree.q[nearest])
    return tree.add(q, nearest) if free(tree.q[nearest], q) else None


def _shortened(way: list[Array], free: Free, rng: np.random.Generator) -> Array:
    """Fewer and nearer corners: straight from somewhere on the way to somewhere later, if free."""
    way = [
        a + share * (b - a)
        for a, b in pairwise(way)
        for share in np.linspace(0.0, 1.0, _PIECES, endpoint=False)
    ] + way[-1:]
    for _ in range(_SHORTCUTS):
        if len(way) < 3:
            break
        i, k = sorted(rng.choice(len(way), 2, replace=False))
        if k - i > 1 and free(way[i], way[k]):
            way = way[: i + 1] + way[k:]
    return np.array(way)

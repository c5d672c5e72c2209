"""Who is too near to whom: the arm, its tool, the part it holds and its surroundings.

Compiled lower bounds (`bounds.py`) tell which pairs of solids need coal's exact signed distance.
Each distance starts from coal's default guess, so that a verdict never depends on what was asked
before, and a body counts as hit when it is nearer than a positive margin.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Final

import numpy as np
from numpy.typing import NDArray

from planners.arrays import Array, plain
from planners.kinematics.allowed import AllowedCollisions, allowed_collisions, own_pairs
from planners.kinematics.exact import ExactDistance
from planners.kinematics.robot import Robot
from planners.kinematics.shapes import Body, Box, PartShape, bounding_radius
from planners.kinematics.solids import WORLD, Pairs, indexed, joined, solid

PART: Final = "part"
"""The name of the attached part in every report."""


@dataclass(frozen=True)
class Clearance:
    """The two bodies that are nearest to each other; a negative distance is depth of overlap."""

    distance_m: float
    body_a: str
    body_b: str


@dataclass(frozen=True)
class PathCollision:
    """The first configuration of a path at which two bodies are too near."""

    index: int
    body_a: str
    body_b: str
    distance_m: float


@dataclass(frozen=True, eq=False)
class _Checks:
    """Pairs of a scene with their exact distances, and how far from each joint a body can be."""

    pairs: Pairs
    exact: ExactDistance
    reach: Array


class _Look:
    """A walk along positions (n, 6), from one that is too near to the next."""

    def __init__(self, checks: _Checks, chain: Array, q: Array) -> None:
        pairs = checks.pairs
        self._checks, self._chain, self._q, self._start = checks, chain, q, 0
        self._slack = np.full(len(pairs.pairs), -1.0)
        self._since = np.zeros(len(pairs.pairs), dtype=np.int64)
        self._due, self._seen = self._slack.copy(), np.zeros(1, dtype=np.int64)
        self._poses = pairs.still.copy()

    def next(self) -> tuple[int, int, float] | None:
        """Position, pair and distance of the next pair that is too near."""
        from planners.kinematics.sweep import first_undecided

        pairs, q = self._checks.pairs, self._q
        while True:
            at, k = first_undecided(
                self._chain, pairs.link, pairs.local, pairs.half, pairs.radius, pairs.kind,
                pairs.first, pairs.points, pairs.reach, pairs.pairs, pairs.margin_m,
                q, self._start, self._slack, self._since, self._due, self._seen, self._poses,
            )  # fmt: skip
            if at == len(q):
                return None
            distance = self._checks.exact.distance(self._poses, k)
            room = distance - pairs.margin_m[k]
            self._slack[k], self._since[k], self._start = room, at, at
            self._due[k] = room
            if room < 0.0:
                return int(at), int(k), distance

    def skip(self, start: int) -> None:
        """Go on at this position."""
        self._start = start


class CollisionScene:
    """An arm in its surroundings; configurations `q` are (6,) in rad. Not to be shared by threads.

    Args:
        robot: the arm. Its link shapes come from its URDF; meshes count as their convex hulls.
        obstacles: what stands still, posed in the arm's base frame.
        tool: what is bolted to the flange, posed in `tool0`.
        margin_m: bodies nearer than this count as colliding. Positive.
        unchecked: a tool and an obstacle each, which are not compared: what the tool grips.

    Attributes:
        allowed: pairs of the arm's own links that are not compared, and why.
    """

    def __init__(
        self,
        robot: Robot,
        *,
        obstacles: Sequence[Body] = (),
        tool: Sequence[Body] = (),
        margin_m: float = 0.005,
        unchecked: Collection[tuple[str, str]] = (),
    ) -> None:
        if not 0.0 < margin_m < 0.1:
            raise ValueError(f"margin_m must be between 0 and 0.1 m: {margin_m}")
        self.robot = robot
        self.obstacles = tuple(obstacles)
        self.tool = tuple(tool)
        self.margin_m = margin_m
        self._unchecked = frozenset(unchecked)
        names = [body.name for body in self.obstacles]
        links = {shape.link for shape in robot.description.shapes} | {PART}
        doubled = {n for n in names if names.count(n) > 1} | (set(names) & links)
        if doubled:
            raise ValueError(f"names of obstacles must be unique: {sorted(doubled)}")
        flange = robot.description.transform_last_tool0
        self._tcp = flange @ robot.transform_flange_tool
        self._arm = tuple(
            solid(s.link, s.link_index, s.shape, s.transform_link_shape)
            for s in robot.description.shapes
        )
        self._tool = tuple(
            solid(b.name, robot.dof, b.shape, flange @ b.transform) for b in self.tool
        )
        self._world = tuple(solid(b.name, WORLD, b.shape, b.transform) for b in self.obstacles)
        moving = self._arm + self._tool
        self.allowed: AllowedCollisions = allowed_collisions(robot, moving, margin_m)
        self._bare = self._checks(
            indexed(robot, moving + self._world, self._without_part(), margin_m), None
        )
        self._with_part: dict[tuple[tuple[float, float, float], bytes], _Checks] = {}
        # The last question with contacts: it is mostly asked again at once, of another path.
        self._touching: tuple[tuple[object, ...], _Checks] | None = None

    def in_collision(self, q: Array, attached: PartShape | None = None) -> tuple[str, str] | None:
        """The first pair of bodies that are too near at `q`, or None."""
        found = self.first_collision(np.asarray(q, dtype=float)[None], attached)
        return None if found is None else (found.body_a, found.body_b)

    def collisions(self, q: Array, attached: PartShape | None = None) -> NDArray[np.bool_]:
        """Whether any two bodies are too near, for each of the configurations (n, 6): (n,)."""
        checks = self._checked(attached, {})
        q = plain(q)
        hit = np.zeros(len(q), dtype=np.bool_)
        look = _Look(checks, self.robot.model.chain, q)
        while (found := look.next()) is not None:
            hit[found[0]] = True
            look.skip(found[0] + 1)
        return hit

    def distance(self, q: Array, attached: PartShape | None = None) -> Clearance:
        """The smallest distance at `q` over all pairs that are compared.

        Raises:
            ValueError: nothing is compared (no obstacles, and no link shapes).
        """
        checks = self._checked(attached, {})
        pairs = checks.pairs
        poses, bounds = self._bounds(pairs, plain(q))
        best: Clearance | None = None
        for k in bounds.argsort(kind="stable").tolist():
            if best is not None and bounds[k] >= best.distance_m:
                break
            exact = checks.exact.distance(poses, k)
            if best is None or exact < best.distance_m:
                best = Clearance(exact, *self._names(pairs, k))
        if best is None:
            raise ValueError("no two bodies of the scene can meet")
        return best

    def distances(self, q: Array, attached: PartShape | None = None) -> Array:
        """The smallest distances (n,) at configurations (n, 6)."""
        return np.array([self.distance(row, attached).distance_m for row in q])

    def first_collision(
        self,
        q: Array,
        attached: PartShape | None = None,
        touching: Mapping[str, float] | None = None,
    ) -> PathCollision | None:
        """The first of the configurations (n, 6) at which two bodies are too near, or None.

        Args:
            q: configurations in order.
            attached: the part in the gripper.
            touching: how near (m) the part may come to the named bodies instead of the margin.
        """
        checks = self._checked(attached, touching or {})
        found = _Look(checks, self.robot.model.chain, plain(q)).next()
        if found is None:
            return None
        index, k, distance = found
        return PathCollision(index, *self._names(checks.pairs, k), distance)

    def part_distances(self, q: Array, attached: PartShape) -> dict[str, float]:
        """Signed distance at `q` from the part to each body that is nearer than the margin."""
        checks = self._checked(attached, {})
        pairs = checks.pairs
        poses, bounds = self._bounds(pairs, plain(q))
        found: dict[str, float] = {}
        for k in np.nonzero(bounds < self.margin_m)[0].tolist():
            first, name = self._names(pairs, k)
            if first != PART:
                continue
            distance = checks.exact.distance(poses, k)
            if distance < self.margin_m:
                found[name] = min(distance, found.get(name, distance))
        return found

    def displacement(self, q: Array, attached: PartShape | None = None) -> Array:
        """How far (m) any point of arm, tool or part moves at most between neighbours: (n - 1,)."""
        moved: Array = np.abs(np.diff(q, axis=0)) @ self._checked(attached, {}).reach
        return moved

    def travel(self, q_start: Array, q_end: Array, attached: PartShape | None = None) -> float:
        """How far (m) any point of arm, tool or part moves at most on a straight joint motion."""
        return float(np.abs(q_end - q_start) @ self._checked(attached, {}).reach)

    def _bounds(self, pairs: Pairs, q: Array) -> tuple[Array, Array]:
        from planners.kinematics.bounds import all_bounds

        poses = pairs.still.copy()
        bounds = np.empty(len(pairs.pairs))
        all_bounds(
            self.robot.model.chain, pairs.link, pairs.local, pairs.half, pairs.radius, pairs.pairs,
            q, poses, bounds,
        )  # fmt: skip
        return poses, bounds

    @staticmethod
    def _names(pairs: Pairs, k: int) -> tuple[str, str]:
        a, b = pairs.pairs[k].tolist()
        return pairs.solids[a].body, pairs.solids[b].body

    def _checks(self, pairs: Pairs, attached: PartShape | None) -> _Checks:
        return _Checks(pairs, ExactDistance(pairs), self._joint_reach(attached))

    def _checked(self, attached: PartShape | None, touching: Mapping[str, float]) -> _Checks:
        if attached is None:
            return self._bare
        key = (attached.size_m, attached.transform_tool_part.tobytes())
        if key not in self._with_part:
            self._with_part[key] = self._checks(self._with(attached), attached)
        checks = self._with_part[key]
        if not touching:
            return checks
        asked = (*key, tuple(touching.items()))
        if self._touching is not None and self._touching[0] == asked:
            return self._touching[1]
        margin = checks.pairs.margin_m.copy()
        first = len(self._bare.pairs.pairs)  # the part's come last
        for k, other in enumerate(checks.pairs.pairs[first:, 1].tolist(), first):
            name = checks.pairs.solids[other].body
            if name in touching:
                margin[k] = min(margin[k], touching[name])
        checks = replace(checks, pairs=replace(checks.pairs, margin_m=margin))
        self._touching = asked, checks
        return checks

    def _without_part(self) -> list[tuple[int, int]]:
        moving = self._arm + self._tool
        world = range(len(moving), len(moving) + len(self._world))
        outer = [(i, k) for i, a in enumerate(moving) if a.link != WORLD for k in world]
        if self._unchecked:
            of = {k: body.body for k, body in enumerate(moving + self._world)}
            outer = [(i, k) for i, k in outer if (of[i], of[k]) not in self._unchecked]
        return own_pairs(moving, self.allowed) + outer

    def _with(self, attached: PartShape) -> Pairs:
        bare = self._bare.pairs
        pose = self._tcp @ attached.transform_tool_part
        part = solid(PART, self.robot.dof, Box(attached.size_m), pose)
        mine, first = len(bare.solids), len(self._arm) + len(self._tool)
        pairs = [(mine, k) for k, b in enumerate(self._arm) if b.link < self.robot.dof - 1]
        pairs += [
            (mine, first + k) for k, body in enumerate(self.obstacles) if not body.may_touch_part
        ]
        return joined(bare, indexed(self.robot, (part,), [], self.margin_m), pairs, self.margin_m)

    def _joint_reach(self, attached: PartShape | None) -> Array:
        """Upper bound (6,) of the distance from each joint to anything it moves."""
        steps, beyond = self._spans
        reach: Array = beyond.copy()
        if attached is not None:
            centre = (self._tcp @ attached.transform_tool_part)[:3, 3]
            offset = float(np.linalg.norm(centre)) + bounding_radius(Box(attached.size_m))
            reach[-1] = max(reach[-1], offset)
        for joint in range(self.robot.dof - 2, -1, -1):
            reach[joint] = max(reach[joint], steps[joint] + reach[joint + 1])
        return reach

    @cached_property
    def _spans(self) -> tuple[Array, Array]:
        """From each joint to the next, and from each to what its own link carries at most, m."""
        zero = self.robot.link_poses(np.zeros(self.robot.dof))[0]
        steps = np.linalg.norm(np.diff(zero[1:, :3, 3], axis=0), axis=1)
        beyond: Array = np.zeros(self.robot.dof)
        for one in self._arm + self._tool:
            if one.link != WORLD:
                offset = float(np.linalg.norm(one.transform_link_shape[:3, 3])) + one.radius
                beyond[one.link - 1] = max(beyond[one.link - 1], offset)
        return steps, beyond

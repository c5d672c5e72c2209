"""An arm with its tool: limits, forward and inverse kinematics, Jacobian; arrays in, arrays out.

Everything is computed by compiled kernels on the chain of the arm's joints. When an arm is read,
its forward kinematics is compared with pinocchio's, and its closed form with both.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from importlib import import_module
from pathlib import Path
from types import ModuleType
from typing import Final

import numpy as np
from numpy.typing import NDArray

from planners.arrays import Array, plain
from planners.kinematics.arm_description import ArmDescription, read_arm
from planners.kinematics.arm_model import ArmModel, arm_model
from planners.kinematics.errors import UnreachablePoseError
from planners.kinematics.layout import BRANCHES
from planners.kinematics.payload import Payload, Tool
from planners.kinematics.shapes import checked_transform
from planners.kinematics.solutions import BRANCH_LABELS, LIMIT_SLACK_RAD, InverseSolutions

_SAME_SOLUTION: Final = 1e-6
_FREE_JOINT_TRIES: Final = 16
_ITERATIONS: Final = 100
_NUMBERED: Final = tuple(f"solution {k + 1}" for k in range(BRANCHES))


@dataclass(frozen=True, eq=False)
class Robot:
    """An arm, its tool and where it stands. Angles in rad; every pose is in the arm's base frame.

    Attributes:
        name: the arm's name in its URDF.
        joint_names: names from base to flange; every `q` has this order.
        lower, upper: (6,) position limits, rad.
        velocity: (6,) rad/s. acceleration: (6,) rad/s^2. jerk: (6,) rad/s^3. effort: (6,) N m.
        transform_flange_tool: (4, 4) the tool centre point in `tool0` (flange, z outwards).
        tool_load: mass of the tool, in the frame of its centre point (joint torques).
        transform_world_base: (4, 4) where the arm stands; gives gravity its direction.
        description: the arm as its URDF tells it.
        model: its joints as a chain, and the closed form that fits it.
    """

    name: str
    joint_names: tuple[str, ...]
    lower: Array
    upper: Array
    velocity: Array
    acceleration: Array
    jerk: Array
    effort: Array
    transform_flange_tool: Array
    tool_load: Payload
    transform_world_base: Array
    description: ArmDescription
    model: ArmModel = field(repr=False)
    _limits: Array = field(repr=False)
    _zero: Array = field(repr=False)

    @classmethod
    def from_urdf(
        cls,
        path: str | Path,
        *,
        tool: Tool | None = None,
        transform_flange_tool: Array | None = None,
        tool_mass_kg: float = 0.0,
        transform_world_base: Array | None = None,
        prefix: str = "",
        tip: str | None = None,
    ) -> Robot:
        """Read an arm from `.urdf` or `.xacro`.

        Args:
            path: the file; what is needed in it is in docs/motion.md.
            tool: what is bolted to the flange; or, for short, the next two:
            transform_flange_tool: (4, 4) the tool centre point in the flange's frame.
            tool_mass_kg: mass of the tool, acting at the tool centre point.
            transform_world_base: (4, 4) where the arm stands.
            prefix: before every name of a xacro file that takes the argument.
            tip: link of the flange, z outwards, if it is not called `tool0` or `flange`.

        Raises:
            ArmDescriptionError: the file is no arm of six or seven revolute joints.
            ValueError: a transform is not rigid, a mass is negative, or the tool is given twice.
        """
        arm = read_arm(path, prefix, tip)
        if tool is None:
            here = np.eye(4) if transform_flange_tool is None else transform_flange_tool
            tool = Tool(here, Payload(tool_mass_kg))
        elif transform_flange_tool is not None or tool_mass_kg != 0.0:
            raise ValueError("give tool, or transform_flange_tool and tool_mass_kg, not both")
        limits = {
            key: _frozen([getattr(joint, key) for joint in arm.joints])
            for key in ("lower", "upper", "velocity", "acceleration", "jerk", "effort")
        }
        base = np.eye(4) if transform_world_base is None else transform_world_base
        return cls(
            name=arm.name,
            joint_names=tuple(joint.name for joint in arm.joints),
            **limits,
            transform_flange_tool=tool.transform_flange_tool,
            tool_load=tool.load,
            transform_world_base=checked_transform(base, "transform_world_base"),
            description=arm,
            model=arm_model(arm, tool.transform_flange_tool),
            _limits=np.stack([limits["lower"], limits["upper"]]),
            _zero=np.zeros((1, len(arm.joints))),
        )

    @property
    def tool_mass_kg(self) -> float:
        """Mass of the tool."""
        return self.tool_load.mass_kg

    @property
    def dof(self) -> int:
        """Number of joints."""
        return len(self.joint_names)

    def forward(self, q: Array) -> Array:
        """Pose of the tool in the base: (6,) gives (4, 4), (n, 6) gives (n, 4, 4)."""
        positions = self._positions(q)
        poses = np.empty((len(positions), 4, 4))
        _kernels("chain").forward_batch(self.model.chain, positions, poses)
        return poses if np.ndim(q) == 2 else poses[0]

    def link_poses(self, q: Array) -> Array:
        """Poses (n, 7, 4, 4) in the base of the base link and the six moving links."""
        positions = self._positions(q)
        links = np.empty((len(positions), self.dof + 1, 4, 4))
        _kernels("chain").links_batch(
            self.model.chain, self.model.align, np.eye(4), positions, links
        )
        return links

    def jacobian(self, q: Array) -> Array:
        """Linear, then angular velocity of the TCP in base axes per joint speed.

        (6,) gives (6, 6), (n, 6) gives (n, 6, 6).
        """
        positions = self._positions(q)
        jacobians = np.empty((len(positions), 6, self.dof))
        _kernels("chain").jacobian_batch(self.model.chain, positions, jacobians)
        return jacobians if np.ndim(q) == 2 else jacobians[0]

    def smallest_singular_value(self, q: Array) -> Array:
        """Of the Jacobians at (n, 6), with lengths divided by the arm's reach: (n,)."""
        scaled = self.jacobian(np.atleast_2d(q))
        scaled[:, :3] /= self.model.reach_m
        return np.asarray(np.linalg.svd(scaled, compute_uv=False)[:, -1], dtype=float)

    @property
    def solver(self) -> str:
        """How the inverse is found, in words; a numeric engine says so here."""
        if self.model.family is None:
            return "numeric: damped least squares with restarts, solutions may be missed"
        return f"{self.model.solver} ({self.model.family.replace('_', ' ')})"

    def frame_pose(self, name: str, q: Array) -> Array:
        """Pose (4, 4) in the base of a link of the file at `q` (6,).

        Raises:
            KeyError: no such link.
        """
        frame = self.description.frames[name]
        pose: Array = self.link_poses(q)[0, frame.link_index] @ frame.transform_link_frame
        return pose

    def elbow_angle(self, q: Array) -> Array:
        """Angle (n,) of the elbow about the line from shoulder to wrist; seven axes only.

        0 is where the elbow is on the side of axis 1's direction, rad in [-pi, pi].

        Raises:
            ValueError: the arm has six axes.
        """
        if self.dof != 7:
            raise ValueError(f"{self.name} has {self.dof} axes: its elbow is not free")
        positions = self._positions(q)
        angles = np.empty(len(positions))
        _kernels("numeric").elbow_angles(self.model.chain, positions, angles)
        return angles

    def inverse(
        self,
        transform_base_tool: Array,
        q_near: Array | None = None,
        *,
        elbow_rad: float | None = None,
    ) -> InverseSolutions:
        """Every branch of one pose (4, 4) or of many (n, 4, 4).

        Args:
            transform_base_tool: poses of the tool in the base.
            q_near: (6,) or (n, 6); each joint is given at its turn nearest to it, and a joint that
                a singular pose leaves free stays there. Zero if it is not given.
            elbow_rad: with seven axes, the elbow angle; None leaves the elbow where the search from
                `q_near` ends, so that every pose within reach has a solution.

        Raises:
            ValueError: a pose is not rigid.
        """
        poses = plain(transform_base_tool)
        if poses.ndim == 2:
            poses = poses[None]
        if poses.shape[1:] != (4, 4):
            raise ValueError(f"a pose is a finite 4 x 4 matrix, not shape {poses.shape[1:]}")
        near = self._zero if q_near is None else self._positions(q_near)
        if len(near) not in (1, len(poses)):
            raise ValueError(f"q_near: {len(near)} positions for {len(poses)} poses")
        q = np.empty((len(poses), BRANCHES, self.dof))
        valid = np.empty((len(poses), BRANCHES), dtype=np.bool_)
        margin = np.empty((len(poses), BRANCHES))
        model, limits = self.model, self._limits
        if model.family is None:
            elbow = np.nan if elbow_rad is None or self.dof == 6 else elbow_rad
            wrong = self._numeric(poses, near, elbow, q, valid, margin)
            labels = _NUMBERED
        else:
            wrong = _kernels("inverse").inverse_batch(
                model.parallel, model.exact, model.parameters, model.chain, limits,
                poses, near, q, valid, margin,
            )  # fmt: skip
            labels = BRANCH_LABELS
        if wrong >= 0:
            checked_transform(poses[wrong], f"transform_base_tool {wrong}")
        return InverseSolutions(q, valid, margin, labels, self)

    def _numeric(
        self,
        poses: Array,
        near: Array,
        elbow: float,
        q: Array,
        valid: NDArray[np.bool_],
        margin: Array,
    ) -> int:
        wrong: int = _kernels("numeric").numeric_batch(
            self.model.chain, self._limits, poses, near, elbow, self.model.seeds, _ITERATIONS,
            q, valid, margin,
        )  # fmt: skip
        return wrong

    def inverse_all(self, transforms: Array, q_near: Array) -> Array:
        """The branches (n, 8, 6) of `inverse` alone; NaN where there is none, limits ignored."""
        return self.inverse(transforms, q_near).q

    def inverse_nearest(self, transform_base_tool: Array, q_near: Array) -> Array:
        """The solution (6,) whose largest joint difference from `q_near` is the smallest.

        All branches and all full turns within the limits are considered. Following a tool path with
        the last solution as `q_near` is continuous wherever the arm can be: where joint 5 passes
        its singular position, the branch changes and the joints do not.

        Raises:
            UnreachablePoseError: there is no solution within the joint limits.
        """
        near = np.asarray(q_near, dtype=float)
        q = self._reachable(transform_base_tool, near)
        nearest: Array = q[np.abs(q - near).max(axis=1).argmin()]
        return nearest

    def inverse_sorted(self, transform_base_tool: Array, q_near: Array) -> list[Array]:
        """Every branch, each joint at its turn nearest `q_near`, the nearest branch first.

        Raises:
            UnreachablePoseError: there is no solution within the joint limits.
        """
        near = np.asarray(q_near, dtype=float)
        q = self._reachable(transform_base_tool, near)
        distance = np.abs(q - near).max(axis=1)
        unique: list[Array] = []
        for k in np.argsort(distance, kind="stable"):
            if all(np.abs(q[k] - other).max() > _SAME_SOLUTION for other in unique):
                unique.append(q[k])
        return unique

    def equivalent_turns(self, q: Array) -> Array:
        """All positions (k, 6) within the limits that differ from `q` (6,) by full turns."""
        full = 2 * np.pi
        least = np.ceil((self.lower - LIMIT_SLACK_RAD - q) / full).astype(int)
        most = np.floor((self.upper + LIMIT_SLACK_RAD - q) / full).astype(int)
        ranges = [np.arange(a, b + 1) for a, b in zip(least, most, strict=True)]
        turns = np.stack(np.meshgrid(*ranges, indexing="ij"), axis=-1).reshape(-1, self.dof)
        positions: Array = q + full * turns
        return positions

    def nearest_turns(self, q: Array, q_near: Array) -> Array:
        """Each joint moved by full turns to its value nearest `q_near` that is within the limits.

        Where no turn is within the limits, the joint keeps the turn nearest `q_near`.
        """
        full = 2 * np.pi
        turns = np.floor((q_near - q) / full + 0.5)
        least = np.ceil((self.lower - LIMIT_SLACK_RAD - q) / full)
        most = np.floor((self.upper + LIMIT_SLACK_RAD - q) / full)
        allowed = np.minimum(np.maximum(turns, least), most)
        nearest: Array = q + full * np.where(least <= most, allowed, turns)
        return nearest

    def within_limits(self, q: Array) -> NDArray[np.bool_]:
        """Whether every joint of (..., 6) is within its position limits (slack 1e-9 rad)."""
        inside = (q >= self.lower - LIMIT_SLACK_RAD) & (q <= self.upper + LIMIT_SLACK_RAD)
        return np.asarray(inside.all(axis=-1))

    def _reachable(self, transform_base_tool: Array, near: Array) -> Array:
        """Solutions (k, 6) of one pose within the limits, at their turns nearest `near`.

        Raises:
            UnreachablePoseError: there are none.
        """
        elbow = float(self.elbow_angle(near)[0]) if self.dof == 7 else None
        found = self.inverse(transform_base_tool, near, elbow_rad=elbow)
        q: Array = found.q[found.limit_distance_rad >= -LIMIT_SLACK_RAD]
        return q if len(q) else self._other_free_joints(found, transform_base_tool, near)

    def _other_free_joints(self, found: InverseSolutions, pose: Array, near: Array) -> Array:
        """Solutions of a singular pose whose free joint has to be elsewhere than at `near`.

        Raises:
            UnreachablePoseError: there are none.
        """
        reached = found.q[found.valid]
        spread = np.linspace(0.0, 2 * np.pi, _FREE_JOINT_TRIES, endpoint=False)[:, None]
        poses = np.broadcast_to(pose, (_FREE_JOINT_TRIES, 4, 4))
        others = self.inverse(poses, near + spread, elbow_rad=None)
        q = self.nearest_turns(others.q[others.valid], near)
        allowed: Array = q[self.within_limits(q)] if len(q) else q
        if len(allowed):
            return allowed
        transform = np.asarray(pose, dtype=float)
        if len(reached) == 0:
            detail = f"out of reach of {self.name} in this orientation"
            raise UnreachablePoseError(transform, "out_of_reach", detail)
        raise UnreachablePoseError(transform, "joint_limits", self._blocking(reached))

    def _blocking(self, q: Array) -> str:
        """Says which joints stand in the way, and by how much at least."""
        over = np.maximum(q - self.upper, self.lower - q)
        least: dict[str, float] = {}
        for row in over:
            joint = int(row.argmax())
            name = self.joint_names[joint]
            least[name] = min(least.get(name, np.inf), float(np.degrees(row[joint])))
        names = ", ".join(f"{name} by {degrees:.1f} deg" for name, degrees in least.items())
        return f"every branch breaks a joint limit ({names} at least)"

    def _positions(self, q: Array) -> Array:
        positions = plain(q)
        if positions.ndim == 1:
            positions = positions[None]
        if positions.ndim != 2 or positions.shape[1] != self.dof:
            raise ValueError(f"{self.dof} joint positions expected, got shape {positions.shape}")
        return positions


def _kernels(name: str) -> ModuleType:
    """A module of compiled kernels, loaded at first use: who only reads files needs no numba."""
    return import_module(f"planners.kinematics.{name}")


def _frozen(values: list[float]) -> Array:
    array = np.array(values)
    array.setflags(write=False)
    return array

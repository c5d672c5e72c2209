"""A six-axis arm with a tool: limits, forward and inverse kinematics, Jacobian.

Computed in numpy for many configurations at once, from the axes as they lie at the zero position
(product of exponentials: Lynch and Park, "Modern Robotics", 2017, eq. 4.14 and 5.11). The tests
compare it with pinocchio and with MuJoCo, which read the same URDF by themselves.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray

from planners.arrays import Array
from planners.kinematics.arm_description import ArmDescription, read_arm
from planners.kinematics.errors import ArmDescriptionError, UnreachablePoseError
from planners.kinematics.inverse import Family, all_branches, arm_family
from planners.kinematics.shapes import checked_transform

POSE_TOLERANCE: Final = 1e-7
"""An inverse kinematics branch counts if its pose is this near (m, and rad as matrix entries)."""

_SAME_SOLUTION: Final = 1e-6
_FREE_JOINT_TRIES: Final = 16
_LIMIT_SLACK: Final = 1e-9


@dataclass(frozen=True, eq=False)
class Robot:
    """An arm, its tool and where it stands. Angles in rad; every pose is in the arm's base frame.

    Attributes:
        name: the arm's name in its URDF.
        joint_names: names from base to flange; every `q` has this order.
        lower, upper: (6,) position limits, rad.
        velocity: (6,) rad/s. acceleration: (6,) rad/s^2. jerk: (6,) rad/s^3. effort: (6,) N m.
        transform_flange_tool: (4, 4) the tool centre point in `tool0` (flange, z outwards).
        tool_mass_kg: mass of the tool, acting at the tool centre point (joint torques).
        transform_world_base: (4, 4) where the arm stands; gives gravity its direction.
        description: the arm as its URDF tells it.
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
    tool_mass_kg: float
    transform_world_base: Array
    description: ArmDescription
    _axes: Array = field(repr=False)
    _points: Array = field(repr=False)
    _cross: Array = field(repr=False)
    _zero_links: Array = field(repr=False)
    _zero_tool: Array = field(repr=False)
    _family: Family = field(repr=False)

    @classmethod
    def from_urdf(
        cls,
        path: str | Path,
        *,
        transform_flange_tool: Array | None = None,
        tool_mass_kg: float = 0.0,
        transform_world_base: Array | None = None,
        prefix: str = "",
    ) -> Robot:
        """Read an arm from `.urdf` or `.xacro`.

        Raises:
            ArmDescriptionError: the file is no six-axis arm, or of no family with a closed form
                (spherical wrist, or three parallel axes).
            ValueError: a transform is not rigid, or the tool's mass is negative.
        """
        arm = read_arm(path, prefix)
        if not 0.0 <= tool_mass_kg < np.inf:
            raise ValueError(f"tool_mass_kg must not be negative: {tool_mass_kg}")
        links = [np.eye(4)]
        for joint in arm.joints:
            links.append(links[-1] @ joint.transform_parent_joint)
        axes = np.array([links[i + 1][:3, :3] @ j.axis for i, j in enumerate(arm.joints)])
        points = np.array([link[:3, 3] for link in links[1:]])
        family = arm_family(axes, points)
        if family is None:
            raise ArmDescriptionError(
                Path(path),
                "its axes have no closed-form inverse here: axes 2 and 3 must be parallel, and"
                " either axes 4, 5, 6 meet in a point or axis 4 is parallel too and 5, 6 meet",
            )
        limits = {
            key: _frozen([getattr(joint, key) for joint in arm.joints])
            for key in ("lower", "upper", "velocity", "acceleration", "jerk", "effort")
        }
        tool = np.eye(4) if transform_flange_tool is None else transform_flange_tool
        base = np.eye(4) if transform_world_base is None else transform_world_base
        return cls(
            name=arm.name,
            joint_names=tuple(joint.name for joint in arm.joints),
            **limits,
            transform_flange_tool=checked_transform(tool, "transform_flange_tool"),
            tool_mass_kg=tool_mass_kg,
            transform_world_base=checked_transform(base, "transform_world_base"),
            description=arm,
            _axes=axes,
            _points=points,
            _cross=np.array([np.cross(axis, -np.eye(3)) for axis in axes]),
            _zero_links=np.array(links),
            _zero_tool=links[-1] @ arm.transform_last_tool0 @ tool,
            _family=family,
        )

    @property
    def dof(self) -> int:
        """Number of joints."""
        return len(self.joint_names)

    def forward(self, q: Array) -> Array:
        """Pose of the tool in the base: (6,) gives (4, 4), (n, 6) gives (n, 4, 4)."""
        positions = np.atleast_2d(np.asarray(q, dtype=float))
        pose = self._screws(positions)[:, -1] @ self._zero_tool
        return pose if np.ndim(q) == 2 else pose[0]

    def link_poses(self, q: Array) -> Array:
        """Poses (n, 7, 4, 4) in the base of the base link and the six moving links."""
        screws = self._screws(np.atleast_2d(np.asarray(q, dtype=float)))
        links = np.empty((len(screws), self.dof + 1, 4, 4))
        links[:, 0] = self._zero_links[0]
        links[:, 1:] = screws @ self._zero_links[1:]
        return links

    def jacobian(self, q: Array) -> Array:
        """Linear, then angular velocity of the TCP in base axes per joint speed.

        (6,) gives (6, 6), (n, 6) gives (n, 6, 6).
        """
        screws = self._screws(np.atleast_2d(np.asarray(q, dtype=float)))
        tcp = screws[:, -1, :3, :3] @ self._zero_tool[:3, 3] + screws[:, -1, :3, 3]
        axes = (screws[..., :3, :3] @ self._axes[..., None])[..., 0]
        points = (screws[..., :3, :3] @ self._points[..., None])[..., 0] + screws[..., :3, 3]
        arm = tcp[:, None] - points
        jacobian = np.empty((len(screws), 6, self.dof))
        for row, (i, k) in enumerate(((1, 2), (2, 0), (0, 1))):
            jacobian[:, row] = axes[..., i] * arm[..., k] - axes[..., k] * arm[..., i]
            jacobian[:, 3 + row] = axes[..., row]
        return jacobian if np.ndim(q) == 2 else jacobian[0]

    def inverse(self, transform_base_tool: Array) -> list[Array]:
        """Every branch that reaches the pose within the joint limits, at its turn nearest zero.

        Raises:
            UnreachablePoseError: there is none.
        """
        return self._inverse(transform_base_tool, np.zeros(self.dof))

    def inverse_nearest(self, transform_base_tool: Array, q_near: Array) -> Array:
        """The solution (6,) whose largest joint difference from `q_near` is the smallest.

        Raises:
            UnreachablePoseError: there is no solution within the joint limits.
        """
        return self.inverse_sorted(transform_base_tool, q_near)[0]

    def inverse_sorted(self, transform_base_tool: Array, q_near: Array) -> list[Array]:
        """Every branch, each joint at its turn nearest `q_near`, the nearest branch first.

        Raises:
            UnreachablePoseError: there is no solution within the joint limits.
        """
        near = np.asarray(q_near, dtype=float)
        found = self._inverse(transform_base_tool, near)
        return sorted(found, key=lambda q: float(np.max(np.abs(q - near))))

    def inverse_all(self, transforms: Array, q_near: Array) -> Array:
        """Branches (n, 8, 6) for poses (n, 4, 4); NaN where a pose has none, limits ignored.

        Args:
            transforms: poses of the tool in the base.
            q_near: (n, 6) decides joints that a singular pose leaves free.
        """
        motion = transforms @ _inverse_transform(self._zero_tool)
        q = all_branches(self._axes, self._points, self._family, motion, q_near)
        reached = self.forward(q.reshape(-1, self.dof)).reshape(*q.shape[:2], 4, 4)
        error = np.abs(reached - transforms[:, None]).max(axis=(-1, -2))
        q[~(error < POSE_TOLERANCE)] = np.nan
        return q

    def nearest_turns(self, q: Array, q_near: Array) -> Array:
        """Each joint moved by full turns to its value nearest `q_near` that is within the limits.

        Where no turn is within the limits, the joint keeps the turn nearest `q_near`.
        """
        full = 2 * np.pi
        turn = q + full * np.round((q_near - q) / full)
        over, under = turn > self.upper + _LIMIT_SLACK, turn < self.lower - _LIMIT_SLACK
        lowered, raised = turn - full, turn + full
        turn = np.where(over & (lowered >= self.lower - _LIMIT_SLACK), lowered, turn)
        return np.where(under & (raised <= self.upper + _LIMIT_SLACK), raised, turn)

    def within_limits(self, q: Array) -> NDArray[np.bool_]:
        """Whether every joint of (..., 6) is within its position limits (slack 1e-9 rad)."""
        inside = (q >= self.lower - _LIMIT_SLACK) & (q <= self.upper + _LIMIT_SLACK)
        return np.asarray(inside.all(axis=-1))

    def _inverse(self, pose: Array, near: Array) -> list[Array]:
        transform = checked_transform(pose, "transform_base_tool")
        branches = self.inverse_all(transform[None], near[None])[0]
        reached = branches[~np.isnan(branches[:, 0])]
        if len(reached) == 0:
            # A singular wrist leaves a joint free, and not every value of it need reach the pose.
            others = near + np.linspace(0.0, 2 * np.pi, _FREE_JOINT_TRIES)[:, None]
            poses = np.broadcast_to(transform, (_FREE_JOINT_TRIES, 4, 4))
            branches = self.inverse_all(poses, others).reshape(-1, self.dof)
            reached = branches[~np.isnan(branches[:, 0])]
        if len(reached) == 0:
            raise UnreachablePoseError(
                transform, "out_of_reach", f"out of reach of {self.name} in this orientation"
            )
        turned = self.nearest_turns(reached, near)
        allowed = turned[np.atleast_1d(self.within_limits(turned))]
        if len(allowed) == 0:
            raise UnreachablePoseError(transform, "joint_limits", self._blocking(turned))
        unique: list[Array] = []
        for q in allowed:
            if all(np.max(np.abs(q - other)) > _SAME_SOLUTION for other in unique):
                unique.append(q)
        return unique

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

    def _screws(self, q: Array) -> Array:
        """Products of the joints' motions up to each joint: (n, 6, 4, 4)."""
        if q.shape[-1] != self.dof:
            raise ValueError(f"{self.dof} joint positions expected, got shape {q.shape}")
        motion = np.zeros((len(q), self.dof, 4, 4))
        sine, cosine = np.sin(q)[..., None, None], np.cos(q)[..., None, None]
        rotation = np.eye(3) + sine * self._cross + (1.0 - cosine) * (self._cross @ self._cross)
        motion[..., :3, :3] = rotation
        motion[..., :3, 3] = self._points - (rotation @ self._points[..., None])[..., 0]
        motion[..., 3, 3] = 1.0
        for i in range(1, self.dof):
            motion[:, i] = motion[:, i - 1] @ motion[:, i]
        return motion


def _inverse_transform(transform: Array) -> Array:
    inverse = np.eye(4)
    inverse[:3, :3] = transform[:3, :3].T
    inverse[:3, 3] = -transform[:3, :3].T @ transform[:3, 3]
    return inverse


def _frozen(values: list[float]) -> Array:
    array = np.array(values)
    array.setflags(write=False)
    return array

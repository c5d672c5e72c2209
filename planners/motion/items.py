"""What a program asks of the arm: moves, waits, and taking or leaving a part."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal, TypeAlias

import numpy as np

from planners.arrays import Array
from planners.kinematics.shapes import PartShape, checked_transform


@dataclass(frozen=True, eq=False)
class PoseTarget:
    """The tool centre point at `transform_base_tool` (4, 4), in the arm's base frame."""

    transform_base_tool: Array

    def __post_init__(self) -> None:
        pose = checked_transform(self.transform_base_tool, "transform_base_tool")
        object.__setattr__(self, "transform_base_tool", pose)

    def backed_off(self, distance_m: float) -> PoseTarget:
        """Where to approach this pose from, or retract to: back along the tool's own z axis."""
        pose = self.transform_base_tool.copy()
        pose[:3, 3] -= distance_m * pose[:3, 2]
        return PoseTarget(pose)


@dataclass(frozen=True, eq=False)
class JointTarget:
    """The joints at `q` (n,), rad."""

    q: Array

    def __post_init__(self) -> None:
        q = np.array(self.q, dtype=float)
        if q.ndim != 1 or not np.isfinite(q).all():
            raise ValueError(f"a joint target is one finite number per joint, got shape {q.shape}")
        q.setflags(write=False)
        object.__setattr__(self, "q", q)


@dataclass(frozen=True)
class Blend:
    """How far from its corner a path may be cut: at most one of the two is given.

    Attributes:
        radius_m: the tool leaves the first curve this near to the corner, and joins the second one
            at most as far behind it.
        tolerance_m: the tool passes the corner at this distance at most.
    """

    radius_m: float = 0.0
    tolerance_m: float = 0.0

    def __post_init__(self) -> None:
        for name in ("radius_m", "tolerance_m"):
            if not 0.0 <= getattr(self, name) < np.inf:
                raise ValueError(f"{name} must not be negative: {getattr(self, name)}")
        if self.radius_m and self.tolerance_m:
            raise ValueError("a blend has a radius or a tolerance, not both")

    @property
    def stops(self) -> bool:
        """Whether the arm stops exactly in the corner."""
        return not (self.radius_m or self.tolerance_m)


@dataclass(frozen=True, eq=False)
class Move:
    """One motion.

    Attributes:
        kind: `ptp`, straight in joint space if that is free; `lin`, straight in space; `circ`, an
            arc through `via`.
        target: where it ends.
        speed: share of the arm's speed, acceleration and jerk limits, 0 < speed <= 1.
        tcp_speed_m_s: speed of the tool centre point that is kept wherever the arm can, never
            exceeded (not for `ptp`).
        label: what a report calls it.
        via: `circ` only: a pose whose position lies on the arc; its orientation does not count.
        blend: how the corner to the next move is passed. It stops there if the next item is no
            move, or if the rounding would collide.
    """

    kind: Literal["ptp", "lin", "circ"]
    target: PoseTarget | JointTarget
    speed: float = 1.0
    tcp_speed_m_s: float | None = None
    label: str = ""
    via: PoseTarget | None = None
    blend: Blend = field(default_factory=Blend)

    def __post_init__(self) -> None:
        if self.kind not in ("ptp", "lin", "circ"):
            raise ValueError(f"kind must be 'ptp', 'lin' or 'circ', not {self.kind!r}")
        if not 0.0 < self.speed <= 1.0:
            raise ValueError(f"speed is a share of the limits, 0 < speed <= 1: {self.speed}")
        if self.tcp_speed_m_s is not None and not 0.0 < self.tcp_speed_m_s < np.inf:
            raise ValueError(f"tcp_speed_m_s must be positive: {self.tcp_speed_m_s}")
        if self.tcp_speed_m_s is not None and self.kind == "ptp":
            raise ValueError("tcp_speed_m_s needs a straight line or an arc: use kind 'lin'")
        if (self.via is not None) != (self.kind == "circ"):
            raise ValueError("an arc (kind 'circ'), and nothing else, has a pose `via`")


@dataclass(frozen=True)
class Dwell:
    """The arm stands still for `duration_s`: a fixture works, or the process takes its time."""

    duration_s: float
    label: str = ""

    def __post_init__(self) -> None:
        if not 0.0 <= self.duration_s < np.inf:
            raise ValueError(f"duration_s must not be negative: {self.duration_s}")


@dataclass(frozen=True)
class Attach:
    """From here on the tool carries `part`."""

    part: PartShape
    label: str = field(default="attach")


@dataclass(frozen=True)
class Detach:
    """From here on the tool is empty."""

    label: str = field(default="detach")


Item: TypeAlias = Move | Dwell | Attach | Detach

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


@dataclass(frozen=True, eq=False)
class Move:
    """One motion from rest to rest.

    Attributes:
        kind: `ptp`, straight in joint space if that is free, or `lin`, straight in Cartesian space.
        target: where it ends.
        speed: share of the arm's speed, acceleration and jerk limits, 0 < speed <= 1.
        tcp_speed_m_s: highest speed of the tool centre point (`lin` only).
        label: what a report calls it.
    """

    kind: Literal["ptp", "lin"]
    target: PoseTarget | JointTarget
    speed: float = 1.0
    tcp_speed_m_s: float | None = None
    label: str = ""

    def __post_init__(self) -> None:
        if self.kind not in ("ptp", "lin"):
            raise ValueError(f"kind must be 'ptp' or 'lin', not {self.kind!r}")
        if not 0.0 < self.speed <= 1.0:
            raise ValueError(f"speed is a share of the limits, 0 < speed <= 1: {self.speed}")
        if self.tcp_speed_m_s is not None and not 0.0 < self.tcp_speed_m_s < np.inf:
            raise ValueError(f"tcp_speed_m_s must be positive: {self.tcp_speed_m_s}")
        if self.tcp_speed_m_s is not None and self.kind == "ptp":
            raise ValueError("tcp_speed_m_s needs a straight line: use kind 'lin'")


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

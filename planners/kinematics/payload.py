"""What hangs on the flange: the tool with its centre point, and what it carries."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import lru_cache

import numpy as np

from planners.arrays import Array
from planners.kinematics.shapes import PartShape, checked_transform


@dataclass(frozen=True, eq=False)
class Payload:
    """A rigid body at the tool.

    Attributes:
        mass_kg: its mass.
        centre_m: (3,) centre of mass in the tool's frame.
        inertia_kg_m2: (3, 3) about the centre of mass, tool axes; zero is a point.
    """

    mass_kg: float
    centre_m: Array = field(default_factory=lambda: np.zeros(3))
    inertia_kg_m2: Array = field(default_factory=lambda: np.zeros((3, 3)))

    def __post_init__(self) -> None:
        if not 0.0 <= self.mass_kg < np.inf:
            raise ValueError(f"mass_kg must not be negative: {self.mass_kg}")
        centre, inertia = np.array(self.centre_m, float), np.array(self.inertia_kg_m2, float)
        if centre.shape != (3,) or not np.isfinite(centre).all():
            raise ValueError(f"centre_m: three finite numbers expected, got shape {centre.shape}")
        if inertia.shape != (3, 3) or not np.allclose(inertia, inertia.T):
            raise ValueError("inertia_kg_m2: a symmetric 3 x 3 matrix expected")
        if np.linalg.eigvalsh(inertia).min() < -1e-12:
            raise ValueError("inertia_kg_m2 must not be negative in any direction")
        centre.setflags(write=False)
        inertia.setflags(write=False)
        object.__setattr__(self, "centre_m", centre)
        object.__setattr__(self, "inertia_kg_m2", inertia)


@dataclass(frozen=True, eq=False)
class Tool:
    """What is bolted to the flange.

    Attributes:
        transform_flange_tool: (4, 4) the tool centre point in the flange's frame.
        load: its mass, in the frame of the tool centre point.
    """

    transform_flange_tool: Array = field(default_factory=lambda: np.eye(4))
    load: Payload = field(default_factory=lambda: Payload(0.0))

    def __post_init__(self) -> None:
        tool = checked_transform(self.transform_flange_tool, "transform_flange_tool")
        object.__setattr__(self, "transform_flange_tool", tool)


@lru_cache(maxsize=256)
def carried(part: PartShape | None) -> Payload | None:
    """The mass of a part in the gripper: a box filled evenly. None if it has none."""
    if part is None or part.mass_kg == 0.0:
        return None
    x, y, z = (edge * edge for edge in part.size_m)
    turn = part.transform_tool_part[:3, :3]
    inertia = turn @ np.diag([y + z, x + z, x + y]) @ turn.T * (part.mass_kg / 12.0)
    return Payload(part.mass_kg, part.transform_tool_part[:3, 3], (inertia + inertia.T) / 2)

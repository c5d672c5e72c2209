"""What an arm is, found from its file and by sampling: limits, solver, branches, reach."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]

SAMPLES: Final = 300_000
NEAR_SINGULAR: Final = 0.02
"""Smallest singular value of the Jacobian, with lengths divided by the reach, below which a motion
in some direction of the tool needs joints fifty times as fast."""

_POSES: Final = 300


@dataclass(frozen=True)
class ArmFacts:
    """What `robot-cell motion check` says.

    Attributes:
        joints: limits in degrees, as plain values.
        branches, branches_median: most solutions seen at a pose, and the median within limits.
        near_singular: share of all joint positions.
        positions: (m, 3) the flange at random joint positions, m. singular: (m,) the smallest
            singular values there.
    """

    name: str
    flange: str
    solver: str
    joints: tuple[dict[str, Any], ...]
    branches: int
    branches_median: float
    reach_m: float
    near_singular: float
    positions: Array
    singular: Array

    def as_json(self) -> dict[str, Any]:
        """The facts without the samples."""
        return {
            "arm": self.name,
            "flange": self.flange,
            "solver": self.solver,
            "branches_most": self.branches,
            "branches_median_within_limits": self.branches_median,
            "reach_m": round(self.reach_m, 4),
            "share_near_singular": round(self.near_singular, 4),
            "joints": self.joints,
        }


def arm_facts(urdf: Path, tip: str | None = None, *, seed: int = 0) -> ArmFacts:
    """Read an arm and sample it.

    Raises:
        ArmDescriptionError: the file is no arm; the message says what is wrong with it.
    """
    from planners.kinematics import Robot

    robot = Robot.from_urdf(urdf, tip=tip)
    rng = np.random.default_rng(seed)
    low, high = np.maximum(robot.lower, -np.pi), np.minimum(robot.upper, np.pi)
    q = rng.uniform(low, high, (SAMPLES, robot.dof))
    positions = robot.forward(q)[:, :3, 3]
    singular = robot.smallest_singular_value(q)
    solutions = robot.inverse(robot.forward(q[:_POSES]))
    counts = solutions.valid.sum(axis=1)
    inside = np.array(
        [
            int(robot.within_limits(found[valid]).sum()) if valid.any() else 0
            for found, valid in zip(solutions.q, solutions.valid, strict=True)
        ]
    )
    joints = tuple(
        {
            "name": joint.name,
            "lower_deg": round(float(np.degrees(joint.lower)), 2),
            "upper_deg": round(float(np.degrees(joint.upper)), 2),
            "velocity_deg_s": round(float(np.degrees(joint.velocity)), 2),
            "acceleration_deg_s2": round(float(np.degrees(joint.acceleration)), 1),
            "jerk_deg_s3": round(float(np.degrees(joint.jerk)), 1),
            "effort_nm": joint.effort if np.isfinite(joint.effort) else None,
            "estimated": list(joint.estimated),
        }
        for joint in robot.description.joints
    )
    return ArmFacts(
        robot.name,
        robot.description.tool0,
        robot.solver,
        joints,
        int(counts.max()),
        float(np.median(inside)),
        float(np.linalg.norm(positions, axis=1).max()),
        float((singular < NEAR_SINGULAR).mean()),
        positions,
        singular,
    )

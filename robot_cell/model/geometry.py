"""Where things stand: frames, poses, boxes. Metres and degrees in files, radians nowhere else."""

from __future__ import annotations

from typing import Annotated

from pydantic import Discriminator, Field, Tag

from robot_cell.model.base import Name, PositiveVector3, Vector3, Word


class Frame(Word):
    """A named right-handed frame of a cell, given in the cell's frame.

    Attributes:
        xyz_m: origin in metres.
        rpy_deg: roll, pitch, yaw in degrees about fixed x, y, z (the URDF convention).
    """

    xyz_m: Vector3
    rpy_deg: Vector3 = (0.0, 0.0, 0.0)


class CartesianPose(Word):
    """A taught TCP pose relative to a frame; by default the tool points down (-z of the frame)."""

    frame: Name
    xyz_m: Vector3 = (0.0, 0.0, 0.0)
    rpy_deg: Vector3 = (180.0, 0.0, 0.0)


class JointPose(Word):
    """A taught pose as joint positions in degrees, base to flange."""

    joints_deg: tuple[float, ...] = Field(min_length=6, max_length=7)


def _kind(value: object) -> str:
    keys = value if isinstance(value, dict) else vars(value)
    return "joints" if "joints_deg" in keys else "cartesian"


Pose = Annotated[
    Annotated[CartesianPose, Tag("cartesian")] | Annotated[JointPose, Tag("joints")],
    Discriminator(_kind),
]
"""A taught pose; which of the two it is, is told by `joints_deg`."""


class Box(Word):
    """A solid box that arms must not touch: centre and edge lengths in the cell's frame."""

    name: Name
    size_m: PositiveVector3
    xyz_m: Vector3
    yaw_deg: float = 0.0

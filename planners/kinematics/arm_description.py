"""What an arm is: joints, limits, frames, collision shapes and drives, as its file tells them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from planners.arrays import Array
from planners.kinematics.errors import ArmDescriptionError
from planners.kinematics.shapes import MeshFile, Shape


@dataclass(frozen=True)
class Drive:
    """Losses of one joint's drive, seen from the joint.

    Attributes:
        coulomb_nm: friction that does not depend on speed, N m.
        viscous_nm_s: friction per speed, N m s/rad.
        copper_w_nm2: heat in the windings per torque squared, W/(N m)^2.
        estimated: whether they are a rule of thumb (`energy.py`) and not the maker's or measured.
    """

    coulomb_nm: float
    viscous_nm_s: float
    copper_w_nm2: float
    estimated: bool


@dataclass(frozen=True, eq=False)
class Joint:
    """One revolute joint; limits in rad, rad/s, N m, rad/s^2, rad/s^3.

    Attributes:
        name: as in the file. child: the link that it moves.
        transform_parent_joint: (4, 4) pose at zero in the frame of the joint before it.
        axis: (3,) unit direction in its own frame.
        estimated: which limits the file does not give: acceleration is then what reaches the speed
            limit in 0.4 s, jerk what reaches that in 0.1 s, and effort has no limit.
        drive: its losses, if the file gives them.
    """

    name: str
    child: str
    transform_parent_joint: Array
    axis: Array
    lower: float
    upper: float
    velocity: float
    effort: float
    acceleration: float
    jerk: float
    estimated: tuple[str, ...] = ()
    drive: Drive | None = None


@dataclass(frozen=True, eq=False)
class LinkShape:
    """A collision shape: on which moving link (0 is the base), and where in that link's frame."""

    link: str
    link_index: int
    shape: Shape | MeshFile
    transform_link_shape: Array


@dataclass(frozen=True, eq=False)
class Frame:
    """A named frame of the file: on which moving link (0 is the base), and where in its frame."""

    link_index: int
    transform_link_frame: Array


@dataclass(frozen=True, eq=False)
class ArmDescription:
    """A chain of six or seven revolute joints from the root link to the flange.

    Attributes:
        name: the robot's name. urdf: its URDF text.
        joints: from base to flange.
        transform_last_tool0: (4, 4) flange in the last joint's frame.
        tool0: name of the flange's link.
        shapes: collision shapes of all links that the chain carries; joints off the chain (jaws,
            levers) stand at zero.
        frames: every link's frame.
        base_power_w: power while the arm stands still, if the file gives it.
    """

    name: str
    urdf: str
    joints: tuple[Joint, ...]
    transform_last_tool0: Array
    tool0: str
    shapes: tuple[LinkShape, ...]
    frames: Mapping[str, Frame]
    base_power_w: float | None = None


def expand_xacro(path: str | Path, prefix: str = "") -> str:
    """The URDF text of a xacro file, with `prefix` before every link, joint and material name.

    Raises:
        ArmDescriptionError: the file is missing or is not valid xacro.
    """
    import xacro  # only needed here, and slow to import

    path = Path(path)
    if not path.is_file():
        raise ArmDescriptionError(path, "no such file")
    try:
        return str(xacro.process_file(str(path), mappings={"prefix": prefix}).toxml())
    except Exception as error:  # xacro raises many unrelated types for a bad file
        raise ArmDescriptionError(path, f"xacro cannot expand it: {error}") from error


def read_arm(path: str | Path, prefix: str = "", tip: str | None = None) -> ArmDescription:
    """Read a `.urdf` or `.xacro` file.

    Args:
        path: the file.
        prefix: before every name of a xacro file that takes the argument.
        tip: link of the flange, z outwards; `tool0` if it is not given, else `flange`, else the end
            of the longest chain of joints.

    Raises:
        ArmDescriptionError: missing file, malformed XML, no such flange, not six or seven revolute
            joints, or wrong limits.
    """
    from planners.kinematics.urdf import arm_from_urdf

    path = Path(path)
    if path.suffix == ".xacro":
        text = expand_xacro(path, prefix)
    elif path.is_file():
        text = path.read_text(encoding="utf-8")
    else:
        raise ArmDescriptionError(path, "no such file")
    return arm_from_urdf(path, text, prefix, tip)

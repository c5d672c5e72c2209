"""What is drawn of a cell: its arms as URDF, and everything that stands around them."""

from __future__ import annotations

import math
import os
import xml.etree.ElementTree as ET
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from robot_cell.gateway import shapes
from robot_cell.gateway.problems import Problem
from robot_cell.gateway.views import fixtures_of
from robot_cell.model import Arm, Cell, JointPose, Plant
from robot_cell.model.arm_names import positions_key

MESH_ENDINGS: Final = (".stl", ".dae", ".obj", ".glb", ".gltf")
_MOVING: Final = ("revolute", "continuous", "prismatic")


@dataclass(frozen=True)
class ArmDrawing:
    """An arm's URDF with its mesh files renamed to what the gateway serves.

    Attributes:
        meshes: the files, by the name under which they are served.
        joints: names of the joints that move, base to flange.
    """

    urdf: bytes
    meshes: dict[str, Path]
    joints: tuple[str, ...]
    base_link: str
    flange: str


def draw_arm(arm: Arm, at: str, first: int = 0) -> ArmDrawing:
    """Read an arm of a cell; meshes are renamed to `<at>/N.ending`, N from `first` on.

    Raises:
        Problem: the file cannot be read.
    """
    path = Path(arm.urdf)
    try:
        text = _expanded(path)
        root = ET.fromstring(text)
    except (OSError, ET.ParseError, ValueError) as error:
        raise Problem("not-found", f"{path.name} cannot be drawn: {error}") from error
    meshes: dict[str, Path] = {}
    for mesh in root.iter("mesh"):
        file = _mesh_file(path, mesh.get("filename", ""))
        if file is None:
            continue
        name = next((n for n, known in meshes.items() if known == file), None)
        if name is None:
            name = f"{first + len(meshes)}{file.suffix.lower()}"
            meshes[name] = file
        mesh.set("filename", f"{at}/{name}")
    joints, base_link, flange = _chain(root)
    return ArmDrawing(ET.tostring(root), meshes, joints, base_link, flange)


def scene_of(
    plant: Plant, name: str, cell: Cell, drawings: Mapping[str, ArmDrawing], at: str
) -> shapes.Scene:
    """Everything of a cell that is drawn."""
    arms = [_drawn(name, cell, arm, drawing, at) for arm, drawing in drawings.items()]
    return {
        "cell": name,
        "arms": arms,
        "urdf": arms[0]["urdf"],
        "joints": arms[0]["joints"],
        "base_link": arms[0]["base_link"],
        "flange": arms[0]["flange"],
        "home": arms[0]["home"],
        "tool": arms[0]["tool"],
        "frames": {one: _placed(frame.xyz_m, frame.rpy_deg) for one, frame in cell.frames.items()},
        "obstacles": [
            {
                "name": box.name,
                "size_m": list(box.size_m),
                "pose": _placed(box.xyz_m, (0.0, 0.0, box.yaw_deg)),
            }
            for box in cell.obstacles
        ],
        "fixtures": fixtures_of(cell),
        "parts": {
            one: {"size_m": list(product.part.size_m)} for one, product in plant.products.items()
        },
    }


def _drawn(name: str, cell: Cell, which: str, drawing: ArmDrawing, at: str) -> shapes.SceneArm:
    """One arm of a cell, and where it stands."""
    arm = cell.arms[which]
    home = cell.poses.get(arm.home)
    joints_deg = home.joints_deg if isinstance(home, JointPose) else ()
    return {
        "name": which,
        "positions": positions_key(name, which),
        "urdf": f"{at}/urdf" if len(cell.arms) == 1 else f"{at}/urdf?arm={which}",
        "joints": list(drawing.joints),
        "base_link": drawing.base_link,
        "flange": drawing.flange,
        "home": [math.radians(q) for q in joints_deg],
        "base": _placed(arm.base.xyz_m, arm.base.rpy_deg),
        "tool": {
            "tcp": _placed(arm.tool.tcp_xyz_m, arm.tool.tcp_rpy_deg),
            "size_m": list(arm.tool.size_m),
        },
    }


def _placed(xyz_m: Sequence[float], rpy_deg: Sequence[float]) -> shapes.Placed:
    """A pose; roll, pitch and yaw are about fixed axes (URDF), the quaternion is x, y, z, w."""
    roll, pitch, yaw = (math.radians(angle) / 2.0 for angle in rpy_deg)
    cr, sr = math.cos(roll), math.sin(roll)
    cp, sp = math.cos(pitch), math.sin(pitch)
    cy, sy = math.cos(yaw), math.sin(yaw)
    return {
        "xyz_m": [float(x) for x in xyz_m],
        "quaternion": [
            sr * cp * cy - cr * sp * sy,
            cr * sp * cy + sr * cp * sy,
            cr * cp * sy - sr * sp * cy,
            cr * cp * cy + sr * sp * sy,
        ],
    }


def _expanded(path: Path) -> str:
    """The URDF text of a URDF or xacro file."""
    if path.suffix != ".xacro":
        return path.read_text(encoding="utf-8")
    import xacro  # slow to import, and only this needs it

    if not path.is_file():
        raise ValueError("no such file")
    try:
        return str(xacro.process_file(str(path)).toxml())
    except Exception as error:  # xacro raises many unrelated types for a bad file
        raise ValueError(f"xacro: {error}") from error


def _mesh_file(urdf: Path, name: str) -> Path | None:
    """A mesh that a URDF names: `package://`, `file://`, or relative to it."""
    if name.startswith("package://"):
        package, _, rest = name.removeprefix("package://").partition("/")
        prefixes = os.environ.get("AMENT_PREFIX_PATH", "").split(os.pathsep)
        shares = [Path(prefix) / "share" / package for prefix in prefixes if prefix]
        found = next((share / rest for share in shares if (share / rest).is_file()), None)
        if found is None:
            return None
        file = found
    else:
        file = urdf.parent / name.removeprefix("file://")
    return file if file.suffix.lower() in MESH_ENDINGS and file.is_file() else None


def _end_of(joint: ET.Element, which: str) -> str:
    """The link at one end of a joint: its `parent` or its `child`."""
    end = joint.find(which)
    return "" if end is None else end.get("link", "")


def _chain(root: ET.Element) -> tuple[tuple[str, ...], str, str]:
    """Moving joints from the base to the flange, the base's link, and the flange's."""
    by_child = {
        _end_of(joint, "child"): joint
        for joint in root.iter("joint")
        if joint.find("child") is not None and joint.find("parent") is not None
    }
    links = [link.get("name", "") for link in root.findall("link")]
    base = next((link for link in links if link not in by_child), links[0] if links else "")

    def up(link: str) -> list[ET.Element]:
        found: list[ET.Element] = []
        while link in by_child and len(found) <= len(by_child):
            found.append(by_child[link])
            link = _end_of(by_child[link], "parent")
        return found[::-1]

    longest = max(links, key=lambda link: len(up(link)), default=base)
    flange = next((link for link in links if link in ("tool0", "flange")), longest)
    flange = "tool0" if "tool0" in links else flange
    joints = tuple(j.get("name", "") for j in up(flange) if j.get("type") in _MOVING)
    return joints, base, flange

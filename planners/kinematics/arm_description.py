"""Reads a six-axis arm from URDF or xacro: joints, limits and collision shapes, checked here."""

from __future__ import annotations

import math
from dataclasses import dataclass
from pathlib import Path
from typing import Final
from xml.etree import ElementTree

import numpy as np

from planners.arrays import Array
from planners.kinematics.errors import ArmDescriptionError
from planners.kinematics.shapes import Box, Cylinder, Shape, Sphere

AXES: Final = 6


@dataclass(frozen=True, eq=False)
class Joint:
    """One revolute joint; limits in rad, rad/s, N m, rad/s^2, rad/s^3."""

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


@dataclass(frozen=True, eq=False)
class LinkShape:
    """A collision shape: on which moving link (0 is the base), and where in that link's frame."""

    link: str
    link_index: int
    shape: Shape
    transform_link_shape: Array


@dataclass(frozen=True, eq=False)
class ArmDescription:
    """A chain of six revolute joints from the root link to `tool0`."""

    name: str
    urdf: str
    joints: tuple[Joint, ...]
    transform_last_tool0: Array
    tool0: str
    shapes: tuple[LinkShape, ...]


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


def read_arm(path: str | Path, prefix: str = "") -> ArmDescription:
    """Read a `.urdf` or `.xacro` file.

    Raises:
        ArmDescriptionError: missing file, malformed XML, no `tool0`, not six revolute joints,
            or a limit that is missing.
    """
    path = Path(path)
    if path.suffix == ".xacro":
        text = expand_xacro(path, prefix)
    elif path.is_file():
        text = path.read_text(encoding="utf-8")
    else:
        raise ArmDescriptionError(path, "no such file")
    try:
        root = ElementTree.fromstring(text)
    except ElementTree.ParseError as error:
        raise ArmDescriptionError(path, f"not XML: {error}") from error
    return _Reader(path, root, prefix).arm(text)


class _Reader:
    """Walks one URDF tree; knows the file's name for its complaints."""

    def __init__(self, path: Path, root: ElementTree.Element, prefix: str) -> None:
        self._path = path
        self._root = root
        self._prefix = prefix

    def arm(self, text: str) -> ArmDescription:
        joints: list[Joint] = []
        pending = np.eye(4)
        link_index = {self._root_link(): 0}
        link_pose = {self._root_link(): np.eye(4)}
        for element in self._chain():
            parent = self._child(element, "parent").attrib["link"]
            child = self._child(element, "child").attrib["link"]
            pending = pending @ self._origin(element)
            if element.attrib.get("type") == "fixed":
                link_index[child], link_pose[child] = link_index[parent], pending.copy()
                continue
            joints.append(self._joint(element, child, pending))
            pending = np.eye(4)
            link_index[child], link_pose[child] = len(joints), np.eye(4)
        if len(joints) != AXES:
            raise self._error(f"{len(joints)} revolute joints lead to tool0, expected {AXES}")
        shapes = tuple(self._shapes(link_index, link_pose))
        name = self._root.attrib.get("name", self._path.stem)
        return ArmDescription(name, text, tuple(joints), pending, f"{self._prefix}tool0", shapes)

    def _error(self, problem: str) -> ArmDescriptionError:
        return ArmDescriptionError(self._path, problem)

    def _root_link(self) -> str:
        children = {self._child(j, "child").attrib["link"] for j in self._root.findall("joint")}
        roots = [
            n for n in (e.attrib["name"] for e in self._root.findall("link")) if n not in children
        ]
        if len(roots) != 1:
            raise self._error(f"one root link expected, found {roots}")
        return roots[0]

    def _chain(self) -> list[ElementTree.Element]:
        by_child = {self._child(j, "child").attrib["link"]: j for j in self._root.findall("joint")}
        link = f"{self._prefix}tool0"
        if link not in by_child:
            raise self._error(f"no link {link!r} (frame of the flange, z outwards)")
        chain: list[ElementTree.Element] = []
        while link in by_child:
            chain.append(by_child.pop(link))
            link = self._child(chain[-1], "parent").attrib["link"]
        return chain[::-1]

    def _joint(self, element: ElementTree.Element, child: str, placement: Array) -> Joint:
        name = element.attrib["name"]
        if element.attrib.get("type") != "revolute":
            raise self._error(f"joint {name!r} is {element.attrib.get('type')!r}, not revolute")
        axis = np.array(_numbers(self._child(element, "axis").attrib["xyz"]))
        limit = self._child(element, "limit").attrib
        keys = ("lower", "upper", "velocity", "effort", "acceleration", "jerk")
        try:
            values = {key: float(limit[key]) for key in keys}
        except (KeyError, ValueError) as error:
            raise self._error(
                f"joint {name!r}: <limit> needs a number for each of {', '.join(keys)}"
                f" (acceleration in rad/s^2, jerk in rad/s^3): {error}"
            ) from None
        if not values["lower"] < values["upper"] or min(values[k] for k in keys[2:]) <= 0.0:
            raise self._error(f"joint {name!r}: limits must be positive and lower < upper")
        return Joint(name, child, placement, axis / np.linalg.norm(axis), **values)

    def _shapes(self, link_index: dict[str, int], link_pose: dict[str, Array]) -> list[LinkShape]:
        found: list[LinkShape] = []
        for link in self._root.findall("link"):
            name = link.attrib["name"]
            if name not in link_index:
                continue
            for collision in link.findall("collision"):
                pose = link_pose[name] @ self._origin(collision)
                shape = self._shape(self._child(collision, "geometry"), name)
                found.append(LinkShape(name, link_index[name], shape, pose))
        return found

    def _shape(self, geometry: ElementTree.Element, link: str) -> Shape:
        for element in geometry:
            sizes = element.attrib
            if element.tag == "box":
                x, y, z = _numbers(sizes["size"])
                return Box((x, y, z))
            if element.tag == "cylinder":
                return Cylinder(float(sizes["radius"]), float(sizes["length"]))
            if element.tag == "sphere":
                return Sphere(float(sizes["radius"]))
        raise self._error(f"link {link!r}: a collision shape must be a box, cylinder or sphere")

    def _child(self, element: ElementTree.Element, tag: str) -> ElementTree.Element:
        child = element.find(tag)
        if child is None:
            raise self._error(f"<{element.tag} name={element.attrib.get('name')!r}> has no <{tag}>")
        return child

    def _origin(self, element: ElementTree.Element) -> Array:
        origin = element.find("origin")
        transform = np.eye(4)
        if origin is not None:
            transform[:3, :3] = _rotation_rpy(_numbers(origin.attrib.get("rpy", "0 0 0")))
            transform[:3, 3] = _numbers(origin.attrib.get("xyz", "0 0 0"))
        return transform


def _numbers(text: str) -> list[float]:
    return [float(word) for word in text.split()]


def _rotation_rpy(rpy: list[float]) -> Array:
    """URDF's fixed-axis roll, pitch, yaw."""
    (cr, cp, cy), (sr, sp, sy) = map(math.cos, rpy), map(math.sin, rpy)
    return np.array(
        [
            [cy * cp, cy * sp * sr - sy * cr, cy * sp * cr + sy * sr],
            [sy * cp, sy * sp * sr + cy * cr, sy * sp * cr - cy * sr],
            [-sp, cp * sr, cp * cr],
        ]
    )

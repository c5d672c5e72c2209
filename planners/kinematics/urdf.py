"""Walks a URDF tree and checks it at the door: chain, limits, shapes, frames."""

from __future__ import annotations

import math
import os
from pathlib import Path
from typing import Final
from xml.etree import ElementTree

import numpy as np

from planners.arrays import Array
from planners.kinematics.arm_description import ArmDescription, Drive, Frame, Joint, LinkShape
from planners.kinematics.errors import ArmDescriptionError
from planners.kinematics.shapes import Box, Cylinder, MeshFile, Shape, Sphere

AXES: Final = (6, 7)

_TO_SPEED_S: Final = 0.4
_TO_ACCELERATION_S: Final = 0.1
_TURNS_OF_CONTINUOUS: Final = 2.0
_MOVING: Final = ("revolute", "continuous")


def arm_from_urdf(path: Path, text: str, prefix: str, tip: str | None) -> ArmDescription:
    """The arm in a URDF text; `path` is named in complaints and finds meshes.

    Raises:
        ArmDescriptionError: see `read_arm`.
    """
    try:
        root = ElementTree.fromstring(text)
    except ElementTree.ParseError as error:
        raise ArmDescriptionError(path, f"not XML: {error}") from error
    return _Reader(path, root).arm(text, prefix, tip)


class _Reader:
    """One URDF tree; knows the file's name for its complaints."""

    def __init__(self, path: Path, root: ElementTree.Element) -> None:
        self._path = path
        self._root = root
        self._by_child = {self._child(j, "child").attrib["link"]: j for j in root.findall("joint")}

    def arm(self, text: str, prefix: str, tip: str | None) -> ArmDescription:
        tip = self._tip(prefix, tip)
        frames = {self._root_link(): Frame(0, np.eye(4))}
        joints: list[Joint] = []
        pending: Array = np.eye(4)
        for element in self._chain(tip):
            child = self._child(element, "child").attrib["link"]
            pending = pending @ self._origin(element)
            if element.attrib.get("type") != "fixed":
                joints.append(self._joint(element, child, pending))
                pending = np.eye(4)
            frames[child] = Frame(len(joints), pending)
        if len(joints) not in AXES:
            raise self._error(
                f"{len(joints)} revolute joints lead to {tip!r}, expected six or seven;"
                " if the flange is another link, name it (tip=)"
            )
        self._add_side_frames(frames)
        return ArmDescription(
            name=self._root.attrib.get("name", self._path.stem),
            urdf=text,
            joints=tuple(joints),
            transform_last_tool0=pending,
            tool0=tip,
            shapes=tuple(self._shapes(frames)),
            frames=frames,
            base_power_w=self._base_power(),
        )

    def _error(self, problem: str) -> ArmDescriptionError:
        return ArmDescriptionError(self._path, problem)

    def _root_link(self) -> str:
        names = [link.attrib["name"] for link in self._root.findall("link")]
        roots = [name for name in names if name not in self._by_child]
        if len(roots) != 1:
            raise self._error(f"one root link expected, found {roots}")
        return roots[0]

    def _tip(self, prefix: str, wanted: str | None) -> str:
        names = {link.attrib["name"] for link in self._root.findall("link")}
        if wanted is not None:
            if wanted not in names:
                raise self._error(f"no link {wanted!r}")
            return wanted
        for name in (f"{prefix}tool0", f"{prefix}flange"):
            if name in names:
                return name
        kinds = {name: [j.attrib.get("type") for j in self._chain(name)] for name in names}
        moving = {name: sum(kind in _MOVING for kind in kinds[name]) for name in names}
        parents = {self._child(j, "parent").attrib["link"] for j in self._by_child.values()}
        most = max(moving.values(), default=0)
        ends = sorted(n for n, count in moving.items() if count == most and n not in parents)
        if len(ends) != 1:
            arm = {*_MOVING, "fixed"}
            fit = sorted(n for n, c in moving.items() if c in AXES and arm.issuperset(kinds[n]))
            raise self._error(
                f"no link 'tool0' or 'flange' (z outwards), and the chain ends in {ends};"
                f" name the flange's link (--tip, tip=); six or seven revolute joints lead to {fit}"
            )
        return ends[0]

    def _chain(self, link: str) -> list[ElementTree.Element]:
        chain: list[ElementTree.Element] = []
        while link in self._by_child:
            chain.append(self._by_child[link])
            link = self._child(chain[-1], "parent").attrib["link"]
            if len(chain) > len(self._by_child):
                raise self._error(f"the joints that lead to {link!r} form a ring")
        return chain[::-1]

    def _add_side_frames(self, frames: dict[str, Frame]) -> None:
        """Links that hang on the chain's links; joints between them stand at zero."""
        left = [child for child in self._by_child if child not in frames]
        while left:
            placed = []
            for child in left:
                joint = self._by_child[child]
                parent = frames.get(self._child(joint, "parent").attrib["link"])
                if parent is not None:
                    pose = parent.transform_link_frame @ self._origin(joint)
                    frames[child] = Frame(parent.link_index, pose)
                    placed.append(child)
            if not placed:
                raise self._error(f"links {sorted(left)} hang on no link of the arm")
            left = [child for child in left if child not in frames]

    def _joint(self, element: ElementTree.Element, child: str, placement: Array) -> Joint:
        name = element.attrib["name"]
        kind = element.attrib.get("type")
        if kind not in _MOVING:
            raise self._error(
                f"joint {name!r} is {kind!r}, not revolute; an arm is six or seven revolute"
                " joints: make it fixed where it stands, and place the arm there"
            )
        axis_element = element.find("axis")
        axis = np.array(
            [1.0, 0.0, 0.0] if axis_element is None else _numbers(axis_element.attrib["xyz"])
        )
        if not np.linalg.norm(axis) > 1e-6:
            raise self._error(f"joint {name!r}: its axis has no direction")
        limits, estimated = self._limits(element, name, kind == "continuous")
        return Joint(
            name,
            child,
            placement,
            axis / np.linalg.norm(axis),
            **limits,
            estimated=estimated,
            drive=self._drive(element, name),
        )

    def _limits(
        self, element: ElementTree.Element, name: str, endless: bool
    ) -> tuple[dict[str, float], tuple[str, ...]]:
        given = self._child(element, "limit").attrib
        keys = ("lower", "upper", "velocity", "effort", "acceleration", "jerk")
        try:
            values = {key: float(given[key]) for key in keys if key in given}
        except ValueError as error:
            raise self._error(f"joint {name!r}: <limit> is no number: {error}") from None
        estimated = []
        if endless:
            values["upper"] = _TURNS_OF_CONTINUOUS * 2 * math.pi
            values["lower"] = -values["upper"]
        if missing := {"lower", "upper", "velocity"} - set(values):
            raise self._error(f"joint {name!r}: <limit> needs {', '.join(sorted(missing))}")
        if values.get("effort", 0.0) == 0.0:
            values["effort"] = math.inf
            estimated.append("effort")
        for key, source, seconds in (
            ("acceleration", "velocity", _TO_SPEED_S),
            ("jerk", "acceleration", _TO_ACCELERATION_S),
        ):
            if key not in values:
                values[key] = values[source] / seconds
                estimated.append(key)
        positive = min(values[k] for k in ("velocity", "effort", "acceleration", "jerk"))
        if not values["lower"] < values["upper"] or not positive > 0.0:
            raise self._error(f"joint {name!r}: limits must be positive and lower < upper")
        return values, tuple(estimated)

    def _drive(self, element: ElementTree.Element, name: str) -> Drive | None:
        drive = element.find("drive")
        if drive is None:
            return None
        try:
            coulomb, viscous, copper = (
                float(drive.attrib[key]) for key in ("coulomb", "viscous", "copper")
            )
        except (KeyError, ValueError) as error:
            raise self._error(
                f"joint {name!r}: <drive> needs coulomb (N m), viscous (N m s/rad)"
                f" and copper (W/(N m)^2): {error}"
            ) from None
        if min(coulomb, viscous, copper) < 0.0:
            raise self._error(f"joint {name!r}: <drive> must not be negative")
        return Drive(coulomb, viscous, copper, drive.attrib.get("estimated", "false") == "true")

    def _base_power(self) -> float | None:
        energy = self._root.find("energy")
        if energy is None:
            return None
        try:
            return float(energy.attrib["base_power"])
        except (KeyError, ValueError) as error:
            raise self._error(f"<energy> needs base_power in watts: {error}") from None

    def _shapes(self, frames: dict[str, Frame]) -> list[LinkShape]:
        found: list[LinkShape] = []
        for link in self._root.findall("link"):
            name = link.attrib["name"]
            frame = frames[name]
            for collision in link.findall("collision"):
                pose = frame.transform_link_frame @ self._origin(collision)
                shape = self._shape(self._child(collision, "geometry"), name)
                found.append(LinkShape(name, frame.link_index, shape, pose))
        return found

    def _shape(self, geometry: ElementTree.Element, link: str) -> Shape | MeshFile:
        for element in geometry:
            sizes = element.attrib
            if element.tag == "box":
                x, y, z = _numbers(sizes["size"])
                return Box((x, y, z))
            if element.tag == "cylinder":
                return Cylinder(float(sizes["radius"]), float(sizes["length"]))
            if element.tag == "sphere":
                return Sphere(float(sizes["radius"]))
            if element.tag == "mesh":
                x, y, z = _numbers(sizes.get("scale", "1 1 1"))
                return MeshFile(self._mesh_path(sizes["filename"], link), (x, y, z))
        raise self._error(f"link {link!r}: a collision shape is a box, cylinder, sphere or mesh")

    def _mesh_path(self, name: str, link: str) -> Path:
        """`package://` is looked for above the file and where ROS keeps packages."""
        folders = [self._path.parent]
        if name.startswith("package://"):
            name = name.removeprefix("package://")
            folders = list(self._path.absolute().parents)
            folders += [Path(p, "share") for p in _paths("AMENT_PREFIX_PATH")]
            folders += _paths("ROS_PACKAGE_PATH")
        name = name.removeprefix("file://")
        for folder in folders:
            if (folder / name).is_file():
                return folder / name
        raise self._error(
            f"link {link!r}: no mesh {name!r}; put the file there,"
            " or give the link a box or a cylinder for its <collision>"
        )

    def _child(self, element: ElementTree.Element, tag: str) -> ElementTree.Element:
        child = element.find(tag)
        if child is None:
            raise self._error(
                f"<{element.tag} name={element.attrib.get('name')!r}> has no <{tag}>: add it"
            )
        return child

    def _origin(self, element: ElementTree.Element) -> Array:
        origin = element.find("origin")
        transform = np.eye(4)
        if origin is not None:
            transform[:3, :3] = _rotation_rpy(_numbers(origin.attrib.get("rpy", "0 0 0")))
            transform[:3, 3] = _numbers(origin.attrib.get("xyz", "0 0 0"))
        return transform


def _paths(variable: str) -> list[Path]:
    return [Path(part) for part in os.environ.get(variable, "").split(os.pathsep) if part]


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

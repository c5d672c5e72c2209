"""Small pieces of SDF: numbers, poses, boxes, materials, plugins."""

from __future__ import annotations

import xml.etree.ElementTree as ElementTree
from collections.abc import Iterable
from typing import Final

import numpy as np
from numpy.typing import NDArray

Element = ElementTree.Element
Vector = NDArray[np.float64]

_DIGITS: Final = 9


def add(parent: Element, tag: str, text: object = "", **attributes: str) -> Element:
    """Add a child with a text."""
    child = ElementTree.SubElement(parent, tag, attributes)
    if text != "":
        child.text = str(text)
    return child


def number(value: float) -> str:
    """As short as it can be written to nine digits; never `-0`."""
    rounded = round(float(value), _DIGITS)
    return f"{rounded + 0.0:.{_DIGITS}f}".rstrip("0").rstrip(".")


def numbers(values: Iterable[float]) -> str:
    """Numbers with spaces between."""
    return " ".join(number(value) for value in values)


def rpy(matrix: Vector) -> Vector:
    """Roll, pitch, yaw (rad) about fixed x, y, z of a rotation matrix (3, 3)."""
    pitch = np.arctan2(-matrix[2, 0], np.hypot(matrix[0, 0], matrix[1, 0]))
    if abs(np.cos(pitch)) < 1e-9:  # gimbal lock: all of the turn is in yaw
        return np.array([0.0, pitch, np.arctan2(-matrix[0, 1], matrix[1, 1])])
    roll = np.arctan2(matrix[2, 1], matrix[2, 2])
    return np.array([roll, pitch, np.arctan2(matrix[1, 0], matrix[0, 0])])


def transform(matrix: Vector, xyz_m: Vector) -> Vector:
    """(4, 4) of a rotation (3, 3) and a translation (3,)."""
    whole = np.eye(4)
    whole[:3, :3], whole[:3, 3] = matrix, xyz_m
    return whole


def add_pose(parent: Element, pose: Vector) -> None:
    """The pose (4, 4) of an element, where it is not that of its parent."""
    if not np.allclose(pose, np.eye(4), atol=10**-_DIGITS):
        add(parent, "pose", numbers([*pose[:3, 3], *rpy(pose[:3, :3])]))


def add_box(parent: Element, half_m: Iterable[float]) -> None:
    """Geometry of a box."""
    box = add(add(parent, "geometry"), "box")
    add(box, "size", numbers(2.0 * value for value in half_m))


def add_cylinder(parent: Element, radius_m: float, length_m: float) -> None:
    """Geometry of a cylinder along z."""
    cylinder = add(add(parent, "geometry"), "cylinder")
    add(cylinder, "radius", number(radius_m))
    add(cylinder, "length", number(length_m))


def add_material(visual: Element, rgba: Iterable[float]) -> None:
    """A colour of its own."""
    text = numbers(rgba)
    material = add(visual, "material")
    add(material, "ambient", text)
    add(material, "diffuse", text)


def add_inertial(link: Element, mass_kg: float, inertia: Vector, pose: Vector) -> None:
    """Mass and inertia (3, 3) kg·m² about the centre of mass, in the axes of `pose` (4, 4).

    It is written in the axes of the link: DART's reader of SDF ignores how an inertia is turned.
    """
    turned = pose[:3, :3]
    inertia = turned @ inertia @ turned.T
    inertial = add(link, "inertial")
    add_pose(inertial, transform(np.eye(3), pose[:3, 3]))
    add(inertial, "mass", number(mass_kg))
    tensor = add(inertial, "inertia")
    for row, column, name in ((0, 0, "ixx"), (0, 1, "ixy"), (0, 2, "ixz"), (1, 1, "iyy"),
                              (1, 2, "iyz"), (2, 2, "izz")):  # fmt: skip
        add(tensor, name, number(inertia[row, column]))


def box_inertia(mass_kg: float, size_m: Iterable[float]) -> Vector:
    """(3, 3) kg·m² of a solid box about its centre."""
    x, y, z = size_m
    return np.diag([y * y + z * z, x * x + z * z, x * x + y * y]) * mass_kg / 12.0


def cylinder_inertia(mass_kg: float, radius_m: float, length_m: float) -> Vector:
    """(3, 3) kg·m² of a solid cylinder along z about its centre."""
    across = (3.0 * radius_m**2 + length_m**2) / 12.0
    return np.diag([across, across, radius_m**2 / 2.0]) * mass_kg


def add_plugin(
    parent: Element, system: tuple[str, str], parameters: Iterable[tuple[str, str]] = ()
) -> None:
    """A system with its file name, class and parameters."""
    plugin = add(parent, "plugin", filename=system[0], name=system[1])
    for name, value in parameters:
        add(plugin, name, value)


def fix_to_world(model: Element, link: str) -> None:
    """Bolt a link of a model to the ground."""
    joint = add(model, "joint", name=f"{link}_to_world", type="fixed")
    add(joint, "parent", "world")
    add(joint, "child", link)

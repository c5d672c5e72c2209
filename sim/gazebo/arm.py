"""An arm's URDF as links and joints of SDF, drawn in its home pose.

Gazebo cannot be told where a joint stands at first: the pose in which a model is drawn is zero to
its joints. So the arm is drawn at home, its limits are counted from there, and whoever talks to
Gazebo adds the difference (`sim.gazebo.engine`). A link without mass
becomes a frame. The URDF's root stands on the ground.
"""

from __future__ import annotations

import xml.etree.ElementTree as ElementTree
from collections.abc import Mapping
from typing import Final

import numpy as np

from sim.errors import SceneError
from sim.gazebo import elements
from sim.gazebo.elements import Element, Vector, add, add_pose, number, numbers
from sim.layout import rotation

_MOVING: Final = {"revolute": "revolute", "continuous": "revolute", "prismatic": "prismatic"}
_GROUND: Final = "world"


def add_arm(model: Element, urdf: str, home: Mapping[str, float]) -> dict[str, Vector]:
    """Add the links and joints of a URDF to a model.

    Args:
        model: the SDF model.
        urdf: the text of the URDF.
        home: rad (or m) of each joint that moves.

    Returns:
        Pose (4, 4) of every link of the URDF in the model, at home.

    Raises:
        SceneError: the URDF has a joint or a shape that SDF or we have no equal for.
    """
    robot = ElementTree.fromstring(urdf)
    colours = _colours(robot)
    joints = {_child(joint): joint for joint in robot.findall("joint")}
    links = {link.attrib["name"]: link for link in robot.findall("link")}
    poses: dict[str, Vector] = {}

    def place(name: str) -> Vector:
        if name not in poses:
            joint = joints.get(name)
            if joint is None:
                poses[name] = np.eye(4)
            else:
                turned = _moved(joint, home.get(joint.attrib["name"], 0.0))
                poses[name] = place(_parent(joint)) @ _origin(joint) @ turned
        return poses[name]

    carrier: dict[str, str] = {}
    for name, link in links.items():
        place(name)
        if link.find("inertial") is not None:
            carrier[name] = name
            _add_link(model, link, poses[name], colours)
            if name not in joints:
                elements.fix_to_world(model, name)
        else:
            carrier[name] = carrier[_parent(joints[name])] if name in joints else _GROUND
            frame = add(model, "frame", name=name)
            if carrier[name] != _GROUND:
                frame.set("attached_to", carrier[name])
            pose = add(frame, "pose", relative_to="__model__")
            pose.text = numbers([*poses[name][:3, 3], *elements.rpy(poses[name][:3, :3])])
    for name, joint in joints.items():
        if carrier[name] == name:
            _add_joint(model, joint, carrier[_parent(joint)], home)
    return poses


def _parent(joint: Element) -> str:
    return joint.find("parent").attrib["link"]  # type: ignore[union-attr]


def _child(joint: Element) -> str:
    return joint.find("child").attrib["link"]  # type: ignore[union-attr]


def _colours(robot: Element) -> dict[str, str]:
    found = {}
    for material in robot.iter("material"):
        colour = material.find("color")
        if colour is not None:
            found[material.attrib["name"]] = colour.attrib["rgba"]
    return found


def _vector(text: str | None, otherwise: str) -> Vector:
    return np.array([float(word) for word in (text or otherwise).split()])


def _origin(element: Element) -> Vector:
    origin = element.find("origin")
    if origin is None:
        return np.eye(4)
    angles = np.rad2deg(_vector(origin.get("rpy"), "0 0 0"))
    return elements.transform(
        rotation((angles[0], angles[1], angles[2])), _vector(origin.get("xyz"), "0 0 0")
    )


def _axis(joint: Element) -> Vector:
    axis = joint.find("axis")
    direction = _vector(None if axis is None else axis.get("xyz"), "1 0 0")
    return direction / np.linalg.norm(direction)


def _moved(joint: Element, value: float) -> Vector:
    """Pose of a joint's child in its own frame at zero."""
    kind, axis = joint.attrib["type"], _axis(joint)
    if kind == "prismatic":
        return elements.transform(np.eye(3), axis * value)
    x, y, z = axis
    across = np.array([[0.0, -z, y], [z, 0.0, -x], [-y, x, 0.0]])
    turn = np.eye(3) + np.sin(value) * across + (1.0 - np.cos(value)) * across @ across
    return elements.transform(turn, np.zeros(3))


def _add_link(model: Element, source: Element, pose: Vector, colours: Mapping[str, str]) -> None:
    link = add(model, "link", name=source.attrib["name"])
    add_pose(link, pose)
    # The servos of a real arm hold its weight by themselves, and so do MuJoCo's.
    add(link, "gravity", "false")
    inertial = source.find("inertial")
    assert inertial is not None
    mass, tensor = inertial.find("mass"), inertial.find("inertia")
    if mass is None or tensor is None:
        raise SceneError(f"link {source.attrib['name']}: <inertial> needs <mass> and <inertia>")
    inertia = np.zeros((3, 3))
    for i, row in enumerate("xyz"):
        for j, column in enumerate("xyz"):
            inertia[i, j] = float(tensor.get(f"i{min(row, column)}{max(row, column)}", "0"))
    elements.add_inertial(link, float(mass.attrib["value"]), inertia, _origin(inertial))
    for tag in ("collision", "visual"):
        for index, shape in enumerate(source.findall(tag)):
            made = add(link, tag, name=f"{tag}_{index}")
            add_pose(made, _origin(shape))
            _add_geometry(made, shape)
            material = shape.find("material")
            if tag == "visual" and material is not None:
                text = colours.get(material.attrib["name"], "0.6 0.6 0.6 1")
                elements.add_material(made, [float(word) for word in text.split()])


def _add_geometry(made: Element, shape: Element) -> None:
    geometry = shape.find("geometry")
    kind = geometry[0] if geometry is not None and len(geometry) else None
    if kind is not None and kind.tag == "box":
        elements.add_box(made, _vector(kind.get("size"), "") / 2)
    elif kind is not None and kind.tag == "cylinder":
        elements.add_cylinder(made, float(kind.attrib["radius"]), float(kind.attrib["length"]))
    elif kind is not None and kind.tag == "sphere":
        sphere = add(add(made, "geometry"), "sphere")
        add(sphere, "radius", number(float(kind.attrib["radius"])))
    elif kind is not None and kind.tag == "mesh":
        mesh = add(add(made, "geometry"), "mesh")
        add(mesh, "uri", kind.attrib["filename"])
        add(mesh, "scale", kind.get("scale", "1 1 1"))
    else:
        raise SceneError(f"a shape of {made.get('name')} is no box, cylinder, sphere or mesh")


def _add_joint(model: Element, source: Element, parent: str, home: Mapping[str, float]) -> None:
    name, kind = source.attrib["name"], source.attrib["type"]
    if kind == "fixed":
        joint = add(model, "joint", name=name, type="fixed")
        add(joint, "parent", parent)
        add(joint, "child", _child(source))
        return
    if kind not in _MOVING:
        raise SceneError(f"joint {name}: type {kind} is not revolute, prismatic or fixed")
    joint = add(model, "joint", name=name, type=_MOVING[kind])
    add(joint, "parent", parent)
    add(joint, "child", _child(source))
    axis = add(joint, "axis")
    add(axis, "xyz", numbers(_axis(source)))
    limit, bounds = source.find("limit"), add(axis, "limit")
    if limit is None:
        return
    if kind != "continuous":
        add(bounds, "lower", number(float(limit.get("lower", "0")) - home.get(name, 0.0)))
        add(bounds, "upper", number(float(limit.get("upper", "0")) - home.get(name, 0.0)))
    for tag in ("effort", "velocity"):
        if tag in limit.attrib:
            add(bounds, tag, number(float(limit.attrib[tag])))

"""A cell as an SDF world for Gazebo: the same layout and URDF as MuJoCo's scene, other words.

Only SDF up to 1.9 and systems that come with Gazebo are used (`sim.gazebo.systems`). The world
stands still until it is stepped through `/world/W/control`.
"""

from __future__ import annotations

import xml.etree.ElementTree as ElementTree
from collections.abc import Mapping
from typing import Final

import numpy as np

from robot_cell.model import Cell, JointPose, Product
from robot_cell.model.arm_names import THE_ARM
from sim import layout, scenery
from sim.gazebo import elements, names, systems
from sim.gazebo.arm import add_arm
from sim.gazebo.elements import Element, Vector, add, add_plugin, number, numbers, transform
from sim.gazebo.servo import arm_gains, table_gains
from sim.layout import Layout, Solid, lay_out
from sim.scene import build_scene
from sim.servo_tuning import ServoGains

SDF_VERSION: Final = "1.9"
REAL_TIME_FACTOR: Final = 5.0
"""How fast Gazebo steps when it is asked to: one tick of 20 ms in 4 ms of wall time. Zero (as fast
as possible) would let the standing world spin through a processor and flood the bridge."""

TICK_HZ: Final = 50
_FOOT_M: Final = 0.01  # half edge of the link to which a clamp on the ground joins its parts


def world_text(
    cell: Cell, products: Mapping[str, Product], urdf: str, name: str, origin: str
) -> str:
    """The SDF file of a cell: its world `name`, with a comment that says how it was made.

    Raises:
        SceneError: the cell cannot be modelled.
    """
    laid = lay_out(cell, products)
    scene = build_scene(cell, products, {THE_ARM: urdf})
    root = ElementTree.Element("sdf", version=SDF_VERSION)
    world = add(root, "world", name=name)
    add(world, "gravity", numbers([0.0, 0.0, -layout.GRAVITY_M_S2]))
    physics = add(world, "physics", name="one_millisecond", type="dart")
    add(physics, "max_step_size", number(layout.STEP_S))
    add(physics, "real_time_factor", number(REAL_TIME_FACTOR))
    # Gazebo's default, said aloud: with DART's other detectors parts sink into a round table.
    add(add(physics, "dart"), "collision_detector", "ode")
    for system in (
        systems.PHYSICS,
        systems.USER_COMMANDS,
        systems.SCENE_BROADCASTER,
        systems.CONTACT,
    ):
        add_plugin(world, system)
    _dress(world)
    for solid in (*laid.obstacles, *laid.plates, laid.store):
        _add_solid(world, solid)
    heaviest = max(part.mass_kg for part in laid.parts)
    for table in laid.tables:
        _add_table(world, table, laid, table_gains(heaviest))
    for place in laid.grips:
        if place.body == layout.WORLD:
            _add_foot(world, place, laid)
    _add_arm_model(world, cell, urdf, laid, scene.arm_joints, arm_gains(scene))
    for part in laid.parts:
        _add_part(world, part, list(products).index(part.product) / len(products))
    ElementTree.indent(root)
    text = ElementTree.tostring(root, encoding="unicode")
    return f'<?xml version="1.0"?>\n<!-- {origin} -->\n{text}\n'


def _dress(world: Element) -> None:
    scene = add(world, "scene")
    add(scene, "ambient", "0.5 0.5 0.5 1")
    add(scene, "background", "0.86 0.9 0.94 1")
    light = add(world, "light", name="lamp", type="directional")
    add(light, "pose", "0.8 -1.2 3 0 0 0")
    add(light, "cast_shadows", "true")
    add(light, "diffuse", "0.8 0.8 0.8 1")
    add(light, "specular", "0.2 0.2 0.2 1")
    add(light, "direction", "-0.15 0.35 -1")
    floor = add(world, "model", name="floor")
    add(floor, "static", "true")
    link = add(floor, "link", name="link")
    for tag in ("collision", "visual"):
        shape = add(link, tag, name=tag)
        plane = add(add(shape, "geometry"), "plane")
        add(plane, "normal", "0 0 1")
        add(plane, "size", "8 8")
        if tag == "visual":
            elements.add_material(shape, (0.72, 0.74, 0.76, 1.0))


def _add_solid(world: Element, solid: Solid) -> None:
    model = add(world, "model", name=solid.name.replace("/", "_"))
    add(model, "static", "true")
    elements.add_pose(model, transform(solid.matrix, solid.xyz_m))
    link = add(model, "link", name="link")
    if solid.touchable:
        elements.add_box(add(link, "collision", name="collision"), solid.half_m)
    visual = add(link, "visual", name="visual")
    elements.add_box(visual, solid.half_m)
    elements.add_material(visual, scenery.COLOURS[solid.material])


def _add_table(world: Element, table: layout.Turntable, laid: Layout, gains: ServoGains) -> None:
    model = add(world, "model", name=table.name)
    elements.add_pose(model, transform(table.matrix, table.xyz_m))
    radius, thick = layout.TABLE_RADIUS_M, layout.TABLE_THICKNESS_M
    down = transform(np.eye(3), np.array([0.0, 0.0, -thick / 2]))
    foot = add(model, "link", name="foot")
    elements.add_inertial(foot, 1.0, elements.box_inertia(1.0, [0.02] * 3), np.eye(4))
    elements.fix_to_world(model, "foot")
    top = add(model, "link", name="top")
    mass = layout.TABLE_MASS_KG
    elements.add_inertial(top, mass, elements.cylinder_inertia(mass, radius, thick), down)
    for tag in ("collision", "visual"):
        shape = add(top, tag, name=tag)
        elements.add_pose(shape, down)
        elements.add_cylinder(shape, radius, thick)
        if tag == "visual":
            elements.add_material(shape, scenery.COLOURS["turntable"])
    for place in laid.grips:
        if place.body == table.name:
            _add_jaws(top, place.name, transform(place.matrix, place.xyz_m), (0.014, 0.03, 0.02))
    joint = add(model, "joint", name=names.TURN, type="revolute")
    add(joint, "parent", "foot")
    add(joint, "child", "top")
    axis = add(joint, "axis")
    add(axis, "xyz", "0 0 1")
    add(add(axis, "limit"), "effort", number(gains.force))
    _add_servos(model, table.name, [(names.TURN, gains)])
    _add_joints_with_parts(model, table.name, laid)


def _add_foot(world: Element, place: layout.GripPlace, laid: Layout) -> None:
    """A clamp on the ground: a small link that does not move, to which parts can be joined."""
    model = add(world, "model", name=place.name)
    elements.add_pose(model, transform(place.matrix, place.xyz_m))
    link = add(model, "link", name="foot")
    edges = [2 * _FOOT_M] * 3
    elements.add_inertial(link, 1.0, elements.box_inertia(1.0, edges), np.eye(4))
    _add_jaws(link, place.name, np.eye(4), (0.014, 0.03, 0.02))
    elements.fix_to_world(model, "foot")
    _add_joints_with_parts(model, place.name, laid)


def _add_arm_model(
    world: Element,
    cell: Cell,
    urdf: str,
    laid: Layout,
    joints: tuple[str, ...],
    gains: list[ServoGains],
) -> None:
    home = cell.poses[cell.arm.home]
    assert isinstance(home, JointPose)  # the plant file was checked
    model = add(world, "model", name=names.ARM)
    poses = add_arm(model, urdf, dict(zip(joints, np.deg2rad(home.joints_deg), strict=True)))
    tool, length = cell.arm.tool, cell.arm.tool.size_m[2]
    link = add(model, "link", name=layout.TOOL)
    elements.add_pose(link, poses["tool0"])
    add(link, "gravity", "false")
    middle = transform(np.eye(3), np.array([0.0, 0.0, length / 2]))
    inertia = elements.box_inertia(tool.mass_kg, tool.size_m)
    elements.add_inertial(link, tool.mass_kg, inertia, middle)
    for tag in ("collision", "visual"):
        shape = add(link, tag, name=tag)
        elements.add_pose(shape, middle)
        elements.add_box(shape, np.array(tool.size_m) / 2)
        if tag == "visual":
            elements.add_material(shape, scenery.COLOURS["tool"])
    reach = max(tool.tcp_xyz_m[2] + 0.012 - length, 0.01)
    jaws = transform(np.eye(3), np.array([0.0, 0.0, length + reach / 2 - 0.011]))
    _add_jaws(link, tool.gripper, jaws, (0.012, 0.026, reach))
    sensor = add(link, "sensor", name="touch", type="contact")
    add(sensor, "topic", names.TOOL_CONTACTS)
    add(sensor, "update_rate", str(TICK_HZ))
    add(add(sensor, "contact"), "collision", "collision")
    flange = model.find("frame[@name='tool0']")
    mount = add(model, "joint", name="tool_mount", type="fixed")
    add(mount, "parent", "tool0" if flange is None else flange.attrib["attached_to"])
    add(mount, "child", layout.TOOL)
    _add_servos(model, names.ARM, list(zip(joints, gains, strict=True)))
    _add_joints_with_parts(model, names.ARM, laid)


def _add_part(world: Element, part: layout.LoosePart, hue: float) -> None:
    model = add(world, "model", name=part.name)
    elements.add_pose(model, transform(np.eye(3), part.xyz_m))
    link = add(model, "link", name=names.PART_LINK)
    inertia = elements.box_inertia(part.mass_kg, part.size_m)
    elements.add_inertial(link, part.mass_kg, inertia, np.eye(4))
    half = np.array(part.size_m) / 2
    collision = add(link, "collision", name="collision")
    elements.add_box(collision, half)
    ode = add(add(add(collision, "surface"), "friction"), "ode")
    add(ode, "mu", number(layout.PART_FRICTION))
    add(ode, "mu2", number(layout.PART_FRICTION))
    visual = add(link, "visual", name="visual")
    elements.add_box(visual, half)
    elements.add_material(visual, scenery.part_colour(hue))
    add_plugin(
        model,
        systems.POSE_PUBLISHER,
        [
            ("publish_link_pose", "false"),
            ("publish_nested_model_pose", "true"),
            ("publish_model_pose", "true"),
            ("update_frequency", str(TICK_HZ)),
        ],
    )


def _add_jaws(link: Element, clamp: str, pose: Vector, size_m: tuple[float, float, float]) -> None:
    """Two jaws, drawn open; they do not push."""
    for side, sign in (("left", 1.0), ("right", -1.0)):
        visual = add(link, "visual", name=f"{clamp}_jaw_{side}")
        aside = transform(np.eye(3), np.array([sign * scenery.JAW_OPEN_M, 0.0, 0.011]))
        elements.add_pose(visual, pose @ aside)
        elements.add_box(visual, np.array(size_m) / 2)
        elements.add_material(visual, scenery.COLOURS["jaw"])


def _add_servos(model: Element, name: str, servos: list[tuple[str, ServoGains]]) -> None:
    parameters = [("joint_name", joint) for joint, _ in servos]
    parameters += [("position_p_gain", number(gains.kp)) for _, gains in servos]
    parameters += [("velocity_p_gain", number(gains.kv)) for _, gains in servos]
    topic = [("topic", names.joint_trajectory(name))]
    add_plugin(model, systems.JOINT_TRAJECTORY_CONTROLLER, topic + parameters)
    state = [("topic", names.joint_state(name))]
    state += [("joint_name", joint) for joint, _ in servos]
    add_plugin(model, systems.JOINT_STATE_PUBLISHER, state)


def _add_joints_with_parts(model: Element, name: str, laid: Layout) -> None:
    """A joint that can be made and unmade for each clamp of a model and each part."""
    for place in laid.grips:
        owner, link = names.holder(place)
        if owner != name:
            continue
        for part in laid.parts:
            add_plugin(
                model,
                systems.DETACHABLE_JOINT,
                [
                    ("parent_link", link),
                    ("child_model", part.name),
                    ("child_link", names.PART_LINK),
                    ("attach_topic", names.grip_topic(place.name, part.name, "attach")),
                    ("detach_topic", names.grip_topic(place.name, part.name, "detach")),
                    ("output_topic", names.grip_topic(place.name, part.name, "state")),
                ],
            )

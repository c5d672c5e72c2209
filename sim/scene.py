"""A cell as a MuJoCo model: arms, tools, stations, fixtures, and the parts that it may handle.

All geometry is in the cell's frame: metres, z up, the floor at z = 0.
"""

from __future__ import annotations

import xml.etree.ElementTree as ElementTree
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

import mujoco
import numpy as np
from numpy.typing import NDArray

from robot_cell.model import Arm, Cell, Product
from robot_cell.model.arm_names import THE_ARM
from robot_cell.model.plant import Base
from sim import layout, scenery
from sim.errors import SceneError
from sim.layout import STEP_S, TOOL, GripPlace, Layout, Solid, lay_out, prefix_of, rotation
from sim.servo_tuning import ServoGains, add_armature, add_servo, largest_inertias, tune

__all__ = ["STEP_S", "TCP", "TOOL", "Grip", "Scene", "build_scene", "quaternion", "rotation"]

TCP: Final = "tcp"

# Who touches whom: an arm never touches itself here (the planner answers for that), and jaws are
# only drawn; everything else that is solid collides, arms with each other too. Bit 0 is what is no
# arm, and each arm has one of the others.
_MOST_ARMS: Final = 30

_GRIP_TIME_CONSTANT_S: Final = 0.003
"""Time constant of a grip (MuJoCo solref); at 20 m/s² a part gives by 0.2 mm."""


@dataclass(frozen=True)
class Grip:
    """A clamp as the physics sees it.

    Attributes:
        body: what the clamp is mounted on: the tool, a rotary table, or the world.
        xyz_m, matrix: the clamp's frame in that body.
        on_tool: whether it is an arm's gripper.
        welds: equality constraint that holds each part, by part name.
    """

    body: str
    xyz_m: NDArray[np.float64]
    matrix: NDArray[np.float64]
    on_tool: bool
    welds: Mapping[str, int]


@dataclass(frozen=True)
class Scene:
    """The model, and the names by which the rest of the simulator finds things in it.

    Attributes:
        arm_joints: of all arms, each base to flange.
        arms: which of those joints are whose.
        parts: product of each part body.
        store: where each part lies while nobody needs it: position and quaternion, (7,).
        grips: clamps by fixture name.
        tables: hinge joint of each rotary table, by fixture name.
        feed_forward: kv / kp of each arm joint, (n,) s.
        speeds: rad/s, of the joints whose URDF limits them.
    """

    model: mujoco.MjModel
    arm_joints: tuple[str, ...]
    arms: Mapping[str, slice]
    parts: Mapping[str, str]
    part_sizes_m: Mapping[str, tuple[float, float, float]]
    store: Mapping[str, NDArray[np.float64]]
    grips: Mapping[str, Grip]
    tables: Mapping[str, str]
    feed_forward: NDArray[np.float64]
    speeds: Mapping[str, float]


def quaternion(matrix: NDArray[np.float64]) -> NDArray[np.float64]:
    """Unit quaternion (w, x, y, z) of a rotation matrix (3, 3)."""
    result = np.zeros(4)
    mujoco.mju_mat2Quat(result, np.ascontiguousarray(matrix).ravel())
    return result


def build_scene(cell: Cell, products: Mapping[str, Product], urdfs: Mapping[str, str]) -> Scene:
    """Compile the model of a cell.

    Args:
        cell: its fixtures, frames, obstacles and tools.
        products: whose parts may come.
        urdfs: text of each arm's URDF, with the frame `tool0` (z out of the flange).

    Raises:
        SceneError: a URDF cannot be read, has no `tool0`, or no joint that moves.
    """
    touches = _Touches.of(cell)
    spec, joints_of = _with_arms(cell, urdfs, touches)
    arm_joints = tuple(name for joints in joints_of.values() for name in joints)
    laid = lay_out(cell, products)
    for solid in laid.obstacles:
        _add_solid(spec, solid, touches)
    tables = {table.name: _add_table(spec, table, touches) for table in laid.tables}
    for solid in laid.plates:
        _add_solid(spec, solid, touches)
    parts, sizes, store = _add_parts(spec, laid, list(products), touches)
    grips = {place.name: _add_grip(spec, place, parts) for place in laid.grips}
    gains = _servo_gains(spec, arm_joints)
    for name, gain in gains.items():
        add_servo(spec, name, gain)
    for joint in tables.values():
        add_servo(spec, joint, tune(0.05, 60.0, 150.0))
    model = spec.compile()
    welds = {name: {part: model.equality(f"{name}/{part}").id for part in parts} for name in grips}
    return Scene(
        model=model,
        arm_joints=arm_joints,
        arms=_slices(joints_of),
        parts=parts,
        part_sizes_m=sizes,
        store=store,
        grips={
            name: Grip(grip.body, grip.xyz_m, grip.matrix, grip.on_tool, welds[name])
            for name, grip in grips.items()
        },
        tables=tables,
        feed_forward=np.array([gains[name].kv / gains[name].kp for name in arm_joints]),
        speeds={
            f"{prefix_of(arm)}{joint}": speed
            for arm, urdf in urdfs.items()
            for joint, speed in _speeds(urdf).items()
        },
    )


@dataclass(frozen=True)
class _Touches:
    """MuJoCo's contact bits: of what is no arm, and of each arm."""

    fixed: Mapping[str, int]
    arms: Mapping[str, Mapping[str, int]]

    @classmethod
    def of(cls, cell: Cell) -> _Touches:
        if len(cell.arms) > _MOST_ARMS:
            raise SceneError(f"a cell of {len(cell.arms)} arms; at most {_MOST_ARMS} can be told")
        own = {name: 2 << number for number, name in enumerate(cell.arms)}
        every = 1 | sum(own.values())
        return cls(
            {"contype": 1, "conaffinity": every},
            {name: {"contype": bit, "conaffinity": every & ~bit} for name, bit in own.items()},
        )


def _with_arms(
    cell: Cell, urdfs: Mapping[str, str], touches: _Touches
) -> tuple[mujoco.MjSpec, dict[str, tuple[str, ...]]]:
    """A model of the arms with their tools, and the joints of each by their names in it."""
    if list(cell.arms) == [THE_ARM] and cell.arm.base == Base():
        spec = _read_arm(urdfs[THE_ARM])
        _set_options(spec)
        joints = _prepare_arm(spec, touches.arms[THE_ARM])
        scenery.dress(spec, touches.fixed["conaffinity"])
        _mount_tool(spec, cell.arm, "", touches.arms[THE_ARM])
        return spec, {THE_ARM: joints}
    spec = mujoco.MjSpec()
    _set_options(spec)
    bases = np.array([arm.base.xyz_m for arm in cell.arms.values()])
    x, y, _ = bases.mean(axis=0).tolist()
    scenery.dress(spec, touches.fixed["conaffinity"], (x, y) if len(bases) > 1 else None)
    joints_of: dict[str, tuple[str, ...]] = {}
    for name, arm in cell.arms.items():
        one, prefix = _read_arm(urdfs[name]), prefix_of(name)
        joints = _prepare_arm(one, touches.arms[name])
        place = spec.worldbody.add_frame(
            pos=arm.base.xyz_m, quat=quaternion(rotation(arm.base.rpy_deg))
        )
        spec.attach(one, prefix=prefix, frame=place)
        _mount_tool(spec, arm, prefix, touches.arms[name])
        joints_of[name] = tuple(prefix + joint for joint in joints)
    return spec, joints_of


def _set_options(spec: mujoco.MjSpec) -> None:
    spec.option.timestep = STEP_S
    spec.option.integrator = mujoco.mjtIntegrator.mjINT_IMPLICITFAST
    spec.option.enableflags |= mujoco.mjtEnableBit.mjENBL_SLEEP
    spec.memory = 4 * 1024 * 1024


def _slices(joints_of: Mapping[str, tuple[str, ...]]) -> dict[str, slice]:
    slices: dict[str, slice] = {}
    first = 0
    for name, joints in joints_of.items():
        slices[name] = slice(first, first + len(joints))
        first += len(joints)
    return slices


def _read_arm(urdf: str) -> mujoco.MjSpec:
    try:
        root = ElementTree.fromstring(urdf)
    except ElementTree.ParseError as error:
        raise SceneError(f"the arm's URDF is not XML: {error}") from error
    if root.find("mujoco") is None:
        extension = ElementTree.SubElement(root, "mujoco")
        ElementTree.SubElement(extension, "compiler", discardvisual="false", fusestatic="false")
        urdf = ElementTree.tostring(root, encoding="unicode")
    try:
        return mujoco.MjSpec.from_string(urdf)
    except ValueError as error:
        raise SceneError(f"MuJoCo cannot read the arm's URDF: {error}") from error


def _speeds(urdf: str) -> dict[str, float]:
    """Speed limits of the joints, which MuJoCo has no place for."""
    speeds = {}
    for joint in ElementTree.fromstring(urdf).iter("joint"):
        limit = joint.find("limit")
        if limit is not None and "velocity" in limit.attrib:
            speeds[joint.attrib["name"]] = float(limit.attrib["velocity"])
    return speeds


def _prepare_arm(spec: mujoco.MjSpec, touches: Mapping[str, int]) -> tuple[str, ...]:
    joints = []
    for body in spec.bodies:
        if body.name == "world":
            continue
        body.gravcomp = 1.0
        for geom in body.geoms:
            if geom.contype:
                geom.contype, geom.conaffinity = touches["contype"], touches["conaffinity"]
                geom.group = 3
        for joint in body.joints:
            add_armature(joint)
            joints.append(joint.name)
    if not joints:
        raise SceneError("the arm's URDF has no joint that moves")
    return tuple(joints)


def _mount_tool(spec: mujoco.MjSpec, arm: Arm, prefix: str, touches: Mapping[str, int]) -> None:
    flange = spec.body(f"{prefix}tool0")
    if flange is None:
        raise SceneError("the arm's URDF has no frame tool0 (flange, z out); add it")
    tool = arm.tool
    body = flange.add_body(name=f"{prefix}{TOOL}", gravcomp=1.0)
    length = tool.size_m[2]
    body.add_geom(
        name=f"{prefix}tool/hull",
        type=mujoco.mjtGeom.mjGEOM_BOX,
        size=np.array(tool.size_m) / 2,
        pos=[0.0, 0.0, length / 2],
        mass=tool.mass_kg,
        material="tool",
        **touches,
    )
    body.add_site(
        name=f"{prefix}{TCP}",
        pos=tool.tcp_xyz_m,
        quat=quaternion(rotation(tool.tcp_rpy_deg)),
        size=[0.004, 0.004, 0.004],
        rgba=[1, 0, 0, 0],
    )
    reach = max(tool.tcp_xyz_m[2] + 0.012 - length, 0.01)
    scenery.add_jaws(
        body, tool.gripper, centre=(0.0, 0.0, length + reach / 2), size=(0.012, 0.026, reach)
    )


def _add_solid(spec: mujoco.MjSpec, solid: Solid, touches: _Touches) -> None:
    spec.worldbody.add_geom(
        name=solid.name,
        type=mujoco.mjtGeom.mjGEOM_BOX,
        size=solid.half_m,
        pos=solid.xyz_m,
        quat=quaternion(solid.matrix),
        material=solid.material,
        **(touches.fixed if solid.touchable else {"contype": 0, "conaffinity": 0}),
    )


def _add_table(spec: mujoco.MjSpec, table: layout.Turntable, touches: _Touches) -> str:
    name = table.name
    body = spec.worldbody.add_body(name=name, pos=table.xyz_m, quat=quaternion(table.matrix))
    body.add_joint(
        name=f"{name}/turn", type=mujoco.mjtJoint.mjJNT_HINGE, axis=[0, 0, 1]
    ).armature = layout.TABLE_ARMATURE
    body.add_geom(
        name=f"{name}/top",
        type=mujoco.mjtGeom.mjGEOM_CYLINDER,
        size=[layout.TABLE_RADIUS_M, layout.TABLE_THICKNESS_M / 2, 0.0],
        pos=[0.0, 0.0, -layout.TABLE_THICKNESS_M / 2],
        mass=layout.TABLE_MASS_KG,
        material="turntable",
        **touches.fixed,
    )
    scenery.add_dial(body, layout.TABLE_RADIUS_M)
    return f"{name}/turn"


def _add_parts(
    spec: mujoco.MjSpec, laid: Layout, products: list[str], touches: _Touches
) -> tuple[dict[str, str], dict[str, tuple[float, float, float]], dict[str, NDArray[np.float64]]]:
    parts: dict[str, str] = {}
    sizes: dict[str, tuple[float, float, float]] = {}
    store: dict[str, NDArray[np.float64]] = {}
    _add_solid(spec, laid.store, touches)
    for part in laid.parts:
        half = np.array(part.size_m) / 2
        body = spec.worldbody.add_body(name=part.name, pos=part.xyz_m)
        body.add_freejoint()
        body.sleep = mujoco.mjtSleepPolicy.mjSLEEP_INIT
        body.add_geom(
            name=part.name,
            type=mujoco.mjtGeom.mjGEOM_BOX,
            size=half,
            mass=part.mass_kg,
            friction=[layout.PART_FRICTION, 0.005, 0.0001],
            material=scenery.part_material(spec, part.product, products),
            **touches.fixed,
        )
        scenery.add_part_features(body, half)
        parts[part.name] = part.product
        sizes[part.name] = part.size_m
        store[part.name] = np.concatenate([part.xyz_m, [1.0, 0.0, 0.0, 0.0]])
    return parts, sizes, store


def _add_grip(spec: mujoco.MjSpec, place: GripPlace, parts: Mapping[str, str]) -> Grip:
    if not place.on_tool:
        scenery.add_jaws(
            spec.body(place.body),
            place.name,
            centre=tuple(place.xyz_m + place.matrix @ [0, 0, 0.011]),
            size=(0.014, 0.03, 0.02),
        )
    for part in parts:
        weld: Any = spec.add_equality(
            name=f"{place.name}/{part}",
            type=mujoco.mjtEq.mjEQ_WELD,
            objtype=mujoco.mjtObj.mjOBJ_BODY,
            name1=place.body,
            name2=part,
            active=False,
        )
        weld.solref = [_GRIP_TIME_CONSTANT_S, 1.0]
        weld.solimp = [0.99, 0.9999, 0.001, 0.5, 2.0]
        weld.data[10] = 1.0
    return Grip(place.body, place.xyz_m, place.matrix, place.on_tool, {})


def _servo_gains(spec: mujoco.MjSpec, joints: tuple[str, ...]) -> dict[str, ServoGains]:
    model = spec.compile()
    dofs = np.array([model.jnt_dofadr[model.joint(name).id] for name in joints])
    inertias = largest_inertias(model, dofs)
    return {
        name: tune(float(inertia), float(spec.joint(name).actfrcrange[1]))
        for name, inertia in zip(joints, inertias, strict=True)
    }

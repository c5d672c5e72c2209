"""A cell as a MuJoCo model: arm, tool, stations, fixtures, and the parts that it may handle.

All geometry is in the frame of the arm's base: metres, z up, the floor at z = 0.
"""

from __future__ import annotations

import xml.etree.ElementTree as ElementTree
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

import mujoco
import numpy as np
from numpy.typing import NDArray

from robot_cell.model import Cell, Fixture, Frame, Product
from sim import scenery
from sim.errors import SceneError
from sim.servo_tuning import ServoGains, add_armature, add_servo, largest_inertias, tune

STEP_S: Final = 0.001
PARTS_PER_PRODUCT: Final = 2
TOOL: Final = "tool"
TCP: Final = "tcp"

# Who touches whom: an arm never touches itself here (the planner answers for that), and jaws are
# only drawn; everything else that is solid collides.
_ARM: Final = {"contype": 2, "conaffinity": 1}
_FIXED: Final = {"contype": 1, "conaffinity": 3}
_PART: Final = {"contype": 1, "conaffinity": 3}

_TABLE_RADIUS_M: Final = 0.07
_TABLE_THICKNESS_M: Final = 0.018
_PLATE_M: Final = (0.05, 0.05, 0.002)
_STORE_XYZ_M: Final = (-1.9, 0.0, 0.0)
_STORE_SPACING_M: Final = 0.16
_STORE_HEIGHT_M: Final = 0.30
_GRIP_TIME_CONSTANT_S: Final = 0.003
"""Time constant of a grip (MuJoCo solref); at 20 m/s² a part gives by 0.2 mm."""


@dataclass(frozen=True)
class Grip:
    """A clamp as the physics sees it.

    Attributes:
        body: what the clamp is mounted on: the tool, a rotary table, or the world.
        xyz_m, matrix: the clamp's frame in that body.
        on_tool: whether it is the arm's gripper.
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
        arm_joints: base to flange.
        parts: product of each part body.
        store: where each part lies while nobody needs it: position and quaternion, (7,).
        grips: clamps by fixture name.
        tables: hinge joint of each rotary table, by fixture name.
        feed_forward: kv / kp of each arm joint, (n,) s.
        speeds: rad/s, of the joints whose URDF limits them.
    """

    model: mujoco.MjModel
    arm_joints: tuple[str, ...]
    parts: Mapping[str, str]
    part_sizes_m: Mapping[str, tuple[float, float, float]]
    store: Mapping[str, NDArray[np.float64]]
    grips: Mapping[str, Grip]
    tables: Mapping[str, str]
    feed_forward: NDArray[np.float64]
    speeds: Mapping[str, float]


def rotation(rpy_deg: tuple[float, float, float]) -> NDArray[np.float64]:
    """Rotation matrix (3, 3) of roll, pitch, yaw about fixed x, y, z (the URDF convention)."""
    (cr, cp, cy), (sr, sp, sy) = np.cos(np.deg2rad(rpy_deg)), np.sin(np.deg2rad(rpy_deg))
    return np.array(
        [
            [cy * cp, cy * sp * sr - sy * cr, cy * sp * cr + sy * sr],
            [sy * cp, sy * sp * sr + cy * cr, sy * sp * cr - cy * sr],
            [-sp, cp * sr, cp * cr],
        ]
    )


def quaternion(matrix: NDArray[np.float64]) -> NDArray[np.float64]:
    """Unit quaternion (w, x, y, z) of a rotation matrix (3, 3)."""
    result = np.zeros(4)
    mujoco.mju_mat2Quat(result, np.ascontiguousarray(matrix).ravel())
    return result


def build_scene(cell: Cell, products: Mapping[str, Product], urdf: str) -> Scene:
    """Compile the model of a cell.

    Args:
        cell: its fixtures, frames, obstacles and tool.
        products: whose parts may come.
        urdf: text of the arm's URDF, with the frame `tool0` (z out of the flange).

    Raises:
        SceneError: the URDF cannot be read, has no `tool0`, or no joint that moves.
    """
    spec = _read_arm(urdf)
    spec.option.timestep = STEP_S
    spec.option.integrator = mujoco.mjtIntegrator.mjINT_IMPLICITFAST
    spec.option.enableflags |= mujoco.mjtEnableBit.mjENBL_SLEEP
    spec.memory = 4 * 1024 * 1024
    arm_joints = _prepare_arm(spec)
    scenery.dress(spec)
    _mount_tool(spec, cell)
    for box in cell.obstacles:
        spec.worldbody.add_geom(
            name=f"obstacle/{box.name}",
            type=mujoco.mjtGeom.mjGEOM_BOX,
            size=np.array(box.size_m) / 2,
            pos=box.xyz_m,
            quat=quaternion(rotation((0.0, 0.0, box.yaw_deg))),
            material="station",
            **_FIXED,
        )
    tables = {
        name: _add_table(spec, cell, name)
        for name, fixture in cell.fixtures.items()
        if fixture.simulated_kind == "table"
    }
    _add_stations(spec, cell)
    parts, sizes, store = _add_parts(spec, products)
    grips = {
        name: _add_grip(spec, cell, name, fixture, parts)
        for name, fixture in cell.fixtures.items()
        if fixture.simulated_kind == "clamp"
    }
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
        parts=parts,
        part_sizes_m=sizes,
        store=store,
        grips={
            name: Grip(grip.body, grip.xyz_m, grip.matrix, grip.on_tool, welds[name])
            for name, grip in grips.items()
        },
        tables=tables,
        feed_forward=np.array([gains[name].kv / gains[name].kp for name in arm_joints]),
        speeds=_speeds(urdf),
    )


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


def _prepare_arm(spec: mujoco.MjSpec) -> tuple[str, ...]:
    joints = []
    for body in spec.bodies:
        if body.name == "world":
            continue
        body.gravcomp = 1.0
        for geom in body.geoms:
            if geom.contype:
                geom.contype, geom.conaffinity = _ARM["contype"], _ARM["conaffinity"]
                geom.group = 3
        for joint in body.joints:
            add_armature(joint)
            joints.append(joint.name)
    if not joints:
        raise SceneError("the arm's URDF has no joint that moves")
    return tuple(joints)


def _mount_tool(spec: mujoco.MjSpec, cell: Cell) -> None:
    flange = spec.body("tool0")
    if flange is None:
        raise SceneError("the arm's URDF has no frame tool0 (flange, z out); add it")
    tool = cell.arm.tool
    body = flange.add_body(name=TOOL, gravcomp=1.0)
    length = tool.size_m[2]
    body.add_geom(
        name="tool/hull",
        type=mujoco.mjtGeom.mjGEOM_BOX,
        size=np.array(tool.size_m) / 2,
        pos=[0.0, 0.0, length / 2],
        mass=tool.mass_kg,
        material="tool",
        **_ARM,
    )
    body.add_site(
        name=TCP,
        pos=tool.tcp_xyz_m,
        quat=quaternion(rotation(tool.tcp_rpy_deg)),
        size=[0.004, 0.004, 0.004],
        rgba=[1, 0, 0, 0],
    )
    reach = max(tool.tcp_xyz_m[2] + 0.012 - length, 0.01)
    scenery.add_jaws(
        body, tool.gripper, centre=(0.0, 0.0, length + reach / 2), size=(0.012, 0.026, reach)
    )


def _frame(cell: Cell, fixture: Fixture) -> Frame:
    if fixture.frame is None:
        raise SceneError(
            f"the fixture at address {fixture.address} of bus {fixture.bus} "
            f"(kind {fixture.simulated_kind}) has no frame; give it one"
        )
    return cell.frames[fixture.frame]


def _add_table(spec: mujoco.MjSpec, cell: Cell, name: str) -> str:
    frame = _frame(cell, cell.fixtures[name])
    body = spec.worldbody.add_body(
        name=name, pos=frame.xyz_m, quat=quaternion(rotation(frame.rpy_deg))
    )
    body.add_joint(
        name=f"{name}/turn", type=mujoco.mjtJoint.mjJNT_HINGE, axis=[0, 0, 1]
    ).armature = 0.03
    body.add_geom(
        name=f"{name}/top",
        type=mujoco.mjtGeom.mjGEOM_CYLINDER,
        size=[_TABLE_RADIUS_M, _TABLE_THICKNESS_M / 2, 0.0],
        pos=[0.0, 0.0, -_TABLE_THICKNESS_M / 2],
        mass=4.0,
        material="turntable",
        **_FIXED,
    )
    scenery.add_dial(body, _TABLE_RADIUS_M)
    return f"{name}/turn"


def _add_stations(spec: mujoco.MjSpec, cell: Cell) -> None:
    """A plate under every frame where parts are put, solid unless an obstacle's top is there."""
    turning = {f.frame for f in cell.fixtures.values() if f.simulated_kind == "table"}
    places = {f.frame for f in cell.fixtures.values()} | {f.clears for f in cell.fixtures.values()}
    for name in sorted(place for place in places - turning if place is not None):
        frame = cell.frames[name]
        carried = any(
            abs(box.xyz_m[2] + box.size_m[2] / 2 - frame.xyz_m[2]) < 0.001
            and abs(box.xyz_m[0] - frame.xyz_m[0]) < box.size_m[0] / 2
            and abs(box.xyz_m[1] - frame.xyz_m[1]) < box.size_m[1] / 2
            for box in cell.obstacles
        )
        matrix = rotation(frame.rpy_deg)
        height = 0.0006 if carried else 0.0
        spec.worldbody.add_geom(
            name=f"plate/{name}",
            type=mujoco.mjtGeom.mjGEOM_BOX,
            size=_PLATE_M,
            pos=np.array(frame.xyz_m) + matrix @ np.array([0, 0, height - _PLATE_M[2]]),
            quat=quaternion(matrix),
            material="plate",
            **({"contype": 0, "conaffinity": 0} if carried else _FIXED),
        )


def _add_parts(
    spec: mujoco.MjSpec, products: Mapping[str, Product]
) -> tuple[dict[str, str], dict[str, tuple[float, float, float]], dict[str, NDArray[np.float64]]]:
    parts: dict[str, str] = {}
    sizes: dict[str, tuple[float, float, float]] = {}
    store: dict[str, NDArray[np.float64]] = {}
    count = len(products) * PARTS_PER_PRODUCT
    shelf = np.array(_STORE_XYZ_M)
    spec.worldbody.add_geom(
        name="store",
        type=mujoco.mjtGeom.mjGEOM_BOX,
        size=[0.12, (count + 1) * _STORE_SPACING_M / 2, _STORE_HEIGHT_M / 2],
        pos=shelf + np.array([0.0, 0.0, _STORE_HEIGHT_M / 2]),
        material="station",
        **_FIXED,
    )
    for product_name, product in products.items():
        for number in range(1, PARTS_PER_PRODUCT + 1):
            name = f"{product_name}_{number}"
            half = np.array(product.part.size_m) / 2
            y = (len(parts) - (count - 1) / 2) * _STORE_SPACING_M
            at = shelf + np.array([0.0, y, _STORE_HEIGHT_M + half[2]])
            body = spec.worldbody.add_body(name=name, pos=at)
            body.add_freejoint()
            body.sleep = mujoco.mjtSleepPolicy.mjSLEEP_INIT
            body.add_geom(
                name=name,
                type=mujoco.mjtGeom.mjGEOM_BOX,
                size=half,
                mass=product.part.mass_kg,
                friction=[0.8, 0.005, 0.0001],
                material=scenery.part_material(spec, product_name, list(products)),
                **_PART,
            )
            scenery.add_part_features(body, half)
            parts[name] = product_name
            sizes[name] = product.part.size_m
            store[name] = np.concatenate([at, [1.0, 0.0, 0.0, 0.0]])
    return parts, sizes, store


def _add_grip(
    spec: mujoco.MjSpec, cell: Cell, name: str, fixture: Fixture, parts: Mapping[str, str]
) -> Grip:
    on_tool = name == cell.arm.tool.gripper
    if on_tool:
        tool = cell.arm.tool
        body, xyz, matrix = TOOL, np.array(tool.tcp_xyz_m), rotation(tool.tcp_rpy_deg)
    else:
        frame = _frame(cell, fixture)
        xyz, matrix = np.array(frame.xyz_m), rotation(frame.rpy_deg)
        body = "world"
        if fixture.mounted_on is not None:
            body = fixture.mounted_on
            base = _frame(cell, cell.fixtures[body])
            turned = rotation(base.rpy_deg)
            xyz, matrix = turned.T @ (xyz - np.array(base.xyz_m)), turned.T @ matrix
        scenery.add_jaws(
            spec.body(body),
            name,
            centre=tuple(xyz + matrix @ [0, 0, 0.011]),
            size=(0.014, 0.03, 0.02),
        )
    for part in parts:
        weld: Any = spec.add_equality(
            name=f"{name}/{part}",
            type=mujoco.mjtEq.mjEQ_WELD,
            objtype=mujoco.mjtObj.mjOBJ_BODY,
            name1=body,
            name2=part,
            active=False,
        )
        weld.solref = [_GRIP_TIME_CONSTANT_S, 1.0]
        weld.solimp = [0.99, 0.9999, 0.001, 0.5, 2.0]
        weld.data[10] = 1.0
    return Grip(body, xyz, matrix, on_tool, {})


def _servo_gains(spec: mujoco.MjSpec, joints: tuple[str, ...]) -> dict[str, ServoGains]:
    model = spec.compile()
    dofs = np.array([model.jnt_dofadr[model.joint(name).id] for name in joints])
    inertias = largest_inertias(model, dofs)
    return {
        name: tune(float(inertia), float(spec.joint(name).actfrcrange[1]))
        for name, inertia in zip(joints, inertias, strict=True)
    }

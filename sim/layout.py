"""What stands where in a cell, said once for every simulator.

`sim.scene` makes a MuJoCo model of it and `sim.gazebo.world` an SDF world. All geometry is in the
cell's frame: metres, z up, the floor at z = 0.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from robot_cell.model import Cell, Fixture, Frame, Product
from robot_cell.model.arm_names import THE_ARM
from sim.errors import SceneError

STEP_S: Final = 0.001
PARTS_PER_PRODUCT: Final = 2
TOOL: Final = "tool"
WORLD: Final = "world"
GRAVITY_M_S2: Final = 9.81
PART_FRICTION: Final = 0.8

TABLE_RADIUS_M: Final = 0.07
TABLE_THICKNESS_M: Final = 0.018
TABLE_MASS_KG: Final = 4.0
TABLE_ARMATURE: Final = 0.03
"""kg·m² of the table's drive, seen from its axis."""

_PLATE_M: Final = (0.05, 0.05, 0.002)  # half edges
_STORE_XYZ_M: Final = (-1.9, 0.0, 0.0)
_STORE_SPACING_M: Final = 0.16
_STORE_HEIGHT_M: Final = 0.30


@dataclass(frozen=True, eq=False)
class Solid:
    """A box that does not move.

    Attributes:
        half_m: half edges. xyz_m: centre. matrix: axes (3, 3).
        material: name of a colour in `sim.scenery`.
        touchable: whether it collides; one that lies on another is only seen.
    """

    name: str
    half_m: NDArray[np.float64]
    xyz_m: NDArray[np.float64]
    matrix: NDArray[np.float64]
    material: str
    touchable: bool = True


@dataclass(frozen=True, eq=False)
class Turntable:
    """A rotary table: a disc whose top is in the plane of its frame, turned about its z."""

    name: str
    xyz_m: NDArray[np.float64]
    matrix: NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class LoosePart:
    """A part, where it lies while nobody needs it; upright, its centre at `xyz_m`."""

    name: str
    product: str
    size_m: tuple[float, float, float]
    mass_kg: float
    xyz_m: NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class GripPlace:
    """A clamp: what it is mounted on (the tool, a table, or the world), and its frame in that."""

    name: str
    body: str
    xyz_m: NDArray[np.float64]
    matrix: NDArray[np.float64]
    on_tool: bool


@dataclass(frozen=True, eq=False)
class Layout:
    """All of a cell but its arms."""

    obstacles: tuple[Solid, ...]
    tables: tuple[Turntable, ...]
    plates: tuple[Solid, ...]
    store: Solid
    parts: tuple[LoosePart, ...]
    grips: tuple[GripPlace, ...]


def prefix_of(arm: str) -> str:
    """What stands before every name of an arm in a model: nothing before those of the only one."""
    return "" if arm == THE_ARM else f"{arm}/"


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


def lay_out(cell: Cell, products: Mapping[str, Product]) -> Layout:
    """Where everything of a cell is, with the parts that may come.

    Raises:
        SceneError: a table or a clamp has no frame.
    """
    obstacles = tuple(
        Solid(
            f"obstacle/{box.name}",
            np.array(box.size_m) / 2,
            np.array(box.xyz_m),
            rotation((0.0, 0.0, box.yaw_deg)),
            "station",
        )
        for box in cell.obstacles
    )
    tables = []
    for name, fixture in cell.fixtures.items():
        if fixture.simulated_kind == "table":
            frame = _frame(cell, fixture)
            tables.append(Turntable(name, np.array(frame.xyz_m), rotation(frame.rpy_deg)))
    return Layout(
        obstacles=obstacles,
        tables=tuple(tables),
        plates=_plates(cell),
        store=_store(len(products) * PARTS_PER_PRODUCT),
        parts=_parts(products),
        grips=tuple(
            _grip(cell, name, fixture)
            for name, fixture in cell.fixtures.items()
            if fixture.simulated_kind == "clamp"
        ),
    )


def _frame(cell: Cell, fixture: Fixture) -> Frame:
    if fixture.frame is None:
        raise SceneError(
            f"the fixture at address {fixture.address} of bus {fixture.bus} "
            f"(kind {fixture.simulated_kind}) has no frame; give it one"
        )
    return cell.frames[fixture.frame]


def _plates(cell: Cell) -> tuple[Solid, ...]:
    """A plate under every frame where parts are put, solid unless an obstacle's top is there."""
    turning = {f.frame for f in cell.fixtures.values() if f.simulated_kind == "table"}
    places = {f.frame for f in cell.fixtures.values()} | {f.clears for f in cell.fixtures.values()}
    plates = []
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
        at = np.array(frame.xyz_m) + matrix @ np.array([0, 0, height - _PLATE_M[2]])
        plates.append(
            Solid(f"plate/{name}", np.array(_PLATE_M), at, matrix, "plate", touchable=not carried)
        )
    return tuple(plates)


def _store(count: int) -> Solid:
    half = np.array([0.12, (count + 1) * _STORE_SPACING_M / 2, _STORE_HEIGHT_M / 2])
    centre = np.array(_STORE_XYZ_M) + np.array([0.0, 0.0, _STORE_HEIGHT_M / 2])
    return Solid("store", half, centre, np.eye(3), "station")


def _parts(products: Mapping[str, Product]) -> tuple[LoosePart, ...]:
    count = len(products) * PARTS_PER_PRODUCT
    parts: list[LoosePart] = []
    for product_name, product in products.items():
        shape = product.part
        for number in range(1, PARTS_PER_PRODUCT + 1):
            y = (len(parts) - (count - 1) / 2) * _STORE_SPACING_M
            rest = np.array([0.0, y, _STORE_HEIGHT_M + shape.size_m[2] / 2])
            at = np.array(_STORE_XYZ_M) + rest
            name = f"{product_name}_{number}"
            parts.append(LoosePart(name, product_name, shape.size_m, shape.mass_kg, at))
    return tuple(parts)


def _grip(cell: Cell, name: str, fixture: Fixture) -> GripPlace:
    arm = cell.grippers.get(name)
    if arm is not None:
        tool = cell.arms[arm].tool
        xyz, matrix = np.array(tool.tcp_xyz_m), rotation(tool.tcp_rpy_deg)
        return GripPlace(name, prefix_of(arm) + TOOL, xyz, matrix, True)
    frame = _frame(cell, fixture)
    xyz, matrix = np.array(frame.xyz_m), rotation(frame.rpy_deg)
    if fixture.mounted_on is None:
        return GripPlace(name, WORLD, xyz, matrix, False)
    base = _frame(cell, cell.fixtures[fixture.mounted_on])
    turned = rotation(base.rpy_deg)
    xyz, matrix = turned.T @ (xyz - np.array(base.xyz_m)), turned.T @ matrix
    return GripPlace(name, fixture.mounted_on, xyz, matrix, False)

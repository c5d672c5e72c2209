"""What the eye sees: floor, light, camera, colours, jaws. Only the floor takes part in physics."""

from __future__ import annotations

import colorsys
from typing import Final

import mujoco
import numpy as np
from numpy.typing import NDArray

CAMERA: Final = "overview"
JAW_STROKE_M: Final = 0.018
"""How far each jaw of a clamp travels from open to closed."""

JAW_OPEN_M: Final = 0.054
_UNSEEN: Final = {"contype": 0, "conaffinity": 0, "mass": 0.0}
COLOURS: Final = {
    "station": (0.30, 0.33, 0.37, 1.0),
    "plate": (0.20, 0.55, 0.60, 1.0),
    "turntable": (0.62, 0.64, 0.67, 1.0),
    "tool": (0.16, 0.17, 0.19, 1.0),
    "jaw": (0.85, 0.62, 0.10, 1.0),
    "mark": (0.95, 0.95, 0.95, 1.0),
}


def dress(spec: mujoco.MjSpec, touched_by: int, between: tuple[float, float] | None = None) -> None:
    """Floor, sky, light, materials and the camera `overview`; `touched_by` are contact bits.

    It looks at one arm in the origin, or from further away at what is `between` several (x, y).
    """
    spec.visual.global_.offwidth = 1920
    spec.visual.global_.offheight = 1080
    spec.visual.headlight.ambient = [0.32, 0.32, 0.34]
    spec.visual.headlight.diffuse = [0.38, 0.38, 0.38]
    spec.visual.quality.shadowsize = 4096
    spec.visual.map.znear = 0.02
    for name, colour in COLOURS.items():
        spec.add_material(name=name, rgba=colour, specular=0.3, shininess=0.4)
    spec.add_texture(
        name="sky",
        type=mujoco.mjtTexture.mjTEXTURE_SKYBOX,
        builtin=mujoco.mjtBuiltin.mjBUILTIN_GRADIENT,
        rgb1=[0.86, 0.90, 0.94],
        rgb2=[0.55, 0.62, 0.70],
        width=256,
        height=256,
    )
    spec.add_texture(
        name="tiles",
        type=mujoco.mjtTexture.mjTEXTURE_2D,
        builtin=mujoco.mjtBuiltin.mjBUILTIN_CHECKER,
        mark=mujoco.mjtMark.mjMARK_EDGE,
        rgb1=[0.74, 0.76, 0.78],
        rgb2=[0.70, 0.72, 0.75],
        markrgb=[0.60, 0.62, 0.65],
        width=512,
        height=512,
    )
    floor = spec.add_material(name="floor", texrepeat=[2, 2], texuniform=True, reflectance=0.08)
    floor.textures[mujoco.mjtTextureRole.mjTEXROLE_RGB] = "tiles"
    spec.worldbody.add_geom(
        name="floor",
        type=mujoco.mjtGeom.mjGEOM_PLANE,
        size=[4, 4, 0.1],
        material="floor",
        contype=1,
        conaffinity=touched_by,
    )
    spec.worldbody.add_light(
        name="lamp", pos=[0.8, -1.2, 3.0], dir=[-0.15, 0.35, -1.0], castshadow=True
    )
    at, eye = np.array([0.28, 0.0, 0.38]), np.array([1.95, -1.35, 1.35])
    if between is not None:
        away = 1.35 * (eye - at)
        at = np.array([*between, at[2]])
        eye = at + away[[1, 0, 2]] * [-0.6, -1.4, 1.0]
    focus = spec.worldbody.add_body(name="focus", pos=at)
    spec.worldbody.add_camera(
        name=CAMERA,
        pos=eye,
        mode=mujoco.mjtCamLight.mjCAMLIGHT_TARGETBODY,
        targetbody=focus.name,
        fovy=38,
    )


def part_colour(hue: float) -> tuple[float, float, float, float]:
    """A metallic colour; hues 0 to 1 go once round the circle."""
    return (*colorsys.hsv_to_rgb((0.55 + hue) % 1.0, 0.45, 0.85), 1.0)


def part_material(spec: mujoco.MjSpec, product: str, products: list[str]) -> str:
    """A metallic colour of a product's own."""
    name = f"product/{product}"
    if spec.material(name) is None:
        colour = part_colour(products.index(product) / max(len(products), 1))
        spec.add_material(name=name, rgba=colour, specular=0.6, shininess=0.6)
    return name


def add_part_features(body: mujoco.MjsBody, half: NDArray[np.float64]) -> None:
    """A bore on top, so that one sees how a part is turned."""
    body.add_geom(
        type=mujoco.mjtGeom.mjGEOM_CYLINDER,
        size=[0.45 * min(half[0], half[1]), 0.001, 0.0],
        pos=[0.0, 0.0, half[2]],
        material="tool",
        **_UNSEEN,
    )
    body.add_geom(
        type=mujoco.mjtGeom.mjGEOM_BOX,
        size=[0.2 * half[0], 0.2 * half[1], 0.0008],
        pos=[0.65 * half[0], 0.65 * half[1], half[2]],
        material="mark",
        **_UNSEEN,
    )


def add_dial(body: mujoco.MjsBody, radius: float) -> None:
    """A mark on a rotary table that shows its position."""
    body.add_geom(
        type=mujoco.mjtGeom.mjGEOM_BOX,
        size=[0.008, 0.002, 0.0004],
        pos=[radius - 0.012, 0.0, 0.0],
        material="mark",
        **_UNSEEN,
    )


def add_jaws(
    body: mujoco.MjsBody,
    clamp: str,
    centre: tuple[float, ...],
    size: tuple[float, float, float],
) -> None:
    """Two jaws along the body's x, drawn open; `place_jaws` moves them."""
    for side, sign in (("left", 1.0), ("right", -1.0)):
        body.add_geom(
            name=f"{clamp}/jaw_{side}",
            type=mujoco.mjtGeom.mjGEOM_BOX,
            size=np.array(size) / 2,
            pos=np.array(centre) + np.array([sign * JAW_OPEN_M, 0.0, 0.0]),
            material="jaw",
            **_UNSEEN,
        )


def place_jaws(model: mujoco.MjModel, clamp: str, closed: float) -> None:
    """Draw a clamp's jaws between open (0) and closed (1)."""
    left, right = (model.geom(f"{clamp}/jaw_{side}").id for side in ("left", "right"))
    centre = (model.geom_pos[left, 0] + model.geom_pos[right, 0]) / 2
    offset = JAW_OPEN_M - JAW_STROKE_M * closed
    model.geom_pos[left, 0], model.geom_pos[right, 0] = centre + offset, centre - offset

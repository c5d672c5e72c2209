"""Reach and singular positions of an arm as a picture: a section through it, and from above."""

from __future__ import annotations

from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont

from robot_cell.reporting.arm_facts import NEAR_SINGULAR, ArmFacts

Array = NDArray[np.float64]

_SIDE: Final = 560
_CELLS: Final = 112
_LEFT: Final = 76
_TOP: Final = 92
_GAP: Final = 100
_WIDTH: Final = 2 * _SIDE + _LEFT + _GAP + 160
_HEIGHT: Final = _SIDE + _TOP + 64
_INK: Final = (31, 35, 40)
_DIM: Final = (101, 109, 118)
_SCALE: Final = np.array(
    [(68, 1, 84), (59, 82, 139), (33, 145, 140), (94, 201, 98), (253, 231, 37)], dtype=float
)
"""Viridis (S. van der Walt and N. Smith, 2015, public domain), five of its colours."""


def draw_arm(facts: ArmFacts, path: Path) -> Path:
    """Write the picture and return its path; missing folders are made.

    Each square shows the best that the arm can do there: the largest of the smallest singular
    values of all the sampled joint positions that bring the flange to it.
    """
    x, y, z = facts.positions.T
    most = 1.05 * facts.reach_m
    top = float(np.quantile(facts.singular, 0.995))
    image = Image.new("RGB", (_WIDTH, _HEIGHT), "white")
    draw = ImageDraw.Draw(image)
    draw.text((_LEFT, 18), f"{facts.name}: reach of the flange", _INK, font=_font(22))
    draw.text(
        (_LEFT, 50),
        "colour: how far the best joint position there is from a singularity "
        f"(smallest singular value of the scaled Jacobian; below {NEAR_SINGULAR:g} is near)",
        _DIM,
        font=_font(14),
    )
    side = _grid(np.hypot(x, y) * np.sign(np.where(x == 0, 1, x)), z, facts.singular, most)
    above = _grid(x, y, facts.singular, most)
    _panel(image, draw, side, top, _LEFT, most, ("distance from axis 1, m", "height, m"))
    _panel(image, draw, above, top, _LEFT + _SIDE + _GAP, most, ("x, m (from above)", "y, m"))
    _bar(draw, top)
    path.parent.mkdir(parents=True, exist_ok=True)
    image.save(path, "PNG")
    return path


def _grid(across: Array, up: Array, value: Array, most: float) -> Array:
    """Largest value in each square, NaN where no sample is; row 0 is the highest."""
    column = ((across + most) / (2 * most) * _CELLS).astype(int).clip(0, _CELLS - 1)
    row = ((most - up) / (2 * most) * _CELLS).astype(int).clip(0, _CELLS - 1)
    best = np.full((_CELLS, _CELLS), -1.0)
    np.maximum.at(best, (row, column), value)
    return np.where(best < 0.0, np.nan, best)


def _colours(value: Array, top: float) -> NDArray[np.uint8]:
    share = np.nan_to_num(np.clip(value / top, 0.0, 1.0)) * (len(_SCALE) - 1)
    low = np.minimum(share.astype(int), len(_SCALE) - 2)
    part = (share - low)[..., None]
    mixed = _SCALE[low] * (1 - part) + _SCALE[low + 1] * part
    return np.where(np.isnan(value)[..., None], 255.0, mixed).astype(np.uint8)


def _panel(
    image: Image.Image,
    draw: ImageDraw.ImageDraw,
    grid: Array,
    top: float,
    left: int,
    most: float,
    labels: tuple[str, str],
) -> None:
    squares = Image.fromarray(_colours(grid, top)).resize((_SIDE, _SIDE), Image.Resampling.NEAREST)
    image.paste(squares, (left, _TOP))
    draw.rectangle((left, _TOP, left + _SIDE, _TOP + _SIDE), outline=_DIM)
    step = next(s for s in (0.1, 0.2, 0.25, 0.5, 1.0, 2.0, 5.0) if 2 * most / s <= 9)
    for k in range(-int(most / step), int(most / step) + 1):
        at = (k * step + most) / (2 * most) * _SIDE
        text = f"{k * step:g}"
        draw.line((left + at, _TOP + _SIDE, left + at, _TOP + _SIDE + 5), fill=_DIM)
        draw.text((left + at, _TOP + _SIDE + 8), text, _INK, font=_font(13), anchor="ma")
        draw.line((left - 5, _TOP + _SIDE - at, left, _TOP + _SIDE - at), fill=_DIM)
        draw.text((left - 8, _TOP + _SIDE - at), text, _INK, font=_font(13), anchor="rm")
        if k == 0:
            draw.line((left + at, _TOP, left + at, _TOP + _SIDE), fill=_DIM)
            draw.line((left, _TOP + at, left + _SIDE, _TOP + at), fill=_DIM)
    draw.text((left + _SIDE / 2, _TOP + _SIDE + 30), labels[0], _INK, font=_font(14), anchor="ma")
    draw.text((left, _TOP - 18), labels[1], _INK, font=_font(14))


def _bar(draw: ImageDraw.ImageDraw, top: float) -> None:
    left = _LEFT + 2 * _SIDE + _GAP + 36
    strip = _colours(np.linspace(top, 0.0, _SIDE)[:, None], top)[:, 0]
    for k, colour in enumerate(strip.tolist()):
        draw.line((left, _TOP + k, left + 22, _TOP + k), fill=tuple(colour))
    draw.rectangle((left, _TOP, left + 22, _TOP + _SIDE), outline=_DIM)
    for k in range(6):
        at = _TOP + _SIDE * (1 - k / 5)
        draw.text((left + 30, at), f"{top * k / 5:.2f}", _INK, font=_font(13), anchor="lm")


def _font(size: int) -> ImageFont.FreeTypeFont | ImageFont.ImageFont:
    return ImageFont.load_default(size)

"""Arms to measure: those of `urdf/`, and the same with the errors of a factory calibration."""

from __future__ import annotations

import re
import tempfile
from pathlib import Path
from typing import Final

import numpy as np

from planners.kinematics import Robot, expand_xacro

URDF: Final = Path(__file__).parents[1] / "urdf"
SIX_AXES: Final = (
    "kuka_kr6_r900",
    "abb_irb2400",
    "fanuc_lrmate200id",
    "staubli_tx2_60",
    "ur10e",
)
SEVEN_AXES: Final = "kuka_iiwa14_r820"

LENGTH_ERROR_M: Final = 0.0005
ANGLE_ERROR_RAD: Final = 0.001


def calibrated_urdf(name: str, seed: int = 0) -> str:
    """An arm's URDF, every joint displaced by about 0.5 mm and 1 mrad as calibrations find them."""
    rng = np.random.default_rng(seed)

    def displaced(match: re.Match[str]) -> str:
        joint = match[0]
        if 'type="revolute"' not in joint:
            return joint
        origin = re.search(r"<origin[^>]*/>", joint)
        old = origin[0] if origin else ""
        values = []
        for key, error in (("xyz", LENGTH_ERROR_M), ("rpy", ANGLE_ERROR_RAD)):
            given = re.search(rf'{key}="([^"]*)"', old)
            words = (given[1] if given else "0 0 0").split()
            values.append(np.array([float(w) for w in words]) + rng.normal(0.0, error, 3))
        xyz, rpy = (" ".join(f"{v:.9f}" for v in value) for value in values)
        new = f'<origin xyz="{xyz}" rpy="{rpy}"/>'
        return joint.replace(old, new) if old else joint.replace("<axis", new + "<axis")

    urdf = expand_xacro(URDF / f"{name}.urdf.xacro")
    return re.sub(r"<joint .*?</joint>", displaced, urdf, flags=re.DOTALL)


def calibrated(name: str, seed: int = 0) -> Robot:
    """The arm of `calibrated_urdf`."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, f"{name}.urdf")
        path.write_text(calibrated_urdf(name, seed))
        return Robot.from_urdf(path)


def nominal(name: str) -> Robot:
    """An arm of `urdf/`."""
    return Robot.from_urdf(URDF / f"{name}.urdf.xacro")

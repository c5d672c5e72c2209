"""An arc of a circle that the tool follows: where it starts, a point on it, where it ends."""

from __future__ import annotations

from typing import Final

import numpy as np

from planners.arrays import Array
from planners.kinematics.robot import Robot
from planners.motion.errors import MotionError
from planners.motion.paths import ToolCurve, rotation_vector, rotations

_STATION_M: Final = 0.004
_STATION_RAD: Final = 0.02
_COLLINEAR: Final = 1e-6


class ToolArc(ToolCurve):
    """An arc through three points; the tool turns evenly about one fixed axis meanwhile.

    Args:
        robot: the arm.
        start: (4, 4) pose of the tool in the base at the start.
        via: (4, 4) a pose whose position lies on the arc; its orientation does not count.
        end: (4, 4) pose at the end.

    Raises:
        MotionError: the three points lie on a line, or two of them are the same.
    """

    def __init__(self, robot: Robot, start: Array, via: Array, end: Array) -> None:
        p, u, v = start[:3, 3], via[:3, 3] - start[:3, 3], end[:3, 3] - start[:3, 3]
        normal = np.cross(u, v)
        size = float(normal @ normal)
        if size <= (_COLLINEAR * float(u @ u + v @ v)) ** 2 or np.linalg.norm(u - v) < 1e-6:
            raise MotionError(
                "singularity",
                "three points that lie on a line, or of which two are the same, make no arc",
                transform_base_tool=via,
            )
        # Centre of the circle around a triangle (Coxeter, "Introduction to Geometry", 1969, 1.6).
        centre = p + np.cross((u @ u) * v - (v @ v) * u, normal) / (2 * size)
        self._centre = centre
        self.radius_m = float(np.linalg.norm(p - centre))
        axis = normal / np.sqrt(size)
        self._x = (p - centre) / self.radius_m
        self._y = np.cross(axis, self._x)
        angle = float(np.arctan2((end[:3, 3] - centre) @ self._y, (end[:3, 3] - centre) @ self._x))
        angle = angle if angle > 0.0 else angle + 2 * np.pi
        self._start = start
        self._turn = rotation_vector(end[:3, :3] @ start[:3, :3].T) / (angle * self.radius_m)
        travel = angle * self.radius_m
        turned = float(np.linalg.norm(self._turn)) * travel
        steps = max(travel / _STATION_M, turned / _STATION_RAD, angle / 0.05, 8.0)
        super().__init__(robot, travel, travel, int(np.ceil(steps)))

    def poses(self, s: Array) -> Array:
        """Poses (k, 4, 4) of the tool on the arc."""
        angle = (s / self.radius_m)[:, None]
        poses = np.zeros((len(s), 4, 4))
        poses[:, 3, 3] = 1.0
        out = np.cos(angle) * self._x + np.sin(angle) * self._y
        poses[:, :3, 3] = self._centre + self.radius_m * out
        poses[:, :3, :3] = rotations(s[:, None] * self._turn) @ self._start[:3, :3]
        return poses

    def twists(self, s: Array) -> tuple[Array, Array]:
        """d(pose)/ds and d2/ds2, each (k, 6)."""
        angle = (s / self.radius_m)[:, None]
        first, second = np.empty((len(s), 6)), np.zeros((len(s), 6))
        first[:, :3] = np.cos(angle) * self._y - np.sin(angle) * self._x
        first[:, 3:] = self._turn
        second[:, :3] = -(np.cos(angle) * self._x + np.sin(angle) * self._y) / self.radius_m
        return first, second

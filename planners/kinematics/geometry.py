"""Which closed form fits an arm, found from its joint axes as they lie at the zero position.

The axes are snapped to the nearest arm of a family: directions made exactly parallel or
perpendicular, the wrist's axes made to meet. How far that changes the forward kinematics tells
whether the family is exact, near (a factory-calibrated arm), or none.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, Literal

import numpy as np

from planners.arrays import Array
from planners.kinematics import layout as at

Family = Literal["spherical_wrist", "three_parallel"]

_UNDECIDED_M: Final = 1e-3
_PLAUSIBLE: Final = 0.1
"""Largest deviation (m and rad) of axes from the family at which snapping makes sense."""


@dataclass(frozen=True, eq=False)
class ClosedForm:
    """An arm of a family, and the canonical frame's view of it.

    Attributes:
        family: which one.
        parameters: as `layout` numbers them.
        axes, points: (6, 3) the snapped axes, base frame: unit directions, and a point on each.
    """

    family: Family
    parameters: Array
    axes: Array
    points: Array


def nearest_closed_form(axes: Array, points: Array, zero_tool: Array) -> list[ClosedForm]:
    """The families that the axes are at least near to.

    Args:
        axes: (n, 3) unit directions of the joint axes at zero, base frame.
        points: (n, 3) a point on each axis.
        zero_tool: (4, 4) pose of the tool at zero.
    """
    if len(axes) != 6 or abs(axes[0] @ axes[1]) > _PLAUSIBLE or not _parallel(axes[1], axes[2]):
        return []
    frame = _Frame(axes, points, zero_tool)
    if _parallel(axes[2], axes[3]):
        return [form] if (form := frame.three_parallel()) is not None else []
    return [form] if (form := frame.spherical_wrist()) is not None else []


class _Frame:
    """The canonical frame: z is axis 1, y is parallel to axes 2 and 3, axis 2 at height zero."""

    def __init__(self, axes: Array, points: Array, zero_tool: Array) -> None:
        parallel = [axes[k] * _sign(axes[k] @ axes[1]) for k in (1, 2, 3)]
        if not _parallel(axes[1], axes[3]):
            parallel.pop()
        z = axes[0]
        y = np.sum(parallel, axis=0)
        y = y - (y @ z) * z
        y /= np.linalg.norm(y)
        self.rotation = np.array([np.cross(y, z), y, z])
        self.origin = points[0].copy()
        self.axes = axes @ self.rotation.T
        height = self._in_plane((points - self.origin) @ self.rotation.T, 1)[1]
        self.origin += height * z
        self.points = (points - self.origin) @ self.rotation.T
        self.tool = np.eye(4)
        self.tool[:3, :3] = self.rotation @ zero_tool[:3, :3]
        self.tool[:3, 3] = self.rotation @ (zero_tool[:3, 3] - self.origin)
        self.shoulder = self._in_plane(self.points, 1)
        self.elbow = self._in_plane(self.points, 2)
        self.sign_3 = _sign(self.axes[2, 1])

    def spherical_wrist(self) -> ClosedForm | None:
        """Axes 4, 5, 6 meet; 4 is perpendicular to 3, 5 to 4, and 6 to 5."""
        wrist = _meeting_point(self.axes[3:], self.points[3:])
        gamma = float(np.arctan2(self.axes[3, 0], self.axes[3, 2]))
        h5 = _about_y(-gamma) @ self.axes[4]
        delta_4 = float(np.arctan2(-h5[0], h5[1]))
        h6 = _about_z(-delta_4) @ _about_y(-gamma) @ self.axes[5]
        delta_5 = float(np.arctan2(h6[0], h6[2]))
        end = _about_y(-delta_5) @ _about_z(-delta_4) @ _about_y(-gamma)
        forearm = np.array([wrist[0], wrist[2]]) - self.elbow
        p = self._parameters(wrist, end)
        p[at.FOREARM], p[at.ALPHA_3] = _polar(forearm)
        p[at.GAMMA], p[at.DELTA_4], p[at.DELTA_5] = gamma, delta_4, delta_5
        turn = gamma - p[at.ALPHA_3]
        p[at.TURN_COS], p[at.TURN_SIN] = np.cos(turn), np.sin(turn)
        f = _about_y(gamma)
        axes = [
            f[:, 2],
            f @ _about_z(delta_4)[:, 1],
            f @ _about_z(delta_4) @ _about_y(delta_5)[:, 2],
        ]
        return self._form("spherical_wrist", p, axes, [wrist, wrist, wrist])

    def three_parallel(self) -> ClosedForm | None:
        """Axis 4 is parallel to 2 and 3, 5 is perpendicular to 4 and meets 6, perpendicular too."""
        wrist = _meeting_point(self.axes[4:], self.points[4:])
        joint_4 = self._in_plane(self.points, 3)
        gamma = float(np.arctan2(self.axes[4, 0], self.axes[4, 2]))
        h6 = _about_y(-gamma) @ self.axes[5]
        delta_5 = float(np.arctan2(-h6[0], h6[1]))
        p = self._parameters(wrist, _about_z(-delta_5) @ _about_y(-gamma))
        p[at.FOREARM], p[at.ALPHA_3] = _polar(joint_4 - self.elbow)
        p[at.LEVER], alpha_4 = _polar(np.array([wrist[0], wrist[2]]) - joint_4)
        sign_4 = _sign(self.axes[3, 1])
        p[at.SIGN_4], p[at.GAMMA], p[at.DELTA_5] = sign_4, gamma, delta_5
        turn = alpha_4 - gamma
        p[at.TURN_COS], p[at.TURN_SIN] = np.cos(turn), np.sin(turn)
        f = _about_y(gamma)
        axes = [np.array([0.0, sign_4, 0.0]), f[:, 2], f @ _about_z(delta_5)[:, 1]]
        middle = np.array([joint_4[0], 0.0, joint_4[1]])
        return self._form("three_parallel", p, axes, [middle, wrist, wrist])

    def _parameters(self, wrist: Array, end: Array) -> Array:
        p = np.zeros(at.PARAMETERS)
        p[at.A1], p[at.LATERAL], p[at.SIGN_3] = self.shoulder[0], wrist[1], self.sign_3
        p[at.UPPER], p[at.ALPHA_2] = _polar(self.elbow - self.shoulder)
        # Front is where the wrist is at zero; up is the base frame's z.
        behind, below = wrist[0] < -_UNDECIDED_M, self.rotation[2, 2] < 0.0
        p[at.WORDS] = 4 * behind + 2 * below
        base = np.column_stack([self.rotation, -self.rotation @ self.origin])
        p[at.BASE : at.BASE + 12] = base.ravel()
        tool_last = (end @ self.tool[:3, :3]).T
        wrist_in_tool = self.tool[:3, :3].T @ (wrist - self.tool[:3, 3])
        p[at.TOOL : at.TOOL + 9] = tool_last.ravel()
        p[at.TOOL + 9 : at.TOOL + 12] = wrist_in_tool
        return p

    def _form(
        self, family: Family, p: Array, wrist_axes: list[Array], wrist_points: list[Array]
    ) -> ClosedForm | None:
        if min(p[at.UPPER], p[at.FOREARM]) < 1e-6:
            return None
        y = np.array([0.0, 1.0, 0.0])
        axes = np.array([[0.0, 0.0, 1.0], y, self.sign_3 * y, *wrist_axes])
        arm = [np.array([x, 0.0, z]) for x, z in (self.shoulder, self.elbow)]
        points = np.array([np.zeros(3), *arm, *wrist_points])
        if np.abs(np.cross(axes, self.axes)).max() > _PLAUSIBLE:
            return None
        return ClosedForm(family, p, axes @ self.rotation, points @ self.rotation + self.origin)

    def _in_plane(self, points: Array, joint: int) -> Array:
        """Where an axis that is almost parallel to y meets the plane of axis 1: (x, z)."""
        axis, point = self.axes[joint], points[joint]
        met = point - axis * (point[1] / axis[1])
        return np.array([met[0], met[2]])


def _meeting_point(axes: Array, points: Array) -> Array:
    """The point nearest to all the lines (least squares)."""
    across = np.eye(3) - axes[:, :, None] * axes[:, None, :]
    point: Array = np.linalg.lstsq(
        across.sum(axis=0), (across @ points[..., None])[..., 0].sum(axis=0), rcond=None
    )[0]
    return point


def _polar(vector: Array) -> tuple[float, float]:
    """Length of (x, z), and its angle from z towards x."""
    return float(np.hypot(*vector)), float(np.arctan2(vector[0], vector[1]))


def _parallel(a: Array, b: Array) -> bool:
    return bool(np.linalg.norm(np.cross(a, b)) < _PLAUSIBLE)


def _sign(value: float) -> float:
    return 1.0 if value >= 0.0 else -1.0


def _about_y(angle: float) -> Array:
    c, s = np.cos(angle), np.sin(angle)
    return np.array([[c, 0.0, s], [0.0, 1.0, 0.0], [-s, 0.0, c]])


def _about_z(angle: float) -> Array:
    c, s = np.cos(angle), np.sin(angle)
    return np.array([[c, -s, 0.0], [s, c, 0.0], [0.0, 0.0, 1.0]])

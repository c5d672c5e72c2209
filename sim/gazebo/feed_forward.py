"""The torques that a motion needs, for servos that are too soft to do without.

Gazebo's controller steps explicitly and cannot be stiff (`sim.gazebo.servo`); a real controller
feeds torques forward as well. They come from the arm's equations of motion without gravity, of
which the simulated arm has none, and for the part that it carries with gravity.
"""

from __future__ import annotations

from typing import Final

import mujoco
import numpy as np
from numpy.typing import NDArray

from sim.layout import STEP_S, TOOL
from sim.scene import Scene

Vector = NDArray[np.float64]

_WITHOUT_ACCELERATION: Final = 0
_WITH_ACCELERATION: Final = 1


class FeedForward:
    """Inverse dynamics of a cell's arm with what it carries."""

    def __init__(self, scene: Scene) -> None:
        model = self._model = scene.model.__copy__()
        model.opt.gravity[:] = 0.0
        self._data = mujoco.MjData(model)
        joints = np.array([model.joint(name).id for name in scene.arm_joints])
        self._qpos, self._dofs = model.jnt_qposadr[joints], model.jnt_dofadr[joints]
        self._tool = model.body(TOOL).id
        self._gravity = scene.model.opt.gravity.copy()
        self._masses = {name: float(model.body(name).mass[0]) for name in scene.parts}
        self._limits = model.jnt_actfrcrange[joints]
        self._speed: Vector | None = None

    def torques(self, path: Vector, carried: tuple[str, Vector] | None) -> tuple[Vector, Vector]:
        """Speeds (k, n) rad/s and torques (k, n) N·m of a motion.

        Args:
            path: (k + 1, n) rad, a row each step, from where the arm is told to be now.
            carried: a part, and where its centre is in the tool, (3,) m.
        """
        speeds = np.diff(path, axis=0) / STEP_S
        before = np.zeros(path.shape[1]) if self._speed is None else self._speed
        accelerations = np.diff(np.vstack([before, speeds]), axis=0) / STEP_S
        self._speed = speeds[-1]
        if not speeds.any() and not accelerations.any():
            speeds, accelerations = speeds[:1], accelerations[:1]
        torques = np.empty_like(speeds)
        for index, (speed, acceleration) in enumerate(zip(speeds, accelerations, strict=True)):
            torques[index] = self._at(path[index + 1], speed, acceleration, carried)
        low, high = self._limits.T
        rows = len(path) - 1
        whole = np.clip(torques, low, high)
        return np.broadcast_to(speeds, (rows, speeds.shape[1])), np.broadcast_to(
            whole, (rows, whole.shape[1])
        )

    def _at(
        self,
        position: Vector,
        speed: Vector,
        acceleration: Vector,
        carried: tuple[str, Vector] | None,
    ) -> Vector:
        model, data = self._model, self._data
        data.qpos[self._qpos] = position
        data.qvel[self._dofs] = speed
        data.qacc[self._dofs] = acceleration
        mujoco.mj_kinematics(model, data)
        mujoco.mj_comPos(model, data)
        mujoco.mj_comVel(model, data)
        needed = np.zeros(model.nv)
        mujoco.mj_rne(model, data, _WITH_ACCELERATION, needed)
        torque: Vector = needed[self._dofs]
        if carried is not None:
            part, centre = carried
            at = data.xpos[self._tool] + data.xmat[self._tool].reshape(3, 3) @ centre
            jacobian = np.zeros((3, model.nv))
            mujoco.mj_jac(model, data, jacobian, None, at, self._tool)
            across = jacobian[:, self._dofs]
            force = self._masses[part] * (across @ acceleration - self._gravity)
            torque = torque + across.T @ force
        return torque

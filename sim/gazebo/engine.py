"""Gazebo as the engine of a cell: setpoints go there, and what it measured comes back.

A part has one holder in Gazebo: its physics gives a body one parent. Where a second clamp closes on
a part that is held, it is the holder once the first lets go.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import suppress

import mujoco
import numpy as np
from numpy.typing import NDArray

from sim.engine import STEPS_PER_TICK, EngineFactory
from sim.gazebo import names
from sim.gazebo.feed_forward import FeedForward
from sim.gazebo.link import Link, Measured
from sim.layout import STEP_S
from sim.scene import Scene

Vector = NDArray[np.float64]


class GazeboEngine:
    """A cell's bodies in Gazebo (`sim.engine.Engine`).

    Args:
        scene: the same cell as MuJoCo sees it; `data` is its state, which this engine writes.
        link: to the world that `sim.gazebo.world` made of that cell.
    """

    def __init__(self, scene: Scene, data: mujoco.MjData, link: Link) -> None:
        model = self._model = scene.model
        self._data, self._link = data, link
        joints = [model.joint(name).id for name in scene.arm_joints]
        self._qpos = model.jnt_qposadr[joints].copy()
        self._dofs = model.jnt_dofadr[joints].copy()
        self._tables = {name: model.joint(joint).id for name, joint in scene.tables.items()}
        self._free = {name: model.jnt_qposadr[model.body(name).jntadr[0]] for name in scene.parts}
        self._clamps = tuple(scene.grips)
        self._on_tool = {name for name, grip in scene.grips.items() if grip.on_tool}
        self._forward = FeedForward(scene)
        self._home = np.zeros(len(joints))
        self._torques = np.zeros(len(joints))
        self._table_at = dict.fromkeys(self._tables, 0.0)
        self._holders: dict[str, list[str]] = {name: [] for name in scene.parts}
        self._carried: tuple[str, Vector] | None = None

    def reset(self, home: Vector) -> None:
        """The world as it was loaded, with nothing held.

        Raises:
            SimulationError: Gazebo or its bridge did not answer.
        """
        mujoco.mj_resetData(self._model, self._data)
        self._home = home.copy()
        self._table_at = dict.fromkeys(self._tables, 0.0)
        self._carried = None
        self._link.reset()
        # Gazebo loads a joint that can be taken off in place.
        for part, holders in self._holders.items():
            holders.clear()
            for clamp in self._clamps:
                self._link.detach(clamp, part)
        self._write(self._link.step(STEPS_PER_TICK))

    def step_tick(self, path: Vector, tables: Mapping[str, Vector]) -> None:
        """Twenty steps.

        Raises:
            SimulationError: Gazebo did not step in time.
        """
        speeds, efforts = self._forward.torques(path, self._carried)
        self._link.follow(names.ARM, path[1:] - self._home, speeds, efforts)
        self._torques = efforts[-1]
        for name, rows in tables.items():
            before = np.concatenate([[self._table_at[name]], rows])
            turning = np.diff(before)[:, None] / STEP_S
            self._link.follow(name, rows[:, None], turning, np.zeros_like(turning))
            self._table_at[name] = float(rows[-1])
        self._write(self._link.step(STEPS_PER_TICK))

    def torques(self) -> Vector:
        """What was fed forward: Gazebo tells no torques."""
        return self._torques

    def hold(self, clamp: str, part: str, xyz_m: Vector, quaternion: Vector) -> None:
        """Join them, unless another clamp holds the part still."""
        del quaternion
        self._holders[part].append(clamp)
        if self._holders[part] == [clamp]:
            self._link.attach(clamp, part)
        if clamp in self._on_tool:
            self._carried = part, xyz_m.copy()

    def let_go(self, clamp: str, part: str) -> None:
        """Part them, and join the part to whoever holds it still."""
        holders = self._holders[part]
        first = holders[:1] == [clamp]
        with suppress(ValueError):
            holders.remove(clamp)
        if first:
            self._link.detach(clamp, part)
            if holders:
                self._link.attach(holders[0], part)
        if clamp in self._on_tool:
            self._carried = None

    def place(self, part: str, xyz_m: Vector, quaternion: Vector) -> None:
        """Put a part somewhere else.

        Raises:
            SimulationError: Gazebo did not answer, or refused.
        """
        pose = np.concatenate([xyz_m, quaternion])
        self._link.place(part, pose)
        self._data.qpos[self._free[part] : self._free[part] + 7] = pose
        mujoco.mj_kinematics(self._model, self._data)

    def while_waiting(self, serve: Callable[[], None]) -> None:
        """Handed on to the link, which waits."""
        self._link.while_waiting(serve)

    def close(self) -> None:
        """Let go of the link."""
        self._link.close()

    def _write(self, measured: Measured) -> None:
        data, model = self._data, self._model
        positions, velocities = measured.joints[names.ARM]
        data.qpos[self._qpos] = positions + self._home
        data.qvel[self._dofs] = velocities
        for name, joint in self._tables.items():
            position, velocity = measured.joints[name]
            data.qpos[model.jnt_qposadr[joint]] = position[0]
            data.qvel[model.jnt_dofadr[joint]] = velocity[0]
        for part, pose in measured.parts.items():
            data.qpos[self._free[part] : self._free[part] + 7] = pose
        mujoco.mj_kinematics(model, data)


def gazebo(link: Callable[[Scene], Link]) -> EngineFactory:
    """The factory of engines that talk to Gazebo over links made like this."""
    return lambda scene, data: GazeboEngine(scene, data, link(scene))

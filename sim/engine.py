"""What moves the bodies of a simulated cell: MuJoCo here, or another simulator behind this door.

`CellPhysics` knows the cell as a MuJoCo model and its state: which part stands where, what a clamp
may reach. An engine lets time pass in that state. MuJoCo does it in place; Gazebo does it elsewhere
and writes what it measured here (`sim.gazebo.engine`). So fixtures, pictures and everything above
ask the same state, whoever made it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Final, Protocol

import mujoco
import numpy as np
from numpy.typing import NDArray

from drivers.time_page import TICK_NS
from sim.scene import STEP_S, Scene

STEPS_PER_TICK: Final = round(TICK_NS * 1e-9 / STEP_S)

_WAKE_N: Final = 1e-12
_AWAKE: Final = -1 - mujoco.mjMINAWAKE
"""MuJoCo counts a tree that hardly moves from here to -1, and lets it sleep then."""

Vector = NDArray[np.float64]


class Engine(Protocol):
    """Lets time pass in a cell's state. Used by one thread."""

    def reset(self, home: Vector) -> None:
        """Everything as at first: the arm at `home` (n,) rad and at rest, parts in the store."""

    def step_tick(self, path: Vector, tables: Mapping[str, Vector]) -> None:
        """Let one tick pass.

        Args:
            path: (21, n) rad, where the arm's servos were told to be and are to be after each step.
            tables: (20,) rad for each rotary table.
        """

    def torques(self) -> Vector:
        """(n,) N·m at the arm's joints."""

    def hold(self, clamp: str, part: str, xyz_m: Vector, quaternion: Vector) -> None:
        """A clamp holds a part, at this pose in the body on which the clamp is mounted."""

    def let_go(self, clamp: str, part: str) -> None:
        """A clamp holds a part no longer."""

    def place(self, part: str, xyz_m: Vector, quaternion: Vector) -> None:
        """Put a part somewhere else, at rest."""

    def while_waiting(self, serve: Callable[[], None]) -> None:
        """What to do again and again while a step waits for another process."""

    def close(self) -> None:
        """Let go of whatever the engine holds; may be called twice."""


EngineFactory = Callable[[Scene, mujoco.MjData], Engine]


class MujocoEngine:
    """MuJoCo. Deterministic: the same calls give bitwise the same states."""

    def __init__(self, scene: Scene, data: mujoco.MjData) -> None:
        model = self._model = scene.model
        self._data = data
        joints = [model.joint(name).id for name in scene.arm_joints]
        self._qpos = model.jnt_qposadr[joints].copy()
        self._dofs = model.jnt_dofadr[joints].copy()
        self._servos = np.array([model.actuator(name).id for name in scene.arm_joints])
        self._tables = {name: model.actuator(joint).id for name, joint in scene.tables.items()}
        self._welds = {name: grip.welds for name, grip in scene.grips.items()}
        self._bodies = {name: model.body(name).id for name in scene.parts}
        self._free = {name: model.jnt_qposadr[model.body(name).jntadr[0]] for name in scene.parts}
        self._lead = (scene.feed_forward - STEP_S) / STEP_S
        # The data's arrays stay where they are, and asking for one costs a microsecond.
        self._ctrl = data.ctrl
        self._torques = data.qfrc_actuator, data.qfrc_gravcomp

    def reset(self, home: Vector) -> None:
        """Everything as at first."""
        mujoco.mj_resetData(self._model, self._data)
        self._data.qpos[self._qpos] = home
        self._data.ctrl[self._servos] = home
        mujoco.mj_forward(self._model, self._data)

    def step_tick(self, path: Vector, tables: Mapping[str, Vector]) -> None:
        """Twenty steps, each with its own targets."""
        control = np.empty((STEPS_PER_TICK, self._model.nu))
        # A position servo whose control leads by kv / kp feeds the velocity forward.
        control[:, self._servos] = path[1:] + self._lead * (path[1:] - path[:-1])
        for name, servo in self._tables.items():
            control[:, servo] = tables[name]
        model, data, target, step = self._model, self._data, self._ctrl, mujoco.mj_step
        if (control == control[0]).all():
            target[:] = control[0]
            step(model, data, STEPS_PER_TICK)
        else:
            for row in control:
                target[:] = row
                step(model, data)
        # What is read between ticks (poses, torques) belongs to the new instant.
        mujoco.mj_kinematics(model, data)

    def torques(self) -> Vector:
        """Servos and the compensation of gravity."""
        servo, gravity = self._torques
        total: Vector = servo[self._dofs] + gravity[self._dofs]
        return total

    def hold(self, clamp: str, part: str, xyz_m: Vector, quaternion: Vector) -> None:
        """Weld the part where it is."""
        weld = self._welds[clamp][part]
        self._model.eq_data[weld, 0:3] = 0.0
        self._model.eq_data[weld, 3:6] = xyz_m
        self._model.eq_data[weld, 6:10] = quaternion
        self._data.eq_active[weld] = 1
        self._wake(part)

    def let_go(self, clamp: str, part: str) -> None:
        """Take the weld away."""
        self._data.eq_active[self._welds[clamp][part]] = 0
        self._wake(part)

    def place(self, part: str, xyz_m: Vector, quaternion: Vector) -> None:
        """Write its pose into the state."""
        at = self._free[part]
        dof = self._model.body(part).dofadr[0]
        self._data.qpos[at : at + 3] = xyz_m
        self._data.qpos[at + 3 : at + 7] = quaternion
        self._data.qvel[dof : dof + 6] = 0.0
        self._data.qacc_warmstart[dof : dof + 6] = 0.0
        self._wake(part)

    def while_waiting(self, serve: Callable[[], None]) -> None:
        """It never waits."""

    def close(self) -> None:
        """Nothing is held."""

    def _wake(self, part: str) -> None:
        """Have MuJoCo take notice of what was done to a body that may sleep: a force wakes it.

        One that is still up may be about to fall asleep, in mid-air even: it is counted afresh.
        """
        body = self._bodies[part]
        force = self._data.xfrc_applied[body]
        force[2] = _WAKE_N
        mujoco.mj_forward(self._model, self._data)
        force[2] = 0.0
        self._data.tree_asleep[self._model.body_treeid[body]] = _AWAKE

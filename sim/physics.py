"""The physics of a cell in ticks: the arm follows setpoints, clamps hold parts, the rest falls."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

import mujoco
import numpy as np
from numpy.typing import NDArray

from drivers.time_page import TICK_NS
from sim.scene import STEP_S, TCP, Grip, Scene

STEPS_PER_TICK: Final = round(TICK_NS * 1e-9 / STEP_S)
SLIP_M: Final = 0.008
"""A part that has moved this far in its grip is lost: something pulled harder than the clamp."""

SLIP_PERIOD_NS: Final = 5 * TICK_NS
"""How often a held part is looked after."""

_WAKE_N: Final = 1e-12
_AWAKE: Final = -1 - mujoco.mjMINAWAKE
"""MuJoCo counts a tree that hardly moves from here to -1, and lets it sleep then."""


_GRIPPER_REACH_M: Final = 0.040
_NEST_REACH_M: Final = 0.050
_HEIGHT_M: Final = 0.030


@dataclass(frozen=True)
class Region:
    """A place in the world where a part may stand: its origin (3,) and axes (3, 3)."""

    xyz_m: NDArray[np.float64]
    matrix: NDArray[np.float64]


class CellPhysics:
    """One cell's world. Deterministic: the same calls give bitwise the same states.

    Args:
        home: (n,) rad, where the arm stands at first.
    """

    def __init__(self, scene: Scene, home: NDArray[np.float64]) -> None:
        self.scene = scene
        self.model = scene.model
        self.data = mujoco.MjData(scene.model)
        model = self.model
        joints = [model.joint(name).id for name in scene.arm_joints]
        self._qpos = model.jnt_qposadr[joints].copy()
        self._dofs = model.jnt_dofadr[joints].copy()
        self._servos = np.array([model.actuator(name).id for name in scene.arm_joints])
        self._table_servos = {
            name: model.actuator(joint).id for name, joint in scene.tables.items()
        }
        self._bodies = {name: model.body(name).id for name in scene.parts}
        self._free = {name: model.jnt_qposadr[model.body(name).jntadr[0]] for name in scene.parts}
        self._tcp = model.site(TCP).id
        self._held: dict[str, str] = {}
        self._stored = set(scene.parts)
        self._lead = (scene.feed_forward - STEP_S) / STEP_S
        self.time_ns = 0
        self.setpoint = home.astype(np.float64).copy()
        data = self.data  # its arrays stay where they are, and asking for one costs a microsecond
        self._all_qpos, self._all_qvel, self._ctrl = data.qpos, data.qvel, data.ctrl
        self._torques = data.qfrc_actuator, data.qfrc_gravcomp
        data.qpos[self._qpos] = home
        data.ctrl[self._servos] = home
        mujoco.mj_forward(model, data)

    @property
    def dof(self) -> int:
        """Number of arm joints."""
        return len(self._qpos)

    def arm_state(self) -> NDArray[np.float64]:
        """Positions (rad), velocities (rad/s) and joint torques (N·m) of the arm, (3, n)."""
        dofs = self._dofs
        servo, gravity = self._torques
        state = np.empty((3, len(dofs)))
        state[0] = self._all_qpos[self._qpos]
        state[1] = self._all_qvel[dofs]
        state[2] = servo[dofs] + gravity[dofs]
        return state

    def table_angle(self, table: str) -> float:
        """Angle of a rotary table, rad."""
        joint = self.model.joint(self.scene.tables[table])
        return float(self.data.qpos[joint.qposadr[0]])

    def step_tick(
        self, setpoints: NDArray[np.float64] | None, tables: Mapping[str, NDArray[np.float64]]
    ) -> None:
        """Let one tick pass.

        Args:
            setpoints: (20, n) rad, where the arm should be at the end of each step; None holds.
            tables: (20,) rad for each rotary table.
        """
        control = np.empty((STEPS_PER_TICK, self.model.nu))
        control[:, self._servos] = self._feed_forward(setpoints)
        for name, servo in self._table_servos.items():
            control[:, servo] = tables[name]
        model, data, target, step = self.model, self.data, self._ctrl, mujoco.mj_step
        if (control == control[0]).all():
            target[:] = control[0]
            step(model, data, STEPS_PER_TICK)
        else:
            for row in control:
                target[:] = row
                step(model, data)
        self.time_ns += TICK_NS
        # What is read between ticks (poses, torques) belongs to the new instant.
        mujoco.mj_kinematics(model, data)
        if self.time_ns % SLIP_PERIOD_NS == 0:
            for grip in [g for g, part in self._held.items() if self._slipped(g, part)]:
                self.release(grip)

    def hold(self) -> None:
        """Stop where the arm is now."""
        self.setpoint = self.data.qpos[self._qpos].copy()

    def tcp_pose(self) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Position (3,) and axes (3, 3) of the TCP."""
        matrix = self.data.site_xmat[self._tcp].reshape(3, 3)
        return self.data.site_xpos[self._tcp].copy(), matrix.copy()

    def part_pose(self, part: str) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Position (3,) of a part's centre and its quaternion (w, x, y, z)."""
        at = self._free[part]
        return self.data.qpos[at : at + 3].copy(), self.data.qpos[at + 3 : at + 7].copy()

    def grip_region(self, clamp: str) -> Region:
        """Where a clamp's frame is now."""
        grip = self.scene.grips[clamp]
        position, matrix = self._body_pose(grip.body)
        return Region(position + matrix @ grip.xyz_m, matrix @ grip.matrix)

    # -- parts ----------------------------------------------------------------------------------

    def parts_at(self, region: Region) -> list[str]:
        """Parts that stand in a region, the nearest first."""
        found = []
        for part in self.scene.parts.keys() - self._stored:
            offset = region.matrix.T @ (self.part_pose(part)[0] - region.xyz_m)
            height = offset[2] - self.scene.part_sizes_m[part][2] / 2
            aside = float(np.hypot(offset[0], offset[1]))
            if aside < _NEST_REACH_M and abs(height) < _HEIGHT_M:
                found.append((aside, part))
        return [part for _, part in sorted(found)]

    def stored(self, product: str) -> str | None:
        """A part of a product that lies in the store."""
        own = [name for name in sorted(self._stored) if self.scene.parts[name] == product]
        return own[0] if own else None

    def put(self, part: str, region: Region) -> None:
        """Put a part from the store down in a region."""
        height = self.scene.part_sizes_m[part][2] / 2
        quaternion = np.zeros(4)
        mujoco.mju_mat2Quat(quaternion, np.ascontiguousarray(region.matrix).ravel())
        self._move(part, region.xyz_m + region.matrix @ [0.0, 0.0, height], quaternion)
        self._stored.discard(part)

    def take_away(self, part: str) -> None:
        """Put a part back into the store; whoever held it holds it no longer."""
        for clamp in [c for c, held in self._held.items() if held == part]:
            self.release(clamp)
        home = self.scene.store[part]
        self._move(part, home[:3], home[3:])
        self._stored.add(part)

    # -- clamps ---------------------------------------------------------------------------------

    def held(self, clamp: str) -> str | None:
        """The part that a clamp holds."""
        return self._held.get(clamp)

    def grip(self, clamp: str) -> str | None:
        """Close a clamp: it holds the part that is between its jaws, as it lies there."""
        self.release(clamp)
        grip = self.scene.grips[clamp]
        part = self._in_reach(clamp, grip)
        if part is None:
            return None
        weld = grip.welds[part]
        position, quaternion = self._relative(grip, part)
        self.model.eq_data[weld, 0:3] = 0.0
        self.model.eq_data[weld, 3:6] = position
        self.model.eq_data[weld, 6:10] = quaternion
        self.data.eq_active[weld] = 1
        self._held[clamp] = part
        self._wake(part)
        return part

    def release(self, clamp: str) -> None:
        """Open a clamp: nothing holds the part any more."""
        part = self._held.pop(clamp, None)
        if part is not None:
            self.data.eq_active[self.scene.grips[clamp].welds[part]] = 0
            self._wake(part)

    # -------------------------------------------------------------------------------------------

    def _feed_forward(self, setpoints: NDArray[np.float64] | None) -> NDArray[np.float64]:
        if setpoints is None:
            return np.broadcast_to(self.setpoint, (STEPS_PER_TICK, self.dof))
        path = np.empty((STEPS_PER_TICK + 1, self.dof))
        path[0], path[1:] = self.setpoint, setpoints
        self.setpoint = path[-1]
        led: NDArray[np.float64] = setpoints + self._lead * (path[1:] - path[:-1])
        return led

    def _in_reach(self, clamp: str, grip: Grip) -> str | None:
        region = self.grip_region(clamp)
        if not grip.on_tool:
            return next(iter(self.parts_at(region)), None)
        near = [
            (float(np.linalg.norm(self.part_pose(part)[0] - region.xyz_m)), part)
            for part in self.scene.parts.keys() - self._stored
        ]
        return min(((d, p) for d, p in near if d < _GRIPPER_REACH_M), default=(0.0, None))[1]

    def _body_pose(self, body: str) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        index = self.model.body(body).id
        return self.data.xpos[index].copy(), self.data.xmat[index].reshape(3, 3).copy()

    def _relative(self, grip: Grip, part: str) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Pose of a part in the body that grips it."""
        holder = self.model.body(grip.body).id
        inverse = np.zeros(4)
        mujoco.mju_negQuat(inverse, self.data.xquat[holder])
        position, turned = self.part_pose(part)
        relative, quaternion = np.zeros(3), np.zeros(4)
        mujoco.mju_rotVecQuat(relative, position - self.data.xpos[holder], inverse)
        mujoco.mju_mulQuat(quaternion, inverse, turned)
        return relative, quaternion

    def _slipped(self, clamp: str, part: str) -> bool:
        grip = self.scene.grips[clamp]
        moved = self._relative(grip, part)[0] - self.model.eq_data[grip.welds[part], 3:6]
        return float(np.linalg.norm(moved)) > SLIP_M

    def _move(
        self, part: str, position: NDArray[np.float64], quaternion: NDArray[np.float64]
    ) -> None:
        at = self._free[part]
        dof = self.model.body(part).dofadr[0]
        self.data.qpos[at : at + 3] = position
        self.data.qpos[at + 3 : at + 7] = quaternion
        self.data.qvel[dof : dof + 6] = 0.0
        self.data.qacc_warmstart[dof : dof + 6] = 0.0
        self._wake(part)

    def _wake(self, part: str) -> None:
        """Have MuJoCo take notice of what was done to a body that may sleep: a force wakes it.

        One that is still up may be about to fall asleep, in mid-air even: it is counted afresh.
        """
        force = self.data.xfrc_applied[self._bodies[part]]
        force[2] = _WAKE_N
        mujoco.mj_forward(self.model, self.data)
        force[2] = 0.0
        self.data.tree_asleep[self.model.body_treeid[self._bodies[part]]] = _AWAKE

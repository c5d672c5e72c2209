"""The physics of a cell in ticks: arms follow setpoints, clamps hold parts, the rest falls."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Final

import mujoco
import numpy as np
from numpy.typing import NDArray

from drivers.time_page import TICK_NS
from robot_cell.model.arm_names import THE_ARM
from sim.engine import STEPS_PER_TICK, EngineFactory, MujocoEngine
from sim.layout import prefix_of
from sim.scene import TCP, Grip, Scene

__all__ = ["SLIP_M", "STEPS_PER_TICK", "CellPhysics", "Region"]

SLIP_M: Final = 0.008
"""A part that has moved this far in its grip is lost: something pulled harder than the clamp."""

SLIP_PERIOD_NS: Final = 5 * TICK_NS
"""How often a held part is looked after."""

_GRIPPER_REACH_M: Final = 0.040
_NEST_REACH_M: Final = 0.050
_HEIGHT_M: Final = 0.030


@dataclass(frozen=True)
class Region:
    """A place in the world where a part may stand: its origin (3,) and axes (3, 3)."""

    xyz_m: NDArray[np.float64]
    matrix: NDArray[np.float64]


class CellPhysics:
    """One cell's world: what stands where, and who holds what.

    Args:
        home: (n,) rad, where the arms stand at first; joints of one arm after those of another.
        engine: what lets time pass in it; with MuJoCo the same calls give bitwise the same states.
    """

    def __init__(
        self, scene: Scene, home: NDArray[np.float64], engine: EngineFactory = MujocoEngine
    ) -> None:
        self.scene = scene
        self.model = scene.model
        self.data = mujoco.MjData(scene.model)
        model = self.model
        joints = [model.joint(name).id for name in scene.arm_joints]
        self._qpos = model.jnt_qposadr[joints].copy()
        self._dofs = model.jnt_dofadr[joints].copy()
        self._free = {name: model.jnt_qposadr[model.body(name).jntadr[0]] for name in scene.parts}
        self._tcps = {arm: model.site(prefix_of(arm) + TCP).id for arm in scene.arms}
        self._held: dict[str, str] = {}
        self._grips: dict[str, NDArray[np.float64]] = {}
        self._stored = set(scene.parts)
        self._home = home.astype(np.float64)
        self.time_ns = 0
        self.setpoint = self._home.copy()
        data = self.data  # its arrays stay where they are, and asking for one costs a microsecond
        self._all_qpos, self._all_qvel = data.qpos, data.qvel
        self._engine = engine(scene, data)
        self._engine.reset(self._home)

    def reset(self) -> None:
        """Everything as at first: arms at home, parts in the store. Plant time goes on."""
        self._held.clear()
        self._grips.clear()
        self._stored = set(self.scene.parts)
        self.setpoint = self._home.copy()
        self._engine.reset(self._home)

    def while_waiting(self, serve: Callable[[], None]) -> None:
        """What to do again and again while a tick waits for another process."""
        self._engine.while_waiting(serve)

    def close(self) -> None:
        """Let go of the simulator; may be called twice."""
        self._engine.close()

    @property
    def dof(self) -> int:
        """Number of joints of all arms."""
        return len(self._qpos)

    def arm_state(self) -> NDArray[np.float64]:
        """Positions (rad), velocities (rad/s) and joint torques (N·m) of the arms, (3, n)."""
        state = np.empty((3, len(self._dofs)))
        state[0] = self._all_qpos[self._qpos]
        state[1] = self._all_qvel[self._dofs]
        state[2] = self._engine.torques()
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
            setpoints: (20, n) rad, where the arms should be at the end of each step; None holds.
            tables: (20,) rad for each rotary table.
        """
        path = np.empty((STEPS_PER_TICK + 1, self.dof))
        path[0], path[1:] = self.setpoint, self.setpoint if setpoints is None else setpoints
        self.setpoint = path[-1]
        self._engine.step_tick(path, tables)
        self.time_ns += TICK_NS
        if self.time_ns % SLIP_PERIOD_NS == 0:
            for grip in [g for g, part in self._held.items() if self._slipped(g, part)]:
                self.release(grip)

    def hold(self, arm: str | None = None) -> None:
        """Stop where an arm is now; every arm unless one is named."""
        rows = slice(None) if arm is None else self.scene.arms[arm]
        held = self.setpoint.copy()
        held[rows] = self.data.qpos[self._qpos][rows]
        self.setpoint = held

    def tcp_pose(self, arm: str = THE_ARM) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Position (3,) and axes (3, 3) of an arm's TCP."""
        tcp = self._tcps[arm]
        matrix = self.data.site_xmat[tcp].reshape(3, 3)
        return self.data.site_xpos[tcp].copy(), matrix.copy()

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
        self._engine.place(part, region.xyz_m + region.matrix @ [0.0, 0.0, height], quaternion)
        self._stored.discard(part)

    def take_away(self, part: str) -> None:
        """Put a part back into the store; whoever held it holds it no longer."""
        for clamp in [c for c, held in self._held.items() if held == part]:
            self.release(clamp)
        home = self.scene.store[part]
        self._engine.place(part, home[:3], home[3:])
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
        position, quaternion = self._relative(grip, part)
        self._held[clamp] = part
        self._grips[clamp] = position
        self._engine.hold(clamp, part, position, quaternion)
        return part

    def release(self, clamp: str) -> None:
        """Open a clamp: nothing holds the part any more."""
        part = self._held.pop(clamp, None)
        if part is not None:
            self._engine.let_go(clamp, part)

    # -------------------------------------------------------------------------------------------

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
        moved = self._relative(self.scene.grips[clamp], part)[0] - self._grips[clamp]
        return float(np.linalg.norm(moved)) > SLIP_M

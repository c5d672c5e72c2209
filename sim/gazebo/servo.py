"""Gains of the joint trajectory controllers: as stiff as explicit steps of 1 ms allow.

Gazebo's controller adds torque = kp (q* - q) + kv (dq* - dq) once per step, and SDF knows no rotor
inertia. A joint whose effective inertia is far below its largest one (a wrist, folded) would ring
with MuJoCo's gains; the bandwidth is lowered until no pose does.
"""

from __future__ import annotations

from typing import Final

import mujoco
import numpy as np

from sim.layout import STEP_S, TABLE_MASS_KG, TABLE_RADIUS_M
from sim.scene import Scene
from sim.servo_tuning import BANDWIDTH_RAD_S, ServoGains, tune

_DAMPED_PER_STEP: Final = 1.0
"""Most of a joint's speed that its damping may take away in one step: kv dt / inertia. Explicit
steps diverge at 2."""

_SAMPLES: Final = 256
_TABLE_BANDWIDTH_RAD_S: Final = 100.0


def arm_gains(scene: Scene) -> list[ServoGains]:
    """Gains of the arm's joints, base to flange, from the bare inertias of URDF and tool."""
    model = scene.model.__copy__()
    data = mujoco.MjData(model)
    joints = np.array([model.joint(name).id for name in scene.arm_joints])
    dofs, places = model.jnt_dofadr[joints], model.jnt_qposadr[joints]
    model.dof_armature[dofs] = 0.0
    low, high = model.jnt_range[joints].T
    random = np.random.default_rng(0)
    largest = np.zeros(len(dofs))
    smallest = np.full(len(dofs), np.inf)
    full = np.zeros((model.nv, model.nv))
    for _ in range(_SAMPLES):
        data.qpos[places] = random.uniform(low, high)
        mujoco.mj_kinematics(model, data)
        mujoco.mj_comPos(model, data)
        mujoco.mj_crb(model, data)
        mujoco.mj_fullM(model, data, full)
        inertia = full[np.ix_(dofs, dofs)]
        largest = np.maximum(largest, np.diag(inertia))
        # What a joint has to move while the others are free to give way.
        smallest = np.minimum(smallest, 1.0 / np.diag(np.linalg.inv(inertia)))
    bandwidths = np.minimum(BANDWIDTH_RAD_S, _DAMPED_PER_STEP * smallest / (2.0 * largest * STEP_S))
    efforts = model.jnt_actfrcrange[joints, 1].tolist()
    return [
        tune(float(inertia), effort, float(bandwidth))
        for inertia, effort, bandwidth in zip(largest, efforts, bandwidths, strict=True)
    ]


def table_gains(parts_kg: float) -> ServoGains:
    """Gains of a rotary table that carries so much."""
    inertia = (TABLE_MASS_KG + parts_kg) * TABLE_RADIUS_M**2 / 2.0
    return tune(inertia, 60.0, _TABLE_BANDWIDTH_RAD_S)

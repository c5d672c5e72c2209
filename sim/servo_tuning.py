"""The simulated servo amplifiers: position servos stiff enough for an industrial arm.

Each joint has a position servo with velocity feed-forward: torque = kp (q* - q) + kv (dq* - dq).
MuJoCo's affine actuator gives exactly that when its control is q* + (kv / kp) dq*.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import mujoco
import numpy as np
from numpy.typing import NDArray

BANDWIDTH_RAD_S: Final = 250.0
"""Natural frequency of each joint's position loop; a 1 ms step resolves it 25 times a period."""

ARMATURE_PER_EFFORT: Final = 0.002
"""kg·m² of reflected rotor inertia per N·m of rated torque. Estimated: makers do not publish it."""

_SAMPLES: Final = 64


@dataclass(frozen=True)
class ServoGains:
    """Gains of one joint's servo.

    Attributes:
        kp: N·m/rad.
        kv: N·m·s/rad.
        force: N·m, the most that the motor gives; 0 means unlimited.
    """

    kp: float
    kv: float
    force: float


def add_armature(joint: mujoco.MjsJoint) -> None:
    """Give a joint of a URDF the rotor inertia that URDF cannot express."""
    joint.armature = max(0.01, ARMATURE_PER_EFFORT * float(joint.actfrcrange[1]))


def largest_inertias(model: mujoco.MjModel, dofs: NDArray[np.int64]) -> NDArray[np.float64]:
    """The largest inertia that each joint sees over poses within its limits, (n,) kg·m²."""
    data = mujoco.MjData(model)
    random = np.random.default_rng(0)
    joints = model.dof_jntid[dofs]
    low, high = model.jnt_range[joints, 0], model.jnt_range[joints, 1]
    limited = model.jnt_limited[joints].astype(bool)
    low, high = np.where(limited, low, -np.pi), np.where(limited, high, np.pi)
    largest = np.zeros(len(dofs))
    full = np.zeros((model.nv, model.nv))
    for _ in range(_SAMPLES):
        data.qpos[model.jnt_qposadr[joints]] = random.uniform(low, high)
        mujoco.mj_kinematics(model, data)
        mujoco.mj_comPos(model, data)
        mujoco.mj_crb(model, data)
        mujoco.mj_fullM(model, data, full)
        largest = np.maximum(largest, np.diag(full)[dofs])
    return largest


def tune(inertia: float, force: float, bandwidth_rad_s: float = BANDWIDTH_RAD_S) -> ServoGains:
    """Critically damped gains for a joint that moves this inertia (kg·m²)."""
    return ServoGains(inertia * bandwidth_rad_s**2, 2.0 * inertia * bandwidth_rad_s, force)


def add_servo(spec: mujoco.MjSpec, joint: str, gains: ServoGains) -> None:
    """Drive a joint with a position servo of the same name."""
    servo = spec.add_actuator(name=joint, target=joint, trntype=mujoco.mjtTrn.mjTRN_JOINT)
    servo.gaintype = mujoco.mjtGain.mjGAIN_FIXED
    servo.biastype = mujoco.mjtBias.mjBIAS_AFFINE
    servo.gainprm[0] = gains.kp
    servo.biasprm[1] = -gains.kp
    servo.biasprm[2] = -gains.kv
    if gains.force > 0.0:
        servo.forcelimited = mujoco.mjtLimited.mjLIMITED_TRUE
        servo.forcerange = [-gains.force, gains.force]

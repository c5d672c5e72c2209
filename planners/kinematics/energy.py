"""Electrical energy of a motion: mechanical work, friction, heat in the windings, base power.

The model is the usual one of the literature on energy-optimal robot motion (Paryanto, Brossog,
Bornschlegl and Franke, "Reducing the energy consumption of industrial robots in manufacturing
systems", International Journal of Advanced Manufacturing Technology 78, 2015): the drive gives the
joint torque of the rigid body and the friction on top, the windings heat with the torque squared,
and the controller draws a constant power. Braking power is given back up to `recovered`.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np

from planners.arrays import Array
from planners.kinematics.arm_description import Drive, Joint
from planners.kinematics.dynamics import joint_torques
from planners.kinematics.payload import Payload
from planners.kinematics.robot import Robot

BASE_POWER_W: Final = 100.0
"""Estimate for a controller whose arm's file gives none (<energy base_power>)."""

# Rules of thumb for a drive whose file gives no <drive>: friction measured on industrial arms is
# about a tenth of the rated torque at speed (Swevers, Verdonck and De Schutter, "Dynamic model
# identification for industrial robots", IEEE Control Systems 27(5), 2007), half of it viscous; at
# rated torque and speed the windings lose about a tenth of the mechanical power.
_COULOMB_SHARE: Final = 0.05
_VISCOUS_SHARE: Final = 0.05
_COPPER_SHARE: Final = 0.1
_TORQUE_WITHOUT_LIMIT_NM: Final = 50.0


@dataclass(frozen=True)
class Energy:
    """Energy of a motion in joules, and how it is spent.

    Attributes:
        total_j: drawn from the mains: what the drives draw, less what braking gives back, and base.
        mechanical_j: work on arm and load; near zero when it ends as high as it began, at rest.
        friction_j: heat of friction. copper_j: heat of the windings.
        base_j: base power times duration.
        peak_w: highest electrical power.
        estimated: whether any drive or the base power is an estimate.
    """

    total_j: float
    mechanical_j: float
    friction_j: float
    copper_j: float
    base_j: float
    peak_w: float
    estimated: bool


def drives(robot: Robot) -> tuple[Drive, ...]:
    """The drives of the arm's joints, estimated where the file gives none."""
    return tuple(
        joint.drive if joint.drive is not None else _estimated(joint)
        for joint in robot.description.joints
    )


def motion_energy(
    robot: Robot,
    times: Array,
    q: Array,
    velocity: Array,
    acceleration: Array,
    *,
    payload: Payload | None = None,
    recovered: float = 0.0,
) -> Energy:
    """Energy of a sampled motion.

    Args:
        robot: the arm; its tool's mass is moved, too.
        times: (n,) s, rising.
        q: (n, 6) rad.
        velocity: (n, 6) rad/s.
        acceleration: (n, 6) rad/s^2.
        payload: what the tool carries meanwhile.
        recovered: share of the braking power that other drives or the mains can use. All joints
            share one direct-current link, so power between joints is always exchanged in full.

    Raises:
        ValueError: fewer than two samples, times that do not rise, or a share beyond 0 to 1.
    """
    if len(times) < 2 or not (np.diff(times) > 0.0).all():
        raise ValueError("a motion needs two or more samples at rising times")
    if not 0.0 <= recovered <= 1.0:
        raise ValueError(f"recovered is a share, 0 to 1: {recovered}")
    torque = joint_torques(robot, q, velocity, acceleration, payload=payload)
    parameters = drives(robot)
    coulomb = np.array([drive.coulomb_nm for drive in parameters])
    viscous = np.array([drive.viscous_nm_s for drive in parameters])
    copper = np.array([drive.copper_w_nm2 for drive in parameters])
    friction = coulomb * np.sign(velocity) + viscous * velocity
    mechanical_w = (torque * velocity).sum(axis=1)
    friction_w = (friction * velocity).sum(axis=1)
    copper_w = (copper * (torque + friction) ** 2).sum(axis=1)
    drawn = mechanical_w + friction_w + copper_w
    power = np.where(drawn > 0.0, drawn, recovered * drawn)
    given = robot.description.base_power_w
    base_w = BASE_POWER_W if given is None else given
    base_j = base_w * float(times[-1] - times[0])
    return Energy(
        total_j=_integral(power, times) + base_j,
        mechanical_j=_integral(mechanical_w, times),
        friction_j=_integral(friction_w, times),
        copper_j=_integral(copper_w, times),
        base_j=base_j,
        peak_w=float(power.max()) + base_w,
        estimated=given is None or any(drive.estimated for drive in parameters),
    )


def _integral(power: Array, times: Array) -> float:
    return float(((power[1:] + power[:-1]) / 2 * np.diff(times)).sum())


def _estimated(joint: Joint) -> Drive:
    effort = joint.effort if np.isfinite(joint.effort) else _TORQUE_WITHOUT_LIMIT_NM
    return Drive(
        coulomb_nm=_COULOMB_SHARE * effort,
        viscous_nm_s=_VISCOUS_SHARE * effort / joint.velocity,
        copper_w_nm2=_COPPER_SHARE * joint.velocity / effort,
        estimated=True,
    )

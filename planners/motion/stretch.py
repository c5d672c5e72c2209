"""Slows a trajectory down just where the verifier finds a limit broken, and has it verified again.

Nothing leaves the planner but through `verified`.
"""

from __future__ import annotations

from typing import Final

import numpy as np

from planners.arrays import Array
from planners.kinematics.collision import CollisionScene
from planners.kinematics.payload import Payload, carried
from planners.kinematics.robot import Robot
from planners.kinematics.shapes import PartShape
from planners.motion.errors import MotionError
from planners.motion.retime import retimed
from planners.motion.timing import tool_speeds
from planners.motion.trajectory import Trajectory
from planners.motion.verify import TrajectoryViolation, ViolationKind, verify_trajectory

STRETCHABLE: Final[dict[ViolationKind, float]] = {
    "velocity": 1.0,
    "tcp_speed": 1.0,
    "acceleration": 1.0 / 2.0,
    "effort": 1.0 / 2.0,
    "jerk": 1.0 / 3.0,
}
"""What more time heals; the power of the excess by which a motion has to be slowed as a whole."""

_SHARES: Final = (1.0, 0.98, 0.93)
_SPACING_S: Final = 0.004
_FEWEST, _MOST = 32, 800
_TOOL_SHARE: Final = 0.998
_MORE: Final = 1.0 + 1e-5


def verified(
    robot: Robot,
    scene: CollisionScene | None,
    trajectory: Trajectory,
    attached: PartShape | None = None,
    *,
    q_start: Array | None = None,
    q_end: Array | None = None,
    tcp_speed_m_s: float | None = None,
) -> Trajectory:
    """The trajectory if it passes `verify_trajectory`, else stretched in time where it does not.

    Raises:
        MotionError: it does not pass, and more time would not help or has not helped.
    """

    def wrong(candidate: Trajectory) -> list[TrajectoryViolation]:
        return verify_trajectory(
            robot,
            scene,
            candidate,
            attached,
            q_start=q_start,
            q_end=q_end,
            tcp_speed_m_s=tcp_speed_m_s,
        )

    found = wrong(trajectory)
    best = trajectory
    for share in _SHARES:
        if not found or any(violation.kind not in STRETCHABLE for violation in found):
            break
        best = stretched(
            robot,
            trajectory,
            share=share,
            tcp_speed_m_s=tcp_speed_m_s,
            payload=carried(attached),
        )
        found = wrong(best)
    if found and all(violation.kind in STRETCHABLE for violation in found):
        best = best.slowed(max(_factor(violation) for violation in found) * _MORE)
        found = wrong(best)
    if found:
        raise MotionError("verification", "; ".join(map(str, found)), q=trajectory.positions[0])
    return best


def stretched(
    robot: Robot,
    trajectory: Trajectory,
    *,
    share: float = 1.0,
    tcp_speed_m_s: float | None = None,
    payload: Payload | None = None,
) -> Trajectory:
    """The same path, nowhere faster than before, and slower where a limit would break.

    Args:
        robot: the arm.
        trajectory: from rest to rest.
        share: of the speed, acceleration and jerk limits that is used.
        tcp_speed_m_s: highest speed of the tool centre point.
        payload: what the tool carries.
    """
    count = int(np.clip(np.ceil(trajectory.duration_s / _SPACING_S), _FEWEST, _MOST))
    times = np.linspace(0.0, trajectory.duration_s, count + 1)
    state = trajectory.sample(times)
    even = Trajectory(
        trajectory.joint_names, times, state.positions, state.velocities, state.accelerations
    )
    highest = np.ones(count + 1)
    if tcp_speed_m_s is not None:
        speed = tool_speeds(robot, state.positions, state.velocities)
        highest = np.minimum(1.0, _TOOL_SHARE * share * tcp_speed_m_s / np.maximum(speed, 1e-9))
    return retimed(robot, even, speed=share, highest_rate=highest, payload=payload)


def _factor(violation: TrajectoryViolation) -> float:
    share = abs(violation.value / violation.limit)
    return float(max(share, 1.0) ** STRETCHABLE[violation.kind])

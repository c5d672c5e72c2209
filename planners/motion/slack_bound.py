"""What slack can save at most: the least energy of given paths within a given time.

The path speed of least energy at a price of time is a convex programme (`energy_kernel`); with one
price for all motions, at which they take the whole time, none of it would save more elsewhere.
Limits on acceleration and jerk are left out, so no profile that keeps them takes less.
"""

from __future__ import annotations

from collections.abc import Sequence

from planners.kinematics.payload import Payload
from planners.kinematics.robot import Robot
from planners.motion.path_energy import Way, cheapest_profiles, least_price_w
from planners.motion.slack import holding_w
from planners.motion.trajectory import Trajectory


def least_energy_j(
    robot: Robot,
    motions: Sequence[Trajectory],
    within_s: float,
    payloads: Sequence[Payload | None] | None = None,
) -> float:
    """What no speed along these paths, nowhere faster than now, goes below within the time, J.

    Waiting where the last motion ends is counted as in `slack.energy_within_j`. As exact as the
    samples, 8 ms apart.
    """
    carried = [None] * len(motions) if payloads is None else list(payloads)
    ways = [Way.of(robot, one, load) for one, load in zip(motions, carried, strict=True)]
    waiting_w = holding_w(robot, motions[-1].positions[-1], carried[-1])
    profiles = cheapest_profiles(ways, within_s, least_price_w(ways, waiting_w))
    left_s = within_s - sum(
        way.duration_s(profile) for way, profile in zip(ways, profiles, strict=True)
    )
    moving = sum(way.energy_j(profile) for way, profile in zip(ways, profiles, strict=True))
    return moving + left_s * waiting_w

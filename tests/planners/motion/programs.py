"""A pick and place program that fits both arms."""

import numpy as np

from planners.arrays import Array
from planners.motion import Attach, Detach, Dwell, Item, JointTarget, Move, PartShape, PoseTarget
from tests.planners.arms import DOWN, HOME, SCALE, at

PART = PartShape((0.06, 0.06, 0.04))
ABOVE = at(0.0, 0.0, 0.1)


def pick_pose(name: str) -> Array:
    """The part's bottom lies on the table, whose top is at z = -0.01."""
    return at(0.4 * SCALE[name], 0.4 * SCALE[name], 0.01, DOWN)


def place_pose(name: str) -> Array:
    return at(0.4 * SCALE[name], -0.4 * SCALE[name], 0.01, DOWN)


def pick_and_place(name: str) -> list[Item]:
    pick, place = pick_pose(name), place_pose(name)
    return [
        Move("ptp", PoseTarget(ABOVE @ pick), label="above the part"),
        Move("lin", PoseTarget(pick), tcp_speed_m_s=0.25, label="to the part"),
        Dwell(0.3, "grip"),
        Attach(PART),
        Move("lin", PoseTarget(ABOVE @ pick), label="lift"),
        Move("ptp", PoseTarget(ABOVE @ place), label="over the place"),
        Move("lin", PoseTarget(place), tcp_speed_m_s=0.1, label="set down"),
        Dwell(0.2, "let go"),
        Detach(),
        Move("lin", PoseTarget(ABOVE @ place), speed=0.5, label="retreat"),
        Move("ptp", JointTarget(HOME[name]), label="home"),
    ]


def sampled(values: Array, limit: Array) -> float:
    """The largest share of a limit that is used."""
    return float(np.max(np.abs(values) / limit))

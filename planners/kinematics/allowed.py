"""Which of the arm's own links need not be compared: neighbours, and links that always touch."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final, Literal

import numpy as np

from planners.kinematics.exact import ExactDistance
from planners.kinematics.robot import Robot
from planners.kinematics.solids import Solid, indexed

Reason = Literal["neighbours", "always touching"]

_SAMPLES: Final = 256


@dataclass(frozen=True)
class AllowedCollisions:
    """The allowed-collision matrix of an arm and its tool.

    Attributes:
        reasons: why a pair of links (numbers, the lower first; 0 is the base) is not compared.
        touched: share of the sampled positions at which each pair that is compared was too near;
            a pair that never was is not named. It is compared all the same: samples prove nothing.
    """

    reasons: Mapping[tuple[int, int], Reason]
    touched: Mapping[tuple[int, int], float]

    def compared(self, link_a: int, link_b: int) -> bool:
        """Whether two links are compared."""
        low, high = sorted((link_a, link_b))
        return low != high and (low, high) not in self.reasons


def own_pairs(moving: Sequence[Solid], allowed: AllowedCollisions) -> list[tuple[int, int]]:
    """The arm and its tool against themselves."""
    return [
        (i, k)
        for i, a in enumerate(moving)
        for k, b in enumerate(moving[:i])
        if allowed.compared(a.link, b.link)
    ]


def allowed_collisions(robot: Robot, moving: Sequence[Solid], margin_m: float) -> AllowedCollisions:
    """Links whose solids touch in every one of many sampled positions cannot be told apart."""
    from planners.kinematics.bounds import all_bounds

    reasons: dict[tuple[int, int], Reason] = {
        (link, link + 1): "neighbours" for link in range(robot.dof)
    }
    neighbours = AllowedCollisions(reasons, {})
    pairs = indexed(robot, moving, own_pairs(moving, neighbours), margin_m)
    exact = ExactDistance(pairs)
    columns: dict[tuple[int, int], list[int]] = {}
    for k, (a, b) in enumerate(pairs.pairs.tolist()):
        low, high = sorted((moving[a].link, moving[b].link))
        columns.setdefault((low, high), []).append(k)
    touched = dict.fromkeys(columns, 0)
    poses, bounds = pairs.still.copy(), np.empty(len(pairs.pairs))
    rng = np.random.default_rng(0)
    for q in rng.uniform(robot.lower, robot.upper, (_SAMPLES, robot.dof)):
        all_bounds(
            robot.model.chain, pairs.link, pairs.local, pairs.half, pairs.radius, pairs.pairs,
            q, poses, bounds,
        )  # fmt: skip
        for links, ks in columns.items():
            touched[links] += any(
                bounds[k] < margin_m and exact.distance(poses, k) < margin_m for k in ks
            )
    for links, count in touched.items():
        if count == _SAMPLES:
            reasons[links] = "always touching"
    shares = {links: count / _SAMPLES for links, count in touched.items() if 0 < count < _SAMPLES}
    return AllowedCollisions(reasons, shares)

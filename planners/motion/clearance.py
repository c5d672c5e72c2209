"""Is a sampled path free? Between samples too: no body moves further than the margin covers."""

from __future__ import annotations

from math import ceil
from typing import Final

import numpy as np
from numpy.typing import NDArray

from planners.arrays import Array, plain
from planners.kinematics.collision import CollisionScene, PathCollision
from planners.kinematics.shapes import PartShape
from planners.motion.errors import MotionError
from planners.motion.paths import JointPath

CONTACT_DEPTH_M: Final = 0.002
"""A part may rest on, or be modelled this deep inside, what it lies on when it is taken or left."""

_CONTACT_SLACK_M: Final = 0.0005
_FIRST_SAMPLES: Final = 100
_MOST_SAMPLES: Final = 20_000


def contacts(
    scene: CollisionScene, q_start: Array, q_end: Array, attached: PartShape | None
) -> dict[str, float]:
    """What the part touches where a motion starts or ends, and how near it may stay on the way.

    A part that is taken from a table touches the table at first; it may leave it, and nothing else.
    """
    allowed: dict[str, float] = {}
    if attached is None:
        return allowed
    for q in (q_start,) if q_end is q_start else (q_start, q_end):
        for body, distance in scene.part_distances(q, attached).items():
            if distance >= -CONTACT_DEPTH_M:
                allowed[body] = min(allowed.get(body, np.inf), distance - _CONTACT_SLACK_M)
    return allowed


def curve_samples(scene: CollisionScene, path: JointPath, attached: PartShape | None) -> Array:
    """The curve (n, 6), sampled so that the margin covers what lies between.

    Raises:
        MotionError: however densely it is sampled, the arm moves too far between two samples: its
            joints jump, as at a singular position.
    """
    count = _FIRST_SAMPLES
    while True:
        q = path.evaluate(np.linspace(0.0, path.length, count + 1))[0]
        longest = float(scene.displacement(q, attached).max())
        if longest <= scene.margin_m:
            return np.asarray(q[thinned(scene, q, attached)])
        count = int(np.ceil(1.2 * count * longest / scene.margin_m))
        if count > _MOST_SAMPLES:
            at = q[int(np.argmax(np.abs(np.diff(q, axis=0)).max(axis=1)))]
            raise MotionError(
                "singularity",
                "the joints would jump on this line, which passes a singular position; "
                "use a ptp move, or a line that keeps away from it",
                q=at,
            )


def thinned(scene: CollisionScene, q: Array, attached: PartShape | None) -> NDArray[np.intp]:
    """Indices of the samples (n, 6) that suffice: the margin covers the way between two of them."""
    travelled = np.concatenate([[0.0], np.cumsum(scene.displacement(q, attached))])
    # The first sample of each stretch of one margin: two of them are less than two margins apart.
    stretch = np.floor(travelled / scene.margin_m)
    kept = np.concatenate([[True], np.diff(stretch) > 0])
    kept[-1] = True
    return np.nonzero(kept)[0]


def line_samples(
    scene: CollisionScene,
    q_start: Array,
    q_end: Array,
    attached: PartShape | None,
    *,
    glance: int = 0,
) -> Array:
    """The straight joint motion (n, 6), sampled so that the margin covers what lies between.

    With `glance`, every so many-th sample comes first: a blocked line mostly shows at a few.
    """
    from planners.motion.curve_kernel import straight

    travel = scene.travel(q_start, q_end, attached)
    steps = max(ceil(travel / (2 * scene.margin_m)), 1)
    glances = steps // glance + 1 if glance else 0
    samples = np.empty((glances + steps + 1, len(q_start)))
    straight(plain(q_start), plain(q_end), steps, glance, samples)
    return samples


def require_free(
    scene: CollisionScene, q: Array, attached: PartShape | None, touching: dict[str, float]
) -> None:
    """Check samples (n, 6) in order.

    Raises:
        MotionError: two bodies are too near at one of them.
    """
    hit = scene.first_collision(q, attached, touching)
    if hit is not None:
        raise collision_error(hit, q)


def collision_error(hit: PathCollision, q: Array) -> MotionError:
    """The error that tells of a collision on a way (n, 6), or at the one position of its end."""
    how = (
        f"overlap by {-hit.distance_m * 1e3:.1f} mm"
        if hit.distance_m < 0.0
        else f"come within {hit.distance_m * 1e3:.1f} mm"
    )
    where = "where the move ends"
    if len(q) > 1:
        where = f"at {100.0 * hit.index / (len(q) - 1):.0f} % of the way"
    return MotionError(
        "collision",
        f"{hit.body_a!r} and {hit.body_b!r} {how} {where}",
        bodies=(hit.body_a, hit.body_b),
        q=q[hit.index],
    )

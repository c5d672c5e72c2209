"""A motion as a trajectory for a controller that follows it by itself; whole, or what is left.

What is left of a motion begins where the arm was measured to stand: at rest, a little beside the
path. It speeds up along the path as the governor permits, and comes back onto it on the way.
"""

from __future__ import annotations

from typing import Final

import numpy as np
from numpy.typing import NDArray

from drivers.arms import Trajectory
from planners.motion.governor import Governor
from planners.motion.track import JointLimits, Track
from robot_cell.execution.segments import Segments

Array = NDArray[np.float64]

POINT_S: Final = 0.02
"""Time between two points; controllers interpolate by cubics or quintics in between."""

_STEP_S: Final = 0.004
_BACK_S: Final = 0.5
"""Within this time an arm that stands beside its path is led back onto it."""

_LONGEST_S: Final = 3600.0


def whole(segments: Segments, speed: float) -> Trajectory:
    """The whole motion at a constant path speed, 0 < `speed` <= 1."""
    count = max(2, int(np.ceil(segments.duration_s / POINT_S)) + 1)
    at_s = np.linspace(0.0, segments.duration_s, count)
    positions, velocities, accelerations = segments.evaluate(at_s)
    velocities[[0, -1]] = accelerations[[0, -1]] = 0.0
    return Trajectory(at_s / speed, positions, velocities * speed, accelerations * speed**2)


def rest(
    segments: Segments, limits: JointLimits, path_s: float, measured: Array, speed: float
) -> Trajectory:
    """What is left of a motion after path time `path_s`, from `measured` (n,) at rest.

    The path speed that is asked for is 0 < `speed` <= 1.
    """
    track = Track(segments.times, segments.coefficients, limits, cycle_s=_STEP_S)
    track.prepare(track.rows)
    governor = Governor(track, 0.0)
    governor.stand_in(path_s, 0.0)
    here = segments.position(path_s)
    still = np.zeros_like(here)
    rows = [(here, still, still)]
    while not governor.at_end and len(rows) * _STEP_S < _LONGEST_S:
        rows.append(governor.step(_STEP_S, speed))
    kept = [*range(0, len(rows) - 1, round(POINT_S / _STEP_S)), len(rows) - 1]
    if len(kept) < 2:  # it stands at the end already
        kept, rows = [0, 1], [rows[0], rows[0]]
    times = np.array(kept) * _STEP_S
    positions, velocities, accelerations = (
        np.stack([rows[k][order] for k in kept]) for order in range(3)
    )
    velocities[[0, -1]] = accelerations[[0, -1]] = 0.0
    beside = _fading(times, min(_BACK_S, float(times[-1])))
    offset = measured - here
    return Trajectory(
        times,
        positions + beside[0][:, None] * offset,
        velocities + beside[1][:, None] * offset,
        accelerations + beside[2][:, None] * offset,
    )


def _fading(times: Array, over_s: float) -> tuple[Array, Array, Array]:
    """From 1 to 0 by the quintic with rest at both ends; value, first and second derivative."""
    x = np.clip(times / over_s, 0.0, 1.0)
    value = 1.0 - x**3 * (10.0 - 15.0 * x + 6.0 * x**2)
    first = -30.0 * x**2 * (1.0 - x) ** 2 / over_s
    second = -60.0 * x * (1.0 - x) * (1.0 - 2.0 * x) / over_s**2
    return value, first, second

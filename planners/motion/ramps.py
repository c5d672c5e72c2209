"""The ramps of path speed that a governor tries: their shapes, and in which order.

A ramp takes the rate s' of the path speed to zero: as (1 - f)^p over its duration, f from 0 to 1.
"""

from __future__ import annotations

from typing import Final

import numpy as np

NODES: Final = 32
"""Stations at which a ramp is proven."""

PUSHES: Final = (1.0, 0.5, 0.2, 0.07, 0.02)
LINEAR: Final = 0
GENTLE: Final = 1
"""Shapes of a ramp: s' falls as 1 - f, or as (1 - f)^2, whose s'' vanishes at its end too."""

STEADY: Final = 2
"""(1 - f)^5: nearly exponential, for where the planned motion itself is at its jerk limit."""

POWER: Final = (1.0, 2.0, 5.0)
RAMPS: Final = (
    (False, 1.0, LINEAR),
    (False, 0.65, STEADY),
    (False, 1.0, GENTLE),
    (False, 0.5, LINEAR),
    (True, 0.5, GENTLE),
    (False, 0.4, GENTLE),
)
"""Ramps that are tried: from the rate that holds near here or for a while, times a share."""

TRIES: Final = tuple((push, *ramp) for push in PUSHES for ramp in RAMPS)
AT_ONCE: Final = tuple(
    len(RAMPS) * push + ramp for push in (0, 2, 4, 3, 1) for ramp in range(len(RAMPS))
)[:24]
_F = np.linspace(0.0, 1.0, NODES + 1)
SHAPES: Final = tuple(
    np.stack(
        [
            np.ones_like(_F),
            _F,
            (1.0 - (1.0 - _F) ** (p + 1)) / (p + 1),
            (_F - (1.0 - (1.0 - _F) ** (p + 2)) / (p + 2)) / (p + 1),
            (1.0 - _F) ** p,
            p * (1.0 - _F) ** (p - 1),
        ]
    )
    for p in (1, 2, 5)
)
"""Rows: 1, f, and the shape's integral, its double integral, itself, and minus its derivative."""

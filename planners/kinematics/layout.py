"""Where each number of a closed form lies in its parameter vector; no numba in here."""

from __future__ import annotations

from typing import Final

BRANCHES: Final = 8

A1: Final = 0
LATERAL: Final = 1
UPPER: Final = 2
FOREARM: Final = 3
ALPHA_2: Final = 4
ALPHA_3: Final = 5
SIGN_3: Final = 6
SIGN_4: Final = 7
GAMMA: Final = 8
"""Spherical wrist: angle of axis 4 at zero. Three parallel axes: of axis 5."""
DELTA_4: Final = 9
DELTA_5: Final = 10
LEVER: Final = 11
TURN_COS: Final = 12
TURN_SIN: Final = 13
"""Of the angle from the forearm to axis 4, or from axis 5 to the lever of axis 4."""
WORDS: Final = 14
"""Bits of a branch's number that are the other way round here: 4 behind, 2 elbow down."""
BASE: Final = 15
"""(3, 4) canonical frame from base, row by row."""
TOOL: Final = 27
"""(3, 3) last joint's frame from tool, row by row, then the wrist point in the tool."""
PARAMETERS: Final = 39

NONE: Final = 0
EXACT: Final = 1
CLIPPED: Final = 2
"""State of a branch: none, exact, or a seed that has to be refined."""

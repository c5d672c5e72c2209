"""What can be moved by hand: how axes of the tool are called, and how long a step may be."""

from __future__ import annotations

from typing import Final

TOOL_AXES: Final = ("x", "y", "z")
"""The tool centre point along an axis of the arm's base frame; any other axis is a joint."""

LONGEST_STEP_DEG: Final = 10.0
LONGEST_STEP_MM: Final = 50.0
"""A step needs no button to be held, so it is short."""

RENEWED_WITHIN_S: Final = 0.3
"""A move that is held to run stops when it was not renewed for so long, wall time."""

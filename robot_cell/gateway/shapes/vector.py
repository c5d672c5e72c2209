"""Numbers in a row: joints, positions, edges."""

from __future__ import annotations

Vector = list[float]

"""What a servo says of its arm in its sign of life, and what that is in one word or sentence."""

from __future__ import annotations

from typing import Final

CONNECTING: Final = "connecting"
"""How the state of a servo without its arm begins; what is wrong follows."""

RUNNING: Final = "running"
WAITING: Final = "waiting for the arm"


def told_state(beat: str) -> str:
    """What a servo's state says of its arm: `running`, or what is wrong."""
    return RUNNING if beat in (RUNNING, WAITING) else beat.removeprefix(f"{CONNECTING}: ")

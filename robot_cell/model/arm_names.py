"""What the arms of a cell are called: on topics, on pages of shared memory, in files.

The one arm of a cell is called `arm`, and what belongs to it has short names. Of several arms, each
name says which.
"""

from __future__ import annotations

from typing import Final

THE_ARM: Final = "arm"
"""Name of the arm of a cell that has one, written `arm: {...}`."""

RESERVED: Final = ("cell", "fixtures", "gateway", "scheduler", "servo", "sim", "supervisor")
"""Nodes and processes of a cell or a plant: no arm is called so."""

SERVO: Final = "servo"
"""How the name of a servo on its cell's heartbeat page ends."""


def joint_states_topic(arm: str) -> str:
    """Topic of an arm's joint states, in its cell's namespace."""
    return "joint_states" if arm == THE_ARM else f"{arm}/joint_states"


def positions_key(cell: str, arm: str) -> str:
    """What stands for an arm where the joints of a whole plant are told."""
    return cell if arm == THE_ARM else f"{cell}/{arm}"


def base_frame(cell: str, arm: str) -> str:
    """The ROS frame of an arm's base link."""
    return f"{cell}/base_link" if arm == THE_ARM else f"{cell}/{arm}/base_link"


def servo_name(arm: str) -> str:
    """What an arm's servo is called on its cell's heartbeat page, and as a part of time."""
    return SERVO if arm == THE_ARM else f"{arm}_{SERVO}"


def page_name(cell: str, arm: str) -> str:
    """File name, without ending, of the page between an arm's node and its servo.

    `execution.safe_state` finds all pages of a cell by it.
    """
    return cell if arm == THE_ARM else f"{cell}.{arm}"


def socket_name(cell: str, arm: str) -> str:
    """File name of a simulated arm's socket."""
    return f"{cell}.{arm}"

"""What our program on the controller and our driver say to each other through registers.

Of the general purpose registers 24 to 47 are for external RTDE clients. The program is
`deploy/ur/robot_cell.script`; a test holds its numbers against these.
"""

from __future__ import annotations

import enum
from typing import Final

PROGRAM_VERSION: Final = 1

COMMAND: Final = "input_int_register_24"
SEQUENCE: Final = "input_int_register_25"
GAIN: Final = "input_int_register_26"
SETPOINTS: Final = tuple(f"input_double_register_{24 + joint}" for joint in range(6))
LOOKAHEAD: Final = "input_double_register_30"

VERSION: Final = "output_int_register_24"
STATE: Final = "output_int_register_25"
ECHO: Final = "output_int_register_26"
"""The sequence number of the setpoint that the program took last."""


class Command(enum.IntEnum):
    """What the driver asks of the program."""

    WAIT = 0
    FOLLOW = 1
    STOP = 2


class State(enum.IntEnum):
    """What the program does.

    It follows only after it has waited, and only from setpoints at which the arm stands. From
    STARVED and REFUSED it goes back to WAITING when it is told to wait.
    """

    WAITING = 0
    FOLLOWING = 1
    STOPPED = 2
    STARVED = 3
    REFUSED = 4


STARVED_CYCLES: Final = 10
"""So many cycles of 2 ms without a new setpoint, and the program stops the arm."""

START_RAD: Final = 0.02
"""Largest distance of the first setpoint from where the arm stands."""

STEP_RAD: Final = 0.03
"""Largest distance from one setpoint to the next: a fast joint's way in 8 ms (a period of CB3)."""

"""An operation in work: what it is, what has been measured of it, and how it ended."""

from __future__ import annotations

from dataclasses import dataclass, field

from robot_cell.errors import RobotCellError
from robot_cell.programs import ProgramCycle
from robot_cell.store import EndStatus


class BrokenOffError(RobotCellError):
    """An operation cannot go on and is not over: where it stands is in the journal."""


@dataclass(frozen=True)
class OperationOutcome:
    """How an operation ended.

    Attributes:
        joint_error_rad: for each motion, the largest measured joint error at its end.
        end_positions_rad: for each motion, the joint positions (n,) measured at its end.
    """

    status: EndStatus
    message: str
    joint_error_rad: tuple[float, ...] = ()
    end_positions_rad: tuple[tuple[float, ...], ...] = ()


def moving_s(cycle: ProgramCycle, steps: int) -> list[float]:
    """For each step, how long the arm still has to move from its beginning on."""
    left_s = [0.0] * (steps + 1)
    for index in reversed(range(steps)):
        motion = cycle.motions.get(index)
        left_s[index] = left_s[index + 1] + (motion.duration_s if motion is not None else 0.0)
    return left_s


@dataclass
class Work:
    """The operation in work: what it is, and what has been measured so far.

    Attributes:
        holding: the arms whose grippers should hold a part.
        doubted: the arms that may stand elsewhere than where the program has them.
        epoch: motion epoch in which the step in work was permitted.
        by_hand: what devices of the cell were told by hand since the last step; empty once a person
            is asked about it.
    """

    operation_id: str
    product: str
    cycle: ProgramCycle
    errors: list[float] = field(default_factory=list)
    positions: list[tuple[float, ...]] = field(default_factory=list)
    holding: frozenset[str] = frozenset()
    doubted: set[str] = field(default_factory=set)
    epoch: int = 0
    by_hand: str = ""

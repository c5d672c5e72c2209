"""Whether the arms of a cell are well: none of them moves while another is not.

What one arm does was planned with the others where they stand. One that has lost its link or its
power may be moved by hand, and one whose processes are being started again may not be stopped.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from robot_cell.execution.arm_state import CONNECTING
from robot_cell.execution.heartbeat import HeartbeatPage
from robot_cell.execution.trajectory_goal import GoalCode
from robot_cell.model.arm_names import servo_name


@dataclass(frozen=True)
class Trouble:
    """An arm that is not well.

    Attributes:
        code: what a motion ends with because of it: `DEVICE` where a person has to see to the arm,
            `OTHER_ARM` where its processes come back by themselves.
    """

    arm: str
    what: str
    code: GoalCode

    def __str__(self) -> str:
        return f"arm {self.arm} {self.what}"


class OtherArms:
    """The servos of a cell's arms, told from their signs of life.

    Args:
        beats: the cell's page.
        arms: names of those that are looked after; of a cell with one arm, none.
    """

    def __init__(self, beats: HeartbeatPage, arms: Iterable[str]) -> None:
        self._beats = beats
        self._arms = tuple(arms)
        self._known: dict[str, tuple[int, int]] = {}
        self._connected: set[tuple[int, int]] = set()

    def trouble(self, *, anew: bool = False) -> Trouble | None:
        """The first of them that is not well, or is not the process that it was.

        With `anew`, as a motion begins, it is looked from here on which processes they are.
        """
        if not self._arms:
            return None
        if anew:
            self._known.clear()
        beats = self._beats.read()
        for arm in self._arms:
            beat = beats.get(servo_name(arm))
            if beat is None or not beat.pid or not beat.alive():
                return Trouble(arm, "has no servo", GoalCode.OTHER_ARM)
            process = beat.pid, beat.born
            if self._known.setdefault(arm, process) != process:
                return Trouble(arm, "has been started again", GoalCode.OTHER_ARM)
            if not beat.state.startswith(CONNECTING):
                self._connected.add(process)
                continue
            lost = process in self._connected  # else it has only just been started
            code = GoalCode.DEVICE if lost else GoalCode.OTHER_ARM
            return Trouble(arm, f"is not there: {beat.state}", code)
        return None

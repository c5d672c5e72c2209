"""What a reset of a cell does where no operation is begun: its arms go home, and nothing is left.

A cell that is idle takes the next program. So its arms stand at home, and its devices are as
programs expect them; where that cannot be, the reset fails and says what a person has to do.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from robot_cell.errors import RobotCellError
from robot_cell.execution.by_hand import begun_after
from robot_cell.execution.left_behind import held_over, left_otherwise
from robot_cell.execution.ports import ArmPort, FixturePort
from robot_cell.nodes.base import PlantNode
from robot_cell.nodes.joint_listener import JointListener, all_measured
from robot_cell.programs import away_from_home, plan_home
from robot_cell.store import Journal

_READ_S: Final = 1.0


class CellReset:
    """Makes a cell ready for a program; used in the worker's thread.

    Args:
        arms, listeners: of the cell's arms, by name.
    """

    def __init__(
        self,
        node: PlantNode,
        journal: Journal,
        arms: Mapping[str, ArmPort],
        listeners: Mapping[str, JointListener],
        fixtures: FixturePort,
    ) -> None:
        self._node = node
        self._journal = journal
        self._arms = arms
        self._listeners = listeners
        self._fixtures = fixtures

    def make_ready(self, epoch: int) -> None:
        """Lead the arms home, in the motion epoch in which that was permitted.

        Raises:
            RobotCellError: a program cannot begin; says why, and what to do.
        """
        cell, name = self._node.cell, self._node.cell_name

        def read(device: str) -> Mapping[str, str]:
            return self._fixtures.command(device, 0, "read", (), _READ_S, epoch).values

        since = begun_after(self._journal.by_hand(name), self._journal.last_step(name))
        _require_none(left_otherwise(cell, since, read))
        measured = all_measured(name, self._listeners)
        if away_from_home(cell, measured):
            for arm, motion in plan_home(name, cell, measured, self._held(epoch)):
                ended = self._arms[arm].follow(motion, epoch)
                if not ended.ok:
                    raise RobotCellError(ended.message)
        _require_none(held_over(cell, read))

    def _held(self, epoch: int) -> dict[str, tuple[float, float, float]]:
        """Of several arms those whose grippers read that they hold a part, and its size at most.

        Raises:
            RobotCellError: two do, and it may be the same part: neither arm is to pull at it.
        """
        cell, parts = self._node.cell, [one.part for one in self._node.plant.products.values()]
        if len(cell.arms) < 2:
            return {}
        x, y, z = (max(part.size_m[axis] for part in parts) for axis in range(3))
        found: dict[str, tuple[float, float, float]] = {}
        for gripper, arm in cell.grippers.items():
            told = self._fixtures.command(gripper, 0, "read", (), _READ_S, epoch)
            if told.status != "done":
                raise RobotCellError(f"{gripper} does not say what it holds: {told.message}")
            if told.values.get("part") == "present":
                found[arm] = x, y, z
        if len(found) > 1:
            raise RobotCellError(
                f"the grippers of {' and '.join(found)} hold a part, which may be the same one; "
                "the arms have to go home: have one let go by hand first (robot-cell device), then "
                "reset"
            )
        return found


def _require_none(in_the_way: str) -> None:
    """See that nothing is in the way of a reset.

    Raises:
        RobotCellError: something is; it says what.
    """
    if in_the_way:
        raise RobotCellError(in_the_way)

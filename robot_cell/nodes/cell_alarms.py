"""What of a cell's life is an alarm: a table from its states, and a look at its processes."""

from __future__ import annotations

import time
from typing import Final

from robot_cell.execution.control import Transition
from robot_cell.execution.heartbeat import HeartbeatPage
from robot_cell.execution.processes import ProcessWatch
from robot_cell.execution.verdicts import STEP_ALARMS
from robot_cell.model.packml import State
from robot_cell.nodes.alarm_writer import AlarmWriter
from robot_cell.nodes.base import PlantNode
from robot_cell.store import Journal

WATCHED: Final = ("fixtures", "supervisor")
"""The processes of a cell that its controller looks after, beside those of its arms; the scheduler
looks after that one."""

LOOK_S: Final = 1.0

OVER_IN: Final = {
    State.CLEARING: (*STEP_ALARMS, "cell_aborted"),
    State.RESETTING: (*STEP_ALARMS, "reset_failed"),
}
"""What is over once a cell is in that state; if not, it comes again."""


class CellAlarms(AlarmWriter):
    """The alarms of one cell."""

    def __init__(self, node: PlantNode, journal: Journal) -> None:
        super().__init__(node, journal, node.cell_name)
        self._page = HeartbeatPage(node.run_dir / "heartbeats" / f"{node.cell_name}.page")
        self._watch = ProcessWatch((*node.cell.arms, *WATCHED))
        # What an earlier controller saw is seen again if it is still there.
        self.over((*STEP_ALARMS, "cell_aborted", "interlock_broken", "reset_failed"))
        self.over(("process_ended", "process_silent"))
        node.every(LOOK_S, self._look)

    def follow(self, change: Transition) -> None:
        """The cell has changed its state."""
        if change.after is State.ABORTED:
            self.raise_("cell_aborted", "", change.message or "the cell was aborted")
        elif change.after in OVER_IN:
            self.over(OVER_IN[change.after])

    def _look(self) -> None:
        for name, change in self._watch.look(self._page.read(), time.monotonic()):
            if change == "ended":
                self.raise_("process_ended", name, f"{name} has ended and is to be started again")
            elif change == "missing":
                self.raise_("process_silent", name, f"{name} does not come back")
            else:
                self.over(("process_ended", "process_silent"), name)

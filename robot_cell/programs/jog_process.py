"""The process that plans moves by hand: kept warm while a cell is in manual mode.

Started for a move, it would let a person wait for more than a second. It ends with its owner, even
where that is killed: its end of the pipe tells it.
"""

from __future__ import annotations

import contextlib
import multiprocessing
import signal
from collections.abc import Mapping
from multiprocessing.connection import Connection
from typing import Any, Final

from robot_cell.errors import RobotCellError
from robot_cell.model import Cell
from robot_cell.programs.arm_jog import JogPlan
from robot_cell.programs.jog import JogPlanner, Part
from robot_cell.programs.jog_wish import JogRefusedError, JogWish

ANSWER_S: Final = 60.0
"""How long a plan may take; the first one waits for the planners to be loaded."""


class JogProcess:
    """Plans the moves of one cell's arms; used by one thread.

    Args:
        cell: whose arms they are.
    """

    def __init__(self, cell: Cell) -> None:
        self._cell = cell
        self._pipe: Connection | None = None
        self._process: Any = None

    def start(self) -> None:
        """Start the process, unless it is there; does not wait until it can plan."""
        if self._process is not None and self._process.is_alive():
            return
        context = multiprocessing.get_context("forkserver")
        self._pipe, its_end = context.Pipe()
        self._process = context.Process(target=_serve, args=(its_end, self._cell), daemon=True)
        self._process.start()
        its_end.close()

    def plan(
        self,
        wish: JogWish,
        measured_rad: Mapping[str, tuple[float, ...]],
        parts: Mapping[str, Part],
    ) -> JogPlan:
        """The move from where all arms stand (`JogPlanner.plan`); starts the process if need be.

        Raises:
            JogRefusedError: it cannot be made.
            RobotCellError: the process does not answer.
        """
        self.start()
        assert self._pipe is not None
        try:
            self._pipe.send((wish, dict(measured_rad), dict(parts)))
            if not self._pipe.poll(ANSWER_S):
                raise RobotCellError(f"the planner gave no answer within {ANSWER_S:g} s")
            answer = self._pipe.recv()
        except (OSError, EOFError) as error:
            self.close()
            raise RobotCellError(f"the planner's process has ended ({error}); try again") from error
        if isinstance(answer, JogPlan):
            return answer
        raise JogRefusedError(str(answer))

    def close(self) -> None:
        """End the process; what it is planning is not waited for."""
        if self._pipe is not None:
            self._pipe.close()
            self._pipe = None
        if self._process is not None:
            self._process.terminate()
            self._process = None


def _serve(pipe: Connection, cell: Cell) -> None:
    """Plan whatever comes, until the other end is gone."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the terminal's Ctrl+C is for the node
    planner = JogPlanner(cell)
    planner.warm_up()
    with contextlib.suppress(EOFError, OSError):
        while True:
            wish, measured_rad, parts = pipe.recv()
            try:
                pipe.send(planner.plan(wish, measured_rad, parts))
            except JogRefusedError as error:
                pipe.send(str(error))

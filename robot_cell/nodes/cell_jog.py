"""Moves an arm by hand in manual mode: a step, or for as long as somebody holds a button.

Whoever holds a button renews its press; the arm's node stops the arm on its path when no renewal
has come for a while (`EpochPage.overdue`), whatever has become of this node. One press is one
motion and one line in the journal. A press that has ended is never taken up again.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from math import degrees
from typing import Any, Final

from robot_cell_interfaces.srv import Jog

from robot_cell.errors import RobotCellError
from robot_cell.execution.by_hand import ByHandRefusedError
from robot_cell.execution.control import CellControl
from robot_cell.execution.epoch import EpochPage
from robot_cell.execution.ports import ArmPort, FixturePort, MotionOutcome
from robot_cell.model.jog import RENEWED_WITHIN_S, TOOL_AXES
from robot_cell.model.packml import State
from robot_cell.nodes.base import PlantNode
from robot_cell.nodes.by_hand import MOVES, ByHand
from robot_cell.nodes.cell_hold import CellHold
from robot_cell.nodes.joint_listener import JointListener, all_measured
from robot_cell.programs.jog import Part, largest_part
from robot_cell.programs.jog_process import JogProcess
from robot_cell.programs.jog_wish import JogRefusedError, JogWish, check_wish
from robot_cell.store import Journal, JournalError

_READ_S: Final = 1.0
_ENDED: Final = "ended"
_LONG_AGO_NS: Final = 1
_LAPSED: Final = f"nobody held the button for {RENEWED_WITHIN_S:g} s"


@dataclass
class Press:
    """One press of a button, or one step.

    Attributes:
        epoch: the motion epoch in which it was permitted.
        until_s: when it is over if nobody renews it (monotonic).
        phase: planning, moving or ended.
        over: whether nothing of it may be begun any more.
        refused: whether it ended without a motion, because something forbids it.
        message: what ends the motion, then how it ended.
    """

    name: str
    who: str
    wish: JogWish
    epoch: int
    until_s: float
    phase: str = "planning"
    over: bool = False
    refused: bool = False
    message: str = ""
    why: str = "the step is done"


class CellJog:
    """The door for moves by hand.

    Its service is served in the executor's thread; the motion runs in the worker's, where nothing
    else runs meanwhile.

    Args:
        arms, listeners: of the cell's arms, by name.
        stop_arms: stops the motion under way on its path.
    """

    def __init__(
        self,
        node: PlantNode,
        journal: Journal,
        control: CellControl,
        hold: CellHold,
        by_hand: ByHand,
        arms: Mapping[str, ArmPort],
        fixtures: FixturePort,
        listeners: Mapping[str, JointListener],
        epochs: EpochPage,
        *,
        stop_arms: Callable[[], None],
    ) -> None:
        self._node = node
        self._journal = journal
        self._control = control
        self._hold = hold
        self._by_hand = by_hand
        self._arms = arms
        self._fixtures = fixtures
        self._listeners = listeners
        self._epochs = epochs
        self._stop_arms = stop_arms
        self._press: Press | None = None
        self._lock = threading.Lock()  # a renewal must not come after the end of its press
        self._planner = JogProcess(node.cell)
        self._warm = False
        epochs.hold_until(0)
        node.create_service(Jog, "jog", self._on_jog)
        self.follow_mode()

    def follow_mode(self) -> None:
        """Keep the planner warm in manual mode, and only then; called at each change of state."""
        if self._warm is not self._by_hand.manual:
            self._warm = self._by_hand.manual
            self._by_hand.do(self._planner.start if self._warm else self._planner.close)

    def end(self) -> None:
        """End the planner."""
        self._planner.close()

    @property
    def moves(self) -> bool:
        """Whether a stopped cell's arm may move all the same: by hand, in the press's own epoch."""
        press = self._press
        return (
            press is not None
            and press.phase == "moving"
            and not press.over
            and press.epoch == self._control.epoch
        )

    # -- the door ---------------------------------------------------------------------------------

    def _on_jog(self, request: Any, response: Any) -> Any:
        press = self._press
        if request.what == "start":
            press = self._begin(request)
        elif press is None or press.name != request.press:
            response.message = "that press is over, or was never begun; press again"
            response.phase = _ENDED
            return response
        elif request.what == "renew":
            self._renew(press)
        elif request.what == "end":
            self._release(press, "the button was let go")
        response.success = not press.refused
        response.phase, response.message = press.phase, press.message
        return response

    def _begin(self, request: Any) -> Press:
        """Take a press, or say what forbids it; the refusal is written down too."""
        only = next(iter(self._arms)) if len(self._arms) == 1 else ""
        arm = request.arm or only
        wish = JogWish(request.axis, request.amount, request.hold_to_run, arm)
        who = request.asked_by or "nobody named"
        until_s = time.monotonic() + RENEWED_WITHIN_S
        press = Press(request.press, who, wish, self._control.epoch, until_s)
        known = self._press
        if known is not None and known.name == press.name:
            return known  # the answer was lost, and it is asked again
        try:
            self._check(wish)
        except (ByHandRefusedError, JogRefusedError) as error:
            press.phase, press.refused, press.message = _ENDED, True, str(error)
            self._by_hand.do(partial(self._by_hand.note, who, f"jog {wish}", str(error)))
            return press
        press.epoch = self._by_hand.take(who, f"is moving it: {wish}")
        self._hold.let_go()  # it stands: nothing is to move but what is asked for now
        self._press = press
        for heard in self._listeners.values():
            heard.turn(True)
        self._by_hand.do(partial(self._run, press))
        return press

    def _check(self, wish: JogWish) -> None:
        """See that the cell may be moved by hand now.

        Raises:
            ByHandRefusedError, JogRefusedError: it may not.
        """
        cell = self._node.cell_name
        self._by_hand.check(MOVES)
        if wish.arm not in self._arms:
            listed = ", ".join(self._arms)
            if not wish.arm:
                raise JogRefusedError(f"{cell} has several arms; say which: {listed}")
            raise JogRefusedError(f"{cell} has no arm {wish.arm[:40]!r}; it has: {listed}")
        if self._control.state is State.IDLE and self._hold.held:
            raise JogRefusedError(f"the arm of {cell} is held; let it go first (Unhold)")
        check_wish(wish, self._listeners[wish.arm].names)

    def _renew(self, press: Press) -> None:
        with self._lock:
            if press.over or not press.wish.held:
                return
            late = time.monotonic() > press.until_s
            if not late:
                press.until_s = time.monotonic() + RENEWED_WITHIN_S
                if press.phase == "moving":
                    self._epochs.hold_until(int(press.until_s * 1e9))
        if late:  # the arm stops, or has stopped: it is not to go on by that
            self._release(press, _LAPSED)

    def _release(self, press: Press, why: str) -> None:
        with self._lock:
            if press.over:
                return
            press.over, press.why = True, why
            if press.phase != "moving":
                return
            self._epochs.hold_until(_LONG_AGO_NS)
        self._stop_arms()

    # -- in the worker's thread -------------------------------------------------------------------

    def _run(self, press: Press) -> None:
        """Plan and make the move of a press, and write down what came of it."""
        clock, asked = self._node.clock, 0
        clock.busy()
        try:
            measured = self._measured()
            asked = self._journal.command(
                press.who,
                f"jog {press.wish}",
                self._node.cell_name,
                clock.now_ns(),
                {
                    "arm": press.wish.arm,
                    "axis": press.wish.axis,
                    "from": self._place(press, measured[press.wish.arm]),
                },
            )
            told = self._move(press, measured)
        except (RobotCellError, JournalError) as error:
            press.refused = press.phase == "planning"
            told = str(error)
        self._by_hand.free()
        with self._lock:
            press.message = told
            press.over, press.phase = True, _ENDED
            self._epochs.hold_until(0)
        try:
            if asked:
                self._journal.command_outcome(asked, told, clock.now_ns())
        except JournalError as error:
            self._node.get_logger().error(f"jog {press.wish} by {press.who}: not noted: {error}")
        self._node.get_logger().info(f"jog {press.wish} by {press.who}: {told}")
        clock.wait_for()

    def _move(self, press: Press, measured: Mapping[str, tuple[float, ...]]) -> str:
        """Plan the move and make it; how it ended."""
        name = press.wish.arm
        arm, stood = self._arms[name], measured[name]
        plan = self._planner.plan(press.wish, measured, self._held_parts())
        if press.epoch != self._control.epoch:
            raise JogRefusedError(f"the cell is {self._control.state.label}: {press.wish} is void")
        with self._lock:
            if press.over:
                raise JogRefusedError(f"{press.why} before the arm moved")
            if press.wish.held and time.monotonic() > press.until_s:
                raise JogRefusedError(f"{_LAPSED} before the arm moved")
            press.message, press.phase = plan.until, "moving"
            self._epochs.hold_until(int(press.until_s * 1e9) if press.wish.held else 0)
        ended = arm.follow(plan.motion, press.epoch)
        why = self._why(press, ended, plan.until)
        stands = (
            ended.positions_rad
            or arm.standing()
            or all_measured(self._node.cell_name, self._listeners)[name]
        )
        return f"{self._place(press, stood)} to {self._place(press, stands)}: {why}"

    def _why(self, press: Press, ended: MotionOutcome, until: str) -> str:
        """Why a motion has ended, in words."""
        if ended.ok:
            return until or press.why
        if ended.arm_gone:
            return ended.message
        if press.over:
            return press.why
        if press.epoch != self._control.epoch:
            return f"the cell is {self._control.state.label}: {self._control.message}"
        if press.wish.held and time.monotonic() > press.until_s:
            return _LAPSED
        return ended.message

    def _measured(self) -> dict[str, tuple[float, ...]]:
        return all_measured(self._node.cell_name, self._listeners)

    def _held_parts(self) -> dict[str, Part]:
        """What each gripper holds: nothing if it says so, else the largest part there is."""
        found = {}
        for name, arm in self._node.cell.arms.items():
            gripper = arm.tool.gripper
            said = self._fixtures.command(gripper, 0, "read", (), _READ_S, self._control.epoch)
            if said.status != "done" or said.values.get("part", "absent") != "absent":
                found[name] = largest_part(self._node.plant)
        return found

    def _place(self, press: Press, measured: tuple[float, ...]) -> str:
        """Where the arm is on the axis of a press, in words; all joints where the tool moves."""
        names = self._listeners[press.wish.arm].names
        if press.wish.axis in TOOL_AXES:
            return "[" + " ".join(f"{degrees(q):.2f}" for q in measured) + "]°"
        return f"{degrees(measured[names.index(press.wish.axis)]):.2f}°"

"""The cell controller: follows PackML and runs the operations that are leased to it.

What people ask (`cell_commands`, `cell_hold`) changes the cell's state and gives the worker
(`cell_operations`) its resets; the worker runs steps through the ports; what comes of all that is
published here.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Collection, Mapping
from typing import Final

from robot_cell_interfaces.msg import CellState

from drivers.clock import FOREVER_NS
from planners.kinematics.arm_description import read_arm
from robot_cell.errors import RobotCellError
from robot_cell.execution.asking import RECOVERIES, Recovery
from robot_cell.execution.control import CellControl, Transition
from robot_cell.execution.epoch import EpochPage
from robot_cell.execution.executor import Executor
from robot_cell.execution.heartbeat import HeartbeatPage
from robot_cell.execution.interlocks import Interlocks
from robot_cell.execution.trajectory_goal import GoalCode
from robot_cell.execution.verdicts import Verdicts
from robot_cell.model.arm_names import joint_states_topic
from robot_cell.model.packml import Command, Mode, State, target
from robot_cell.nodes.base import LATCHED, PlantNode, spin
from robot_cell.nodes.by_hand import ByHand
from robot_cell.nodes.cell_alarms import CellAlarms
from robot_cell.nodes.cell_commands import CellCommands
from robot_cell.nodes.cell_devices import CellDevices
from robot_cell.nodes.cell_hold import CellHold
from robot_cell.nodes.cell_jog import CellJog
from robot_cell.nodes.cell_operations import CellOperations
from robot_cell.nodes.cell_reset import CellReset
from robot_cell.nodes.in_work import Hand
from robot_cell.nodes.interlock_watch import InterlockWatch
from robot_cell.nodes.joint_listener import JointListener
from robot_cell.nodes.other_arms import OtherArms
from robot_cell.nodes.ports import ActionArm, ActionFixtures
from robot_cell.programs import ProgramCycle, StepMotion, plan_rest
from robot_cell.store import journal_location, open_journal

AT_REST: Final = (State.STOPPED, State.ABORTED)

_READY_POLL_S: Final = 0.1
_STOPS: Final = ("stop", "abort")
_STOPS_AND_STARTS: Final = (*_STOPS, "reset")

RECOVERY_VARIABLE: Final = "ROBOT_CELL_RECOVERY"
"""Set by the fault tests alone, to see that they catch a wrong recovery."""


class CellNode(PlantNode):
    """One cell: operations in, steps out."""

    def __init__(self) -> None:
        super().__init__("cell", in_cell=True)
        self.declare_parameter("reset_on_start", True)
        self._operations: CellOperations | None = None
        self._alarms: CellAlarms | None = None
        self._jog: CellJog | None = None
        self._hand = Hand()
        self._lock = threading.Lock()

    def configure(self) -> None:
        """Open the journal, the ports and the doors."""
        self._journal = open_journal(journal_location(self.run_dir))
        self._states = self.create_publisher(CellState, "state", LATCHED)
        self._epochs = EpochPage(self.run_dir, self.cell_name)
        self._epochs.enter(self._epochs.current() + 1)  # what an earlier controller asked is void
        alarms = self._alarms = CellAlarms(self, self._journal)
        interlocks = Interlocks(self.cell)
        self._control = CellControl(
            self.cell_name,
            self._on_change,
            epoch=self._epochs.current(),
            mode=self._journal.modes().get(self.cell_name, Mode.PRODUCTION),
            forbids=lambda c: str(interlocks.broken() or "") if c is Command.UNHOLD else "",
        )
        self._listeners = {
            name: JointListener(
                self,
                tuple(joint.name for joint in read_arm(arm.urdf).joints),
                joint_states_topic(name),
            )
            for name, arm in self.cell.arms.items()
        }
        self._arms = {
            name: ActionArm(self, self.clock, self.cell_name, name, heard, self._may_not_move)
            for name, heard in self._listeners.items()
        }
        self._fixtures = ActionFixtures(self, self.clock, self.cell_name)
        several = self.cell.arms if len(self.cell.arms) > 1 else ()
        page = HeartbeatPage(self.run_dir / "heartbeats" / f"{self.cell_name}.page")
        self._arms_watch = OtherArms(page, several)
        verdicts = Verdicts()
        hold = CellHold(self, self._control, self._hand)
        executor = Executor(
            self.cell,
            self._arms,
            self._fixtures,
            self._journal,
            self.clock,
            self._control,
            self._plan_rest,
            alarms,
            interlocks,
            verdicts,
            self._recovery(),
            self._lost_arm,
        )
        self._operations = CellOperations(
            self,
            self._journal,
            self._control,
            executor,
            CellReset(self, self._journal, self._arms, self._listeners, self._fixtures),
            self._listeners,
            self._hand,
            alarms,
            publish=self._publish,
            on_execute=hold.take_up,
        )
        self._commands = CellCommands(
            self,
            self._journal,
            self._control,
            hold,
            verdicts,
            self._hand,
            stop_arms=self._stop_arms,
            reset=self._operations.reset,
        )
        by_hand = ByHand(self, self._journal, self._control, self._hand, self._operations.do)
        self._jog = CellJog(
            self,
            self._journal,
            self._control,
            hold,
            by_hand,
            self._arms,
            self._fixtures,
            self._listeners,
            self._epochs,
            stop_arms=self._stop_arms,
        )
        self._devices = CellDevices(
            self,
            self._journal,
            self._control,
            by_hand,
            self._fixtures,
            interlocks,
            self._listeners,
        )
        self._watch = InterlockWatch(self, interlocks, self._control, hold, alarms)
        self._waiting_for_ports = self._may_start_by_itself()
        self.every(_READY_POLL_S, self._check_ports)
        self.start_thread(self._operations.serve, "operations")
        self._publish()
        self.clock.silent_until(FOREVER_NS)
        self.clock.wait_for()

    def release(self) -> None:
        """End the worker, and write what alarms there are."""
        if self._operations is not None:
            self._operations.end()
        if self._jog is not None:
            self._jog.end()
        if self._alarms is not None:
            self._alarms.end()

    # -- state ----------------------------------------------------------------------------------

    def _on_change(self, change: Transition) -> None:
        self._epochs.enter(change.epoch)
        if self._alarms is not None:
            self._alarms.follow(change)
        if self._jog is not None:
            self._jog.follow_mode()
        text = f"{change.before.label} -> {change.after.label}"
        self.get_logger().info(f"{text} {change.message}".rstrip())
        self._publish()

    def _publish(self) -> None:
        work, state = self._hand.now, self._control.state
        message = CellState(
            stamp=self.stamp(),
            cell=self.cell_name,
            state=int(state),
            state_name=state.label,
            mode=int(self._control.mode),
            mode_name=self._control.mode.label,
            operation_id=work.operation_id,
            order_id=work.order_id,
            unit=work.unit,
            program=work.program,
            step=work.step,
            steps=work.steps,
            progress=work.progress,
            epoch=self._control.epoch,
            message=self._control.message or work.label,
        )
        with self._lock:
            self._states.publish(message)

    def _may_not_move(self) -> bool:
        """Whether a motion has to end: the cell is stopped, and nobody moves it by hand."""
        return self._control.ending() and not (self._jog is not None and self._jog.moves)

    def _may_start_by_itself(self) -> bool:
        """Whether nothing forbids it: a cell that a person has stopped waits for a person."""
        if not bool(self.get_parameter("reset_on_start").value):
            return False
        if target(State.STOPPED, Command.RESET, self._control.mode) is None:
            self.get_logger().warning(f"in {self._control.mode.label} mode it stays Stopped")
            return False
        last = self._journal.last_command(self.cell_name, _STOPS_AND_STARTS)
        if last is None or last.what not in _STOPS:
            return True
        self.get_logger().warning(
            f"{last.who or 'somebody'} gave {last.what} and nobody a reset since: it stays Stopped"
        )
        return False

    # -- start ----------------------------------------------------------------------------------

    def _recovery(self) -> Recovery:
        asked = os.environ.get(RECOVERY_VARIABLE, "ask")
        for recovery in RECOVERIES:
            if recovery == asked:
                if recovery != "ask":
                    self.get_logger().error(f"{RECOVERY_VARIABLE}={asked}: wrong on purpose")
                return recovery
        raise RobotCellError(f"{RECOVERY_VARIABLE}={asked!r} is none of {', '.join(RECOVERIES)}")

    def _lost_arm(self) -> tuple[str, str] | None:
        """One of several arms that a person has to see to; an only one is asked itself."""
        trouble = self._arms_watch.trouble(anew=True)
        if trouble is None or trouble.code is not GoalCode.DEVICE:
            return None
        return trouble.arm, str(trouble)

    def _stop_arms(self) -> None:
        for arm in self._arms.values():
            arm.stop()

    def _plan_rest(
        self,
        cycle: ProgramCycle,
        index: int,
        measured_rad: Mapping[str, tuple[float, ...]],
        *,
        holding: Collection[str],
    ) -> StepMotion:
        product = self.plant.products[cycle.product]
        self.get_logger().info(f"step {index + 1}: the rest is planned from where the arm stands")
        return plan_rest(
            self.cell_name, self.cell, product, cycle, index, measured_rad, holding=holding
        )

    def _check_ports(self) -> None:
        """Once arms and fixtures are there, become ready by itself (if so configured)."""
        for heard in self._listeners.values():
            heard.turn(self._control.state in (*AT_REST, State.RESETTING))
        if not self._waiting_for_ports or self._control.state is not State.STOPPED:
            return
        arms_ready = all(arm.ready for arm in self._arms.values())
        measured = all(heard.measured() is not None for heard in self._listeners.values())
        if arms_ready and self._fixtures.ready and measured:
            self._waiting_for_ports = False
            self._commands.obey(Command.RESET, "start-up")


def main() -> None:
    """Entry point of `cell_node`."""
    spin(CellNode)

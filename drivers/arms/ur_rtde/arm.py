"""A Universal Robots arm: setpoints through registers, followed by our program on its controller.

The controller must run `deploy/ur/robot_cell.script`, which a person starts. It moves the arm only
while it is told to follow and gets a new setpoint in time; after anything that stopped it, it has
to be told to wait first, and then follows from where the arm stands.
"""

from __future__ import annotations

import contextlib
import time
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from drivers.arms.base import (
    ArmError,
    ArmFault,
    ArmNotConnected,
    ArmState,
    ArmTimeout,
    SetpointsRefused,
    in_words,
)
from drivers.arms.ur_rtde import registers
from drivers.arms.ur_rtde.link import RtdeLink
from drivers.arms.ur_rtde.modes import PROGRAM, hindrance
from drivers.arms.ur_rtde.registers import Command, State

JOINTS: Final = (
    "shoulder_pan_joint",
    "shoulder_lift_joint",
    "elbow_joint",
    "wrist_1_joint",
    "wrist_2_joint",
    "wrist_3_joint",
)

_OUTPUTS: Final = (
    "timestamp",
    "actual_q",
    "actual_qd",
    "target_moment",
    "target_speed_fraction",
    "robot_mode",
    "safety_mode",
    "runtime_state",
    registers.VERSION,
    registers.STATE,
    registers.ECHO,
)
_INPUTS: Final = (
    registers.COMMAND,
    registers.SEQUENCE,
    registers.GAIN,
    *registers.SETPOINTS,
    registers.LOOKAHEAD,
)
_STOPPED: Final = {
    State.STOPPED: ("PROGRAM_STOPPED_US", "the program has stopped the arm"),
    State.STARVED: ("STARVED", "no setpoint came in time, and the program stopped the arm"),
    State.REFUSED: ("JUMP", "a setpoint was too far from the last one, and the arm was stopped"),
}
_SEQUENCES: Final = 2**30
_LOST_S: Final = 0.1
"""Silence after which a connection counts as lost: fifty periods of 2 ms."""

_RETRY_S: Final = 0.02


class UrRtdeArm:
    """One arm of Universal Robots (`drivers.arms.ArmDriver`).

    Args:
        host, port: of the controller.
        rate_hz: how often states come and setpoints go: 500, or 125 for CB3.
        lookahead_s, gain: of the controller's servoj.
    """

    joint_names = JOINTS
    setpoints_per_period = 1

    def __init__(
        self,
        host: str,
        port: int = 30004,
        rate_hz: int = 500,
        lookahead_s: float = 0.05,
        gain: int = 300,
    ) -> None:
        self.period_ns = 1_000_000_000 // rate_hz
        self._host = host
        self._port = port
        self._rate_hz = rate_hz
        self._lookahead_s = lookahead_s
        self._gain = gain
        self._link: RtdeLink | None = None
        self._sequence = 0
        self._heard_s = 0.0
        self._sent: tuple[float, ...] = (0.0,) * len(JOINTS)
        self._skipped = 0

    @property
    def skipped(self) -> int:
        """States that came too late to be answered, over all connections."""
        return self._skipped + (self._link.skipped if self._link is not None else 0)

    @property
    def controller(self) -> str:
        """Version of the controller's software, as last heard."""
        return self._link.controller if self._link is not None else ""

    def connect(self, timeout_s: float) -> ArmState:
        """Connect, see that the arm may be moved, and have the program follow where it stands.

        Raises:
            ArmNotConnected: nobody answers, or what answers is no RTDE.
            ArmFault: the robot or its program is not in a state in which it can be moved.
        """
        self.close()
        until_s = time.monotonic() + timeout_s
        while True:
            try:
                self._link = RtdeLink(self._host, self._port, max(0.01, until_s - time.monotonic()))
                break
            except ArmNotConnected:
                if time.monotonic() + _RETRY_S > until_s:
                    raise
                time.sleep(_RETRY_S)
        try:
            self._link.negotiate(self._rate_hz, _OUTPUTS, _INPUTS)
            return self._engage(self._link, until_s)
        except ArmTimeout as error:
            self.close()
            raise self._lost("it sends no states") from error
        except ArmError:
            self.close()
            raise

    def look(self, timeout_s: float) -> str:
        """Which controller answers, and that it could be moved; it is only read.

        Raises:
            ArmNotConnected: nobody answers, or what answers is no RTDE.
            ArmFault: the robot or its program is not in a state in which it can be moved.
        """
        link = RtdeLink(self._host, self._port, timeout_s)
        try:
            link.negotiate(self._rate_hz, _OUTPUTS, ())
            values = link.state(timeout_s)
            self._require_movable(link, values)
            self._require_our_program(link, values)
            stands = in_words(values[link.slices["actual_q"]])
            return f"software {link.controller}, our program plays, {stands}"
        except ArmTimeout as error:
            raise self._lost("it sends no states") from error
        finally:
            link.close()

    def read(self, timeout_s: float) -> ArmState:
        """Wait for the newest state.

        Raises:
            ArmTimeout: none came in time.
            ArmNotConnected: the connection was lost, or has been silent for 0.1 s.
            ArmFault: the robot, its safety system or its program stopped the arm.
        """
        link = self._connected()
        try:
            values = link.state(timeout_s)
        except ArmTimeout as error:
            silent_s = time.monotonic() - self._heard_s
            if silent_s < _LOST_S:
                raise
            self.close()
            raise self._lost(f"no state for {silent_s:.2f} s") from error
        except ArmError:
            self.close()
            raise
        self._heard_s = time.monotonic()
        try:
            self._require_movable(link, values)
            state = self._program_state(values)
            if state is not State.FOLLOWING:
                code, what = _STOPPED.get(state, ("PROGRAM_WAITS", "the program was started anew"))
                raise ArmFault(self._host, code, what, "It is led back by itself.")
        except ArmFault:
            self.close()
            raise
        return self._state(values)

    def write(self, setpoints: NDArray[np.float64]) -> None:
        """Send the next setpoint (1, 6) in rad.

        Raises:
            SetpointsRefused: wrong shape, or not finite.
            ArmNotConnected: the connection was lost.
        """
        if setpoints.shape != (1, len(JOINTS)) or not np.isfinite(setpoints).all():
            raise SetpointsRefused(
                self._host,
                f"setpoints of shape {setpoints.shape}, expected (1, 6) and finite",
                "Nothing was sent.",
            )
        self._tell(Command.FOLLOW, tuple(setpoints[0].tolist()))

    def stop(self) -> None:
        """Have the program stop the arm.

        Raises:
            ArmNotConnected: the connection was lost; the program stops the arm within 20 ms.
        """
        self._tell(Command.STOP, self._sent)

    def close(self) -> None:
        """Let go of the connection; the program stops the arm and holds it."""
        link, self._link = self._link, None
        if link is not None:
            self._skipped += link.skipped
            with contextlib.suppress(ArmNotConnected):
                link.write(*self._inputs(Command.STOP, self._sent))
            link.pause()
            link.close()

    def _engage(self, link: RtdeLink, until_s: float) -> ArmState:
        """From whatever the program did to following where the arm stands.

        Setpoints are sent from where the arm was measured once it waits, so nothing moves.
        """
        command, there = Command.WAIT, None
        while True:
            values = link.state(max(0.0, until_s - time.monotonic()))
            self._heard_s = time.monotonic()
            self._require_movable(link, values)
            self._require_our_program(link, values)
            state = self._program_state(values)
            if command is Command.WAIT and state is State.WAITING:
                command, there = Command.FOLLOW, values[link.slices["actual_q"]]
            elif command is Command.FOLLOW and state is State.FOLLOWING:
                return self._state(values)
            elif command is Command.FOLLOW and state is State.REFUSED:
                command = Command.WAIT
            if time.monotonic() > until_s:
                raise ArmFault(
                    self._host, "PROGRAM_SILENT", f"the program stays in state {state.name}",
                    f"Stop it and play {PROGRAM} again.",
                )  # fmt: skip
            self._tell(command, there or values[link.slices["actual_q"]])

    def _require_our_program(self, link: RtdeLink, values: tuple[Any, ...]) -> None:
        version = values[link.slices[registers.VERSION]][0]
        if version != registers.PROGRAM_VERSION:
            raise ArmFault(
                self._host, "OTHER_PROGRAM",
                f"the program that runs is not ours, or of version {version} where "
                f"{registers.PROGRAM_VERSION} is needed",
                f"Play {PROGRAM}.",
            )  # fmt: skip

    def _require_movable(self, link: RtdeLink, values: tuple[Any, ...]) -> None:
        at = link.slices
        found = hindrance(
            values[at["robot_mode"]][0],
            values[at["safety_mode"]][0],
            values[at["runtime_state"]][0],
        )
        if found is not None:
            raise ArmFault(self._host, *found)

    def _program_state(self, values: tuple[Any, ...]) -> State:
        number = values[self._connected().slices[registers.STATE]][0]
        try:
            return State(number)
        except ValueError as error:
            raise ArmFault(
                self._host, "OTHER_PROGRAM", f"register 25 holds {number}", f"Play {PROGRAM}."
            ) from error

    def _state(self, values: tuple[Any, ...]) -> ArmState:
        at = self._connected().slices
        return ArmState(
            int(values[at["timestamp"]][0] * 1e9),
            np.array(values[at["actual_q"]]),
            np.array(values[at["actual_qd"]]),
            np.array(values[at["target_moment"]]),
            min(1.0, max(0.0, values[at["target_speed_fraction"]][0])),
        )

    def _tell(self, command: Command, setpoint: tuple[float, ...]) -> None:
        link = self._connected()
        try:
            link.write(*self._inputs(command, setpoint))
        except ArmNotConnected:
            self.close()
            raise

    def _inputs(self, command: Command, setpoint: tuple[float, ...]) -> tuple[float, ...]:
        self._sequence = self._sequence % _SEQUENCES + 1
        self._sent = setpoint
        return (command, self._sequence, self._gain, *setpoint, self._lookahead_s)

    def _connected(self) -> RtdeLink:
        if self._link is None:
            raise self._lost("there is no connection")
        return self._link

    def _lost(self, what: str) -> ArmNotConnected:
        return ArmNotConnected(self._host, what, "It is connected again by itself.")

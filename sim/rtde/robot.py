"""The robot behind the simulated controller: modes, the program that it runs, and six joints.

The program is `deploy/ur/robot_cell.script`, told again in Python; modes and states have the
numbers of the RTDE guide. Joints follow their setpoint with a lag and within a top speed; an arm
without power, or whose program does not run, stands.
"""

from __future__ import annotations

import enum
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from sim.rtde.variables import STILL

Array = NDArray[np.float64]

CYCLE_S: Final = 0.002
SEQUENCE: Final = "input_int_register_25"
"""The input that the program's watchdog watches."""

STARVED_CYCLES: Final = 10
"""So many cycles without a new setpoint, and the program stops the arm."""
HOME: Final = np.radians([0.0, -90.0, 90.0, -90.0, -90.0, 0.0])

_WATCHDOG: Final = 5
"""So many times longer than the program itself the controller's watchdog waits: 0.1 s, 10 Hz."""

_LAG_S: Final = 0.012
_FASTEST_RAD_S: Final = 3.3
_STOP_RAD_S2: Final = 10.0
_START_RAD: Final = 0.02
_STEP_RAD: Final = 0.03
_PROGRAM: Final = 1
_COUNTS: Final = {"VECTOR6D": 6, "VECTOR3D": 3}


class RobotMode(enum.IntEnum):
    """`robot_mode`."""

    BOOTING = 2
    POWER_OFF = 3
    IDLE = 5
    RUNNING = 7


class SafetyMode(enum.IntEnum):
    """`safety_mode`."""

    NORMAL = 1
    REDUCED = 2
    PROTECTIVE_STOP = 3
    SAFEGUARD_STOP = 5
    ROBOT_EMERGENCY_STOP = 7


class Runtime(enum.IntEnum):
    """`runtime_state`."""

    STOPPED = 1
    PLAYING = 2
    PAUSED = 4


class Doing(enum.IntEnum):
    """What the program says of itself in output register 25."""

    WAITING = 0
    FOLLOWING = 1
    STOPPED = 2
    STARVED = 3
    REFUSED = 4


class Robot:
    """One robot; `cycle` is 2 ms of it.

    Attributes:
        q, qd: (6,) rad and rad/s as measured.
        inputs: the input registers that clients have written, by name.
        missed: cycles in which the program followed and had no new setpoint.
        moved: rad that all joints together have moved.
    """

    def __init__(self, starved_cycles: int = STARVED_CYCLES) -> None:
        self._starved_cycles = starved_cycles
        self.watchdog_s = _WATCHDOG * starved_cycles * CYCLE_S
        self.q: Array = HOME.copy()
        self.qd: Array = np.zeros(6)
        self.mode = RobotMode.RUNNING
        self.safety = SafetyMode.NORMAL
        self.runtime = Runtime.PLAYING
        self.slider = 1.0
        self.time_s = 0.0
        self.other_program = False
        self.inputs: dict[str, float] = {}
        self.outputs: dict[str, float] = {}
        self.watchdogs: dict[str, tuple[float, str]] = {}
        self.written_s: dict[str, float] = {}
        self.messages: list[tuple[int, str]] = []
        self.cycles = self.followed = self.missed = self.starved = 0
        self.moved = 0.0
        self.largest_step = 0.0
        self._target: Array = self.q.copy()
        self._taken = self._silent = 0
        self._doing = Doing.STOPPED
        self.play()

    # -- what a person at the pendant does --------------------------------------------------------

    def play(self) -> None:
        """Begin the program anew; nothing happens where the robot cannot run one."""
        if self.mode is not RobotMode.RUNNING or self.safety > SafetyMode.REDUCED:
            return
        self.runtime = Runtime.PLAYING
        self._taken = int(self.inputs.get("input_int_register_25", 0))
        waiting = self.inputs.get("input_int_register_24", 0) == 0
        self._doing = Doing.WAITING if waiting else Doing.STOPPED
        self._silent = 0
        self.outputs["output_int_register_24"] = 0 if self.other_program else _PROGRAM
        self.outputs["output_int_register_25"] = self._doing
        self.watchdogs, self.written_s = {}, {}

    def stop_program(self) -> None:
        """End the program; its watchdogs end with it."""
        self.runtime = Runtime.STOPPED
        self.watchdogs = {}

    def protective_stop(self) -> None:
        """The arm met something: it stops, and its program pauses."""
        self.safety = SafetyMode.PROTECTIVE_STOP
        self.runtime = Runtime.PAUSED
        self.messages.append((1, "C153A1: Protective stop: position deviates from path"))

    def boot(self) -> None:
        """What a reboot leaves: no power, no program, empty registers; joints where they were."""
        self.mode = RobotMode.BOOTING
        self.safety = SafetyMode.NORMAL
        self.runtime = Runtime.STOPPED
        self.qd = np.zeros(6)
        self.inputs, self.outputs, self.watchdogs, self.written_s = {}, {}, {}, {}
        self.time_s = 0.0

    # -- 2 ms -------------------------------------------------------------------------------------

    def write(self, values: dict[str, float]) -> None:
        """A client's data package."""
        self.inputs.update(values)
        for name in values:
            self.written_s[name] = self.time_s

    def cycle(self) -> None:
        """Let the program decide, and the joints move."""
        self.time_s += CYCLE_S
        self.cycles += 1
        if self.runtime is Runtime.PLAYING:
            self._watch()
        follows = False
        if self.runtime is Runtime.PLAYING and not self.other_program:
            follows = self._program()
        self._move(follows)

    def _watch(self) -> None:
        for name, (longest_s, _action) in self.watchdogs.items():
            if self.time_s - self.written_s.setdefault(name, self.time_s) > longest_s:
                self.stop_program()
                self.messages.append((1, f"RTDE watchdog: no update of {name}"))
                return

    def _program(self) -> bool:
        """One turn of the program; whether it gives the joints a setpoint."""
        command = int(self.inputs.get("input_int_register_24", 0))
        sequence = int(self.inputs.get("input_int_register_25", 0))
        fresh, self._taken = sequence != self._taken, sequence
        follows = False
        if self._doing is Doing.FOLLOWING:
            self.followed += 1
            self._silent = 0 if fresh else self._silent + 1
            self.missed += not fresh
            wanted = self._setpoint()
            if command != 1:
                self._doing = Doing.STOPPED
            elif self._silent > self._starved_cycles:
                self._doing = Doing.STARVED
                self.starved += 1
            elif np.max(np.abs(wanted - self._target)) > _STEP_RAD:
                self._doing = Doing.REFUSED
            else:
                self._target, follows = wanted, True
        elif self._doing is Doing.WAITING:
            if command == 1 and fresh:
                wanted = self._setpoint()
                near = np.max(np.abs(wanted - self.q)) <= _START_RAD
                self._doing = Doing.FOLLOWING if near else Doing.REFUSED
                self._silent = 0
                if near:
                    self._target, follows = wanted, True
                    self.watchdogs = {SEQUENCE: (self.watchdog_s, "stop")}
        elif command == 0 and fresh:
            self._doing = Doing.WAITING
        if self._doing is not Doing.FOLLOWING:
            self.watchdogs = {}
        self.outputs["output_int_register_25"] = self._doing
        self.outputs["output_int_register_26"] = self._taken
        return follows

    def _setpoint(self) -> Array:
        return np.array([self.inputs.get(f"input_double_register_{24 + k}", 0.0) for k in range(6)])

    def _move(self, follows: bool) -> None:
        if follows:
            qd = np.clip((self._target - self.q) / _LAG_S, -_FASTEST_RAD_S, _FASTEST_RAD_S)
        else:
            most = _STOP_RAD_S2 * CYCLE_S
            qd = self.qd - np.clip(self.qd, -most, most)
        step = qd * CYCLE_S
        self.q = self.q + step
        self.qd = qd
        self.moved += float(np.sum(np.abs(step)))
        self.largest_step = max(self.largest_step, float(np.max(np.abs(step))))

    def value(self, name: str) -> Any:
        """An output variable."""
        if name.startswith("output_"):
            found = self.outputs.get(name, 0)
            return float(found) if "double" in name else int(found)
        if name in STILL:
            return [0] * _COUNTS.get(STILL[name], 1)
        playing = self.runtime is Runtime.PLAYING
        powered = self.mode >= RobotMode.IDLE
        stopped = self.safety > SafetyMode.REDUCED
        return {
            "timestamp": self.time_s,
            "target_q": self._target.tolist(),
            "target_qd": self.qd.tolist(),
            "actual_q": self.q.tolist(),
            "actual_qd": self.qd.tolist(),
            "target_moment": [0.0] * 6,
            "actual_current": [0.0] * 6,
            "robot_mode": int(self.mode),
            "joint_mode": [253 if powered else 239] * 6,
            "safety_mode": int(self.safety),
            "safety_status": int(self.safety),
            "runtime_state": int(self.runtime),
            "speed_scaling": self.slider,
            "target_speed_fraction": self.slider,
            "actual_digital_input_bits": 0,
            "robot_status_bits": int(powered) | int(playing) << 1,
            "safety_status_bits": 1 << self.safety - 1 | int(stopped) << 10,
        }[name]

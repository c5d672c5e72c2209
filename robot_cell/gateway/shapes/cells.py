"""Cells, their devices, and what they answer to what is asked of them."""

from __future__ import annotations

from typing_extensions import TypedDict

from robot_cell.gateway.shapes.work import Operation, Step


class ArmLive(TypedDict):
    """What an arm's driver says of it: `running`, or what is wrong; empty before it was heard.

    The two stops are null where the driver cannot tell. They inform, and are no functional safety.
    """

    arm_state: str
    emergency_stop: bool | None
    protective_stop: bool | None


class CellLive(ArmLive):
    """What a cell says of itself now; texts are empty if there is nothing to say.

    `devices` is another number whenever one of its devices says something new.
    """

    state: str
    mode: str | None
    operation_id: str
    order_id: str
    unit: int
    program: str
    step: int
    steps: int
    progress: float
    message: str
    since_ms: int | None
    allowed: list[str]
    lost: bool
    held: bool
    override_percent: float | None
    alarms: int
    devices: int


class DeviceArgument(TypedDict):
    """What has to be given with a command: `text` or `int`; anything where there is no choice."""

    name: str
    type: str
    choices: list[str]


class DeviceCommand(TypedDict):
    """What a device can be told; `used` are the arguments that the cell's programs give with it."""

    name: str
    does: str
    arguments: list[DeviceArgument]
    used: list[list[str]]


class DeviceView(TypedDict):
    """A device of a cell and what it was last read to say; `answers` is null before that.

    `commands` is null before it is known what it can be told.
    """

    name: str
    kind: str
    answers: bool | None
    readings: dict[str, str]
    commands: list[DeviceCommand] | None


class Devices(TypedDict):
    """The devices of a cell."""

    items: list[DeviceView]


class Closed(TypedDict):
    """A time in which a cell does not work."""

    start_ms: int
    end_ms: int
    reason: str


class FixtureView(TypedDict):
    """A device of a cell."""

    name: str
    kind: str
    frame: str | None
    mounted_on: str | None


class CellView(CellLive):
    """A cell: what it is, what it does, what comes next."""

    name: str
    description: str
    arm: str
    fixtures: list[FixtureView]
    programs: list[str]
    next: Operation | None
    oee: float | None
    done_units: int
    closed: list[Closed]


class Cells(TypedDict):
    """All cells of the plant."""

    items: list[CellView]


class Answer(TypedDict):
    """What the plant said to what was asked of it."""

    accepted: bool
    message: str


class CommandAnswer(Answer):
    """What a cell said to a command, and its state."""

    state: str


class JogAnswer(TypedDict):
    """What has become of a press of a jog button: planning, moving or ended."""

    press: str
    phase: str
    message: str


class OperateAnswer(TypedDict):
    """What has become of a command to a device by hand: waiting, running or ended."""

    request: str
    phase: str
    message: str
    readings: dict[str, str]


class ProgramStep(TypedDict):
    """A step of a program; the rest is known once it was begun."""

    index: int
    label: str
    id: int | None
    outcome: str | None
    intent_ms: int | None
    outcome_ms: int | None
    message: str


class CellSteps(TypedDict):
    """The program in work with what has become of its steps, and steps that wait for a person."""

    operation_id: str
    program: str
    steps: list[ProgramStep]
    uncertain: list[Step]


class ProgramView(TypedDict):
    """A program of a cell."""

    name: str
    description: str
    repeatable: bool
    steps: list[ProgramStep]


class Faults(Answer):
    """Faults of a cell's simulated devices."""

    devices: dict[str, str]
    verbs: list[str]

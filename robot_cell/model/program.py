"""What a cell does for one work unit: a program is a list of steps."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Discriminator, Field, Tag, model_validator

from robot_cell.model.base import Name, Word


class MoveStep(Word):
    """Move the TCP to a taught pose.

    Attributes:
        move: `ptp` straight in joint space, `lin` straight in Cartesian space, `circ` an arc.
        arm: which arm of the cell moves, where it has several.
        to: name of a taught pose of the cell.
        via: `circ` only: name of a pose that the arc passes; its orientation does not count.
        above_m: metres along the pose's frame z added to it (approach and retract).
        speed: share of the arm's limits, above 0 and up to 1.
        tcp_speed_m_s: upper bound of the TCP's speed, for process moves.
        blend_m: the corner to the next step, which must be a move, may be cut within this radius
            (m); `exact` stops in it.
    """

    move: Literal["ptp", "lin", "circ"]
    to: Name
    arm: Name | None = None
    via: Name | None = None
    above_m: float = Field(default=0.0, ge=0.0, le=1.0)
    speed: float = Field(default=1.0, gt=0.0, le=1.0)
    tcp_speed_m_s: float | None = Field(default=None, gt=0.0)
    blend_m: Annotated[float, Field(gt=0.0, le=1.0)] | Literal["exact"] = "exact"

    @model_validator(mode="after")
    def _arc(self) -> MoveStep:
        # Printed after the word "expected".
        if self.move == "circ" and self.via is None:
            raise ValueError("via with a circ move: a pose that the arc passes on its way")
        if self.move != "circ" and self.via is not None:
            raise ValueError(f"no via with a {self.move} move: take it out, or write move: circ")
        if self.move == "ptp" and self.tcp_speed_m_s is not None:
            raise ValueError("no tcp_speed_m_s with a ptp move: write speed, or move: lin")
        return self

    @property
    def blend_radius_m(self) -> float:
        """Radius of the corner to the next move, m; 0 stops in it."""
        return 0.0 if self.blend_m == "exact" else self.blend_m


class FixtureStep(Word):
    """Give a fixture a command and wait for its outcome.

    `expect` are readings that must hold afterwards; otherwise the step fails. `$product` among the
    arguments stands for the product that is being made.
    """

    fixture: Name
    command: Name
    args: tuple[str, ...] = ()
    expect: dict[str, str] = Field(default_factory=dict)


class InspectStep(Word):
    """Read a fixture; the step fails unless every expected reading holds."""

    inspect: Name
    expect: dict[str, str] = Field(min_length=1)


class WaitStep(Word):
    """Let plant time pass (a process that runs by itself)."""

    wait_s: float = Field(gt=0.0, le=3600.0)
    label: str = "wait"


def _kind(value: object) -> str:
    keys = value if isinstance(value, dict) else vars(value)
    for kind in ("move", "fixture", "inspect", "wait_s"):
        if kind in keys:
            return kind
    return "unknown"


Step = Annotated[
    Annotated[MoveStep, Tag("move")]
    | Annotated[FixtureStep, Tag("fixture")]
    | Annotated[InspectStep, Tag("inspect")]
    | Annotated[WaitStep, Tag("wait_s")],
    Discriminator(
        _kind,
        custom_error_type="step_kind",
        custom_error_message="a step has exactly one of: move, fixture, inspect, wait_s",
    ),
]


class Program(Word):
    """The steps of one operation on one cell; it starts and ends with each arm at its home pose.

    One arm moves at a time.

    Attributes:
        repeatable: if the cell is lost in the middle of it, it may be done again from the
            beginning, with the same part, on any cell that can; otherwise a person decides.
    """

    description: str = ""
    repeatable: bool = False
    steps: tuple[Step, ...] = Field(min_length=1)

"""Steps in the words of people: the same wherever they are told of, planned or done."""

from __future__ import annotations

from robot_cell.model.program import FixtureStep, InspectStep, MoveStep, Step


def describe(step: Step, product: str) -> str:
    """What a step does, for people: `lin to infeed_s +0.12 m`, `gripper: close`."""
    if isinstance(step, MoveStep):
        above = f" +{step.above_m:g} m" if step.above_m else ""
        via = f" via {step.via}" if step.via else ""
        who = f"{step.arm}: " if step.arm else ""
        return f"{who}{step.move} to {step.to}{above}{via}"
    if isinstance(step, FixtureStep):
        return " ".join((f"{step.fixture}: {step.command}", *arguments(step, product)))
    if isinstance(step, InspectStep):
        return f"inspect {step.inspect}"
    return f"{step.label} {step.wait_s:g} s"


def arguments(step: FixtureStep, product: str) -> tuple[str, ...]:
    """A fixture step's arguments for one product: `$product` replaced by its name."""
    return tuple(product if arg == "$product" else arg for arg in step.args)

"""What can be wrong with a scheduling problem; each error carries its job and operation."""

from __future__ import annotations

from dataclasses import dataclass

from planners.errors import PlannerError


class ProblemError(PlannerError, ValueError):
    """A problem contradicts itself before anybody tries to solve it (a data fault).

    Attributes:
        job: Name of the job at fault, or None if the fault is not in a job.
        operation: Name of the operation at fault, or None.
    """

    def __init__(self, what: str, *, job: str | None = None, operation: str | None = None) -> None:
        self.job = job
        self.operation = operation
        where = ", ".join(
            f"{kind} {name!r}"
            for kind, name in (("job", job), ("operation", operation))
            if name is not None
        )
        super().__init__(f"{where}: {what}" if where else what)


@dataclass(frozen=True, slots=True)
class Conflict:
    """One reason why no plan exists: what cannot hold together, and where."""

    kind: str
    job: str | None
    operation: str | None
    cell: str | None
    message: str


class InfeasibleProblem(PlannerError):
    """No plan can satisfy the problem. Each conflict says which constraints exclude each other.

    Attributes:
        conflicts: All conflicts found, at least one.
        job: Name of the job of the first conflict, or None.
        operation: Name of the operation of the first conflict, or None.
    """

    def __init__(self, conflicts: tuple[Conflict, ...]) -> None:
        self.conflicts = conflicts
        self.job = conflicts[0].job
        self.operation = conflicts[0].operation
        super().__init__("; ".join(conflict.message for conflict in conflicts))


class NoPlanFoundError(PlannerError):
    """The time was up before a plan was found, and none was proven impossible."""


class InstanceError(PlannerError, ValueError):
    """A benchmark file does not follow its format.

    Attributes:
        source: File name, or "text" when the content was passed in.
        line: Line number, from 1.
        column: Column of the offending token, from 1.
    """

    def __init__(self, source: str, line: int, column: int, what: str) -> None:
        self.source = source
        self.line = line
        self.column = column
        super().__init__(f"{source}, line {line}, column {column}: {what}")

"""What every word of the vocabulary is: frozen, and strict about what it does not know."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field, StringConstraints


class Word(BaseModel):
    """A validated, immutable value; unknown fields are errors."""

    model_config = ConfigDict(
        frozen=True, extra="forbid", str_strip_whitespace=True, allow_inf_nan=False
    )


@dataclass(frozen=True)
class BrokenReference:
    """A name that names nothing, or clashes with another; the path starts at the word checked."""

    path: tuple[str | int, ...]
    value: object
    expected: str


class BrokenReferences(ValueError):  # noqa: N818 - it reads as what it holds
    """Every broken reference of one word, so that a reader can show each one where it stands."""

    def __init__(self, problems: Sequence[BrokenReference]) -> None:
        self.problems = tuple(problems)
        super().__init__(
            "; ".join(
                f"{'.'.join(map(str, p.path))}: {p.value!r}, expected {p.expected}"
                for p in self.problems
            )
        )


Name = Annotated[str, StringConstraints(pattern=r"^[a-z][a-z0-9_]{0,47}$")]
"""Name of a thing in the plant file: usable in ROS names, file names and URLs as it is."""

Vector3 = tuple[float, float, float]
PositiveVector3 = tuple[
    Annotated[float, Field(gt=0)], Annotated[float, Field(gt=0)], Annotated[float, Field(gt=0)]
]

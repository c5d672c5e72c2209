"""What every word of the vocabulary is: frozen, and strict about what it does not know."""

from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field, StringConstraints


class Word(BaseModel):
    """A validated, immutable value; unknown fields are errors."""

    model_config = ConfigDict(frozen=True, extra="forbid", str_strip_whitespace=True)


Name = Annotated[str, StringConstraints(pattern=r"^[a-z][a-z0-9_]{0,47}$")]
"""Name of a thing in the plant file: usable in ROS names, file names and URLs as it is."""

Vector3 = tuple[float, float, float]
PositiveVector3 = tuple[
    Annotated[float, Field(gt=0)], Annotated[float, Field(gt=0)], Annotated[float, Field(gt=0)]
]

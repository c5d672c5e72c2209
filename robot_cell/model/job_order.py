"""What a customer wants: job orders (ISA-95) as an ERP exports them."""

from __future__ import annotations

from typing import Annotated

from pydantic import AwareDatetime, Field, StringConstraints, model_validator

from robot_cell.model.base import Name, Word

OrderId = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$")]


class JobOrder(Word):
    """One line of a batch.

    Attributes:
        quantity: number of work units.
        release: nothing of the order starts before it.
        due: the order should be complete by then.
        priority: 1 (can wait) to 9 (urgent); the weight of its tardiness.
    """

    order_id: OrderId
    product: Name
    quantity: int = Field(ge=1, le=10_000)
    release: AwareDatetime
    due: AwareDatetime
    priority: int = Field(default=5, ge=1, le=9)
    customer: str = Field(default="", max_length=200)

    @model_validator(mode="after")
    def _due_after_release(self) -> JobOrder:
        if self.due <= self.release:
            raise ValueError(
                f"due {self.due.isoformat()} is not after release {self.release.isoformat()}"
            )
        return self


def operation_id(order_id: str, unit: int, operation: str) -> str:
    """Name of one operation of one work unit, for example `WO-1007/2/deburr`."""
    return f"{order_id}/{unit}/{operation}"

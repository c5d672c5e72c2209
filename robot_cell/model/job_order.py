"""What a customer wants: job orders (ISA-95) as an ERP exports them."""

from __future__ import annotations

from typing import Annotated, Final

from pydantic import AfterValidator, AwareDatetime, Field, StringConstraints, model_validator

from robot_cell.model.base import Name, Word

FORMULA_STARTS: Final = ("=", "+", "-", "@")
"""Spreadsheets run text that starts with one of these as a formula (OWASP, CSV injection)."""


def check_plain_text(value: str) -> str:
    """Refuse text that would be run by a spreadsheet or would break a line of a report.

    It is refused and not altered, so that what is stored is what the ERP sent.
    """
    if value.startswith(FORMULA_STARTS):
        raise ValueError(
            "text that does not start with = + - or @ (a spreadsheet would run it as a formula)"
        )
    if not value.isprintable():
        raise ValueError("printable text without control characters or line breaks")
    return value


PlainText = Annotated[str, StringConstraints(max_length=200), AfterValidator(check_plain_text)]
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
    customer: PlainText = ""

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

"""Many job orders in little memory: columns instead of objects."""

from __future__ import annotations

from array import array
from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta, timezone
from typing import Final, overload

from robot_cell.model import JobOrder

_EPOCH: Final = datetime(1970, 1, 1, tzinfo=timezone.utc)


class OrderTable(Sequence[JobOrder]):
    """A sequence of job orders, about 150 bytes each (a model takes ten times that).

    Orders are built when they are asked for; their times are in UTC.
    """

    def __init__(self) -> None:
        self._ids: list[str] = []
        self._products: list[str] = []
        self._customers: list[str] = []
        self._quantities = array("l")
        self._priorities = array("b")
        self._releases_us = array("q")
        self._dues_us = array("q")

    def append(
        self,
        order_id: str,
        product: str,
        quantity: int,
        release_us: int,
        due_us: int,
        priority: int,
        customer: str,
    ) -> None:
        """Add an order that has been checked; texts that repeat should be one object."""
        self._ids.append(order_id)
        self._products.append(product)
        self._customers.append(customer)
        self._quantities.append(quantity)
        self._priorities.append(priority)
        self._releases_us.append(release_us)
        self._dues_us.append(due_us)

    def __len__(self) -> int:
        return len(self._ids)

    @overload
    def __getitem__(self, index: int) -> JobOrder: ...
    @overload
    def __getitem__(self, index: slice) -> tuple[JobOrder, ...]: ...

    def __getitem__(self, index: int | slice) -> JobOrder | tuple[JobOrder, ...]:
        if isinstance(index, slice):
            return tuple(self[i] for i in range(*index.indices(len(self))))
        return JobOrder.model_construct(
            order_id=self._ids[index],
            product=self._products[index],
            quantity=self._quantities[index],
            release=_EPOCH + timedelta(microseconds=self._releases_us[index]),
            due=_EPOCH + timedelta(microseconds=self._dues_us[index]),
            priority=self._priorities[index],
            customer=self._customers[index],
        )

    def __iter__(self) -> Iterator[JobOrder]:
        return (self[index] for index in range(len(self)))

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Sequence) or isinstance(other, str):
            return NotImplemented
        return len(self) == len(other) and all(
            mine == theirs for mine, theirs in zip(self, other, strict=True)
        )

    __hash__ = None  # type: ignore[assignment]

    def __repr__(self) -> str:
        return f"<OrderTable of {len(self)} orders>"

"""Job orders as OPC 10031-4 writes them, to and from ours.

| ISA95JobOrderDataType | ours |
|---|---|
| JobOrderID | order_id |
| WorkMasterID[0].ID | product |
| StartTime, EndTime | release, due |
| Priority | priority, 1 to 9 |
| JobOrderParameters: Quantity, Customer | quantity, customer |
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from datetime import datetime, timezone
from typing import Any, Final

from asyncua import ua

from robot_cell.gateway import shapes
from robot_cell.gateway.opcua.job_states import JobState, Standing
from robot_cell.model import JobOrder, Plant
from robot_cell.orders.intake import orders_from_json

SOURCE: Final = "OPC UA"
QUANTITY: Final = "Quantity"
CUSTOMER: Final = "Customer"


class JobTypes:
    """The structures of the standard, as asyncua made classes of them.

    Args:
        namespace: index of the standard's namespace.
    """

    def __init__(self, namespace: int) -> None:
        self.namespace = namespace
        self.order: Any = getattr(ua, "ISA95JobOrderDataType")  # noqa: B009, made at run time
        self.order_and_state: Any = getattr(ua, "ISA95JobOrderAndStateDataType")  # noqa: B009
        self.response: Any = getattr(ua, "ISA95JobResponseDataType")  # noqa: B009
        self.state: Any = getattr(ua, "ISA95StateDataType")  # noqa: B009
        self.work_master: Any = getattr(ua, "ISA95WorkMasterDataType")  # noqa: B009
        self.parameter: Any = getattr(ua, "ISA95ParameterDataType")  # noqa: B009


def read_order(given: Any, plant: Plant, now: datetime) -> JobOrder:
    """Check a job order that came in, by the rules of batch files.

    An order without a StartTime is released `now`.

    Raises:
        BatchError: with every problem found.
    """
    masters = list(given.WorkMasterID or ())
    parameters = {str(one.ID): _plain(one.Value) for one in given.JobOrderParameters or ()}
    fields: dict[str, Any] = {
        "order_id": given.JobOrderID or "",
        "product": masters[0].ID if len(masters) == 1 else "",
        "quantity": str(parameters.get(QUANTITY, 1)),
        "release": _iso(given.StartTime or now),
        "due": _iso(given.EndTime) if given.EndTime is not None else "",
        "customer": str(parameters.get(CUSTOMER, "") or ""),
    }
    if given.Priority is not None:
        fields["priority"] = str(given.Priority)
    return orders_from_json(json.dumps([fields]), plant, SOURCE)[0]


def _plain(value: Any) -> Any:
    return value.Value if isinstance(value, ua.Variant) else value


def _iso(at: datetime) -> str:
    """OPC UA writes times in UTC; asyncua leaves the zone away."""
    aware = at if at.tzinfo is not None else at.replace(tzinfo=timezone.utc)
    return aware.astimezone(timezone.utc).isoformat()


def write_order(types: JobTypes, order: JobOrder) -> Any:
    """An order of ours as the standard writes it."""
    return types.order(
        JobOrderID=order.order_id,
        WorkMasterID=[types.work_master(ID=order.product)],
        StartTime=_naive(order.release),
        EndTime=_naive(order.due),
        Priority=order.priority,
        JobOrderParameters=_parameters(
            types, {QUANTITY: ua.Variant(order.quantity, ua.VariantType.UInt32),
                    CUSTOMER: ua.Variant(order.customer, ua.VariantType.String)}
        ),
    )  # fmt: skip


def write_states(types: JobTypes, one: Standing, numbers: Mapping[tuple[str, str], int]) -> Any:
    """A standing as the standard writes it: the state, and the state within after it."""
    found = [_state(types, (one.state.label,), one.state.label, int(one.state))]
    if one.substate is not None:
        machine, name = one.substate
        found.append(_state(types, (machine, name), name, numbers[one.substate]))
    return found


def _state(types: JobTypes, path: Iterable[str], text: str, number: int) -> Any:
    elements = [
        ua.RelativePathElement(
            ReferenceTypeId=ua.NodeId(ua.ObjectIds.HierarchicalReferences),
            IncludeSubtypes=True,
            TargetName=ua.QualifiedName(name, types.namespace),
        )
        for name in path
    ]
    return types.state(
        BrowsePath=ua.RelativePath(Elements=elements),
        StateText=ua.LocalizedText(text, "en"),
        StateNumber=number,
    )


def write_response(types: JobTypes, order_id: str, states: Any, view: shapes.Order | None) -> Any:
    """What has become of an order."""
    data: dict[str, ua.Variant] = {}
    start = end = None
    if view is not None:
        data = {
            "UnitsComplete": ua.Variant(view["done"], ua.VariantType.UInt32),
            "UnitsFailed": ua.Variant(view["failed"], ua.VariantType.UInt32),
            "OperationsComplete": ua.Variant(view["operations_done"], ua.VariantType.UInt32),
            "OperationsTotal": ua.Variant(view["operations_total"], ua.VariantType.UInt32),
        }
        if view["promised_ms"] is not None:
            data["PromisedEnd"] = ua.Variant(_of_ms(view["promised_ms"]), ua.VariantType.DateTime)
        start, end = _of_ms(view["planned_start_ms"]), _of_ms(view["finished_ms"])
    return types.response(
        JobResponseID=order_id,
        JobOrderID=order_id,
        StartTime=start,
        EndTime=end,
        JobState=states,
        JobResponseData=_parameters(types, data) if data else None,
    )


def empty_response(types: JobTypes) -> Any:
    """What is answered where there is no such order: an output argument is always there."""
    return types.response(JobResponseID="", JobOrderID="", JobState=[])


def wanted_number(states: Any) -> int | None:
    """The state that is asked for, by its number; None for any."""
    given = list(states or ())
    numbers = {int(one) for one in JobState}
    return next((int(one.StateNumber) for one in given if int(one.StateNumber) in numbers), None)


def _parameters(types: JobTypes, values: Mapping[str, ua.Variant]) -> list[Any]:
    return [types.parameter(ID=name, Value=value) for name, value in values.items()]


def _naive(at: datetime) -> datetime:
    return at.astimezone(timezone.utc).replace(tzinfo=None)


def _of_ms(at_ms: int | None) -> datetime | None:
    return None if at_ms is None else _naive(datetime.fromtimestamp(at_ms / 1000.0, timezone.utc))

"""What each kind of event changes in the tables. Nothing else ever changes them.

The same functions run when something happens and when the tables are made again from the events, so
the result may depend on the event and the tables only: no clock, no plant file, no random number.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from functools import cache
from itertools import groupby
from typing import Any, Final

from sqlalchemy import JSON, Connection, Table, bindparam, insert, update

from robot_cell.model import PlannedOperation, operation_id
from robot_cell.store.alarm_events import ALARM_CHANGES
from robot_cell.store.errors import JournalCorrupt
from robot_cell.store.prepared import Prepared
from robot_cell.store.records import EventRecord
from robot_cell.store.tables import (
    DERIVED,
    batches,
    commands,
    facts,
    job_orders,
    operations,
    schedules,
    steps,
    tokens,
)

ORDER_FIELDS: Final = (
    "order_id",
    "product",
    "quantity",
    "release_us",
    "due_us",
    "priority",
    "customer",
)
_CHUNK: Final = 10_000
_TABLES: Final = {table.name: table for table in DERIVED}

_PLANNED: Final = tuple(f"of_{name}" for name in PlannedOperation.__slots__)
_PLAN: Final = (
    update(operations)
    .where(
        operations.c.operation_id == bindparam("of_operation_id"),
        operations.c.status == "planned",
    )
    .values(
        cell=bindparam("of_cell"),
        program=bindparam("of_program"),
        planned_start_ns=bindparam("of_start_ns"),
        planned_end_ns=bindparam("of_end_ns"),
    )
)


def apply(connection: Connection, happened: Iterable[EventRecord]) -> None:
    """Change the tables by what events say, in their order.

    Raises:
        JournalCorrupt: an event of a kind that is not known.
    """
    for kind, run in groupby(happened, key=lambda event: event.kind):
        if kind == "order_accepted":
            _orders_accepted(connection, run)
            continue
        change = CHANGES.get(kind, _unknown)
        for event in run:
            change(connection, event)


# -- orders -----------------------------------------------------------------------------------


def _plant_started(connection: Connection, event: EventRecord) -> None:
    _set_fact(connection, "start_us", event.data["start_us"])


def _batch_accepted(connection: Connection, event: EventRecord) -> None:
    data = event.data
    connection.execute(
        insert(batches).values(
            batch_id=data["batch_id"],
            source=data["source"],
            submitted_by=event.who,
            accepted_ns=event.at_ns,
            accepted_wall_us=event.wall_us,
            orders_new=data["orders_new"],
            orders_known=data["orders_known"],
        )
    )


def _orders_accepted(connection: Connection, run: Iterable[EventRecord]) -> None:
    """Many at once: a batch may have ten thousand."""
    orders: list[dict[str, Any]] = []
    rows: list[dict[str, Any]] = []

    def store() -> None:
        if orders:
            connection.execute(insert(job_orders), orders)
            connection.execute(insert(operations), rows)
            orders.clear()
            rows.clear()

    for event in run:
        data = event.data
        order_id = data["order_id"]
        orders.append({name: data[name] for name in (*ORDER_FIELDS, "batch_id", "position")})
        rows += [
            {
                "operation_id": operation_id(order_id, unit, name),
                "order_id": order_id,
                "unit": unit,
                "position": position,
                "name": name,
                "status": "planned",
            }
            for unit in range(1, data["quantity"] + 1)
            for position, name in enumerate(data["operations"])
        ]
        if len(rows) > _CHUNK:
            store()
    store()


def _order_cancelled(connection: Connection, event: EventRecord) -> None:
    data = event.data
    connection.execute(
        update(job_orders)
        .where(job_orders.c.order_id == data["order_id"], job_orders.c.cancelled_ns.is_(None))
        .values(cancelled_ns=event.at_ns, cancelled_by=event.who, cancel_reason=data["reason"])
    )
    connection.execute(
        update(operations)
        .where(
            operations.c.order_id == data["order_id"],
            operations.c.status.in_(("planned", "leased")),
        )
        .values(status="cancelled", message=f"cancelled by {event.who}: {data['reason']}")
    )


def _order_allowed(connection: Connection, event: EventRecord) -> None:
    order_id = event.data["order_id"]
    connection.execute(
        update(job_orders)
        .where(job_orders.c.order_id == order_id)
        .values(cancelled_ns=None, cancelled_by=None, cancel_reason=None)
    )
    connection.execute(
        update(operations)
        .where(operations.c.order_id == order_id, operations.c.status == "cancelled")
        .values(
            status="planned",
            message="",
            cell=None,
            program=None,
            planned_start_ns=None,
            planned_end_ns=None,
        )
    )


def _order_prioritised(connection: Connection, event: EventRecord) -> None:
    data = event.data
    connection.execute(
        update(job_orders)
        .where(job_orders.c.order_id == data["order_id"])
        .values(priority_given=data["priority"])
    )


# -- operations -------------------------------------------------------------------------------


def _schedule_published(connection: Connection, event: EventRecord) -> None:
    data = event.data
    connection.execute(
        insert(schedules).values(
            revision=data["revision"],
            published_ns=event.at_ns,
            engine=data["engine"],
            event_id=event.event_id,
        )
    )
    if data["rows"]:
        connection.execute(_PLAN, [dict(zip(_PLANNED, row, strict=True)) for row in data["rows"]])


def _operation_leased(connection: Connection, event: EventRecord) -> None:
    data = event.data
    _set(connection, data, status="leased", **_only(data, "cell", "program", "token"))


def _operation_begun(connection: Connection, event: EventRecord) -> None:
    data = event.data
    _set(
        connection,
        data,
        status="running",
        actual_start_ns=event.at_ns,
        message="",
        **_only(data, "cell", "token"),
    )


def _operation_ended(connection: Connection, event: EventRecord) -> None:
    data = event.data
    _set(
        connection,
        data,
        actual_end_ns=event.at_ns,
        **_only(data, "status", "message", "joint_error_rad", "end_positions"),
    )


def _operation_put_back(connection: Connection, event: EventRecord) -> None:
    data = event.data
    confirmed_by = data["confirmed_by"]
    _set(
        connection,
        data,
        status="planned",
        cell=None,
        program=None,
        actual_start_ns=None,
        actual_end_ns=None,
        message=data["reason"] + (f" (confirmed by {confirmed_by})" if confirmed_by else ""),
        **_only(data, "token", "attempt"),
    )


def _operation_resolved(connection: Connection, event: EventRecord) -> None:
    data = event.data
    _set(connection, data, status=data["status"], message=f"{event.who}: {data['reason']}")


# Statements are made once where many are executed: making one takes as long as executing it.
_INTEND: Final = Prepared(
    insert(steps),
    ("step_id", "operation_id", "attempt", "step_index", "label", "intent_ns", "message"),
)
_END: Final = Prepared(
    update(steps)
    .where(steps.c.step_id == bindparam("of_step_id"))
    .values(
        outcome=bindparam("outcome"),
        outcome_ns=bindparam("outcome_ns"),
        message=bindparam("message"),
    )
)

# -- steps and commands -----------------------------------------------------------------------


def _step_intended(connection: Connection, event: EventRecord) -> None:
    _INTEND.run(connection, [{"intent_ns": event.at_ns, "message": "", **event.data}])


def _step_ended(connection: Connection, event: EventRecord) -> None:
    data = event.data
    ended = {
        "of_step_id": data["step_id"],
        "outcome": data["outcome"],
        "outcome_ns": event.at_ns,
        "message": data["message"],
    }
    _END.run(connection, [ended])


def _person_asked(connection: Connection, event: EventRecord) -> None:
    connection.execute(
        insert(commands).values(
            at_ns=event.at_ns,
            wall_us=event.wall_us,
            who=event.who,
            what=event.what,
            **_only(event.data, "command_id", "target", "data"),
        )
    )
    if "step_id" in event.data:  # given to a device by hand: no step of a program has it
        _set_fact(connection, "step_floor", event.data["step_id"])


def _person_answered(connection: Connection, event: EventRecord) -> None:
    connection.execute(
        update(commands)
        .where(commands.c.command_id == event.data["command_id"])
        .values(outcome=event.data["outcome"], outcome_ns=event.at_ns)
    )


# -- tokens -----------------------------------------------------------------------------------


def _token_added(connection: Connection, event: EventRecord) -> None:
    kept = _only(event.data, "token_id", "name", "role", "hash", "expires_us", "parent")
    connection.execute(insert(tokens).values(added_us=event.wall_us, added_by=event.who, **kept))


def _token_revoked(connection: Connection, event: EventRecord) -> None:
    connection.execute(
        update(tokens)
        .where(tokens.c.token_id == event.data["token_id"])
        .values(revoked_us=event.wall_us, revoked_by=event.who)
    )


# -- the journal itself -----------------------------------------------------------------------


def _imported(connection: Connection, event: EventRecord) -> None:
    """A row as it was found when the journal of an older version was upgraded."""
    table: Table = _TABLES[event.data["table"]]
    row = dict(event.data["row"])
    if table is schedules:
        row["event_id"] = event.event_id
    connection.execute(insert(table).values(**row))


def _restored(connection: Connection, event: EventRecord) -> None:
    """A backup goes on: no step id and no token is given that may have been given after it."""
    for name in ("step_floor", "token_floor"):
        _set_fact(connection, name, event.data[name])


def _mode_changed(connection: Connection, event: EventRecord) -> None:
    _set_fact(connection, f"mode/{event.data['cell']}", event.data["mode"])


def _noted(connection: Connection, event: EventRecord) -> None:
    """Changes nothing."""


def _unknown(_connection: Connection, event: EventRecord) -> None:
    raise JournalCorrupt(f"event {event.event_id} is of an unknown kind, {event.kind!r}")


CHANGES: Final[dict[str, Callable[[Connection, EventRecord], None]]] = {
    "note": _noted,
    "plant_started": _plant_started,
    "batch_accepted": _batch_accepted,
    "order_cancelled": _order_cancelled,
    "order_allowed": _order_allowed,
    "order_prioritised": _order_prioritised,
    "schedule_published": _schedule_published,
    "operation_leased": _operation_leased,
    "operation_begun": _operation_begun,
    "operation_ended": _operation_ended,
    "operation_put_back": _operation_put_back,
    "operation_resolved": _operation_resolved,
    "step_intended": _step_intended,
    "step_ended": _step_ended,
    "person_asked": _person_asked,
    "person_answered": _person_answered,
    "token_added": _token_added,
    "token_revoked": _token_revoked,
    "imported": _imported,
    "restored": _restored,
    "mode_changed": _mode_changed,
    **ALARM_CHANGES,
}
"""By kind of event; `order_accepted` is there besides, for many at once."""


def _only(data: dict[str, Any], *names: str) -> dict[str, Any]:
    return {name: data[name] for name in names}


def _set(connection: Connection, data: dict[str, Any], **values: Any) -> None:
    values["of_operation_id"] = data["operation_id"]
    _update_of(tuple(values)[:-1]).run(connection, [values])


@cache
def _update_of(names: tuple[str, ...]) -> Prepared:
    return Prepared(
        update(operations)
        .where(operations.c.operation_id == bindparam("of_operation_id"))
        .values({name: bindparam(name) for name in names}),
        json=[name for name in names if isinstance(operations.c[name].type, JSON)],
    )


def _set_fact(connection: Connection, name: str, value: Any) -> None:
    known = connection.execute(update(facts).where(facts.c.name == name).values(value=value))
    if known.rowcount == 0:
        connection.execute(insert(facts).values(name=name, value=value))

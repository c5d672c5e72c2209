"""What was long ago is found by when it was, however much has been since."""

from __future__ import annotations

from typing import Final

from alembic import op
from sqlalchemy import text

revision: Final = "0006"
down_revision: Final = "0005"

_INDEXES: Final = (
    ("job_orders_by_batch", "job_orders", ("batch_id",)),
    ("job_orders_by_due", "job_orders", ("due_us",)),
    ("job_orders_by_cancel", "job_orders", ("cancelled_ns",)),
    ("operations_by_end", "operations", ("actual_end_ns", "actual_start_ns", "order_id", "cell")),
    ("operations_by_start", "operations", ("actual_start_ns", "actual_end_ns", "order_id", "cell")),
    ("operations_by_cell", "operations", ("cell", "actual_start_ns", "operation_id")),
    ("steps_by_intent", "steps", ("intent_ns",)),
    ("schedules_by_time", "schedules", ("published_ns", "revision")),
    ("commands_by_target", "commands", ("target", "command_id")),
    ("alarms_by_return", "alarms", ("returned_ns",)),
)
_OF_TOLD: Final = (("events_by_what", ("what", "event_id")), ("events_by_time", ("at_ns",)))


def upgrade() -> None:
    """Add the indexes; nothing that there is changes. That by end has more columns than before."""
    op.drop_index("operations_by_end", "operations")
    for name, table, columns in _INDEXES:
        op.create_index(name, table, list(columns))
    for name, columns in _OF_TOLD:
        told = text("told")
        op.create_index(name, "events", list(columns), sqlite_where=told, postgresql_where=told)

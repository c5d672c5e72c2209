"""The journal: what happened and what it comes to; durable before it is acknowledged."""

from robot_cell.store.alarms import AlarmNotInState, AlarmRecord, UnknownAlarm
from robot_cell.store.errors import (
    BatchTooLarge,
    JournalCorrupt,
    JournalError,
    JournalFull,
    JournalLocked,
    JournalUnavailable,
    OrderConflict,
    OtherVersion,
    StaleToken,
    UnknownOperation,
    UnknownOrder,
    UnknownStep,
    WrongStatus,
)
from robot_cell.store.journal import Journal, open_journal
from robot_cell.store.location import journal_location
from robot_cell.store.records import (
    Accepted,
    CommandRecord,
    EndStatus,
    EventRecord,
    OperationRecord,
    OrderRecord,
    ScheduleRecord,
    Status,
    StepEnd,
    StepOutcome,
    StepRecord,
)
from robot_cell.store.verify import Finding, Verified

__all__ = [
    "Accepted",
    "AlarmNotInState",
    "AlarmRecord",
    "BatchTooLarge",
    "CommandRecord",
    "EndStatus",
    "EventRecord",
    "Finding",
    "Journal",
    "JournalCorrupt",
    "JournalError",
    "JournalFull",
    "JournalLocked",
    "JournalUnavailable",
    "OperationRecord",
    "OrderConflict",
    "OrderRecord",
    "OtherVersion",
    "ScheduleRecord",
    "StaleToken",
    "Status",
    "StepEnd",
    "StepOutcome",
    "StepRecord",
    "UnknownAlarm",
    "UnknownOperation",
    "UnknownOrder",
    "UnknownStep",
    "Verified",
    "WrongStatus",
    "journal_location",
    "open_journal",
]

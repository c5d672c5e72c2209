"""Live repair of a running plan: at once, then better within 0.1 s, then in the background."""

from planners.scheduling.repair.check import broken_rules
from planners.scheduling.repair.disturb import Disturbed, disturb
from planners.scheduling.repair.engine import (
    Repaired,
    RepairRejectedError,
    repair_at_once,
    search_on,
)
from planners.scheduling.repair.events import (
    CellBack,
    CellDown,
    Event,
    JobCancelled,
    JobChanged,
    JobsArrive,
    OperationFailed,
    OperationLate,
    ResourceMissing,
)
from planners.scheduling.repair.held import HeldPlan
from planners.scheduling.repair.mend import STABLE, Threshold, mend, mend_at_once, moved_between
from planners.scheduling.repair.warming import warm_up

__all__ = [
    "STABLE",
    "CellBack",
    "CellDown",
    "Disturbed",
    "Event",
    "HeldPlan",
    "JobCancelled",
    "JobChanged",
    "JobsArrive",
    "OperationFailed",
    "OperationLate",
    "RepairRejectedError",
    "Repaired",
    "ResourceMissing",
    "Threshold",
    "broken_rules",
    "disturb",
    "mend",
    "mend_at_once",
    "moved_between",
    "repair_at_once",
    "search_on",
    "warm_up",
]

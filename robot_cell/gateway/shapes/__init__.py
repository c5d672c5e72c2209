"""What the API answers, as types: from here come the checks of mypy and the OpenAPI document.

Instants are Unix milliseconds on the plant's clock and end in `_ms`; durations are seconds and end
in `_s`; angles are radians, lengths metres. What is not known is null.
"""

from robot_cell.gateway.shapes.access import (
    Audit,
    AuditEntry,
    Me,
    NewToken,
    Session,
    Tokens,
    TokenView,
)
from robot_cell.gateway.shapes.batches import (
    BatchProblem,
    OrderIn,
    Preview,
    Promise,
    PromiseChange,
    Submitted,
    Validation,
)
from robot_cell.gateway.shapes.cells import (
    Answer,
    ArmLive,
    CellLive,
    Cells,
    CellSteps,
    CellView,
    Closed,
    CommandAnswer,
    DeviceArgument,
    DeviceCommand,
    Devices,
    DeviceView,
    Faults,
    FixtureView,
    JogAnswer,
    OperateAnswer,
    ProgramStep,
    ProgramView,
)
from robot_cell.gateway.shapes.events import (
    Alarm,
    Alarms,
    Event,
    Events,
)
from robot_cell.gateway.shapes.figures import (
    Bucket,
    Formula,
    Kpi,
    Kpis,
    Loss,
    Series,
)
from robot_cell.gateway.shapes.live import (
    Health,
    Live,
)
from robot_cell.gateway.shapes.orders import (
    Order,
    OrderDetail,
    Orders,
    Unit,
)
from robot_cell.gateway.shapes.plant import (
    PlantView,
    ProductView,
    RecipeStep,
)
from robot_cell.gateway.shapes.scene import (
    Obstacle,
    PartView,
    Placed,
    Scene,
    SceneArm,
    ToolView,
)
from robot_cell.gateway.shapes.schedule import (
    Draft,
    Revision,
    RevisionDetail,
    Revisions,
    Schedule,
)
from robot_cell.gateway.shapes.trace import (
    BatchView,
    Trace,
    TracedOperation,
)
from robot_cell.gateway.shapes.vector import (
    Vector,
)
from robot_cell.gateway.shapes.work import (
    Operation,
    Operations,
    PastOperations,
    PlannedRow,
    Step,
    Steps,
)

__all__ = [
    "Alarm",
    "Alarms",
    "Answer",
    "ArmLive",
    "Audit",
    "AuditEntry",
    "BatchProblem",
    "BatchView",
    "Bucket",
    "CellLive",
    "CellSteps",
    "CellView",
    "Cells",
    "Closed",
    "CommandAnswer",
    "DeviceArgument",
    "DeviceCommand",
    "DeviceView",
    "Devices",
    "Draft",
    "Event",
    "Events",
    "Faults",
    "FixtureView",
    "Formula",
    "Health",
    "JogAnswer",
    "Kpi",
    "Kpis",
    "Live",
    "Loss",
    "Me",
    "NewToken",
    "Obstacle",
    "OperateAnswer",
    "Operation",
    "Operations",
    "Order",
    "OrderDetail",
    "OrderIn",
    "Orders",
    "PartView",
    "PastOperations",
    "Placed",
    "PlannedRow",
    "PlantView",
    "Preview",
    "ProductView",
    "ProgramStep",
    "ProgramView",
    "Promise",
    "PromiseChange",
    "RecipeStep",
    "Revision",
    "RevisionDetail",
    "Revisions",
    "Scene",
    "SceneArm",
    "Schedule",
    "Series",
    "Session",
    "Step",
    "Steps",
    "Submitted",
    "TokenView",
    "Tokens",
    "ToolView",
    "Trace",
    "TracedOperation",
    "Unit",
    "Validation",
    "Vector",
]

"""What the API answers, as types: from here come the checks of mypy and the OpenAPI document.

Instants are Unix milliseconds on the plant's clock and end in `_ms`; durations are seconds and end
in `_s`; angles are radians, lengths metres. What is not known is null.
"""

from __future__ import annotations

from typing import Any, Literal

from typing_extensions import TypedDict

Vector = list[float]


class Operation(TypedDict):
    """One operation of one work unit, planned and actual."""

    id: str
    order_id: str
    unit: int
    position: int
    name: str
    cell: str | None
    program: str | None
    status: str
    planned_start_ms: int | None
    planned_end_ms: int | None
    actual_start_ms: int | None
    actual_end_ms: int | None
    attempt: int
    message: str


class PlannedRow(TypedDict):
    """One operation of a plan, whatever became of it."""

    id: str
    order_id: str
    unit: int
    name: str
    cell: str
    program: str
    planned_start_ms: int
    planned_end_ms: int


class Operations(TypedDict):
    """Operations that have changed since a version, or all of them (`full`)."""

    boot: str
    version: int
    full: bool
    operations: list[Operation]


class CellLive(TypedDict):
    """What a cell says of itself now; texts are empty if there is nothing to say.

    `devices` is another number whenever one of its devices says something new.
    """

    state: str
    mode: str | None
    operation_id: str
    order_id: str
    unit: int
    program: str
    step: int
    steps: int
    progress: float
    message: str
    since_ms: int | None
    allowed: list[str]
    lost: bool
    held: bool
    override_percent: float | None
    alarms: int
    devices: int


class DeviceView(TypedDict):
    """A device of a cell and what it was last read to say; `answers` is null before that."""

    name: str
    kind: str
    answers: bool | None
    readings: dict[str, str]


class Devices(TypedDict):
    """The devices of a cell."""

    items: list[DeviceView]


class Closed(TypedDict):
    """A time in which a cell does not work."""

    start_ms: int
    end_ms: int
    reason: str


class FixtureView(TypedDict):
    """A device of a cell."""

    name: str
    kind: str
    frame: str | None
    mounted_on: str | None


class CellView(CellLive):
    """A cell: what it is, what it does, what comes next."""

    name: str
    description: str
    arm: str
    fixtures: list[FixtureView]
    programs: list[str]
    next: Operation | None
    oee: float | None
    done_units: int
    closed: list[Closed]


class Cells(TypedDict):
    """All cells of the plant."""

    items: list[CellView]


class RecipeStep(TypedDict):
    """An operation of a recipe and the programs that do it."""

    name: str
    cells: dict[str, str]


class ProductView(TypedDict):
    """A product of the plant."""

    description: str
    operations: list[RecipeStep]


class PlantView(TypedDict):
    """The plant, and how this gateway stands to it."""

    plant: str
    description: str
    time_zone: str
    simulated: bool
    now_ms: int | None
    start_ms: int | None
    boot: str
    version: str
    approve_drafts: bool
    confirm_ahead_s: float
    connected: bool
    products: dict[str, ProductView]
    cells: list[str]


class Answer(TypedDict):
    """What the plant said to what was asked of it."""

    accepted: bool
    message: str


class CommandAnswer(Answer):
    """What a cell said to a command, and its state."""

    state: str


class Step(TypedDict):
    """A step that was about to be done, and what became of it."""

    id: int
    operation_id: str
    attempt: int
    index: int
    label: str
    intent_ms: int | None
    outcome: str | None
    outcome_ms: int | None
    message: str


class Steps(TypedDict):
    """Steps of an operation, of all attempts, oldest first."""

    items: list[Step]


class ProgramStep(TypedDict):
    """A step of a program; the rest is known once it was begun."""

    index: int
    label: str
    id: int | None
    outcome: str | None
    intent_ms: int | None
    outcome_ms: int | None
    message: str


class CellSteps(TypedDict):
    """The program in work with what has become of its steps, and steps that wait for a person."""

    operation_id: str
    program: str
    steps: list[ProgramStep]
    uncertain: list[Step]


class ProgramView(TypedDict):
    """A program of a cell."""

    name: str
    description: str
    repeatable: bool
    steps: list[ProgramStep]


class Placed(TypedDict):
    """A pose in the frame of the arm's base; the quaternion is x, y, z, w."""

    xyz_m: Vector
    quaternion: Vector


class ToolView(TypedDict):
    """The tool: its TCP in the flange's frame, and its hull."""

    tcp: Placed
    size_m: Vector


class Obstacle(TypedDict):
    """A box that stands in the cell."""

    name: str
    size_m: Vector
    pose: Placed


class PartView(TypedDict):
    """A product's part: a box."""

    size_m: Vector


class SceneArm(TypedDict):
    """An arm that is drawn; `positions` is its key among the joints of a live tick."""

    name: str
    positions: str
    urdf: str
    joints: list[str]
    base_link: str
    flange: str
    home: Vector
    base: Placed
    tool: ToolView


class Scene(TypedDict):
    """What is drawn of a cell; what is said of one arm is said of the first."""

    cell: str
    arms: list[SceneArm]
    urdf: str
    joints: list[str]
    base_link: str
    flange: str
    home: Vector
    tool: ToolView
    frames: dict[str, Placed]
    obstacles: list[Obstacle]
    fixtures: list[FixtureView]
    parts: dict[str, PartView]


class Faults(Answer):
    """Faults of a cell's simulated devices."""

    devices: dict[str, str]
    verbs: list[str]


class OrderIn(TypedDict):
    """An order of a batch file."""

    order_id: str
    product: str
    quantity: int
    release_ms: int
    due_ms: int
    priority: int
    customer: str
    known: bool


class BatchProblem(TypedDict):
    """One thing that is wrong in a batch file."""

    row: int
    column: str
    value: str
    expected: str
    message: str


class Validation(TypedDict):
    """Whether a batch file can be used."""

    valid: bool
    name: str
    format: str | None
    orders: list[OrderIn]
    total: int
    problems: list[BatchProblem]
    total_problems: int


class Promise(TypedDict):
    """When an order of a plan would be complete."""

    order_id: str
    due_ms: int
    promised_ms: int | None
    late_s: float | None


class PromiseChange(TypedDict):
    """An order that a plan would make earlier or later."""

    order_id: str
    before_ms: int | None
    after_ms: int | None
    later_s: float | None
    late_before_s: float | None
    late_after_s: float | None


class Preview(TypedDict):
    """What a plan would be; nothing was changed."""

    orders: list[Promise]
    total: int
    late: int
    first_late: Promise | None
    others: list[PromiseChange]
    others_newly_late: int
    ends_before_ms: int | None
    ends_after_ms: int | None
    engine: str
    planned_in_s: float
    operations: list[PlannedRow]


class Submitted(TypedDict):
    """What became of a batch."""

    accepted: bool
    order_ids: list[str]
    already_known: list[str]
    message: str


class Order(TypedDict):
    """An order and what has become of it."""

    order_id: str
    product: str
    quantity: int
    done: int
    failed: int
    status: str
    release_ms: int
    due_ms: int
    promised_ms: int | None
    promised_first_ms: int | None
    finished_ms: int | None
    late_s: float | None
    priority: int
    customer: str
    operations_done: int
    operations_total: int
    planned_start_ms: int | None
    batch_id: int
    cancelled_by: str | None
    cancel_reason: str | None


class Unit(TypedDict):
    """A work unit of an order."""

    unit: int
    status: str
    operations: list[Operation]


class OrderDetail(Order):
    """An order with its work units."""

    units: list[Unit]


class Orders(TypedDict):
    """A page of orders."""

    items: list[Order]
    next: str | None
    total: int
    version: int


class Draft(TypedDict):
    """A plan that waits for approval."""

    event_id: int
    at_ms: int
    because: str
    moved: int
    ends_before_ms: int
    ends_after_ms: int
    orders_later_s: float


class Schedule(TypedDict):
    """The published plan with what has become of it."""

    revision: int
    engine: str
    published_ms: int | None
    now_ms: int | None
    frozen_until_ms: int | None
    ends_ms: int | None
    boot: str
    ops_version: int
    operations: list[Operation]
    closed: dict[str, list[Closed]]
    draft: Draft | None


class Revision(TypedDict):
    """A plan that was published."""

    revision: int
    engine: str
    published_ms: int


class Revisions(TypedDict):
    """A page of published plans."""

    items: list[Revision]
    next: str | None


class RevisionDetail(Revision):
    """A plan as it was published."""

    operations: list[PlannedRow]


class Event(TypedDict):
    """Something that happened."""

    id: int
    at_ms: int
    wall_ms: int
    who: str
    kind: str
    what: str
    text: str
    data: Any


class Events(TypedDict):
    """A page of events."""

    items: list[Event]
    next: str | None


class Alarm(TypedDict):
    """An alarm after ISA-18.2: of a cell or of the plant, and of what of it (`source`).

    `consequences` came of the same cause and are no alarms of their own.
    """

    id: int
    cell: str
    source: str
    kind: str
    priority: str
    state: str
    text: str
    cause: str
    action: str
    consequences: list[str]
    first_out: bool
    times: int
    raised_ms: int
    cleared_ms: int | None
    acknowledged_ms: int | None
    acknowledged_by: str | None
    shelved_until_ms: int | None
    shelved_by: str | None


class Alarms(TypedDict):
    """A page of alarms; `version` changes when the list of those that stand does."""

    items: list[Alarm]
    next: str | None
    version: int


class BatchView(TypedDict):
    """The batch in which an order came."""

    id: int
    source: str
    submitted_by: str
    accepted_ms: int


class TracedOperation(Operation):
    """An operation with all its steps and what was measured."""

    steps: list[Step]
    joint_error_rad: Vector | None
    duration_s: float | None
    planned_duration_s: float | None


class Trace(TypedDict):
    """The whole history of a work unit."""

    order: Order
    unit: int
    status: str
    batch: BatchView | None
    operations: list[TracedOperation]
    events: list[Event]


class Kpi(TypedDict):
    """Key figures after ISO 22400-2; null where a figure is undefined (its divisor is 0)."""

    cell: str | None
    elements: dict[str, float]
    availability: float | None
    effectiveness: float | None
    quality_ratio: float | None
    oee: float | None
    nee: float | None
    allocation_efficiency: float | None
    utilisation_efficiency: float | None
    technical_efficiency: float | None
    throughput_per_h: float | None
    first_pass_yield: float | None
    scrap_ratio: float | None
    rework_ratio: float | None
    energy_per_part_j: float | None


class Formula(TypedDict):
    """How a key figure is made."""

    formula: str
    text: str
    unit: str
    source: str


class Loss(TypedDict):
    """Time that a cell lost to a cause."""

    cell: str
    cause: str
    s: float
    count: int


class Kpis(TypedDict):
    """Key figures of a span of time."""

    from_ms: int
    to_ms: int
    cells: list[Kpi]
    plant: Kpi
    formulas: dict[str, Formula]
    losses: list[Loss]


class Bucket(TypedDict):
    """Key figures of one part of a span."""

    start_ms: int
    end_ms: int
    done: int
    oee: float | None
    availability: float | None
    effectiveness: float | None
    quality_ratio: float | None


class Series(TypedDict):
    """Key figures over time."""

    bucket_s: float
    items: list[Bucket]


class Session(TypedDict):
    """A session that has begun; the token is told once."""

    token: str
    token_id: str
    name: str
    role: str
    expires_ms: int | None


class Me(TypedDict):
    """Who asks."""

    name: str
    role: str
    token_id: str
    expires_ms: int | None


class TokenView(TypedDict):
    """A token without its secret."""

    id: str
    name: str
    role: str
    added_ms: int
    added_by: str
    expires_ms: int | None
    revoked_ms: int | None
    revoked_by: str | None


class Tokens(TypedDict):
    """All tokens."""

    items: list[TokenView]


class NewToken(TokenView):
    """A token that was just added; the secret is told once."""

    token: str


class AuditEntry(TypedDict):
    """What somebody asked for, and what came of it."""

    id: int
    at_ms: int
    wall_ms: int
    who: str
    what: str
    target: str
    data: Any
    outcome: str | None


class Audit(TypedDict):
    """A page of the audit trail."""

    items: list[AuditEntry]
    next: str | None


class Health(TypedDict):
    """That the gateway lives."""

    status: Literal["ok"]


class Live(TypedDict):
    """One message of the live WebSocket."""

    boot: str
    seq: int
    t: int | None
    connected: bool
    joints: dict[str, Vector]
    cells: dict[str, CellLive]
    bodies: dict[str, dict[str, Vector]]
    ops_version: int
    ops_from: int
    ops_delta: list[Operation] | None
    orders_version: int
    events_last: int
    alarms_version: int

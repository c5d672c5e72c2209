"""Where everything is in the address space, and which nodes change.

```
Objects
  <plant>                      ours: one folder in which a person finds everything
    JobManagement              OPC 40001-3: JobOrderControl, JobOrderResults
    <cell>                     ours, with references to the cell's objects below
  DeviceSet/<cell>             OPC 40010: MotionDeviceSystem
  PackMLObjects/<cell>         OPC 30050
```
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Final

from asyncua import Server, ua

from robot_cell.gateway.opcua.errors import OpcUaError
from robot_cell.gateway.opcua.instances import COMPONENT, ORGANIZES, Builder
from robot_cell.gateway.opcua.job_book import MOST_STORED
from robot_cell.gateway.opcua.job_data import JobTypes
from robot_cell.gateway.opcua.job_states import (
    CLOSED,
    COMPLETED,
    HELD,
    READY,
    STORED,
    SUSPENDED,
    WAITING,
    JobState,
    Method,
)
from robot_cell.gateway.opcua.nodesets import DI, JOB_CONTROL, JOBS, PACKML, ROBOTICS
from robot_cell.gateway.opcua.packml import PackMl, PackMlNodes, add_packml, read_packml
from robot_cell.gateway.opcua.robotics import Joint, RoboticsNodes, add_robotics, joints_of
from robot_cell.gateway.scene import draw_arm
from robot_cell.model import Plant
from robot_cell.model.packml import Mode

RECEIVER: Final = "JobOrderControl"
RESULTS: Final = "JobOrderResults"
BY_ID: Final = "RequestJobResponseByJobOrderID"
BY_STATE: Final = "RequestJobResponseByJobOrderState"

_STRING: Final = ua.NodeId(ua.ObjectIds.String)
_UINT32: Final = ua.NodeId(ua.ObjectIds.UInt32)
_DOUBLE: Final = ua.NodeId(ua.ObjectIds.Double)
OWN_VALUES: Final = {
    "Operation": (_STRING, ua.Variant("", ua.VariantType.String)),
    "JobOrder": (_STRING, ua.Variant("", ua.VariantType.String)),
    "Progress": (_DOUBLE, ua.Variant(0.0, ua.VariantType.Double)),
    "UnitsDone": (_UINT32, ua.Variant(0, ua.VariantType.UInt32)),
    "AlarmsStanding": (_UINT32, ua.Variant(0, ua.VariantType.UInt32)),
    "Message": (_STRING, ua.Variant("", ua.VariantType.String)),
    "Mode": (_STRING, ua.Variant("", ua.VariantType.String)),
}
"""Variables of a cell for which the standards have no place."""


@dataclass(frozen=True)
class CellNodes:
    """A cell's nodes whose values change."""

    packml: PackMlNodes
    robotics: RoboticsNodes
    own: dict[str, ua.NodeId]


@dataclass(frozen=True)
class JobNodes:
    """The job order receiver's nodes.

    Attributes:
        methods: each method of the receiver.
        numbers: StateNumber of each state within a state.
    """

    methods: dict[ua.NodeId, Method]
    by_id: ua.NodeId
    by_state: ua.NodeId
    order_list: ua.NodeId
    current_state: tuple[ua.NodeId, ...]
    types: JobTypes
    numbers: dict[tuple[str, str], int]


@dataclass(frozen=True)
class Layout:
    """Everything that was added."""

    cells: dict[str, CellNodes]
    packml: PackMl
    jobs: JobNodes
    count: int


def namespace_of(plant: Plant) -> str:
    """URI of the namespace of a plant's own nodes."""
    return f"urn:robot-cell:plant:{plant.plant}"


async def lay_out(server: Server, plant: Plant) -> Layout:
    """Add the plant to a server that knows the standards' types.

    Raises:
        OpcUaError: the standards' types are not what the code was written for.
    """
    uris = await server.get_namespace_array()
    own = await server.register_namespace(namespace_of(plant))
    builder = Builder(server, own)
    named = {uri: builder.types.named(uris.index(uri)) for uri in (DI, ROBOTICS, PACKML, JOBS)}
    packml = read_packml(builder, named[PACKML])
    objects = ua.NodeId(ua.ObjectIds.ObjectsFolder)
    top = await builder.folder(objects, plant.plant, plant.plant)
    modes = await builder.enumeration(
        "UnitMode", "UnitMode", {int(mode): mode.label for mode in Mode}
    )
    cells: dict[str, CellNodes] = {}
    read: dict[Path, tuple[Joint, ...]] = {}
    for name, cell in plant.cells.items():
        nodes = await add_packml(builder, packml, name)
        await builder.write(f"{nodes.path}/Status/UnitSupportedModes", modes)
        for arm in cell.arms.values():
            if arm.urdf not in read:  # an arm is read once, however many cells have it
                read[arm.urdf] = joints_of(draw_arm(arm, ""))
        joints = {which: read[arm.urdf] for which, arm in cell.arms.items()}
        robotics = await add_robotics(
            builder, named[ROBOTICS], named[DI]["DeviceSet"], name, cell, joints
        )
        folder = await builder.folder(top, name, name)
        await builder.refer(folder, nodes.object, ORGANIZES)
        await builder.refer(folder, robotics.system, ORGANIZES)
        values = {}
        for value, (data_type, first) in OWN_VALUES.items():
            values[value] = await builder.variable(
                folder, f"{name}/{value}", ua.QualifiedName(value, own), first, data_type
            )
        cells[name] = CellNodes(nodes, robotics, values)
    control = builder.types.named(uris.index(JOB_CONTROL))
    types = JobTypes(uris.index(JOB_CONTROL))
    jobs = await _add_jobs(builder, named[JOBS], control, types, top, plant)
    return Layout(cells, packml, jobs, builder.count)


async def _add_jobs(
    builder: Builder,
    named: dict[str, ua.NodeId],
    control: dict[str, ua.NodeId],
    types: JobTypes,
    top: ua.NodeId,
    plant: Plant,
) -> JobNodes:
    """Add the receiver of job orders and the provider of what became of them."""
    path, jobs_type = "JobManagement", named["JobManagementType"]
    receiver = control["ISA95JobOrderReceiverSubStatesType"]
    await builder.instance(
        jobs_type,
        top,
        path,
        ua.QualifiedName(path, jobs_type.NamespaceIndex),
        reference=COMPONENT,
        subtypes={RECEIVER: receiver},
        optional=[f"{RECEIVER}/{one.label}" for one in Method],
    )
    at = f"{path}/{RECEIVER}"
    masters = [types.work_master(ID=name) for name in plant.products]
    await builder.write(f"{at}/WorkMaster", masters)
    await builder.write(f"{at}/EquipmentID", list(plant.cells))
    for empty in ("MaterialClassID", "MaterialDefinitionID", "PersonnelID", "PhysicalAssetID"):
        await builder.write(f"{at}/{empty}", ua.Variant([], ua.VariantType.String, is_array=True))
    await builder.write(
        f"{at}/MaxDownloadableJobOrders", ua.Variant(MOST_STORED, ua.VariantType.UInt16)
    )
    for state in JobState:
        number = _number(builder, receiver, state.label)
        if number != state:
            raise OpcUaError(f"OPC 10031-4 gives {state.label} the number {number}, not {state}")
    substates = (WAITING, READY, STORED, HELD, SUSPENDED, COMPLETED, CLOSED)
    return JobNodes(
        methods={builder.node_id(f"{at}/{one.label}"): one for one in Method},
        by_id=builder.node_id(f"{path}/{RESULTS}/{BY_ID}"),
        by_state=builder.node_id(f"{path}/{RESULTS}/{BY_STATE}"),
        order_list=builder.node_id(f"{at}/JobOrderList"),
        current_state=(
            builder.node_id(f"{at}/CurrentState"), builder.node_id(f"{at}/CurrentState/Id")
        ),
        types=types,
        numbers={one: _number(builder, receiver, "/".join(one)) for one in substates},
    )  # fmt: skip


def _number(builder: Builder, machine: ua.NodeId, state: str) -> int:
    """The number that a type of state machines gives a state."""
    return int(builder.types.value(builder.types.part(machine, f"{state}/StateNumber")))

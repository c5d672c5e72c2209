"""A cell's arms as OPC 40010 lays them out: system, controller, motion devices, axes, safety.

What nobody tells this server is bad with `BadNotConnected`, and never a value that looks like one.
The safety states inform; they are not functional safety (OPC 40010-1, 7.8).
"""

from __future__ import annotations

import xml.etree.ElementTree as ET
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from asyncua import ua

from robot_cell.gateway.opcua.instances import Builder
from robot_cell.gateway.scene import ArmDrawing
from robot_cell.model import Cell
from robot_cell.model.packml import Mode, State

ARTICULATED_ROBOT: Final = 1
"""MotionDeviceCategoryEnumeration; every arm here has revolute joints one after the other."""

MOTION_PROFILES: Final = {"revolute": 1, "continuous": 2, "prismatic": 3}
"""AxisMotionProfileEnumeration by the joint's type in the URDF."""

OPERATIONAL_MODES: Final = {Mode.PRODUCTION: 4, Mode.MAINTENANCE: 0, Mode.MANUAL: 0}
"""OperationalModeEnumeration: AUTOMATIC_EXTERNAL in production. A unit mode says nothing of the key
switch of the robot controller, so the others are OTHER."""

DEGREE: Final = ua.EUInformation(
    "http://www.opcfoundation.org/UA/units/un/cefact",
    17476,  # the code DD of UNECE Recommendation 20, as OPC 10000-8 (5.6.4) writes it
    ua.LocalizedText("°"),
    ua.LocalizedText("degree [unit of angle]"),
)
METRE: Final = ua.EUInformation(
    "http://www.opcfoundation.org/UA/units/un/cefact",
    5067858,  # MTR
    ua.LocalizedText("m"),
    ua.LocalizedText("metre"),
)

IDLE: Final = "Idle"
READY: Final = "Ready"
EXECUTING: Final = "Executing"
_EXECUTING: Final = frozenset(
    {
        State.STARTING, State.EXECUTE, State.COMPLETING, State.UNHOLDING, State.UNSUSPENDING,
        State.HOLDING, State.SUSPENDING,
    }
)  # fmt: skip
_READY: Final = frozenset({State.IDLE, State.COMPLETE, State.HELD, State.SUSPENDED})


def system_state(state: State) -> str:
    """The state of OPC 40010's SystemOperation that a PackML state amounts to."""
    return EXECUTING if state in _EXECUTING else READY if state in _READY else IDLE


@dataclass(frozen=True)
class Joint:
    """A joint of an arm: its name, its type in the URDF."""

    name: str
    kind: str

    @property
    def turns(self) -> bool:
        """Whether it is measured in degrees, and not in metres."""
        return self.kind != "prismatic"


@dataclass(frozen=True)
class RoboticsNodes:
    """The nodes whose values change.

    Attributes:
        axes: ActualPosition of each joint of each arm, base to flange.
        speed_overrides: of each arm.
        system_states: state nodes of SystemOperation, by name.
    """

    system: ua.NodeId
    axes: dict[str, tuple[tuple[Joint, ua.NodeId], ...]]
    speed_overrides: tuple[ua.NodeId, ...]
    program: ua.NodeId
    program_loaded: ua.NodeId
    operational_mode: ua.NodeId
    system_operation: str
    system_states: dict[str, ua.NodeId]
    emergency_stop: ua.NodeId
    protective_stop: ua.NodeId


def joints_of(drawing: ArmDrawing) -> tuple[Joint, ...]:
    """The joints of an arm with their types."""
    kinds = {
        one.get("name", ""): one.get("type", "revolute")
        for one in ET.fromstring(drawing.urdf).iter("joint")
    }
    return tuple(Joint(name, kinds.get(name, "revolute")) for name in drawing.joints)


async def add_robotics(
    builder: Builder,
    types: dict[str, ua.NodeId],
    device_set: ua.NodeId,
    name: str,
    cell: Cell,
    joints: Mapping[str, tuple[Joint, ...]],
) -> RoboticsNodes:
    """Add a cell's motion device system, with a motion device for each arm."""
    own = builder.namespace
    path = f"{name}/Robotics"
    system = await builder.instance(
        types["MotionDeviceSystemType"],
        device_set,
        path,
        ua.QualifiedName(name, own),
        optional=["ComponentName"],
    )
    await builder.write(f"{path}/ComponentName", ua.LocalizedText(cell.description or name))
    models = {which: arm.urdf.name.partition(".")[0] for which, arm in cell.arms.items()}
    operation = await _controller(builder, types, path, name, ", ".join(models.values()))
    axes = {
        which: await _motion_device(builder, types, path, which, models[which], of_arm)
        for which, of_arm in joints.items()
    }
    safety = f"{path}/SafetyStates/cell"
    await builder.instance(
        types["SafetyStateType"],
        builder.node_id(f"{path}/SafetyStates"),
        safety,
        ua.QualifiedName("cell", own),
    )
    task = f"{path}/Controllers/controller/TaskControls/program/ParameterSet"
    safety_values = f"{safety}/ParameterSet"
    return RoboticsNodes(
        system=system,
        axes=axes,
        speed_overrides=tuple(
            builder.node_id(f"{path}/MotionDevices/{which}/ParameterSet/SpeedOverride")
            for which in joints
        ),
        program=builder.node_id(f"{task}/TaskProgramName"),
        program_loaded=builder.node_id(f"{task}/TaskProgramLoaded"),
        operational_mode=builder.node_id(f"{safety_values}/OperationalMode"),
        system_operation=operation,
        system_states=_system_states(builder, types),
        emergency_stop=builder.node_id(f"{safety_values}/EmergencyStop"),
        protective_stop=builder.node_id(f"{safety_values}/ProtectiveStop"),
    )


async def _motion_device(
    builder: Builder,
    types: dict[str, ua.NodeId],
    path: str,
    arm: str,
    model: str,
    joints: tuple[Joint, ...],
) -> tuple[tuple[Joint, ua.NodeId], ...]:
    """Add an arm; returns the nodes of its joints' positions."""
    own = builder.namespace
    device = f"{path}/MotionDevices/{arm}"
    await builder.instance(
        types["MotionDeviceType"],
        builder.node_id(f"{path}/MotionDevices"),
        device,
        ua.QualifiedName(arm, own),
    )
    category = ua.Variant(ARTICULATED_ROBOT, ua.VariantType.Int32)
    await builder.write(f"{device}/MotionDeviceCategory", category)
    await _identify(builder, device, model)
    axes = []
    for joint in joints:
        at = f"{device}/Axes/{joint.name}"
        await builder.instance(
            types["AxisType"],
            builder.node_id(f"{device}/Axes"),
            at,
            ua.QualifiedName(joint.name, own),
        )
        profile = ua.Variant(MOTION_PROFILES.get(joint.kind, 0), ua.VariantType.Int32)
        await builder.write(f"{at}/MotionProfile", profile)
        position = f"{at}/ParameterSet/ActualPosition"
        await builder.write(f"{position}/EngineeringUnits", DEGREE if joint.turns else METRE)
        axes.append((joint, builder.node_id(position)))
    return tuple(axes)


async def _controller(
    builder: Builder, types: dict[str, ua.NodeId], path: str, name: str, model: str
) -> str:
    """The controller with its task; returns the path of its state machine."""
    own = builder.namespace
    at = f"{path}/Controllers/controller"
    await builder.instance(
        types["ControllerType"],
        builder.node_id(f"{path}/Controllers"),
        at,
        ua.QualifiedName("controller", own),
        optional=["SystemOperation"],
    )
    await _identify(builder, at, "robot_cell")
    await builder.write(f"{at}/CurrentUser/Level", "")
    task = f"{at}/TaskControls/program"
    await builder.instance(
        types["TaskControlType"],
        builder.node_id(f"{at}/TaskControls"),
        task,
        ua.QualifiedName("program", own),
    )
    await builder.write(f"{task}/ComponentName", ua.LocalizedText(f"{name}: {model}"))
    return f"{at}/SystemOperation/SystemOperationStateMachine"


async def _identify(builder: Builder, path: str, model: str) -> None:
    """Who made it is not known here: the plant file names a model only."""
    await builder.write(f"{path}/Model", ua.LocalizedText(model))
    await builder.write(f"{path}/Manufacturer", ua.LocalizedText(""))
    for name in ("ProductCode", "SerialNumber"):
        await builder.write(f"{path}/{name}", "")


def _system_states(builder: Builder, types: dict[str, ua.NodeId]) -> dict[str, ua.NodeId]:
    machine = types["SystemOperationStateMachineType"]
    return {name: builder.types.part(machine, name) for name in (IDLE, READY, EXECUTING)}

"""A cell's PackML state machine as OPC 30050 lays it out, from the table that the cell obeys.

OPC 30050 has one state machine inside the other: Base (Aborting, Aborted, Cleared), Machine within
Cleared (Clearing, Stopped, Stopping, Running) and Execute within Running (the other twelve). Where
a state of `robot_cell.model.packml` belongs is looked up in the NodeSet, which must agree on its
number.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from asyncua import ua

from robot_cell.gateway.opcua.errors import OpcUaError
from robot_cell.gateway.opcua.instances import ORGANIZES, PROPERTY, Builder
from robot_cell.model.packml import Command, State

MACHINES: Final = (
    ("PackMLBaseStateMachineType", "BaseStateMachine"),
    ("PackMLMachineStateMachineType", "BaseStateMachine/MachineState"),
    ("PackMLExecuteStateMachineType", "BaseStateMachine/MachineState/ExecuteState"),
)
"""Types and where an object has its machine, outermost first."""

_AROUND: Final = ("Cleared", "Running")
"""States of the outer machines while the next inner one is at work."""

_NAMED: Final = {Command.COMPLETE: "ToComplete"}
"""OPC 30050 calls this command otherwise."""

SET_UNIT_MODE: Final = "SetUnitMode"
NOT_OFFERED: Final = ("SetMachSpeed", "SetProduct", "SetParameter")
"""Methods that every PackML object has to have, and behind which there is nothing here."""

_OBJECT_TYPE: Final = "PackMLBaseObjectType"
_FOLDER: Final = "PackMLObjects"
VERSION: Final = "ISA-TR88.00.02-2015"


@dataclass(frozen=True)
class Place:
    """Where a PackML state is shown: in which machine, by which state node and number."""

    machine: str
    state: ua.NodeId
    number: int
    name: str


@dataclass(frozen=True)
class PackMl:
    """What the address space's types say of PackML.

    Attributes:
        object_type: of a cell's object.
        folder: where the objects are.
        shown: of each state, the states of all machines that are at work in it.
        methods: paths of the methods of each command.
        states: every state node of each machine.
    """

    object_type: ua.NodeId
    folder: ua.NodeId
    shown: dict[State, tuple[Place, ...]]
    methods: dict[Command, tuple[str, ...]]
    states: dict[str, tuple[ua.NodeId, ...]]


@dataclass(frozen=True)
class PackMlNodes:
    """A cell's PackML nodes: its object, and each method with its command."""

    object: ua.NodeId
    path: str
    methods: dict[ua.NodeId, Command]
    set_unit_mode: ua.NodeId
    not_offered: tuple[ua.NodeId, ...]


def label_of(command: Command) -> str:
    """What OPC 30050 calls a command."""
    return _NAMED.get(command, command.label)


def read_packml(builder: Builder, types: dict[str, ua.NodeId]) -> PackMl:
    """Look our table up in the NodeSet, whose types and objects are given by name.

    Raises:
        OpcUaError: the NodeSet does not know a state or command, or gives it another number.
    """
    found: dict[str, Place] = {}
    states: dict[str, tuple[ua.NodeId, ...]] = {}
    methods: dict[str, list[str]] = {}
    for type_name, machine in MACHINES:
        type_id = types[type_name]
        parts = builder.types.parts(builder.types.lineage(type_id))
        for name, part in parts.items():
            inside = builder.types.parts(part.sources)
            if "StateNumber" in inside:
                number = int(builder.types.value(inside["StateNumber"].sources[0]))
                found[name] = Place(machine, part.sources[0], number, name)
            elif name in {label_of(one) for one in Command}:
                methods.setdefault(name, []).append(f"{machine}/{name}")
        states[machine] = tuple(one.state for one in found.values() if one.machine == machine)
    around = [found[name] for name in _AROUND]
    shown: dict[State, tuple[Place, ...]] = {}
    for state in State:
        place = found.get(state.label)
        if place is None or place.number != state:
            raise OpcUaError(
                f"OPC 30050 gives {state.label} the number {place.number if place else 'none'}, "
                f"and robot_cell/model/packml.py {int(state)}"
            )
        depth = [machine for _, machine in MACHINES].index(place.machine)
        shown[state] = (*around[:depth], place)
    missing = [label_of(one) for one in Command if label_of(one) not in methods]
    if missing:
        raise OpcUaError(f"OPC 30050 has no method {', '.join(missing)}")
    of_commands = {one: tuple(methods[label_of(one)]) for one in Command}
    return PackMl(types[_OBJECT_TYPE], types[_FOLDER], shown, of_commands, states)


async def add_packml(builder: Builder, model: PackMl, cell: str) -> PackMlNodes:
    """Add a cell's PackML object with its methods."""
    path = f"{cell}/PackML"
    optional = ["PackMLVersion", "TagID", *(p for paths in model.methods.values() for p in paths)]
    node = await builder.instance(
        model.object_type,
        model.folder,
        path,
        ua.QualifiedName(cell, builder.namespace),
        reference=ORGANIZES,
        optional=optional,
    )
    number_type = ua.NodeId(ua.ObjectIds.UInt32)
    for _, machine in MACHINES:
        at = f"{path}/{machine}/CurrentState"
        await builder.variable(
            builder.node_id(at),
            f"{at}/Number",
            ua.QualifiedName("Number", 0),
            ua.Variant(0, ua.VariantType.UInt32),
            number_type,
            reference=PROPERTY,
        )
    methods = {
        builder.node_id(f"{path}/{place}"): command
        for command, places in model.methods.items()
        for place in places
    }
    not_offered = tuple(builder.node_id(f"{path}/{name}") for name in NOT_OFFERED)
    set_mode = builder.node_id(f"{path}/{SET_UNIT_MODE}")
    return PackMlNodes(node, path, methods, set_mode, not_offered)

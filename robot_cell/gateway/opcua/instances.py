"""Instances of the standards' types, made from the types: mandatory parts, and named ones.

asyncua's own `instantiate` asks the address space part by part (20 s for 20 cells), gives nested
state machines no methods and makes nodes out of placeholders. Here a part is looked for in the
instance declaration first and in the types behind it afterwards (OPC 10000-3, 6.4.4), and what was
found is added in one go. Node ids are the paths by which people find the nodes.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import datetime, timezone
from typing import Any, Final

from asyncua import Server, ua

from robot_cell.gateway.opcua.errors import UnknownType
from robot_cell.gateway.opcua.type_space import HAS_SUBTYPE, MANDATORY, OPTIONAL, TypeSpace

COMPONENT: Final = ua.NodeId(ua.ObjectIds.HasComponent)
PROPERTY: Final = ua.NodeId(ua.ObjectIds.HasProperty)
ORGANIZES: Final = ua.NodeId(ua.ObjectIds.Organizes)


class Builder:
    """Adds nodes to the address space of a server.

    Args:
        namespace: index of the namespace of the plant's own nodes.
    """

    def __init__(self, server: Server, namespace: int) -> None:
        self._space = server.iserver.aspace
        self._session = server.iserver.isession
        self.types = TypeSpace(self._space)
        self.namespace = namespace
        self.count = 0

    def node_id(self, path: str) -> ua.NodeId:
        """The node id of a path."""
        return ua.NodeId(path, self.namespace)

    async def instance(
        self,
        type_id: ua.NodeId,
        parent: ua.NodeId,
        path: str,
        name: ua.QualifiedName,
        *,
        reference: ua.NodeId = COMPONENT,
        optional: Collection[str] = (),
        subtypes: Mapping[str, ua.NodeId] | None = None,
    ) -> ua.NodeId:
        """Add an instance of an object type.

        Args:
            type_id: the type.
            parent: the node that it hangs at.
            path: its node id; the parts' are below it.
            name: its browse name.
            reference: how it hangs there.
            optional: names of optional parts that it has, as paths below it.
            subtypes: parts that are of a subtype of what is declared.

        Raises:
            UnknownType: an optional part is not there, or a node cannot be added.
        """
        if type_id not in self._space:
            raise UnknownType(f"the address space has no type {type_id.to_string()}")
        items: list[ua.AddNodesItem] = []
        left = set(optional)
        top = _Item(type_id, parent, path, name, reference)
        self._collect(items, top, (type_id,), "", left, dict(subtypes or {}))
        if left:
            raise UnknownType(f"{name.Name} has no optional part {', '.join(sorted(left))}")
        await self._add(items)
        return self.node_id(path)

    async def folder(self, parent: ua.NodeId, path: str, name: str) -> ua.NodeId:
        """Add a folder of our own."""
        attributes = ua.ObjectAttributes()
        attributes.DisplayName = ua.LocalizedText(name)
        attributes.EventNotifier = 0
        qualified = ua.QualifiedName(name, self.namespace)
        folder_type = ua.NodeId(ua.ObjectIds.FolderType)
        await self._add(
            [
                self._item(
                    parent, path, qualified, ORGANIZES, ua.NodeClass.Object, folder_type, attributes
                )
            ]
        )
        return self.node_id(path)

    async def variable(
        self,
        parent: ua.NodeId,
        path: str,
        name: ua.QualifiedName,
        value: ua.Variant,
        data_type: ua.NodeId,
        *,
        reference: ua.NodeId = COMPONENT,
    ) -> ua.NodeId:
        """Add a variable that only the server writes; with `PROPERTY` it is a property."""
        attributes = ua.VariableAttributes(Value=value)  # its own default is slow to make
        attributes.DisplayName = ua.LocalizedText(name.Name)
        attributes.DataType = data_type
        attributes.ValueRank = ua.ValueRank.OneDimension if value.is_array else ua.ValueRank.Scalar
        attributes.AccessLevel = attributes.UserAccessLevel = _READABLE
        kind = (
            ua.ObjectIds.PropertyType
            if reference == PROPERTY
            else ua.ObjectIds.BaseDataVariableType
        )
        item = self._item(
            parent, path, name, reference, ua.NodeClass.Variable, ua.NodeId(kind), attributes
        )
        await self._add([item])
        return self.node_id(path)

    async def enumeration(self, path: str, name: str, values: Mapping[int, str]) -> ua.NodeId:
        """Add an enumeration of our own."""
        texts = {number: ua.LocalizedText(text) for number, text in values.items()}
        attributes = ua.DataTypeAttributes()
        attributes.DisplayName = ua.LocalizedText(name)
        attributes.IsAbstract = False
        attributes.DataTypeDefinition = ua.EnumDefinition(
            Fields=[
                ua.EnumField(Value=number, DisplayName=text, Name=text.Text)
                for number, text in texts.items()
            ]
        )
        item = self._item(
            ua.NodeId(ua.ObjectIds.Enumeration),
            path,
            ua.QualifiedName(name, self.namespace),
            HAS_SUBTYPE,
            ua.NodeClass.DataType,
            None,
            attributes,
        )
        await self._add([item])
        listed = [
            ua.EnumValueType(Value=number, DisplayName=text) for number, text in texts.items()
        ]
        await self.variable(
            self.node_id(path),
            f"{path}/EnumValues",
            ua.QualifiedName("EnumValues", 0),
            ua.Variant(listed, ua.VariantType.ExtensionObject, is_array=True),
            ua.NodeId(ua.ObjectIds.EnumValueType),
            reference=PROPERTY,
        )
        return self.node_id(path)

    async def refer(self, source: ua.NodeId, target: ua.NodeId, reference: ua.NodeId) -> None:
        """Add a reference and its inverse between two objects that are there."""
        there = _reference(source, target, reference, forward=True)
        back = _reference(target, source, reference, forward=False)
        for status in await self._session.add_references([there, back]):
            status.check()

    async def write(self, path: str, value: Any) -> None:
        """Give a variable of our own its value.

        Raises:
            UnknownType: there is no such variable, or it takes no such value.
        """
        variant = value if isinstance(value, ua.Variant) else ua.Variant(value)
        now = datetime.now(timezone.utc)
        status = await self._space.write_attribute_value(
            self.node_id(path),
            ua.AttributeIds.Value,
            ua.DataValue(variant, SourceTimestamp=now, ServerTimestamp=now),
        )
        if not status.is_good():
            raise UnknownType(f"{path} cannot be {value!r}: {status.name}")

    # -- adding ---------------------------------------------------------------------------------

    def _collect(
        self,
        items: list[ua.AddNodesItem],
        top: _Item,
        declared: tuple[ua.NodeId, ...],
        at: str,
        optional: set[str],
        subtypes: dict[str, ua.NodeId],
    ) -> None:
        """List an object with everything that it has to have."""
        items.append(self._copied(top, declared))
        here = self.node_id(top.path)
        lineage = self.types.lineage(top.type_id) if top.type_id is not None else ()
        for name, one in self.types.parts(dict.fromkeys((*declared, *lineage))).items():
            path = f"{at}/{name}" if at else name
            rule = self.types.rule(one)
            if path in optional and rule == OPTIONAL:
                optional.discard(path)
            elif rule != MANDATORY:
                continue
            part = _Item(
                subtypes.get(path, self.types.type_of(one)),
                here,
                f"{top.path}/{name}",
                self.types.read(one.sources[0], ua.AttributeIds.BrowseName),
                one.reference,
            )
            self._collect(items, part, one.sources, path, optional, subtypes)

    def _copied(self, one: _Item, declared: tuple[ua.NodeId, ...]) -> ua.AddNodesItem:
        """A node with the attributes of its declaration."""
        source = declared[0]
        node_class = ua.NodeClass(self.types.read(source, ua.AttributeIds.NodeClass))
        text = ua.LocalizedText(one.name.Name)
        attributes: ua.ObjectAttributes | ua.VariableAttributes | ua.MethodAttributes
        if node_class is ua.NodeClass.Variable:
            attributes = ua.VariableAttributes(Value=self._first_value(declared))
            attributes.DataType = self.types.read(source, ua.AttributeIds.DataType)
            rank = self.types.read(source, ua.AttributeIds.ValueRank)
            attributes.ValueRank = ua.ValueRank(rank) if rank is not None else ua.ValueRank.Scalar
            attributes.AccessLevel = attributes.UserAccessLevel = _READABLE
        elif node_class is ua.NodeClass.Method:
            attributes = ua.MethodAttributes()
            attributes.Executable = attributes.UserExecutable = True
        else:
            node_class = ua.NodeClass.Object
            attributes = ua.ObjectAttributes()
            attributes.EventNotifier = 0
        attributes.DisplayName = text
        return self._item(
            one.parent, one.path, one.name, one.reference, node_class, one.type_id, attributes
        )

    def _first_value(self, declared: tuple[ua.NodeId, ...]) -> ua.Variant:
        """The value of the nearest declaration that has one."""
        values = (self._space.read_attribute_value(d, ua.AttributeIds.Value) for d in declared)
        known = (v.Value for v in values if v.Value is not None and v.Value.Value is not None)
        return next(known, ua.Variant(None, ua.VariantType.Null))

    def _item(
        self,
        parent: ua.NodeId,
        path: str,
        name: ua.QualifiedName,
        reference: ua.NodeId,
        node_class: ua.NodeClass,
        type_id: ua.NodeId | None,
        attributes: Any,
    ) -> ua.AddNodesItem:
        item = ua.AddNodesItem()
        item.ParentNodeId, item.ReferenceTypeId = parent, reference
        item.RequestedNewNodeId, item.BrowseName = self.node_id(path), name
        item.NodeClass, item.NodeAttributes = node_class, attributes
        if type_id is not None:
            item.TypeDefinition = type_id
        return item

    async def _add(self, items: list[ua.AddNodesItem]) -> None:
        for item, result in zip(items, await self._session.add_nodes(items), strict=True):
            if not result.StatusCode.is_good():
                raise UnknownType(
                    f"{item.RequestedNewNodeId.to_string()} cannot be added: "
                    f"{result.StatusCode.name}"
                )
        self.count += len(items)


@dataclass(frozen=True)
class _Item:
    """A node that is to be added."""

    type_id: ua.NodeId | None
    parent: ua.NodeId
    path: str
    name: ua.QualifiedName
    reference: ua.NodeId


_READABLE: Final = ua.AccessLevel.CurrentRead.mask


def _reference(
    source: ua.NodeId, target: ua.NodeId, kind: ua.NodeId, *, forward: bool
) -> ua.AddReferencesItem:
    item = ua.AddReferencesItem()
    item.SourceNodeId, item.TargetNodeId, item.ReferenceTypeId = source, target, kind
    item.IsForward, item.TargetNodeClass = forward, ua.NodeClass.Object
    return item

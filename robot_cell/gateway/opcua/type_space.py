"""The standards' types as they are in the address space: what a type has, and what is behind it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any, Final

from asyncua import ua
from asyncua.server.address_space import AddressSpace

from robot_cell.gateway.opcua.errors import UnknownType

_HAS_TYPE: Final = ua.NodeId(ua.ObjectIds.HasTypeDefinition)
_HAS_RULE: Final = ua.NodeId(ua.ObjectIds.HasModellingRule)
HAS_SUBTYPE: Final = ua.NodeId(ua.ObjectIds.HasSubtype)
MANDATORY: Final = ua.NodeId(ua.ObjectIds.ModellingRule_Mandatory)
OPTIONAL: Final = ua.NodeId(ua.ObjectIds.ModellingRule_Optional)
_PARTS: Final = frozenset(
    ua.NodeId(one)
    for one in (
        ua.ObjectIds.HasComponent,
        ua.ObjectIds.HasProperty,
        ua.ObjectIds.HasOrderedComponent,
        ua.ObjectIds.Organizes,
        ua.ObjectIds.HasAddIn,
    )
)
_NAMED_CLASSES: Final = (ua.NodeClass.ObjectType, ua.NodeClass.DataType)


@dataclass(frozen=True)
class Part:
    """A part of a type: how it hangs there, and every node that describes it, the nearest first."""

    reference: ua.NodeId
    sources: tuple[ua.NodeId, ...]


class TypeSpace:
    """Looks at types; changes nothing."""

    def __init__(self, space: AddressSpace) -> None:
        self._space = space
        self._lineages: dict[ua.NodeId, tuple[ua.NodeId, ...]] = {}

    def __contains__(self, node: ua.NodeId) -> bool:
        return node in self._space

    def named(self, namespace: int) -> dict[str, ua.NodeId]:
        """Object types and data types of a namespace, and its objects below Objects, by name."""
        found = {
            self.read(node, ua.AttributeIds.BrowseName).Name: node
            for node in list(self._space.keys())
            if node.NamespaceIndex == namespace
            and self.read(node, ua.AttributeIds.NodeClass) in _NAMED_CLASSES
        }
        for reference in self._space[ua.NodeId(ua.ObjectIds.ObjectsFolder)].references:
            if reference.IsForward and reference.NodeId.NamespaceIndex == namespace:
                found[reference.BrowseName.Name] = reference.NodeId
        return found

    def parts(self, sources: Iterable[ua.NodeId]) -> dict[str, Part]:
        """Parts of an instance declaration and of the types behind it, by browse name."""
        found: dict[str, Part] = {}
        for source in sources:
            for reference, child in self._children(source):
                name = self.read(child, ua.AttributeIds.BrowseName).Name
                known = found.get(name)
                sources_of = (*known.sources, child) if known is not None else (child,)
                found[name] = Part(known.reference if known is not None else reference, sources_of)
        return found

    def part(self, type_id: ua.NodeId, path: str) -> ua.NodeId:
        """A part of a type by its path.

        Raises:
            UnknownType: there is none.
        """
        sources: tuple[ua.NodeId, ...] = self.lineage(type_id)
        for name in path.split("/"):
            one = self.parts(sources).get(name)
            if one is None:
                raise UnknownType(f"{type_id.to_string()} has no part {path} ({name} is missing)")
            sources = self._behind(one)
        return sources[0]

    def value(self, node: ua.NodeId) -> Any:
        """What a variable has as its value now."""
        return self.read(node, ua.AttributeIds.Value)

    def lineage(self, type_id: ua.NodeId) -> tuple[ua.NodeId, ...]:
        """A type and its supertypes."""
        known = self._lineages.get(type_id)
        if known is None:
            above = self._targets(type_id, HAS_SUBTYPE, forward=False)
            known = (type_id, *(self.lineage(above[0]) if above else ()))
            self._lineages[type_id] = known
        return known

    def _behind(self, one: Part) -> tuple[ua.NodeId, ...]:
        """Everything that describes a part: its declarations, its type, that type's supertypes."""
        kind = self.type_of(one)
        return (*one.sources, *(() if kind is None else self.lineage(kind)))

    def _children(self, node: ua.NodeId) -> Iterator[tuple[ua.NodeId, ua.NodeId]]:
        for reference in self._space[node].references:
            if reference.IsForward and reference.ReferenceTypeId in _PARTS:
                yield reference.ReferenceTypeId, reference.NodeId

    def _targets(
        self, node: ua.NodeId, kind: ua.NodeId, *, forward: bool = True
    ) -> list[ua.NodeId]:
        return [
            one.NodeId
            for one in self._space[node].references
            if one.ReferenceTypeId == kind and one.IsForward is forward
        ]

    def read(self, node: ua.NodeId, attribute: ua.AttributeIds) -> Any:
        """An attribute of a node; None if it has none."""
        read = self._space.read_attribute_value(node, attribute)
        return None if read.Value is None else read.Value.Value

    def type_of(self, part: Part) -> ua.NodeId | None:
        """The type of a part; None for a method."""
        types = self._targets(part.sources[0], _HAS_TYPE)
        return types[0] if types else None

    def rule(self, part: Part) -> ua.NodeId | None:
        """The modelling rule of a part; what has none belongs to the type alone."""
        rules = self._targets(part.sources[0], _HAS_RULE)
        return rules[0] if rules else None

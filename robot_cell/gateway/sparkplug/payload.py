"""Sparkplug B payloads on the wire: the part of the specification's schema that an edge node needs.

Field numbers and data types are those of the Eclipse Sparkplug Specification 3.0.0, 6.4.1 and
6.4.16. The messages are made with Google's protobuf from the table below, so no compiler of schemas
is needed at set-up, and what comes from the network is parsed by a parser that is well kept.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from enum import IntEnum
from typing import Any, Final

from google.protobuf import descriptor_pb2, descriptor_pool, message, message_factory

from robot_cell.errors import RobotCellError

_PACKAGE: Final = "robot_cell.sparkplug"
_VALUES: Final = {
    "int_value": "uint32",
    "long_value": "uint64",
    "float_value": "float",
    "double_value": "double",
    "boolean_value": "bool",
    "string_value": "string",
}
_FIRST_VALUE: Final = {"Metric": 10, "PropertyValue": 3}
_FIELDS: Final[dict[str, dict[str, tuple[int, str]]]] = {
    "Payload": {
        "timestamp": (1, "uint64"),
        "metrics": (2, "*Metric"),
        "seq": (3, "uint64"),
        "uuid": (4, "string"),
        "body": (5, "bytes"),
    },
    "Metric": {
        "name": (1, "string"),
        "alias": (2, "uint64"),
        "timestamp": (3, "uint64"),
        "datatype": (4, "uint32"),
        "is_historical": (5, "bool"),
        "is_transient": (6, "bool"),
        "is_null": (7, "bool"),
        "properties": (9, "PropertySet"),
    },
    "PropertySet": {"keys": (1, "*string"), "values": (2, "*PropertyValue")},
    "PropertyValue": {"type": (1, "uint32"), "is_null": (2, "bool")},
}


def _schema() -> Any:
    """The class of a payload."""
    kinds = descriptor_pb2.FieldDescriptorProto
    file = descriptor_pb2.FileDescriptorProto(
        name="robot_cell/sparkplug.proto", package=_PACKAGE, syntax="proto2"
    )
    for name, fields in _FIELDS.items():
        made = file.message_type.add(name=name)
        listed = {field: (number, kind, False) for field, (number, kind) in fields.items()}
        if name in _FIRST_VALUE:
            made.oneof_decl.add(name="value")
            numbered = enumerate(_VALUES.items(), start=_FIRST_VALUE[name])
            listed |= {field: (number, kind, True) for number, (field, kind) in numbered}
        for one, (number, kind, is_value) in listed.items():
            of = kind.removeprefix("*")
            added = made.field.add(name=one, number=number)
            added.label = kinds.LABEL_REPEATED if kind != of else kinds.LABEL_OPTIONAL
            if of in _FIELDS:
                added.type, added.type_name = kinds.TYPE_MESSAGE, f".{_PACKAGE}.{of}"
            else:
                added.type = kinds.Type.Value(f"TYPE_{of.upper()}")
            if is_value:
                added.oneof_index = 0
    pool = descriptor_pool.DescriptorPool()
    pool.Add(file)
    return message_factory.GetMessageClass(pool.FindMessageTypeByName(f"{_PACKAGE}.Payload"))


_Payload: Final = _schema()


class Kind(IntEnum):
    """Data types of metrics, with the specification's numbers."""

    INT32 = 3
    INT64 = 4
    UINT64 = 8
    DOUBLE = 10
    BOOLEAN = 11
    STRING = 12


_FIELD_OF: Final = {
    Kind.INT32: "int_value",
    Kind.INT64: "long_value",
    Kind.UINT64: "long_value",
    Kind.DOUBLE: "double_value",
    Kind.BOOLEAN: "boolean_value",
    Kind.STRING: "string_value",
}
# Signed integers travel as the unsigned ones with the same bits (6.4.6).
_WRAPS: Final = {Kind.INT32: 1 << 32, Kind.INT64: 1 << 64}

Value = float | int | bool | str | None
"""What a metric says; None is null."""


@dataclass(frozen=True)
class Reading:
    """A metric in a payload: with its name (births), its alias (data), or both.

    Attributes:
        at_ms: when it was so, Unix milliseconds.
        properties: texts about it, in births.
    """

    kind: Kind
    value: Value
    at_ms: int
    name: str | None = None
    alias: int | None = None
    historical: bool = False
    properties: Mapping[str, str] = field(default_factory=dict)


class BadPayload(RobotCellError):
    """Bytes that are no Sparkplug B payload."""


def encode(readings: Iterable[Reading], at_ms: int, seq: int | None) -> bytes:
    """A payload; `seq` is None only in the death of a node."""
    payload = _Payload(timestamp=at_ms)
    if seq is not None:
        payload.seq = seq
    for one in readings:
        metric = payload.metrics.add(timestamp=one.at_ms, datatype=one.kind)
        if one.name is not None:
            metric.name = one.name
        if one.alias is not None:
            metric.alias = one.alias
        if one.historical:
            metric.is_historical = True
        if one.value is None:
            metric.is_null = True
        else:
            value = one.value
            if one.kind in _WRAPS:
                value = int(value) % _WRAPS[one.kind]
            setattr(metric, _FIELD_OF[one.kind], value)
        for key, text in one.properties.items():
            metric.properties.keys.append(key)
            metric.properties.values.add(type=Kind.STRING, string_value=text)
    made: bytes = payload.SerializeToString(deterministic=True)
    return made


def commands(raw: bytes) -> dict[str, Value]:
    """What a command payload sets, by the names of metrics.

    Raises:
        BadPayload: it is none.
    """
    payload = _Payload()
    try:
        payload.ParseFromString(raw)
    except message.DecodeError as error:
        raise BadPayload(f"{len(raw)} bytes are no Sparkplug B payload: {error}") from error
    found: dict[str, Value] = {}
    for metric in payload.metrics:
        told = metric.WhichOneof("value")
        found[metric.name] = getattr(metric, told) if told is not None else None
    return found

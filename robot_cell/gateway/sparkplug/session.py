"""What an edge node says, in which order: births, data, deaths, and the numbers they carry.

No network in here: every call returns the messages to be published. The rules are those of the
Eclipse Sparkplug Specification 3.0.0: chapter 4 (topics), 5 (behaviour), 6.4 (payloads).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Final

from robot_cell.gateway.sparkplug.payload import Kind, Reading, Value, encode

NAMESPACE: Final = "spBv1.0"
NODE: Final = ""
"""The edge node itself among its entities; every other name is a device."""

REBIRTH: Final = "Node Control/Rebirth"
_BD_SEQ: Final = "bdSeq"
_MODULUS: Final = 256


@dataclass(frozen=True)
class Metric:
    """What an entity tells.

    Attributes:
        unit: of its value; empty if it has none.
        deadband: a smaller change of a number is not told.
    """

    name: str
    kind: Kind
    unit: str = ""
    deadband: float = 0.0


@dataclass(frozen=True)
class Message:
    """To be published at QoS 0, not retained."""

    topic: str
    payload: bytes


@dataclass(frozen=True)
class Sample:
    """What changed of an entity at an instant (Unix milliseconds), by the names of its metrics."""

    entity: str
    at_ms: int
    values: Mapping[str, Value]


class Session:
    """One connection of an edge node to a broker.

    Args:
        metrics: of each entity; aliases follow from their order and are the same for ever.
        bd_seq: number of this connection; 255 is followed by 0.

    Attributes:
        alive: whether the node's birth has been told.
        born: devices that are known to be there.
    """

    def __init__(
        self, group: str, node: str, metrics: Mapping[str, tuple[Metric, ...]], bd_seq: int
    ) -> None:
        self._group, self._node, self.bd_seq = group, node, bd_seq % _MODULUS
        self._metrics = metrics
        named = [(entity, one.name) for entity, all_ in metrics.items() for one in all_]
        self._alias = {key: number for number, key in enumerate(named, start=1)}
        self._kind = {(e, one.name): one.kind for e, all_ in metrics.items() for one in all_}
        self._seq = 0
        self.alive = False
        self.born: set[str] = set()

    @property
    def command_topic(self) -> str:
        """Where the node is asked for something."""
        return f"{NAMESPACE}/{self._group}/NCMD/{self._node}"

    def death(self, at_ms: int) -> Message:
        """The node's death: the broker's to tell (will), or our own before we leave."""
        return Message(
            f"{NAMESPACE}/{self._group}/NDEATH/{self._node}",
            encode([self._bd_seq(at_ms)], at_ms, None),
        )

    def births(
        self, now: Mapping[str, Mapping[str, Value]], devices: Iterable[str], at_ms: int
    ) -> list[Message]:
        """The node's birth and those of devices, as the values are now; numbers begin anew."""
        self._seq, self.alive, self.born = 0, True, set()
        readings = [
            self._bd_seq(at_ms),
            Reading(Kind.BOOLEAN, False, at_ms, REBIRTH),
            *self._all(NODE, now, at_ms),
        ]
        node = Message(
            f"{NAMESPACE}/{self._group}/NBIRTH/{self._node}",
            encode(readings, at_ms, self._next_seq()),
        )
        return [node, *(self.device_birth(one, now, at_ms) for one in devices)]

    def device_birth(
        self, device: str, now: Mapping[str, Mapping[str, Value]], at_ms: int
    ) -> Message:
        """A device is there."""
        self.born.add(device)
        topic = f"{NAMESPACE}/{self._group}/DBIRTH/{self._node}/{device}"
        return Message(topic, encode(self._all(device, now, at_ms), at_ms, self._next_seq()))

    def device_death(self, device: str, at_ms: int) -> Message:
        """A device is gone."""
        self.born.discard(device)
        topic = f"{NAMESPACE}/{self._group}/DDEATH/{self._node}/{device}"
        return Message(topic, encode([], at_ms, self._next_seq()))

    def data(self, sample: Sample, now_ms: int, *, historical: bool) -> Message | None:
        """What changed; None where nothing is left of it that the plant still has."""
        readings = [
            Reading(
                self._kind[sample.entity, name], value, sample.at_ms,
                alias=self._alias[sample.entity, name], historical=historical,
            )
            for name, value in sample.values.items()
            if (sample.entity, name) in self._alias
        ]  # fmt: skip
        if not readings:
            return None
        kind, end = ("NDATA", "") if sample.entity == NODE else ("DDATA", f"/{sample.entity}")
        topic = f"{NAMESPACE}/{self._group}/{kind}/{self._node}{end}"
        return Message(topic, encode(readings, now_ms, self._next_seq()))

    def _all(
        self, entity: str, now: Mapping[str, Mapping[str, Value]], at_ms: int
    ) -> list[Reading]:
        values = now.get(entity, {})
        return [
            Reading(
                one.kind, values.get(one.name), at_ms, one.name, self._alias[entity, one.name],
                properties={"engUnit": one.unit} if one.unit else {},
            )
            for one in self._metrics[entity]
        ]  # fmt: skip

    def _bd_seq(self, at_ms: int) -> Reading:
        return Reading(Kind.INT64, self.bd_seq, at_ms, _BD_SEQ)

    def _next_seq(self) -> int:
        number, self._seq = self._seq, (self._seq + 1) % _MODULUS
        return number

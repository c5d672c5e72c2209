"""A strict host application: payloads are decoded by `sparkplug-payload` (npm), rules checked here.

The rules are those that the Eclipse Sparkplug Specification 3.0.0 has an edge node keep; their ids
(`tck-id-...`) stand beside them. Nothing of the gateway is used.
"""

from __future__ import annotations

import json
import subprocess
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from set_up.machine import Machine
from set_up.web_pages import system_node, wheel_node

HERE = Path(__file__).parent


def decoded(payloads: Iterable[bytes]) -> list[Any]:
    """What the independent decoder makes of payloads."""
    listed = "".join(f"{one.hex()}\n" for one in payloads)
    node = system_node() or wheel_node(Machine.here())
    done = subprocess.run(
        [node, HERE / "decode.mjs"], input=listed, capture_output=True, text=True, timeout=60
    )
    assert done.returncode == 0, done.stderr
    return [json.loads(line) for line in done.stdout.splitlines()]


@dataclass
class Value:
    value: Any
    at_ms: int
    historical: bool


@dataclass
class Host:
    """What a host knows of one edge node after all its messages.

    Attributes:
        bd_seqs: of the births, in order. deaths: bdSeq of the deaths.
        told: every value of each metric, in the order of arrival, births included.
        online: devices that are there.
    """

    node: str
    bd_seqs: list[int] = field(default_factory=list)
    deaths: list[int] = field(default_factory=list)
    told: dict[tuple[str, str], list[Value]] = field(default_factory=dict)
    online: set[str] = field(default_factory=set)
    units: dict[tuple[str, str], str] = field(default_factory=dict)
    device_deaths: list[str] = field(default_factory=list)
    alive: bool = False
    _seq: int = 0
    _alias: dict[int, tuple[str, str]] = field(default_factory=dict)
    _kinds: dict[tuple[str, str], str] = field(default_factory=dict)

    def hear(self, messages: Iterable[tuple[str, bytes]]) -> Host:
        """Take messages in, and see that they keep the rules."""
        listed = [one for one in messages if not {"NCMD", "STATE"} & set(one[0].split("/"))]
        for (topic, _), payload in zip(listed, decoded(m for _, m in listed), strict=True):
            space, _group, kind, node, *device = topic.split("/")
            assert (space, node) == ("spBv1.0", self.node)
            assert payload["timestamp"] > 1_600_000_000_000
            getattr(self, f"_{kind.lower()}")(payload, *device)
        return self

    def values(self, device: str, metric: str) -> list[Any]:
        return [one.value for one in self.told[device, metric]]

    def _nbirth(self, payload: Any) -> None:
        assert payload["seq"] == 0, "topics-nbirth-seq-num"
        self._seq, self._alias, self._kinds, self.online = 0, {}, {}, set()
        named = {one["name"]: one for one in payload["metrics"]}
        bd_seq = named["bdSeq"]
        assert bd_seq["type"] == "Int64"
        assert "alias" not in bd_seq
        rebirth = named["Node Control/Rebirth"]
        assert (rebirth["type"], rebirth["value"]) == ("Boolean", False)
        assert "alias" not in rebirth, "operational-behavior-data-commands-rebirth-name-aliases"
        self.bd_seqs.append(bd_seq["value"])
        self.alive = True
        self._birth("", payload)

    def _dbirth(self, payload: Any, device: str) -> None:
        self._number(payload)
        self.online.add(device)
        self._birth(device, payload)

    def _birth(self, device: str, payload: Any) -> None:
        for one in payload["metrics"]:
            key = (device, one["name"])
            self._kinds[key] = one["type"]
            if "alias" in one:
                known = self._alias.setdefault(one["alias"], key)
                assert known == key, "payloads-alias-uniqueness"
            for name, text in one.get("properties", {}).items():
                assert name == "engUnit"
                self.units[key] = text["value"]
            self._take(key, one)

    def _ndata(self, payload: Any) -> None:
        self._data("", payload)

    def _ddata(self, payload: Any, device: str) -> None:
        assert device in self.online, f"data of {device}, which is not there"
        self._data(device, payload)

    def _data(self, device: str, payload: Any) -> None:
        self._number(payload)
        assert payload["metrics"]
        for one in payload["metrics"]:
            assert "name" not in one, "payloads-alias-data-cmd-requirement"
            key = self._alias[one["alias"]]
            assert key[0] == device
            assert one["type"] == self._kinds[key]
            self._take(key, one)

    def _take(self, key: tuple[str, str], one: Any) -> None:
        historical = bool(one.get("isHistorical", False))
        self.told.setdefault(key, []).append(Value(one["value"], one["timestamp"], historical))

    def _ddeath(self, payload: Any, device: str) -> None:
        self._number(payload)
        self.online.remove(device)
        self.device_deaths.append(device)

    def _ndeath(self, payload: Any) -> None:
        assert "seq" not in payload, "topics-ndeath-seq"
        (bd_seq,) = payload["metrics"]
        assert (bd_seq["name"], bd_seq["type"]) == ("bdSeq", "Int64")
        self.deaths.append(bd_seq["value"])
        if bd_seq["value"] == self.bd_seqs[-1]:  # a death of an older session says nothing
            self.alive, self.online = False, set()

    def _number(self, payload: Any) -> None:
        assert self.alive, "data before a birth"
        assert payload["seq"] == (self._seq + 1) % 256, "payloads-sequence-num-incrementing"
        self._seq = payload["seq"]

"""How a plant speaks to an MQTT broker: the section `sparkplug` of the plant file."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Final
from urllib.parse import urlsplit

from pydantic import Field, StringConstraints, field_validator, model_validator

from robot_cell.model.base import BrokenReference, BrokenReferences, Word

PORTS: Final = {"mqtt": 1883, "mqtts": 8883}
"""Registered with IANA for MQTT and for MQTT over TLS."""

TopicPart = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9_.-]{1,64}$")]
"""A level of a topic: without `/`, `+` and `#` (Sparkplug 3.0, 4.1), and readable everywhere."""


class Sparkplug(Word):
    """A Sparkplug B edge node for the plant, with one device for each of its cells.

    Relative paths are relative to the plant file's folder. User and password may also come from the
    environment (`ROBOT_CELL_MQTT_USER`, `ROBOT_CELL_MQTT_PASSWORD`), which has the last word.

    Attributes:
        broker: `mqtt://HOST[:PORT]`, or `mqtts://HOST[:PORT]` with TLS.
        group, edge_node: where the plant stands among others; its own name if not said.
        primary_host: the host application without which nothing is told, but kept for it.
        user, password_file: who the gateway is to the broker; others may not read the file.
        ca_file: certificates (PEM) to trust instead of the system's.
        certificate, key: of the gateway (PEM), where the broker asks for one.
        keep_alive_s: the broker calls the plant dead after one and a half times this silence.
        every_s, joints_every_s: how often values, and joint positions, are looked at.
        keep: at most so many samples wait for a broker that is away; then the oldest are dropped.
    """

    broker: str
    group: TopicPart
    edge_node: TopicPart | None = None
    primary_host: TopicPart | None = None
    user: str | None = Field(default=None, min_length=1)
    password_file: Path | None = None
    ca_file: Path | None = None
    certificate: Path | None = None
    key: Path | None = None
    keep_alive_s: int = Field(default=15, ge=2, le=3600)
    every_s: float = Field(default=0.5, ge=0.1, le=3600.0)
    joints_every_s: float = Field(default=1.0, ge=0.1, le=3600.0)
    keep: int = Field(default=100_000, ge=100, le=10_000_000)

    @field_validator("broker")
    @classmethod
    def _address(cls, value: str) -> str:
        wanted = "mqtt://HOST[:PORT] or mqtts://HOST[:PORT], and nothing else"
        try:
            parts = urlsplit(value)
            port = parts.port
        except ValueError as error:
            raise ValueError(f"a broker is named {wanted}") from error
        rest = (parts.path, parts.query, parts.fragment, parts.username, parts.password)
        if parts.scheme not in PORTS or not parts.hostname or any(rest) or port == 0:
            raise ValueError(f"a broker is named {wanted}; user and password have their own places")
        return value

    @model_validator(mode="after")
    def _fits_together(self) -> Sparkplug:
        problems: list[BrokenReference] = []
        if self.password_file is not None and self.user is None:
            expected = "none without a user"
            problems.append(BrokenReference(("password_file",), str(self.password_file), expected))
        if (self.certificate is None) is not (self.key is None):
            there = "certificate" if self.certificate is not None else "key"
            expected = "certificate and key together"
            problems.append(BrokenReference((there,), str(getattr(self, there)), expected))
        for name in ("ca_file", "certificate", "key"):
            if getattr(self, name) is not None and not self.tls:
                expected = "none: the broker is not mqtts://"
                problems.append(BrokenReference((name,), str(getattr(self, name)), expected))
        if problems:
            raise BrokenReferences(problems)
        return self

    @property
    def tls(self) -> bool:
        """Whether the connection is encrypted."""
        return urlsplit(self.broker).scheme == "mqtts"

    @property
    def host(self) -> str:
        """Of the broker."""
        return urlsplit(self.broker).hostname or ""

    @property
    def port(self) -> int:
        """Of the broker."""
        parts = urlsplit(self.broker)
        return parts.port or PORTS[parts.scheme]


FILES: Final = ("password_file", "ca_file", "certificate", "key")


def with_files(section: Sparkplug, folder: Path) -> tuple[Sparkplug, list[BrokenReference]]:
    """The section with absolute paths, and which of its files are not there."""
    found: dict[str, Path] = {}
    problems: list[BrokenReference] = []
    for name in FILES:
        path: Path | None = getattr(section, name)
        if path is None:
            continue
        found[name] = (folder / path).resolve()
        if not found[name].is_file():
            expected = f"a file; {found[name]} is none"
            problems.append(BrokenReference(("sparkplug", name), str(path), expected))
    return section.model_copy(update=found), problems

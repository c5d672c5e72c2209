"""Who the gateway is to the broker, from the plant file, a file of its own or the environment."""

from __future__ import annotations

import os
import ssl
import stat
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from robot_cell.errors import RobotCellError
from robot_cell.model.sparkplug import Sparkplug

USER: Final = "ROBOT_CELL_MQTT_USER"
PASSWORD: Final = "ROBOT_CELL_MQTT_PASSWORD"


class BrokerAccessError(RobotCellError):
    """A file with a password or a key cannot be used."""


@dataclass(frozen=True)
class Credentials:
    """User and password; None where the broker asks for none."""

    user: str | None
    password: str | None = field(repr=False)


def credentials_of(section: Sparkplug, environment: Mapping[str, str] = os.environ) -> Credentials:
    """Who we are; read anew for each connection, so that a password can be changed.

    Raises:
        BrokerAccessError: the file cannot be read, or others may read it.
    """
    user = environment.get(USER) or section.user
    password = environment.get(PASSWORD)
    if password is None and section.password_file is not None:
        password = _read(section.password_file)
    return Credentials(user, password)


def _read(path: Path) -> str:
    try:
        if stat.S_IMODE(path.stat().st_mode) & 0o077:
            raise BrokerAccessError(f"{path}: others may read this password; chmod 600 {path}")
        return path.read_text(encoding="utf-8").strip("\r\n")
    except (OSError, UnicodeDecodeError) as error:
        raise BrokerAccessError(f"{path}: the password cannot be read: {error}") from error


def tls_of(section: Sparkplug) -> ssl.SSLContext | None:
    """How the connection is encrypted; the broker's certificate is always checked.

    Raises:
        BrokerAccessError: a certificate or key is none.
    """
    if not section.tls:
        return None
    try:
        context = ssl.create_default_context(cafile=section.ca_file)
        if section.certificate is not None:
            context.load_cert_chain(section.certificate, section.key)
    except (OSError, ssl.SSLError) as error:
        files = ", ".join(
            str(one) for one in (section.ca_file, section.certificate, section.key) if one
        )
        raise BrokerAccessError(f"certificates for the broker ({files}): {error}") from error
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    return context

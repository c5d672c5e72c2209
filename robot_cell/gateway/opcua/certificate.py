"""The server's own certificate, made at its first start and kept beside the plant's journal."""

from __future__ import annotations

import ipaddress
import os
import socket
from dataclasses import dataclass
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import Final

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from robot_cell.gateway.opcua.errors import OpcUaError

FOLDER: Final = "opcua"
CERTIFICATE: Final = "server_certificate.der"
KEY: Final = "server_key.pem"
BITS: Final = 2048
"""Basic256Sha256 takes 2048 to 4096 (OPC 10000-7, 6.6.166)."""

VALID: Final = timedelta(days=3650)


@dataclass(frozen=True)
class Identity:
    """Where certificate and key are, and the URI that both certificate and server name."""

    certificate: Path
    key: Path
    application_uri: str


def own_identity(run_dir: Path, plant: str, host: str) -> Identity:
    """The certificate of a plant; it is made if there is none that is good for a day.

    Raises:
        OpcUaError: it cannot be read or written.
    """
    folder = run_dir / FOLDER
    uri = f"urn:{socket.gethostname()}:robot-cell:{plant}"
    found = Identity(folder / CERTIFICATE, folder / KEY, uri)
    try:
        if not _is_good(found):
            folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            _make(found, host)
    except (OSError, ValueError) as error:
        raise OpcUaError(
            f"the certificate in {folder} cannot be used: {error}; remove both files there, and a "
            "new one is made (clients have to trust it anew)"
        ) from error
    return found


def _is_good(one: Identity) -> bool:
    """Whether certificate and key are there, fit this server, and have not run out."""
    if not (one.certificate.exists() and one.key.exists()):
        return False
    certificate = x509.load_der_x509_certificate(one.certificate.read_bytes())
    names = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    uris = names.get_values_for_type(x509.UniformResourceIdentifier)
    tomorrow = datetime.now(timezone.utc) + timedelta(days=1)
    return one.application_uri in uris and certificate.not_valid_after_utc > tomorrow


def _make(one: Identity, host: str) -> None:
    key = rsa.generate_private_key(public_exponent=65_537, key_size=BITS)
    machine = socket.gethostname()
    name = x509.Name(
        [
            x509.NameAttribute(NameOID.COMMON_NAME, "robot_cell OPC UA server"),
            x509.NameAttribute(NameOID.ORGANIZATION_NAME, "robot_cell"),
        ]
    )
    now = datetime.now(timezone.utc)
    usage = x509.KeyUsage(
        digital_signature=True, content_commitment=True, key_encipherment=True,
        data_encipherment=True, key_agreement=False, key_cert_sign=True, crl_sign=False,
        encipher_only=False, decipher_only=False,
    )  # fmt: skip
    purposes = [ExtendedKeyUsageOID.SERVER_AUTH, ExtendedKeyUsageOID.CLIENT_AUTH]
    key_id = x509.SubjectKeyIdentifier.from_public_key(key.public_key())
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(hours=1))
        .not_valid_after(now + VALID)
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(usage, critical=True)
        .add_extension(x509.ExtendedKeyUsage(purposes), critical=False)
        .add_extension(key_id, critical=False)
        .add_extension(
            x509.SubjectAlternativeName(
                [x509.UniformResourceIdentifier(one.application_uri), *_hosts(machine, host)]
            ),
            critical=False,
        )
        .sign(key, hashes.SHA256())
    )
    text = key.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    )
    _private(one.key, text)
    _private(one.certificate, certificate.public_bytes(serialization.Encoding.DER))


def _hosts(machine: str, host: str) -> list[x509.GeneralName]:
    """The names and addresses by which clients reach this server."""
    found: list[x509.GeneralName] = [x509.DNSName(machine), x509.DNSName("localhost")]
    for text in dict.fromkeys((host, "127.0.0.1")):
        try:
            address = ipaddress.ip_address(text)
        except ValueError:
            continue
        if not address.is_unspecified:
            found.append(x509.IPAddress(address))
    return found


def _private(path: Path, content: bytes) -> None:
    part = path.with_name(f"{path.name}.{os.getpid()}.part")
    with os.fdopen(os.open(part, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "wb") as file:
        file.write(content)
    part.replace(path)

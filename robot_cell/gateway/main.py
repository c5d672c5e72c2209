"""The process `gateway`: takes its port at once, and everything else when the plant stands.

While a plant starts, its nodes want the processor. So this process first only listens, with nothing
but the standard library loaded; who knocks waits a moment. It loads the rest as soon as somebody
knocks, and otherwise a few seconds later, and always lets the arms go first (`nice`).
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import secrets
import select
import signal
import socket
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

NICE: Final = 5
PATIENCE_S: Final = 8.0
"""A plant of two cells stands after about this long."""

NOTE: Final = "gateway.json"
LINK: Final = "gateway.link"
_LOOPBACK: Final = ("127.0.0.1", "::1", "localhost")


@dataclass(frozen=True)
class Options:
    """How the gateway was started.

    Attributes:
        port: 0 takes a free one (the one it had before, after a restart), -1 does nothing at all.
        opcua_port: of the OPC UA server, likewise, -1 for none; None does what the plant file says.
        link_role: what who opens the printed link may do; None prints none.
    """

    plant: Path
    run_dir: Path
    host: str
    port: int
    simulated: bool
    link_role: str | None
    origins: tuple[str, ...]
    certificate: Path | None
    key: Path | None
    opcua_port: int | None = None

    @property
    def scheme(self) -> str:
        """Of its addresses."""
        return "https" if self.certificate is not None else "http"


def read_options(argv: Sequence[str]) -> Options:
    """The command line; what launch adds for nodes is left out."""
    arguments = list(argv)
    if "--ros-args" in arguments:
        arguments = arguments[: arguments.index("--ros-args")]
    parser = argparse.ArgumentParser(prog="gateway", description=main.__doc__)
    parser.add_argument("--plant", required=True, type=Path, help="plant file")
    parser.add_argument("--run-dir", required=True, type=Path, help="run directory of the plant")
    parser.add_argument("--http-host", default="127.0.0.1", help="address (default: this machine)")
    parser.add_argument("--http-port", type=int, default=0, help="0: a free one; -1: no gateway")
    parser.add_argument("--simulated", choices=("true", "false"), default="false")
    parser.add_argument(
        "--link-role",
        choices=("none", "viewer", "operator", "maintainer", "admin"),
        default="none",
        help="print a link that lets one person in once, with this role",
    )
    parser.add_argument("--origin", action="append", default=[], help="of a web page elsewhere")
    parser.add_argument("--tls-cert", type=Path, help="certificate chain (PEM): serve https")
    parser.add_argument("--tls-key", type=Path, help="its key (PEM)")
    parser.add_argument(
        "--opcua-port",
        type=_opcua_port,
        metavar="plant|PORT",
        help="OPC UA as well; 0: a free port; -1: none (default: what the plant file says)",
    )
    found = parser.parse_args(arguments)
    if (found.tls_cert is None) is not (found.tls_key is None):
        parser.error("--tls-cert and --tls-key go together")
    return Options(
        found.plant,
        found.run_dir,
        found.http_host,
        found.http_port,
        found.simulated == "true",
        None if found.link_role == "none" else found.link_role,
        tuple(found.origin),
        found.tls_cert,
        found.tls_key,
        found.opcua_port,
    )


def _opcua_port(text: str) -> int | None:
    return None if text == "plant" else int(text)


def main(argv: Sequence[str] | None = None) -> int:
    """Serve what people and factory systems see of a plant."""
    options = read_options(sys.argv[1:] if argv is None else argv)
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, _end)
    if options.port < 0:
        while True:
            signal.pause()
    os.nice(NICE)
    listening = listen(options)
    code = secrets.token_urlsafe(24) if options.link_role is not None else None
    tell(options, listening, code)
    if options.host not in _LOOPBACK and options.certificate is None:
        _say(
            "warning: tokens cross the network in the clear; give --tls-cert and --tls-key, or "
            "put a proxy with TLS in front"
        )
    select.select([listening], [], [], PATIENCE_S)

    from robot_cell.gateway.serve import serve

    return serve(options, listening, code)


def listen(options: Options) -> socket.socket:
    """The socket, on the port that was asked for.

    Raises:
        SystemExit: it cannot be had.
    """
    family = socket.AF_INET6 if ":" in options.host else socket.AF_INET
    known = port_before(options.run_dir, "port") if options.port == 0 else None
    for port in (*((known,) if known else ()), options.port):
        one = socket.socket(family, socket.SOCK_STREAM)
        one.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        # Connections inherit it. Without it, the body of an answer waits 40 ms for the client's
        # word that its head has come (Nagle's algorithm and delayed acknowledgements).
        one.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        try:
            one.bind((options.host, port))
            one.listen(512)
        except OSError as error:
            one.close()
            if port == options.port:
                raise SystemExit(
                    f"gateway: {options.host}:{port} cannot be had ({error.strerror}); "
                    "give another http_port"
                ) from error
            continue
        return one
    raise SystemExit("gateway: no port")


def port_before(run_dir: Path, which: str) -> int | None:
    """A port before a restart, so that whoever was connected finds it again."""
    with contextlib.suppress(OSError, ValueError, KeyError, TypeError):
        return int(json.loads((run_dir / NOTE).read_text())[which])
    return None


def tell(options: Options, listening: socket.socket, code: str | None) -> None:
    """Say where it is, to people and to the command line."""
    port = int(listening.getsockname()[1])
    address = address_of(options, port)
    options.run_dir.mkdir(parents=True, exist_ok=True)
    note = {
        "host": options.host,
        "port": port,
        "address": address,
        "pid": os.getpid(),
        "opcua_port": port_before(options.run_dir, "opcua_port"),
    }
    private(options.run_dir / NOTE, json.dumps(note) + "\n")
    if code is None:
        (options.run_dir / LINK).unlink(missing_ok=True)
        _say(f"{address}/ (a token is needed: robot-cell token add)")
    else:
        private(options.run_dir / LINK, f"{address}/#code={code}\n")
        _say(f"{address}/#code={code}")


def tell_opcua(run_dir: Path, address: str, port: int) -> None:
    """Say where the OPC UA server is, beside what was told before."""
    note = json.loads((run_dir / NOTE).read_text())
    note |= {"opcua_address": address, "opcua_port": port}
    private(run_dir / NOTE, json.dumps(note) + "\n")
    _say(f"{address} (OPC UA; the password is a token)")


def address_of(options: Options, port: int) -> str:
    """What a browser on this machine opens."""
    host = options.host
    if host in ("0.0.0.0", "::"):
        host = socket.gethostname()
    return f"{options.scheme}://{f'[{host}]' if ':' in host else host}:{port}"


def private(path: Path, text: str) -> None:
    """Write a file that only its owner may read, whole or not at all."""
    part = path.with_name(f"{path.name}.{os.getpid()}.part")
    with os.fdopen(os.open(part, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w") as file:
        file.write(text)
    part.replace(path)


def _say(text: str) -> None:
    print(f"gateway: {text}", flush=True)


def _end(_number: int, _frame: object) -> None:
    raise SystemExit(0)


if __name__ == "__main__":
    raise SystemExit(main())

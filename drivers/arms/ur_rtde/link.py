"""One RTDE connection: handshake, recipes, and the newest state each time one is asked for."""

from __future__ import annotations

import contextlib
import logging
import select
import socket
import struct
import time
from collections.abc import Sequence
from typing import Any, Final

from drivers.arms.base import ArmFault, ArmNotConnected, ArmTimeout
from drivers.arms.ur_rtde import wire
from drivers.arms.ur_rtde.wire import Kind, NotRtde

_CHUNK: Final = 65536
_MEND: Final = (
    "Check the cable and the address, and that RTDE is enabled on the controller (Settings, "
    "Security, Services); it is tried again."
)
_LEVELS: Final = (logging.ERROR, logging.ERROR, logging.WARNING, logging.INFO)

_log = logging.getLogger("ur_rtde")


class RtdeLink:
    """A connection that has exchanged nothing but bytes yet; `negotiate` makes it useful.

    Attributes:
        controller: version of the controller's software, such as `5.12.2.1101`.
        skipped: states that were passed over, because newer ones had come with them.
    """

    def __init__(self, host: str, port: int, timeout_s: float) -> None:
        """Raises ArmNotConnected: nobody answers."""
        self.host = host
        self.controller = ""
        self.skipped = 0
        self._until_s = time.monotonic() + timeout_s
        self._cutter = wire.Cutter()
        self._replies: list[tuple[int, bytes]] = []
        self._newest: bytes | None = None
        self._input: struct.Struct | None = None
        self._input_number = 0
        try:
            self._socket = socket.create_connection((host, port), timeout_s)
        except OSError as error:
            raise ArmNotConnected(host, f"nobody answers at {host}:{port} ({error})", _MEND) from (
                error
            )
        self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._socket.setblocking(False)
        self._poll = select.poll()
        self._poll.register(self._socket, select.POLLIN)

    def close(self) -> None:
        """Hang up; may be called twice."""
        self._socket.close()

    # -- set-up ---------------------------------------------------------------------------------

    def negotiate(self, rate_hz: float, outputs: Sequence[str], inputs: Sequence[str]) -> None:
        """Agree on the protocol and on both recipes, and have states come.

        Without `inputs` nothing can be written.

        Raises:
            ArmNotConnected: an answer did not come, or was no RTDE.
            ArmFault: the controller does not speak this version, or lacks a variable.
        """
        answer = self._ask(Kind.PROTOCOL_VERSION, struct.pack(">H", wire.PROTOCOL_VERSION))
        if answer[:1] != b"\x01":
            raise ArmFault(
                self.host, "RTDE_VERSION",
                f"the controller does not speak RTDE version {wire.PROTOCOL_VERSION}",
                "Update its software (3.10, 5.4 or later).",
            )  # fmt: skip
        version = self._ask(Kind.CONTROLLER_VERSION)
        if len(version) >= 16:
            self.controller = ".".join(map(str, struct.unpack_from(">4I", version)))
        self._send(wire.setup_outputs(rate_hz, outputs))
        self._outputs = self._recipe(outputs, self._await(Kind.SETUP_OUTPUTS))
        self._layout, self.slices = self._outputs.layout, self._outputs.slices()
        if inputs:
            self._send(wire.setup_inputs(inputs))
            taken = self._recipe(inputs, self._await(Kind.SETUP_INPUTS))
            self._input = struct.Struct(wire.HEADER.format + taken.layout.format[1:])
            self._input_number = taken.number
        if self._ask(Kind.START)[:1] != b"\x01":
            raise ArmFault(
                self.host, "RTDE_START", "the controller does not begin to send",
                "See its log; restart the controller if it stays so.",
            )  # fmt: skip

    def _recipe(self, names: Sequence[str], payload: bytes) -> wire.Recipe:
        try:
            found = wire.recipe(names, payload)
        except NotRtde as error:
            raise self._no_rtde(error) from error
        for name, kind in zip(found.names, found.types, strict=True):
            if kind == "NOT_FOUND":
                raise ArmFault(
                    self.host, "RTDE_NOT_FOUND",
                    f"its software {self.controller} knows no {name}",
                    "Update the controller's software.",
                )  # fmt: skip
            if kind == "IN_USE":
                raise ArmFault(
                    self.host, "RTDE_IN_USE", f"{name} is written by somebody else",
                    "End the other RTDE client, or take the register away from the fieldbus.",
                )  # fmt: skip
        if found.number == 0:
            raise ArmFault(
                self.host, "RTDE_RECIPE", "the controller refuses a recipe", "See its log."
            )
        return found

    def _ask(self, kind: Kind, payload: bytes = b"") -> bytes:
        self._send(wire.package(kind, payload))
        return self._await(kind)

    def _await(self, kind: Kind) -> bytes:
        while True:
            while self._replies:
                found, payload = self._replies.pop(0)
                if found == kind:
                    return payload
            left_s = self._until_s - time.monotonic()
            if left_s <= 0.0 or not self._receive(left_s):
                raise ArmNotConnected(self.host, f"no answer to {kind.name}", _MEND)

    # -- states and setpoints -------------------------------------------------------------------

    def state(self, timeout_s: float) -> tuple[Any, ...]:
        """The newest state that has come, waited for if there is none; values of the recipe.

        Older ones that came with it are passed over: to answer each of them would move the arm
        several periods in one.

        Raises:
            ArmTimeout: none came in time.
            ArmNotConnected: the connection was lost.
        """
        until_s = time.monotonic() + timeout_s
        while self._newest is None:
            left_s = until_s - time.monotonic()
            if left_s <= 0.0 or not self._receive(left_s):
                raise ArmTimeout(self.host, timeout_s)
        payload, self._newest = self._newest, None
        try:
            return wire.unpack(self._layout, payload)
        except NotRtde as error:
            raise self._no_rtde(error) from error

    def write(self, *values: float) -> None:
        """Send the input recipe's values.

        Raises:
            ArmNotConnected: the connection was lost, or is not as far as that.
        """
        if self._input is None:
            raise ArmNotConnected(self.host, "no recipe is agreed on yet", _MEND)
        self._send(self._input.pack(self._input.size, Kind.DATA, self._input_number, *values))

    def pause(self) -> None:
        """Ask for no more states, as far as there is a connection."""
        with contextlib.suppress(ArmNotConnected):
            self._send(wire.package(Kind.PAUSE))

    def _send(self, data: bytes) -> None:
        try:
            self._socket.sendall(data)
        except OSError as error:
            raise ArmNotConnected(self.host, f"the connection was lost ({error})", _MEND) from error

    def _receive(self, timeout_s: float) -> bool:
        """Take what comes; False if nothing did in time."""
        if not self._poll.poll(1e3 * timeout_s):
            return False
        try:
            data = self._socket.recv(_CHUNK)
        except BlockingIOError:
            return True
        except OSError as error:
            raise ArmNotConnected(self.host, f"the connection was lost ({error})", _MEND) from error
        if not data:
            raise ArmNotConnected(self.host, "the controller hung up", _MEND)
        try:
            for kind, payload in self._cutter.feed(data):
                self._take(kind, payload)
        except NotRtde as error:
            raise self._no_rtde(error) from error
        return True

    def _take(self, kind: int, payload: bytes) -> None:
        if kind == Kind.DATA:
            if self._newest is not None:
                self.skipped += 1
            self._newest = payload
        elif kind == Kind.TEXT:
            said = wire.text(payload)
            level = _LEVELS[said.level] if said.level < len(_LEVELS) else logging.INFO
            _log.log(level, "%s: %s: %s", self.host, said.source, said.words)
        else:
            self._replies.append((kind, payload))

    def _no_rtde(self, error: NotRtde) -> ArmNotConnected:
        return ArmNotConnected(
            self.host, f"what it sends is no RTDE ({error})", "Check the address and the port."
        )

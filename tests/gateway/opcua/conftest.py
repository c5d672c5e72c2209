"""A real OPC UA server on the gateway of `tests/gateway`, and real clients of it."""

from __future__ import annotations

import contextlib
import time
from collections.abc import AsyncIterator, Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from asyncua import Client, Node, ua
from asyncua.crypto.security_policies import SecurityPolicyBasic256Sha256

from robot_cell.gateway.opcua.certificate import Identity, own_identity
from robot_cell.gateway.opcua.server import OpcUaServer, Settings
from robot_cell.gateway.tokens import Secret
from robot_cell.model import Plant
from tests.gateway.conftest import Served, serving
from tests.plant.conftest import domain  # noqa: F401, a fixture

WITHIN_S = 60.0
NAMESPACE = "urn:robot-cell:plant:housing_plant"


@dataclass
class OpcUa:
    """A server, the gateway around it, and what a client needs to come in."""

    server: OpcUaServer
    served: Served
    client: Identity
    run_dir: Path

    def session(self, role: str | None) -> contextlib.AbstractAsyncContextManager[Session]:
        """Somebody with a role's token; None has none; a text is taken as a token."""
        token = None if role is None else self.served.tokens.get(role, role)
        return come_in(self.server.address, self.client, token)

    def refusals(self) -> list[tuple[str, str, int]]:
        """Who was refused what, and why, as the audit trail has it."""
        items = self.served.get("/api/v1/audit?limit=1000", "admin").json()["items"]
        return [
            (one["who"], one["what"], one["data"]["status"])
            for one in items
            if one["outcome"] == "refused"
        ]


@dataclass
class Session:
    """A client that has come in."""

    client: Client
    own: int

    def node(self, path: str) -> Node:
        return self.client.get_node(ua.NodeId(path, self.own))

    async def value(self, path: str) -> Any:
        return await self.node(path).read_value()

    async def status(self, path: str) -> str:
        read = await self.node(path).read_data_value(raise_on_bad_status=False)
        return str(read.StatusCode.name)

    async def job(self, method: str, given: Any, comment: str = "") -> tuple[str, int | None]:
        """Call a method of the job order receiver: status code and ReturnStatus."""
        texts = [ua.LocalizedText(comment)] if comment else []
        comments = ua.Variant(texts, ua.VariantType.LocalizedText, is_array=True)
        result = await self.call(f"JobManagement/JobOrderControl/{method}", given, comments)
        outputs = result.OutputArguments or []
        return str(result.StatusCode.name), outputs[0].Value if outputs else None

    async def call(self, path: str, *given: Any) -> ua.CallMethodResult:
        """Call a method, and take its result as it is."""
        request = ua.CallMethodRequest()
        request.ObjectId = ua.NodeId(path.rpartition("/")[0], self.own)
        request.MethodId = ua.NodeId(path, self.own)
        request.InputArguments = [
            one if isinstance(one, ua.Variant) else ua.Variant(one) for one in given
        ]
        return (await self.client.uaclient.call([request]))[0]


@contextlib.asynccontextmanager
async def come_in(address: str, identity: Identity, token: str | None) -> AsyncIterator[Session]:
    """A client of the example plant's server; without a token it is nobody."""
    client = Client(address, timeout=30)
    client.application_uri = identity.application_uri
    await client.set_security(
        SecurityPolicyBasic256Sha256,
        certificate=str(identity.certificate),
        private_key=str(identity.key),
        mode=ua.MessageSecurityMode.SignAndEncrypt,
    )
    if token is not None:
        client.set_user("a program")
        client.set_password(token)
    async with client:
        yield Session(client, await client.get_namespace_index(NAMESPACE))


def until(wanted: Callable[[], bool], what: str) -> None:
    """Wait for something, and no longer than `WITHIN_S`."""
    deadline_s = time.monotonic() + WITHIN_S
    while not wanted():
        assert time.monotonic() < deadline_s, what
        time.sleep(0.02)


@contextlib.contextmanager
def serving_opcua(
    folder: Path,
    plant: Plant,
    secrets: Mapping[str, tuple[Secret, str]],
) -> Iterator[OpcUa]:
    """A gateway with an OPC UA server on a free port."""
    generator = serving(folder, plant, secrets)
    served = next(generator)
    settings = Settings("127.0.0.1", 0, folder)
    server = OpcUaServer(served.gateway, settings)
    try:
        assert server.ready.wait(WITHIN_S)
        assert server.error is None, server.error
        yield OpcUa(server, served, own_identity(folder / "client", "client", "127.0.0.1"), folder)
    finally:
        server.close()
        next(generator, None)


@pytest.fixture(scope="session")
def opcua(
    tmp_path_factory: pytest.TempPathFactory,
    plant: Plant,
    secrets: dict[str, tuple[Secret, str]],
) -> Iterator[OpcUa]:
    """A server that all tests share: each has its own orders, and leaves the cells as they were."""
    with serving_opcua(tmp_path_factory.mktemp("opcua"), plant, secrets) as found:
        yield found

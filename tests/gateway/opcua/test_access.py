"""Who is let in and what they may; what is refused is in the audit trail."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest
from asyncua import Client, ua
from asyncua.ua.uaerrors import UaStatusCodeError

from robot_cell.gateway.opcua.certificate import own_identity
from tests.gateway.opcua.conftest import OpcUa, until

EXECUTE = "cell_a/PackML/BaseStateMachine/MachineState/ExecuteState"
HOLD = f"{EXECUTE}/Hold"


def refused(opcua: OpcUa, role: str | None) -> str:
    """How somebody is turned away."""

    async def trying() -> None:
        async with opcua.session(role):
            pass

    with pytest.raises(UaStatusCodeError) as caught:
        asyncio.run(trying())
    return str(ua.StatusCode(caught.value.code).name)


@pytest.mark.parametrize(
    ("role", "status", "what"),
    [
        (None, "BadIdentityTokenRejected", "OPC UA log in without a token"),
        ("", "BadUserAccessDenied", "OPC UA log in"),
        ("rc_aaaaaaaaaa_" + "x" * 43, "BadUserAccessDenied", "OPC UA log in"),
        ("stale", "BadUserAccessDenied", "OPC UA log in"),
    ],
)
def test_nobody_comes_in_without_a_good_token(
    opcua: OpcUa, role: str | None, status: str, what: str
) -> None:
    before = opcua.refusals().count(("nobody known from 127.0.0.1", what, 401))
    assert refused(opcua, role) == status
    until(
        lambda: opcua.refusals().count(("nobody known from 127.0.0.1", what, 401)) > before,
        f"{what} is not in the audit trail",
    )


def test_without_encryption_there_is_discovery_and_no_session(opcua: OpcUa) -> None:
    async def trying() -> None:
        endpoints = await Client(opcua.server.address).connect_and_get_server_endpoints()
        (endpoint,) = endpoints
        assert endpoint.SecurityMode == ua.MessageSecurityMode.SignAndEncrypt
        assert endpoint.SecurityPolicyUri.endswith("#Basic256Sha256")
        assert [one.TokenType for one in endpoint.UserIdentityTokens] == [ua.UserTokenType.UserName]
        client = Client(opcua.server.address)
        client.set_user("a program")
        await client.connect_socket()
        try:
            await client.send_hello()
            await client.open_secure_channel()
            creation = ua.CreateSessionParameters()
            creation.EndpointUrl, creation.SessionName = opcua.server.address, "a program"
            creation.ClientNonce, creation.RequestedSessionTimeout = b"n" * 32, 10_000.0
            await client.uaclient.create_session(creation)
            activation = ua.ActivateSessionParameters()
            activation.UserIdentityToken = ua.UserNameIdentityToken(
                UserName="a program", Password=opcua.served.tokens["admin"].encode()
            )
            with pytest.raises(UaStatusCodeError, match="BadSecurityModeInsufficient"):
                await client.uaclient.activate_session(activation)
            with pytest.raises(UaStatusCodeError):
                await client.nodes.server_state.read_value()
        finally:
            client.disconnect_socket()

    asyncio.run(trying())
    what = "OPC UA log in without encryption"
    until(lambda: any(one[1] == what for one in opcua.refusals()), "not in the audit trail")


def test_a_session_is_not_taken_over(opcua: OpcUa) -> None:
    """The token of a session is a small number; whoever guesses it has nothing."""

    async def trying() -> None:
        async with opcua.session("operator") as session:
            stolen = session.client.uaclient.protocol.authentication_token
            thief = Client(opcua.server.address)
            await thief.connect_socket()
            try:
                await thief.send_hello()
                await thief.open_secure_channel()
                thief.uaclient.protocol.authentication_token = stolen
                with pytest.raises(UaStatusCodeError, match="BadSessionIdInvalid"):
                    await thief.uaclient.activate_session(ua.ActivateSessionParameters())
                with pytest.raises(UaStatusCodeError):
                    await thief.nodes.server_state.read_value()
            finally:
                thief.disconnect_socket()
            assert await session.value("cell_a/Mode") == "production"

    asyncio.run(trying())


def test_a_viewer_reads_and_commands_nothing(opcua: OpcUa) -> None:
    before = len(opcua.served.plant.asked)

    async def trying() -> list[str]:
        async with opcua.session("viewer") as session:
            assert await session.value(f"{EXECUTE}/CurrentState/Number") == 6
            held = await session.call(HOLD)
            jobs = [await session.job(method, "WO-1") for method in ("Cancel", "Store")]
            return [str(held.StatusCode.name), *(status for status, _ in jobs)]

    assert asyncio.run(trying()) == ["BadUserAccessDenied"] * 3
    assert len(opcua.served.plant.asked) == before
    who = f"viewer ({opcua.served.ids['viewer']})"
    for what in ("OPC UA Hold cell_a", "OPC UA job Cancel", "OPC UA job Store"):
        until(lambda one=what: (who, one, 403) in opcua.refusals(), f"{what} is not in the trail")


def test_every_method_of_the_plant_asks_for_a_role(opcua: OpcUa) -> None:
    """Called by a viewer, nothing but what reads answers well."""

    async def trying() -> dict[str, str]:
        async with opcua.session("viewer") as session:
            found = {}
            waiting = [session.node("housing_plant")]
            while waiting:
                node = waiting.pop()
                for child in await node.get_children():
                    if child.nodeid.NamespaceIndex != session.own:
                        continue
                    if await child.read_node_class() != ua.NodeClass.Method:
                        waiting.append(child)
                        continue
                    path = child.nodeid.Identifier
                    result = await session.call(path, "")
                    found[path] = str(result.StatusCode.name)
            return found

    found = asyncio.run(trying())
    assert len(found) == 2 * (11 + 4) + 11 + 2
    for path, status in found.items():
        name = path.rpartition("/")[2]
        if name.startswith("RequestJobResponse"):
            assert status in ("Good", "Uncertain"), path
        elif name.startswith("Set") and name != "SetUnitMode":
            assert status == "BadNotSupported", path
        else:
            assert status == "BadUserAccessDenied", path


def test_nothing_can_be_written_or_added(opcua: OpcUa) -> None:
    async def trying() -> None:
        async with opcua.session("admin") as session:
            node = session.node("cell_a/Progress")
            with pytest.raises(UaStatusCodeError, match="BadUserAccessDenied"):
                await node.write_value(1.0)
            with pytest.raises(UaStatusCodeError, match="BadUserAccessDenied"):
                await session.node("cell_a").add_variable(session.own, "mine", 1)
            assert await node.read_value() == 0.25

    asyncio.run(trying())
    who = f"admin ({opcua.served.ids['admin']})"
    until(lambda: (who, "OPC UA WriteRequest", 403) in opcua.refusals(), "not in the audit trail")


def test_a_session_ends_with_its_token(opcua: OpcUa) -> None:
    made = opcua.served.ask(
        "POST", "/api/v1/tokens", "admin", json={"name": "ERP", "role": "operator"}
    ).json()

    async def trying() -> None:
        async with opcua.session(made["token"]) as session:
            assert await session.value("cell_a/Mode") == "production"
            opcua.served.ask("DELETE", f"/api/v1/tokens/{made['id']}", "admin")
            with pytest.raises((UaStatusCodeError, ConnectionError)):
                await session.value("cell_a/Mode")

    asyncio.run(trying())
    assert refused(opcua, made["token"]) == "BadUserAccessDenied"


def test_the_certificate_is_kept_and_private(tmp_path: Path) -> None:
    first = own_identity(tmp_path, "p", "127.0.0.1")
    content = first.certificate.read_bytes()
    assert own_identity(tmp_path, "p", "127.0.0.1").certificate.read_bytes() == content
    for file in (first.certificate, first.key):
        assert file.stat().st_mode & 0o077 == 0
    assert own_identity(tmp_path, "other", "127.0.0.1").certificate.read_bytes() != content

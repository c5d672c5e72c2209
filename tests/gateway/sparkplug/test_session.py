"""The messages of a session keep the rules, and a decoder that is not ours reads them."""

from __future__ import annotations

from dataclasses import replace

import pytest
from set_up.machine import Machine
from set_up.node_peers import peers_made

from robot_cell.gateway.sparkplug.payload import BadPayload, Kind, Reading, commands, encode
from robot_cell.gateway.sparkplug.session import Message, Metric, Sample, Session
from tests.gateway.sparkplug.host import Host, decoded

AT_MS = 1_764_286_000_000
METRICS = {
    "": (Metric("Plant/Name", Kind.STRING), Metric("Orders/Open", Kind.INT64)),
    "cell_a": (Metric("Job/Step", Kind.INT32), Metric("KPI/OEE", Kind.DOUBLE)),
    "cell_b": (Metric("Job/Step", Kind.INT32), Metric("Joints/j/Position", Kind.DOUBLE, "rad")),
}
NOW = {"": {"Plant/Name": "Halle 3 · 工厂", "Orders/Open": 4}, "cell_a": {"Job/Step": 2}}


def session(bd_seq: int = 0) -> Session:
    return Session("plants", "housing", METRICS, bd_seq)


def published(messages: list[Message]) -> list[tuple[str, bytes]]:
    return [(one.topic, one.payload) for one in messages]


def step(device: str, number: int) -> Sample:
    return Sample(device, AT_MS, {"Job/Step": number})


def test_a_long_session_keeps_every_rule() -> None:
    one = session(7)
    messages = one.births(NOW, ["cell_a", "cell_b"], AT_MS)
    for number in range(600):  # the numbers go round twice
        device = ("cell_a", "cell_b")[number % 2]
        message = one.data(step(device, number), AT_MS, historical=number < 10)
        assert message is not None
        messages.append(message)
    messages.append(one.device_death("cell_b", AT_MS))
    messages.append(one.device_birth("cell_b", {"cell_b": {"Job/Step": 9}}, AT_MS))
    messages += one.births(NOW, ["cell_a"], AT_MS)  # a rebirth
    messages.append(one.death(AT_MS))
    host = Host("housing").hear(published(messages))
    assert host.bd_seqs == [7, 7]
    assert host.deaths == [7]
    assert host.values("cell_a", "Job/Step") == [2, *range(0, 600, 2), 2]
    assert sum(value.historical for value in host.told["cell_a", "Job/Step"]) == 5
    assert host.values("", "Plant/Name") == ["Halle 3 · 工厂"] * 2
    assert host.values("cell_a", "KPI/OEE") == [None, None]
    assert host.units == {("cell_b", "Joints/j/Position"): "rad"}


def test_the_host_of_these_tests_sees_a_number_that_is_missing() -> None:
    one = session()
    messages = one.births(NOW, ["cell_a"], AT_MS)
    one.data(step("cell_a", 1), AT_MS, historical=False)  # lost
    late = one.data(step("cell_a", 2), AT_MS, historical=False)
    assert late is not None
    with pytest.raises(AssertionError, match="sequence-num"):
        Host("housing").hear(published([*messages, late]))


@pytest.mark.parametrize(
    ("kind", "value"),
    [
        (Kind.INT32, -(2**31)),
        (Kind.INT32, 2**31 - 1),
        (Kind.INT64, -(2**53)),
        (Kind.UINT64, 2**53),
        (Kind.DOUBLE, -1.5e-300),
        (Kind.BOOLEAN, True),
        (Kind.STRING, ""),
        (Kind.STRING, "Größe µm 测量"),
        (Kind.DOUBLE, None),
    ],
)
def test_every_kind_of_value_comes_through(kind: Kind, value: object) -> None:
    reading = Reading(kind, value, AT_MS, "m", 1)  # type: ignore[arg-type]
    (payload,) = decoded([encode([reading], AT_MS, 1)])
    (metric,) = payload["metrics"]
    assert metric["value"] == value
    assert metric["type"].upper() == kind.name


def test_bd_seq_goes_round_after_255() -> None:
    assert session(255).bd_seq == 255
    assert session(256).bd_seq == 0


def test_what_the_plant_no_longer_has_is_left_out() -> None:
    one = session()
    one.births(NOW, ["cell_a"], AT_MS)
    gone = replace(step("cell_a", 1), values={"Joints/old/Position": 1.0})
    assert one.data(gone, AT_MS, historical=True) is None
    following = one.data(step("cell_a", 1), AT_MS, historical=False)
    assert following is not None
    assert decoded([following.payload])[0]["seq"] == 2


def test_a_command_is_read_and_garbage_is_refused() -> None:
    asked = encode([Reading(Kind.BOOLEAN, True, AT_MS, "Node Control/Rebirth")], AT_MS, None)
    assert commands(asked) == {"Node Control/Rebirth": True}
    for garbage in (b"\xff" * 40, b"\x12\x7f\x00", b"{}"):
        with pytest.raises(BadPayload):
            commands(garbage)


def test_set_up_installs_the_decoder() -> None:
    machine = Machine.here()
    assert any("sparkplug" in str(one) for one in peers_made(machine))

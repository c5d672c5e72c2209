"""Faults of devices in words."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from robot_cell.model.device_fault import (
    ARM_VERBS,
    DEVICE_FAULT_VERBS,
    BadFaultError,
    DeviceFault,
    find_device,
    read_device_fault,
    read_device_faults,
)

FIXTURES = dict.fromkeys(("gripper", "table"), DEVICE_FAULT_VERBS)
DEVICES = {
    "cell_a": {"arm": ARM_VERBS, **FIXTURES},
    "cell_b": dict.fromkeys(("gripper", "press"), DEVICE_FAULT_VERBS),
}
S = 1_000_000_000


def test_faults_are_read() -> None:
    assert read_device_fault("cell_a/gripper:garbage@30s, ok@1.5min", DEVICES) == (
        DeviceFault(30 * S, "cell_a", "gripper", "garbage"),
        DeviceFault(90 * S, "cell_a", "gripper", "ok"),
    )
    assert read_device_fault("press:slow=2.5@0.5s", DEVICES) == (
        DeviceFault(S // 2, "cell_b", "press", "slow", 2.5),
    )
    stop, by_hand = read_device_fault("arm:off@3s,moved=15@9s", DEVICES)
    assert (stop.verb, by_hand.verb, by_hand.amount) == ("off", "moved", 15.0)
    several = read_device_faults(["press:off@9s,ok@12s", "table:wrong@10s"], DEVICES)
    assert [f"{one.device} {one.verb}" for one in several] == [
        "press off",
        "table wrong",
        "press ok",
    ]


@given(
    st.sampled_from(["cell_a/gripper", "cell_b/gripper", "table", "press"]),
    st.sampled_from(DEVICE_FAULT_VERBS),
    st.integers(0, 10**9),
    st.none() | st.integers(0, 1000),
)
def test_what_is_written_is_read_again(
    name: str, verb: str, at_ms: int, amount: int | None
) -> None:
    cell, device = find_device(name, DEVICES)
    fault = DeviceFault(at_ms * 1_000_000, cell, device, verb, amount)
    assert read_device_fault(str(fault), DEVICES) == (fault,)


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("", "expected [CELL/]DEVICE:VERB"),
        ("table", "expected [CELL/]DEVICE:VERB"),
        ("lamp:off@3s", "no device 'lamp'; there are cell_a/arm, cell_a/gripper, cell_a/table"),
        ("cell_b/table:off@3s", "there is no device 'cell_b/table'"),
        ("gripper:off@3s", "several cells have a gripper; say cell_a/gripper or cell_b/gripper"),
        ("table:off", "'off' is not VERB@TIME"),
        ("table:off@3", "'off@3' is not VERB@TIME"),
        ("table:slow=@3s", "'slow=@3s' is not VERB@TIME"),
        ("table:haunted@3s", "no verb 'haunted' for table; there are off, stuck, garbage"),
        ("arm:garbage@3s", "no verb 'garbage' for arm; there are off, moved, ok"),
        ("table:off@3s,ok@3s", "'ok@3s' is not after 3s"),
    ],
)
def test_what_is_no_fault_is_refused_with_what_was_expected(text: str, reason: str) -> None:
    with pytest.raises(BadFaultError) as raised:
        read_device_fault(text, DEVICES)
    assert reason in str(raised.value)
    assert raised.value.text == text


def test_a_device_has_one_text() -> None:
    with pytest.raises(BadFaultError, match="cell_a/table has a fault already"):
        read_device_faults(["table:off@1s", "cell_a/table:ok@2s"], DEVICES)

"""What deploy/sros2 lets an arm's node and its driver's do, against what these nodes have."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from sim.remote import Remote
from tests.faults.security_policy import found, read_policy, refused
from tests.nodes.test_arm_drivers import CELL, JOINTS, NodeBench, until
from tests.plant.conftest import domain

__all__ = ["domain"]

pytestmark = [pytest.mark.ros, pytest.mark.timeout(120)]

READY = "/io_and_status_controller/robot_program_running"
SCALING = "/speed_scaling_state_broadcaster/speed_scaling"
CONTROLLER = "scaled_joint_trajectory_controller"
COMMON = f"rate_hz: 50, ready: {READY}, controller_manager: /controller_manager"
DRIVERS = {
    "trajectory_action": f"action: /{CONTROLLER}/follow_joint_trajectory, scaling: {SCALING}",
    "position_stream": "commands: /forward_position_controller/commands",
}


@pytest.fixture
def robot(domain: int) -> Iterator[Remote]:
    """An arm whose topics are called as those of Universal Robots' driver."""
    names = ["--ros-args", "-r", f"/ready:={READY}", "-r", f"/scaling:={SCALING}"]
    arm = ["--rate", "50", "--joints", ",".join(JOINTS), "--controller", CONTROLLER]
    with Remote("sim.ros_arm", [*arm, *names]) as server:
        yield server


@pytest.mark.parametrize("kind", DRIVERS)
def test_an_arm_with_a_ros_driver_has_what_its_policy_lets_it_have(
    robot: Remote, tmp_path: Path, kind: str
) -> None:
    policy = read_policy(f"arm_{kind}.xml")
    assert policy.keys() == {f"/{CELL}/arm", f"/{CELL}/arm_driver"}
    bench = NodeBench(tmp_path, f"driver: {{kind: {kind}, {DRIVERS[kind]}, {COMMON}}}")
    try:
        bench.connect()
        node = bench.client.node

        def has(full: str) -> dict[tuple[str, str], set[str]]:
            return found(node, f"/{CELL}", full.rpartition("/")[2])

        def of_the_arm(full: str) -> bool:
            return full.startswith(f"/{CELL}/")

        def names() -> set[str]:
            there = node.get_node_names_and_namespaces()
            return set(filter(of_the_arm, (f"{space.rstrip('/')}/{name}" for name, space in there)))

        def wrong() -> list[str]:
            if problems := [f"{one} is not there" for one in policy.keys() - names()]:
                return problems
            for full in names():
                problems += refused(policy, full, has(full))
            for what, allowed in policy[f"/{CELL}/arm_driver"].items():
                if what != ("services", "reply"):  # the rest is there for the driver alone
                    missing = allowed - has(f"/{CELL}/arm_driver").get(what, set())
                    problems += [f"the driver has no {what} {name}" for name in sorted(missing)]
            return problems

        until(lambda: wrong() == [], "policy and nodes differ")
        assert wrong() == []
    finally:
        bench.end()

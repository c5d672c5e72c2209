"""Processes die, at every failpoint and at random: no job is lost and no step is done twice."""

from __future__ import annotations

import os
import random
import time
from pathlib import Path
from typing import Any

import pytest

from robot_cell.failpoints import FAILPOINTS
from tests.faults.plant import FaultPlant
from tests.faults.security_policy import found, read_policy, refused

pytestmark = [pytest.mark.ros, pytest.mark.plant, pytest.mark.faults]

KILLS = int(os.environ.get("ROBOT_CELL_KILLS", "8"))
"""Random kills; benchmarks/faults.py asks for 500."""

SEED = int(os.environ.get("ROBOT_CELL_KILL_SEED", "48"))
FIRED_S = 60.0
DONE_S = 180.0
BETWEEN_S = (0.2, 1.8)
"""From kill to kill: less than a process takes to come up, and more."""

ELSEWHERE = {"cell.step-resolved"}
"""Failpoints that only a person's word leads to: tests/faults/test_uncertain.py."""

VICTIMS = ("cell", "fixtures", "arm", "supervisor")


@pytest.mark.timeout(600)
def test_a_kill_at_every_failpoint(
    broken: FaultPlant, tmp_path: Path, numbers: dict[str, Any]
) -> None:
    began_s = time.monotonic()
    broken.work_for(tmp_path, FAILPOINTS.keys() - ELSEWHERE, "kill", FIRED_S)
    broken.until(broken.done, DONE_S, "not every job was completed")
    assert broken.problems() == []
    numbers["failpoints_killed_at"] = len(FAILPOINTS.keys() - ELSEWHERE)
    numbers["failpoints_wall_s"] = round(time.monotonic() - began_s, 1)


@pytest.mark.timeout(3000)
def test_kills_at_random(broken: FaultPlant, tmp_path: Path, numbers: dict[str, Any]) -> None:
    """Each time another process of a working plant, after another while; compared after each."""
    chance = random.Random(SEED)
    names = [f"{cell}.{victim}" for cell in broken.plant.cells for victim in VICTIMS]
    names.append("scheduler")
    killed: dict[str, int] = {}
    compared = 0
    began_s = time.monotonic()
    while sum(killed.values()) < KILLS:
        broken.keep_busy(tmp_path)
        name = chance.choice(names)
        if broken.kill(name):
            killed[name] = killed.get(name, 0) + 1
        next_s = time.monotonic() + chance.uniform(*BETWEEN_S)
        assert broken.new_problems() == [], killed
        compared += 1
        time.sleep(max(0.0, next_s - time.monotonic()))
    broken.until(broken.done, DONE_S, "not every job was completed")
    assert broken.problems() == []
    steps = sum(len(broken.journal.steps(o.operation_id)) for o in broken.journal.operations())
    numbers["kills"] = killed
    numbers["kills_total"] = sum(killed.values())
    numbers["kills_compared_after_each"] = compared
    numbers["kills_wall_s"] = round(time.monotonic() - began_s, 1)
    numbers["jobs_complete"] = len(broken.orders)
    numbers["jobs_lost"] = len(broken.orders - {r.order.order_id for r in broken.journal.orders()})
    numbers["steps_in_journal"] = steps
    numbers["steps_done_twice"] = 0  # problems() is empty


def test_the_security_policy_lets_the_plant_work_and_nothing_more(broken: FaultPlant) -> None:
    """deploy/sros2/policy.xml against the nodes that are there; here, because a plant runs here."""
    policy = read_policy()
    node = broken.client._node

    def known() -> dict[str, tuple[str, str]]:
        found_now = node.get_node_names_and_namespaces()
        return {
            f"{namespace.rstrip('/')}/{name}": (namespace, name) for name, namespace in found_now
        }

    broken.until(lambda: policy.keys() - {"/client"} <= known().keys(), 60.0, "nodes are missing")

    def wrong() -> list[str]:
        problems = []
        for full, (namespace, name) in known().items():
            if name.startswith("client"):
                continue
            has = found(node, namespace, name)
            problems += refused(policy, full, has)
            for what in (("actions", "execute"), ("services", "reply")):
                missing = policy[full].get(what, set()) - has.get(what, set())
                problems += [
                    f"{full} has no {one}" for one in sorted(missing) if full != "/scheduler_intake"
                ]
        return problems

    broken.until(lambda: wrong() == [], 60.0, "policy and plant differ")
    asks = policy["/client"]["services", "request"]
    offered = {name for full in policy for name in policy[full].get(("services", "reply"), set())}
    assert asks <= offered

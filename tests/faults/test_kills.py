"""Processes die, at every failpoint and at random: no job is lost and no step is done twice."""

from __future__ import annotations

import os
import random
import time
from collections import Counter
from pathlib import Path

import pytest

from robot_cell.failpoints import FAILPOINTS
from tests.faults.plant import FaultPlant
from tests.faults.security_policy import found, read_policy, refused
from tests.promises import Figure, asked

pytestmark = [pytest.mark.ros, pytest.mark.plant, pytest.mark.promise("kill")]

KILLS, KILLS_IF_ASKED = 50, 500
"""Random kills in the whole suite, and where fault tests are asked for (`-m faults`)."""

SEED = int(os.environ.get("ROBOT_CELL_KILL_SEED", "48"))
FIRED_S = 60.0
DONE_S = 180.0
BETWEEN_S = (0.2, 1.4)
"""From kill to kill: less than a process takes to come up, and more."""

ELSEWHERE = {"cell.step-resolved"}
"""Failpoints that only a person's word leads to: tests/faults/test_uncertain.py."""

VICTIMS = ("cell", "fixtures", "arm", "supervisor")


@pytest.mark.timeout(600)
def test_a_kill_at_every_failpoint(broken: FaultPlant, tmp_path: Path, figure: Figure) -> None:
    began_s = time.monotonic()
    broken.work_for(tmp_path, FAILPOINTS.keys() - ELSEWHERE, "kill", FIRED_S)
    broken.until(broken.done, DONE_S, "not every job was completed")
    assert broken.problems() == []
    figure("failpoints killed at", len(FAILPOINTS.keys() - ELSEWHERE))
    figure("all of them took", time.monotonic() - began_s, "s")


@pytest.mark.timeout(3000)
def test_kills_at_random(
    broken: FaultPlant, tmp_path: Path, figure: Figure, pytestconfig: pytest.Config
) -> None:
    """Each time another process of a working plant, after another while; compared after each."""
    if_not_said = KILLS_IF_ASKED if asked(pytestconfig) else KILLS
    kills = int(os.environ.get("ROBOT_CELL_KILLS", if_not_said))
    chance = random.Random(SEED)
    names = [f"{cell}.{victim}" for cell in broken.plant.cells for victim in VICTIMS]
    names.append("scheduler")
    killed: Counter[str] = Counter()
    compared = 0
    began_s = time.monotonic()
    while killed.total() < kills:
        broken.keep_busy(tmp_path)
        name = chance.choice(names)
        if broken.kill(name):
            killed[name] += 1
        next_s = time.monotonic() + chance.uniform(*BETWEEN_S)
        assert broken.new_problems() == [], killed
        compared += 1
        time.sleep(max(0.0, next_s - time.monotonic()))
    broken.until(broken.done, DONE_S, "not every job was completed")
    assert broken.problems() == []
    steps = sum(len(broken.journal.steps(o.operation_id)) for o in broken.journal.operations())
    for name, count in sorted(killed.items()):
        figure(f"kills of {name}", count)
    figure("random kills", killed.total())
    figure("comparisons", compared)
    figure("all kills took", time.monotonic() - began_s, "s")
    figure("orders complete", len(broken.orders))
    figure("steps, none twice", steps)


def test_the_security_policy_lets_the_plant_work_and_nothing_more(broken: FaultPlant) -> None:
    """deploy/sros2/policy.xml against the nodes that are there; here, because a plant runs here."""
    policy = read_policy()
    node = broken.client.node

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

"""The commands against a plant over REST: a real gateway, a real token, no ROS 2 in between."""

from __future__ import annotations

import json
import math
import os
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from robot_cell.cli.exit_codes import ExitCode
from robot_cell.client import PlantNotReachable, PlantRefusesError, RestPlant
from robot_cell.errors import RobotCellError
from robot_cell.gateway.app import make_app
from robot_cell.gateway.serve import build
from robot_cell.gateway.service import Gateway
from robot_cell.gateway.tokens import Secret
from robot_cell.model import Plant
from robot_cell.store import Journal, open_journal
from tests.cli.test_commands import robot_cell
from tests.gateway.conftest import NS, MadeUpPlant, add_tokens, fill, plant, secrets
from tests.gateway.server import running

__all__ = ["plant", "secrets"]

HEADER = "order_id,product,quantity,release,due\n"
GOOD = HEADER + "NEW-1,housing_s,1,2026-11-23T06:00:00+01:00,2026-11-23T07:00:00+01:00\n"
BAD = HEADER + "NEW-2,boat,0,2026-11-23T06:00:00+01:00,soon\n"


@dataclass
class Asked:
    """A gateway on a socket, the plant behind it, and tokens."""

    address: str
    plant: MadeUpPlant
    journal: Journal
    gateway: Gateway
    tokens: dict[str, str]


@pytest.fixture
def served(tmp_path: Path, plant: Plant, secrets: dict[str, tuple[Secret, str]]) -> Iterator[Asked]:
    with open_journal(tmp_path / "journal.db") as journal:
        fill(journal, plant)
        add_tokens(journal, secrets)
        made_up = MadeUpPlant(plant, journal, at_ns=40 * NS)
        gateway = build(plant, tmp_path / "journal.db", journal, made_up, simulated=True)
        tokens = {role: secret.text for role, (secret, _) in secrets.items()}
        with running(make_app(gateway)) as address:
            yield Asked(address, made_up, journal, gateway, tokens)
        gateway.worker.close()
        gateway.access.trail.close()


@pytest.fixture
def address(served: Asked) -> str:
    return served.address


@pytest.fixture
def there(address: str, served: Asked) -> RestPlant:
    return RestPlant(address, served.tokens["maintainer"], 30.0)


def test_what_it_says_is_what_the_journal_has(there: RestPlant, served: Asked) -> None:
    jobs = {job.order_id: job for job in there.jobs()}
    assert set(jobs) == {"WO-1", "WO-2"}
    assert (jobs["WO-2"].quantity, jobs["WO-2"].due_ns) == (2, 3600 * NS)
    assert [job.order_id for job in there.jobs(["WO-2"])] == ["WO-2"]
    records = {one.operation_id: one for one in served.journal.operations()}
    schedule = there.schedule()
    assert {one.operation_id for one in schedule.operations} == set(records)
    for one in schedule.operations:
        record = records[one.operation_id]
        assert (one.cell, one.planned_start_ns, one.actual_start_ns, one.status) == (
            record.cell, record.planned_start_ns, record.actual_start_ns, record.status,
        )  # fmt: skip
    assert there.cells() == list(served.plant.plant.cells)
    assert there.cell_states()["cell_a"].state == "Execute"


def test_what_is_asked_reaches_the_plant(there: RestPlant, served: Asked) -> None:
    assert there.hold("cell_a", "", on=True).success
    refused = there.hold("cell_b", "", on=False)
    assert (refused.success, refused.message) == (False, "cell cell_b does not obey Unhold")
    assert there.override("cell_a", 40.0).success
    assert there.cancel("WO-2", "no longer wanted", "").success
    assert not there.cancel("WO-9", "unknown", "").success
    assert there.decide_draft("approve", "").message == "there is no draft"
    assert [what for what, _ in served.plant.asked] == [
        "command", "command", "override", "cancel", "draft",
    ]  # fmt: skip
    assert served.plant.asked[0][1][2].startswith("maintainer (")  # who it is, the token says


def test_an_arm_is_moved_by_a_step(
    address: str, served: Asked, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ROBOT_CELL_TOKEN", served.tokens["maintainer"])
    served.plant.ends = True
    done = robot_cell("--url", address, "jog", "cell_a", "joint_2", "-5")
    assert done.returncode == ExitCode.OK, done.stderr
    assert "cell_a: as far as its limit" in done.stdout
    done = robot_cell("--url", address, "jog", "cell_b", "z", "12", "--json")
    assert json.loads(done.stdout) == {"success": True, "message": "as far as its limit"}
    given = [how[3] for what, how in served.plant.asked if what == "jog" and how[1] == "start"]
    assert [(one["axis"], one["held"]) for one in given] == [("joint_2", False), ("z", False)]
    assert [one["amount"] for one in given] == [
        pytest.approx(-math.radians(5.0)), pytest.approx(0.012),
    ]  # fmt: skip
    refused = robot_cell("--url", address, "jog", "cell_a", "joint_9", "5")
    assert refused.returncode == ExitCode.REFUSED
    assert "no axis 'joint_9'" in refused.stderr
    assert robot_cell("--url", address, "jog", "cell_c", "joint_1", "5").returncode == 2


def test_a_device_is_commanded_by_hand(
    address: str, served: Asked, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ROBOT_CELL_TOKEN", served.tokens["maintainer"])
    done = robot_cell("--url", address, "device", "cell_a", "table", "index", "-1")
    assert done.returncode == ExitCode.OK, done.stderr
    assert "cell_a: table: done" in done.stdout
    refused = robot_cell("--url", address, "device", "cell_a", "gripper", "open")
    assert refused.returncode == ExitCode.REFUSED
    assert "cell_a: gripper: it would fall" in refused.stderr
    done = robot_cell("--url", address, "device", "cell_a", "gripper", "open", "--drop", "--json")
    assert done.returncode == ExitCode.OK, done.stderr
    assert json.loads(done.stdout) == {
        "success": True, "phase": "ended", "drops": False, "message": "done",
        "readings": {"state": "open"},
    }  # fmt: skip
    given = [how[3] for what, how in served.plant.asked if what == "operate" and how[1] == "begin"]
    assert [(one["device"], one["command"], one["args"], one["drop"]) for one in given] == [
        ("table", "index", ["-1"], False), ("gripper", "open", [], False),
        ("gripper", "open", [], True),
    ]  # fmt: skip
    unknown = robot_cell("--url", address, "device", "cell_a", "griper", "open")
    assert unknown.returncode == ExitCode.REFUSED
    assert "it has: gripper" in unknown.stderr
    assert robot_cell("--url", address, "device", "cell_c").returncode == ExitCode.USAGE
    monkeypatch.setenv("ROBOT_CELL_TOKEN", served.tokens["operator"])
    forbidden = robot_cell("--url", address, "device", "cell_a", "gripper", "close")
    assert forbidden.returncode == ExitCode.REFUSED
    assert "maintainer" in forbidden.stderr


def test_what_devices_can_be_told_is_listed(
    address: str, served: Asked, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ROBOT_CELL_TOKEN", served.tokens["viewer"])
    listed = robot_cell("--url", address, "device", "cell_a")
    assert listed.returncode == ExitCode.OK, listed.stderr
    assert "table index POSITION: turn to a position" in listed.stdout
    assert "outfeed_sensor: nothing" in listed.stdout
    assert "infeed: not known" in listed.stdout
    one = robot_cell("--url", address, "device", "cell_a", "gripper", "--json")
    [gripper] = json.loads(one.stdout)["devices"]
    assert [known["command"] for known in gripper["commands"]] == ["open", "close"]


def test_who_may_not_and_what_is_not_there_is_said(address: str, served: Asked) -> None:
    with pytest.raises(PlantRefusesError, match="ROBOT_CELL_TOKEN"):
        RestPlant(address, None).jobs()
    with pytest.raises(PlantRefusesError, match="operator"):
        RestPlant(address, served.tokens["viewer"]).cancel("WO-1", "x", "")
    with pytest.raises(PlantNotReachable, match="does not answer"):
        RestPlant("http://127.0.0.1:9", None, 5.0).jobs()
    with pytest.raises(RobotCellError, match="no address"):
        RestPlant("ftp://plant", None)


def test_the_commands_work_over_rest(
    address: str, served: Asked, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ROBOT_CELL_TOKEN", served.tokens["operator"])
    bad, good = tmp_path / "bad.csv", tmp_path / "good.csv"
    bad.write_text(BAD)
    good.write_text(GOOD)
    done = robot_cell("--url", address, "submit", str(bad))
    assert done.returncode == ExitCode.BAD_INPUT
    for column in ("product", "quantity", "due"):
        assert column in done.stderr
    done = robot_cell("--url", address, "submit", str(good), "--json")
    assert done.returncode == ExitCode.OK, done.stderr
    assert json.loads(done.stdout)["order_ids"] == ["NEW-1"]
    done = robot_cell("--url", address, "schedule")
    assert done.returncode == ExitCode.OK, done.stderr
    assert "schedule 1 by by hand: 1 of 9 operations complete" in done.stdout
    assert "cell_b" in done.stdout
    key = served.journal.alarms.raise_("cell_a", "device_fault", "gripper", "it is dead", 40 * NS)
    served.gateway.mirror.refresh()
    done = robot_cell("--url", address, "alarms", "--json")
    (alarm,) = json.loads(done.stdout)["alarms"]
    assert (alarm["alarm_id"], alarm["raised_ns"]) == (key, 40 * NS)
    done = robot_cell("--url", address, "alarms", "ack", str(key))
    assert done.stdout.strip() == f"alarm {key} is acknowledged"
    done = robot_cell("--url", address, "mode", "cell_a", "manual")
    assert done.returncode == ExitCode.REFUSED  # an operator may not
    assert "maintainer" in done.stderr


@pytest.mark.parametrize(("begun", "whole"), [("sche", "schedule"), ("devi", "device")])
def test_the_shell_completes_commands(begun: str, whole: str) -> None:
    environment = {
        **os.environ,
        "_ROBOT_CELL_COMPLETE": "complete_bash",
        "COMP_WORDS": f"robot-cell {begun}",
        "COMP_CWORD": "1",
    }
    done = subprocess.run(
        [Path(sys.executable).with_name("robot-cell")],
        env=environment, capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip
    assert done.stdout.split() == [whole]

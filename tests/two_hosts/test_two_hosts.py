"""One plant on two hosts: DDS and the journal cross a cable, which is pulled and put back."""

from __future__ import annotations

import time
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path

import pytest

from tests.two_hosts.hosts import PLANT, PORT, launch_text, postgresql, two_hosts, up, why_not

START = "2026-11-23T06:00:00+01:00"
ORDERS = """\
order_id,product,quantity,release,due,priority,customer
T-1,housing_s,1,2026-11-23T06:00:00+01:00,2026-11-23T06:10:00+01:00,5,Test
T-2,housing_m,1,2026-11-23T06:00:00+01:00,2026-11-23T06:10:00+01:00,5,Test
"""
CUT_S = 4.0
SPEED = 3.0
POLL_S = 0.05
_REASON = why_not()

pytestmark = [
    pytest.mark.ros,
    pytest.mark.plant,
    pytest.mark.long,
    pytest.mark.skipif(bool(_REASON), reason=_REASON or "it can"),
]


def until(condition: Callable[[], bool], what: str, within_s: float) -> None:
    end_s = time.monotonic() + within_s
    while not condition():
        assert time.monotonic() < end_s, f"{what}: not within {within_s:g} s"
        time.sleep(POLL_S)


@pytest.mark.timeout(480)
def test_a_cell_whose_cable_is_pulled_finishes_when_it_is_back(tmp_path: Path) -> None:
    with ExitStack() as stack:
        plant_host, cell_host = stack.enter_context(two_hosts())
        stack.enter_context(postgresql(plant_host))
        shared, log = tmp_path / "shared", tmp_path / "devices.jsonl"
        shared.mkdir()
        started = {}
        for host, cells in ((plant_host, {"cell_a": True}), (cell_host, {"cell_b": False})):
            file = tmp_path / f"{host.name}.launch.xml"
            file.write_text(launch_text(cells, SPEED, START, log))
            started[host] = stack.enter_context(up(host, file, tmp_path / host.name, shared))
        ask = stack.enter_context(plant_host.observer(log))

        def runs() -> None:
            assert all(process.poll() is None for process in started.values())

        orders = tmp_path / "orders.csv"
        orders.write_text(ORDERS)

        def taken() -> bool:
            """The scheduler of the other host takes a batch: DDS crosses the cable."""
            runs()
            return cell_host.ask("submit", str(orders), "--plant", str(PLANT)) is not None

        until(taken, "the batch is taken", 180.0)

        def cell_b_works() -> bool:
            return any(
                one["cell"] == "cell_b" and one["status"] == "running"
                for one in ask("operations").values()
            )

        until(cell_b_works, "cell_b has begun an operation", 60.0)
        cell_host.link("down")
        cut_at = time.monotonic()
        assert not cell_host.reaches(plant_host.address, PORT), "the journal is out of reach"
        until(lambda: time.monotonic() - cut_at > CUT_S, "the cable is out", CUT_S + 1.0)
        assert cell_b_works(), "it cannot have told of an end"
        cell_host.link("up")
        until(lambda: cell_host.reaches(plant_host.address, PORT), "the journal is back", 10.0)

        def all_made() -> bool:
            runs()
            return {one["status"] for one in ask("operations").values()} == {"complete"}

        until(all_made, "everything is made after the cable is back", 120.0)
        made = ask("operations")
        assert len(made) == 7
        assert {one["attempt"] for one in made.values()} == {1}, "nothing was begun anew"
        assert {one["cell"] for one in made.values()} == {"cell_a", "cell_b"}
        assert ask("problems") == [], "journal and devices agree: each step was done once"
        told = plant_host.ask("jobs")  # and the scheduler knows
        assert [job["status"] for job in told["jobs"]] == ["complete", "complete"]

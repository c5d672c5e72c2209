"""One plant on two hosts: DDS and the journal cross a cable, which is pulled and put back."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest

from tests.two_hosts.hosts import PLANT, PORT, Host, launch_text, postgresql, two_hosts, up, why_not

START = "2026-11-23T06:00:00+01:00"
ORDERS = """\
order_id,product,quantity,release,due,priority,customer
T-1,housing_s,1,2026-11-23T06:00:00+01:00,2026-11-23T06:10:00+01:00,5,Test
T-2,housing_m,1,2026-11-23T06:00:00+01:00,2026-11-23T06:10:00+01:00,5,Test
"""
CUT_S = 4.0
_REASON = why_not()

pytestmark = [
    pytest.mark.soak,
    pytest.mark.skipif(bool(_REASON), reason=_REASON or "it can"),
]


def until(condition: Callable[[], bool], what: str, within_s: float) -> None:
    end_s = time.monotonic() + within_s
    while not condition():
        assert time.monotonic() < end_s, f"{what}: not within {within_s:g} s"


def operations(host: Host, order: str) -> list[dict[str, Any]]:
    told = host.ask("job", order)
    return told["operations"] if told else []


@pytest.mark.timeout(900)
def test_a_cell_whose_cable_is_pulled_finishes_when_it_is_back(tmp_path: Path) -> None:
    with ExitStack() as stack:
        plant_host, cell_host = stack.enter_context(two_hosts())
        stack.enter_context(postgresql(plant_host))
        shared = tmp_path / "shared"
        shared.mkdir()
        started = {}
        for host, cells in ((plant_host, {"cell_a": True}), (cell_host, {"cell_b": False})):
            file = tmp_path / f"{host.name}.launch.xml"
            file.write_text(launch_text(cells, 1.0, START))
            started[host] = stack.enter_context(up(host, file, tmp_path / host.name, shared))

        def runs() -> None:
            assert all(process.poll() is None for process in started.values())

        orders = tmp_path / "orders.csv"
        orders.write_text(ORDERS)

        def taken() -> bool:
            """The scheduler of the other host takes a batch: DDS crosses the cable."""
            runs()
            return cell_host.ask("submit", str(orders), "--plant", str(PLANT)) is not None

        until(taken, "the batch is taken", 240.0)

        def cell_b_works() -> bool:
            found = operations(plant_host, "T-1") + operations(plant_host, "T-2")
            return any(o["cell"] == "cell_b" and o["status"] == "running" for o in found)

        until(cell_b_works, "cell_b has begun an operation", 240.0)
        cell_host.link("down")
        cut_at = time.monotonic()
        assert not cell_host.reaches(plant_host.address, PORT), "the journal is out of reach"
        until(lambda: time.monotonic() - cut_at > CUT_S, "the cable is out", CUT_S + 1.0)
        cell_host.link("up")
        until(lambda: cell_host.reaches(plant_host.address, PORT), "the journal is back", 10.0)

        def all_made() -> bool:
            runs()
            told = plant_host.ask("jobs")
            return bool(told) and all(job["status"] == "complete" for job in told["jobs"])

        until(all_made, "everything is made after the cable is back", 300.0)
        made = Counter(
            (order, o["operation"])
            for order in ("T-1", "T-2")
            for o in operations(plant_host, order)
            if o["status"] == "complete"
        )
        assert len(made) == 7
        assert set(made.values()) == {1}, "nothing was made twice"
        cells = {o["cell"] for order in ("T-1", "T-2") for o in operations(plant_host, order)}
        assert cells == {"cell_a", "cell_b"}

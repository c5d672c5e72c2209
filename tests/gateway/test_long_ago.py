"""What is over is answered for as what is at hand: the same, however much the gateway keeps."""

from __future__ import annotations

import tempfile
from collections import Counter
from collections.abc import Sequence
from functools import cache
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from hypothesis import Phase, given, settings

from robot_cell.gateway import figures
from robot_cell.gateway.element_sums import ElementSums
from robot_cell.gateway.figures import _open, held_spans, lost_spans
from robot_cell.gateway.kpis import kpi_of, losses_of
from robot_cell.gateway.opcua.job_book import JobBook
from robot_cell.gateway.sparkplug.told import cell_values, order_values
from robot_cell.gateway.tokens import new_secret
from robot_cell.gateway.views import instant_ms
from robot_cell.gateway.window import is_open
from robot_cell.model import Plant
from robot_cell.model.plant_file import load_plant
from robot_cell.orders.setups import SetupTimes, Turn, setups_before
from robot_cell.orders.status import job_views
from robot_cell.store import Journal, open_journal
from robot_cell.store.ran import Kind
from tests.gateway.conftest import NS, ROOT, START, Secret, Served, add_tokens
from tests.gateway.facts import facts_from
from tests.gateway.stories import EVERYTHING, NOTHING, Story, at, gateway_on, happenings
from tests.gateway.test_setups import set_up_plant

V1 = "/api/v1"
START_MS = instant_ms(START)
STATUSES = ("accepted", "planned", "running", "complete", "uncertain", "failed", "cancelled")


@cache
def the_plant() -> Plant:
    """The example plant; not a fixture, which would be written out with every story that fails."""
    return load_plant(ROOT / "examples" / "housing_plant.yaml")


@cache
def a_token() -> dict[str, tuple[Secret, str]]:
    """A viewer's token and its hash, which is slow to make."""
    secret = new_secret()
    return {"viewer": (secret, secret.hash())}


def same(answer: Any) -> Any:
    """An answer without what counts a gateway's own reading."""
    if isinstance(answer, dict):
        left_out = ("version", "boot", "ops_version")
        return {key: same(value) for key, value in answer.items() if key not in left_out}
    return [same(one) for one in answer] if isinstance(answer, list) else answer


def asked(served: Served, path: str) -> Any:
    answer = served.get(V1 + path)
    assert answer.status_code in (200, 404), (path, answer.text)
    if "json" not in answer.headers["content-type"]:
        return answer.text
    return same(answer.json())


def pages(served: Served, path: str) -> list[Any]:
    """All pages of a list, one after the other."""
    found: list[Any] = []
    after = ""
    while True:
        page = served.get(f"{V1}{path}{after}").json()
        found += page["items"]
        if page["next"] is None:
            return found
        after = f"&after={page['next']}"


def spans(end_ns: int) -> list[tuple[int, int]]:
    """Parts of a story's time, ms on the plant's clock."""
    end = end_ns // 1_000_000 + 1000
    cuts = [START_MS + end * part // 6 for part in range(7)]
    return [(cuts[0], cuts[6]), *pairwise(cuts), (cuts[1], cuts[4])]


def questions(journal: Journal, end_ns: int) -> list[str]:
    """Every route of reading that the age of a journal touches."""
    orders = [one.order.order_id for one in journal.orders()]
    operations = journal.operations()
    revisions = 1 + max((s.revision for s in [journal.schedule()] if s is not None), default=0)
    return [
        "/cells", "/cells/cell_a", "/cells/cell_a/steps", "/schedule/revisions",
        "/schedule?operations=false", "/schedule/draft", "/events", "/events?last=3",
        "/alarms", "/alarms?state=all", "/kpis", "/kpis.csv", "/kpis/series?bucket_s=7",
        "/orders/none", "/trace/none/1", "/steps?operation_id=none",
        *(f"/orders?status={one}&limit=2" for one in STATUSES),
        "/orders?status=complete,failed,running&limit=3",
        *(f"/orders?q={one}" for one in ("wo-1", "SÖHNE", "valve", "nobody")),
        *(f"/orders/{one}" for one in orders),
        *(f"/trace/{order}/{unit}" for order, unit in {(o.order_id, o.unit) for o in operations}),
        *(f"/steps?operation_id={o.operation_id}" for o in operations),
        *(f"/schedule/revisions/{n}" for n in range(1, revisions)),
        *(f"/kpis?from_ms={a}&to_ms={b}" for a, b in spans(end_ns)),
        *(f"/kpis?from_ms={a}&to_ms={b}&cell=cell_b" for a, b in spans(end_ns)),
        *(f"/schedule/past?from_ms={a}&to_ms={b}&limit=1000" for a, b in spans(end_ns)),
    ]  # fmt: skip


def setups_s(plant: Plant, journal: Journal) -> dict[str, float]:
    """Setups before all that was ever begun, from everything that the journal has."""
    products = {one.order.order_id: one.order.product for one in journal.orders()}
    turns = [
        Turn(o.cell, False, o.actual_start_ns, o.operation_id, products[o.order_id])
        for o in journal.operations()
        if o.cell is not None and o.actual_start_ns is not None
    ]
    return {key: ms * 1e-3 for key, ms in setups_before(turns, SetupTimes.of(plant)).items()}


def figures_of_everything(
    plant: Plant, journal: Journal, now_ns: int, span: tuple[int, int], cells: Sequence[str]
) -> tuple[list[Any], Any, Any]:
    """Key figures of cells and plant, made from all that the journal has."""
    operations = journal.operations()
    setups = setups_s(plant, journal)
    notes = [e for e in journal.events(0, 10_000) if e.what in ("cell lost", "cell back")]
    facts = facts_from(
        cells,
        operations,
        [step for o in operations for step in journal.steps(o.operation_id)],
        whole=len(cells) == len(plant.cells),
        open={one: _open(plant, plant.cells[one], START, span) for one in cells},
        held={one: held_spans(journal.commands(0, 10_000), one, now_ns) for one in cells},
        lost=lost_spans(notes, now_ns),
        setups={
            one: [
                (o.actual_start_ns - round(setups[o.operation_id] * NS), o.actual_start_ns)
                for o in operations
                if o.cell == one and o.operation_id in setups and o.actual_start_ns is not None
            ]
            for one in cells
        },
    )
    sums = ElementSums(facts, span, now_ns)
    found = sums.of_cells()
    return (
        [kpi_of(cell, one) for cell, one in found.items()],
        kpi_of(None, sums.of_plant()),
        losses_of(found),
    )


def check_figures(plant: Plant, journal: Journal, served: Served, now_ns: int) -> None:
    """Key figures of spans are those of everything, cut."""
    for cell in (None, "cell_b"):
        cells = list(plant.cells) if cell is None else [cell]
        for from_ms, to_ms in spans(now_ns):
            more = "" if cell is None else f"&cell={cell}"
            answer = asked(served, f"/kpis?from_ms={from_ms}&to_ms={to_ms}{more}")
            span = tuple(min((at - START_MS) * 1_000_000, now_ns) for at in (from_ms, to_ms))
            of_cells, of_plant, losses = figures_of_everything(plant, journal, now_ns, span, cells)  # type: ignore[arg-type]
            for told, wanted in zip(
                [*answer["cells"], answer["plant"]], [*of_cells, of_plant], strict=True
            ):
                # The energy is of the worker's programs, which this story does not have.
                assert {**told, "energy_per_part_j": None} == wanted, (from_ms, to_ms, cell)
            assert answer["losses"] == losses


def check_orders(plant: Plant, journal: Journal, served: Served) -> None:
    """Orders are what they come to from everything, and so are totals."""
    orders, operations = journal.orders(), journal.operations()
    jobs = job_views(orders, operations, START)
    told = {one["order_id"]: one for one in pages(served, "/orders?limit=2")}
    assert list(told) == [job.order_id for job in jobs]
    for job in jobs:
        assert told[job.order_id]["status"] == job.status
        assert told[job.order_id]["operations_done"] == job.operations_complete
    for status in STATUSES:
        found = [one["order_id"] for one in pages(served, f"/orders?status={status}&limit=2")]
        assert found == [job.order_id for job in jobs if job.status == status]
    setups = setups_s(plant, journal)
    for job in jobs:
        for unit in asked(served, f"/orders/{job.order_id}")["units"]:
            for one in unit["operations"]:
                if one["actual_start_ms"] is not None:
                    assert one["setup_s"] == setups.get(one["id"], 0.0), one["id"]
    totals = served.gateway.mirror.work.totals
    assert totals.orders == len(orders)
    assert totals.complete == sum(job.status == "complete" for job in jobs)
    assert totals.late == sum(job.status == "complete" and (job.late_ns or 0) > 0 for job in jobs)
    assert +totals.operations == Counter((o.cell or "", o.status) for o in operations)
    products = {one.order.order_id: one.order.product for one in orders}
    complete = [o for o in operations if o.status == "complete"]
    assert +totals.runs == Counter(Kind(o.cell, o.program, products[o.order_id]) for o in complete)
    assert totals.took_ns.total() == sum(
        (o.actual_end_ns or 0) - (o.actual_start_ns or 0) for o in complete
    )


def check_past(journal: Journal, served: Served, now_ns: int) -> None:
    """What ran in a span, in pages, is what everything says of it."""
    for from_ms, to_ms in spans(now_ns):
        begin, end = ((at - START_MS) * 1_000_000 for at in (from_ms, to_ms))
        wanted = [
            o
            for o in journal.operations()
            if o.actual_start_ns is not None
            and o.actual_start_ns < end
            and (o.actual_end_ns is None or o.actual_end_ns >= begin)
        ]
        wanted.sort(key=lambda o: (o.actual_start_ns or 0, o.operation_id))
        found = pages(served, f"/schedule/past?from_ms={from_ms}&to_ms={to_ms}&limit=2")
        assert [one["id"] for one in found] == [o.operation_id for o in wanted]


def is_over(journal: Journal, order_id: str) -> bool:
    return not is_open(journal.operations(order_id))


# A story takes seconds to tell and to ask about: making a bad one shorter would take minutes.
@settings(
    max_examples=6,
    deadline=None,
    phases=[Phase.explicit, Phase.reuse, Phase.generate],
)
@given(story=happenings)
def test_who_keeps_nothing_answers_as_who_keeps_everything(
    story: list[tuple[str, int]],
) -> None:
    """A gateway that lets go at once, one that keeps all, and one that has just been started."""
    plant, secrets = set_up_plant(the_plant()), a_token()
    with tempfile.TemporaryDirectory() as folder:
        place = Path(folder) / "j.db"
        with open_journal(place) as journal:
            told = Story(plant, journal)
            add_tokens(journal, secrets)
            for verb, pick in (("order", 0), ("order", 1), ("order", 5), ("plan", 0)):
                told.tell(verb, pick)
            with (
                gateway_on(place, plant, journal, secrets, NOTHING) as little,
                gateway_on(place, plant, journal, secrets, EVERYTHING) as all_,
            ):
                at(little, told.at_ns)
                at(all_, told.at_ns)
                page = {one["id"]: one for one in little.gateway.mirror.operations.values()}
                version = little.gateway.mirror.version
                for verb, pick in story:
                    told.tell(verb, pick)
                    if verb in ("look", "finish", "cancel", "repeat"):
                        at(little, told.at_ns)
                        found = little.gateway.mirror.since(version, little.gateway.mirror.boot)
                        version = follow(page, found)
                now_ns = told.at_ns + NS
                for one in (little, all_):
                    at(one, now_ns)
                follow(page, little.gateway.mirror.since(version, little.gateway.mirror.boot))
                assert page == dict(little.gateway.mirror.operations)
                with gateway_on(place, plant, journal, secrets, NOTHING) as new:
                    at(new, now_ns)
                    assert new.gateway.mirror.operations == little.gateway.mirror.operations
                    compare_all(journal, [little, all_, new], now_ns)
                check_orders(plant, journal, little)
                check_past(journal, little, now_ns)
                check_figures(plant, journal, little, now_ns)
                with pytest.MonkeyPatch.context() as patch:
                    patch.setattr(figures, "MOST_ENDED", 2)
                    check_figures(plant, journal, little, now_ns)


def follow(page: dict[str, Any], found: Any) -> int:
    """Do as a page does with what has changed."""
    assert not found["full"]
    for one in found["gone"]:
        page.pop(one, None)
    page.update({one["id"]: one for one in found["operations"]})
    return int(found["version"])


def compare_all(journal: Journal, gateways: list[Served], now_ns: int) -> None:
    """Ask them all the same."""
    little, all_, _ = gateways
    everything = dict(all_.gateway.mirror.operations)
    assert set(everything) == {o.operation_id for o in journal.operations()}
    kept = little.gateway.mirror.operations
    assert kept == {
        key: one for key, one in everything.items() if not is_over(journal, one["order_id"])
    }
    for path in questions(journal, now_ns):
        answers = [asked(one, path) for one in gateways]
        assert answers[0] == answers[1], path
        assert answers[2] == answers[1], path
    metrics = [
        [
            line
            for line in one.get("/metrics").text.splitlines()
            if line.startswith(("robot_cell_operations", "robot_cell_orders", "robot_cell_kpi"))
        ]
        for one in gateways
    ]
    assert metrics[0] == metrics[1] == metrics[2]
    values = [
        [order_values(one.gateway)]
        + [cell_values(one.gateway, cell, None) for cell in one.gateway.plant.cells]
        for one in gateways
    ]
    assert values[0] == values[1] == values[2]
    books = [JobBook(one.gateway) for one in gateways]
    listed = [book.jobs() for book in books]
    assert listed[0] == listed[1] == listed[2]
    assert len(listed[0]) == len(journal.orders())
    for record in journal.orders():
        jobs = [book.job(record.order.order_id) for book in books]
        assert jobs[0] == jobs[1] == jobs[2]
        assert jobs[0] is not None


@pytest.mark.parametrize("path", ["/schedule/past?from_ms=2&to_ms=1", "/schedule/past?from_ms=1"])
def test_a_span_that_is_none_is_refused(reading: Served, path: str) -> None:
    assert reading.get(V1 + path).status_code == 422


def test_an_order_of_long_ago_comes_back_when_it_is_repeated(
    plant: Plant, secrets: dict[str, tuple[Secret, str]], tmp_path: Path
) -> None:
    place = tmp_path / "j.db"
    with open_journal(place) as journal:
        told = Story(plant, journal)
        add_tokens(journal, secrets)
        for verb in ("order", "plan", "work", "break"):
            told.tell(verb, 0)
        with gateway_on(place, plant, journal, secrets, NOTHING) as served:
            mirror = served.gateway.mirror
            at(served, told.at_ns)
            assert not mirror.orders, "nothing of it can be begun"
            version = mirror.version
            told.tell("repeat", 0)
            at(served, told.at_ns)
            found = mirror.since(version, mirror.boot)
            assert {one["id"] for one in found["operations"]} == {
                o.operation_id for o in journal.operations("WO-0")
            }
            assert asked(served, "/orders/WO-0")["status"] == "planned"


def test_a_cell_is_set_up_after_what_was_let_go(
    plant: Plant, secrets: dict[str, tuple[Secret, str]], tmp_path: Path
) -> None:
    """cell_a has begun a housing_s, which failed and is gone; 20 s for the housing_m after it."""
    place, plant = tmp_path / "j.db", set_up_plant(plant)
    with open_journal(place) as journal:
        told = Story(plant, journal)
        add_tokens(journal, secrets)
        with gateway_on(place, plant, journal, secrets, NOTHING) as served:
            for verb, pick in (("order", 0), ("plan", 0), ("work", 0)):
                told.tell(verb, pick)
            at(served, told.at_ns)
            assert list(served.gateway.mirror.orders) == ["WO-0"]
            told.tell("break", 0)
            at(served, told.at_ns)
            assert not served.gateway.mirror.orders
            told.tell("order", 1)
            told.tell("plan", 0)
            at(served, told.at_ns)
            with gateway_on(place, plant, journal, secrets, NOTHING) as new:
                at(new, told.at_ns)
                for one in (served, new):
                    first = one.gateway.mirror.operations["WO-1/1/deburr"]
                    assert first["setup_s"] == 20.0

"""People work with the pages of a running plant: in this order, with the same plant."""

from __future__ import annotations

import os
import re
import signal
import time

import pytest
from playwright.sync_api import expect

from .conftest import (
    BAD,
    EVIL,
    GOOD,
    Opened,
    Served,
    answers,
    command,
    drop,
    is_fresh,
    serious_faults,
    state_of,
)

pytestmark = [pytest.mark.plant, pytest.mark.ros, pytest.mark.timeout(300)]

RUN_MS = 60_000
PAGES = ("/plant", "/orders", "/schedule", "/cells/cell_a", "/alarms", "/trace", "/performance")


def test_a_token_lets_in_and_a_wrong_one_does_not(opened: Opened, served: Served) -> None:
    with opened("/orders", role="nobody") as page:
        page.get_by_label("Token").fill("rc_wrong")
        page.get_by_role("button", name="Sign in").click()
        expect(page.get_by_role("alert")).to_contain_text("not known")
        page.get_by_label("Token").fill(served.sessions["viewer"]["made"])
        page.get_by_role("button", name="Sign in").click()
        expect(page.get_by_role("heading", name="Orders", exact=True)).to_be_visible()
        # After a reload the tab is still signed in.
        page.reload()
        expect(page.get_by_role("heading", name="Orders", exact=True)).to_be_visible()


def test_a_bad_batch_shows_every_error_at_its_cell_and_cannot_be_handed_in(
    opened: Opened, served: Served
) -> None:
    with opened("/orders") as page:
        drop(page, "bad.csv", BAD)
        expect(page.get_by_test_id("fault")).to_have_count(3)
        rows = page.get_by_test_id("batch").locator("ol > li")
        expect(rows).to_have_count(2)
        expect(rows.nth(0)).to_contain_text("Row 2")
        quantity = rows.nth(0).locator(".cell.bad")
        expect(quantity).to_have_count(1)
        expect(quantity).to_contain_text("quantity")
        expect(quantity).to_contain_text("none")
        expect(rows.nth(1).locator(".cell.bad")).to_have_count(2)
        expect(rows.nth(1)).to_contain_text("soon")
        expect(page.get_by_test_id("submit")).to_have_count(0)
        assert serious_faults(page) == []
    assert served.ask("/orders")["items"] == []


def test_a_viewer_can_hand_in_nothing(opened: Opened) -> None:
    with opened("/orders", role="viewer") as page:
        expect(page.locator("input[type=file]")).to_be_disabled()
    with opened("/cells/cell_a", role="viewer") as page:
        expect(page.locator("[data-command]").first).to_be_visible()
        expect(page.locator("[data-command]:enabled")).to_have_count(0)


def test_a_good_batch_is_previewed_and_handed_in(opened: Opened, served: Served) -> None:
    with opened("/orders") as page:
        drop(page, "week48.csv", GOOD)
        # W-4 is due after 10 s, and no housing is made in that.
        expect(page.get_by_test_id("preview")).to_contain_text("Would be late")
        row = page.get_by_test_id("batch").locator("tbody tr", has_text="W-4")
        expect(row.locator(".late")).to_be_visible()
        assert served.ask("/orders")["items"] == []
        page.get_by_test_id("submit").click()
        expect(page.get_by_text("4 new orders")).to_be_visible()
        expect(page.locator("tr[data-order]")).to_have_count(4)
        # A customer's name is text and nothing else.
        expect(page.locator("tr[data-order=W-2]")).to_contain_text(EVIL)
        expect(page.locator("main img")).to_have_count(0)
        assert page.title() != "broken in"


def test_a_priority_is_changed(opened: Opened, served: Served) -> None:
    with opened("/orders/W-4") as page:
        page.get_by_test_id("priority").select_option("8")
        expect(page.get_by_text("W-4 now has priority 8.")).to_be_visible()
    assert served.ask("/orders/W-4")["priority"] == 8


def test_a_cell_is_held_and_goes_on(opened: Opened) -> None:
    with opened("/cells/cell_a") as page:
        expect(state_of(page)).to_have_attribute("data-state", "Execute", timeout=RUN_MS)
        expect(page.locator("canvas")).to_have_attribute("data-ready", "true")
        command(page, "Hold")
        expect(state_of(page)).to_have_attribute("data-state", "Held")
        # Held: nothing moves, so nothing is drawn.
        frames = page.locator("canvas").get_attribute("data-frames")
        expect(page.locator("[data-command=Hold]")).to_be_disabled()
        with opened("/plant") as overview:
            expect(overview.locator("[data-cell=cell_a] .badge")).to_have_text(re.compile("Held"))
        assert int(page.locator("canvas").get_attribute("data-frames")) - int(frames) <= 2
        before = int(page.locator("canvas").get_attribute("data-frames"))
        command(page, "Unhold")
        expect(state_of(page)).to_have_attribute("data-state", "Execute")
        page.wait_for_function(
            "before => Number(document.querySelector('canvas').dataset.frames) > before + 5",
            arg=before,
        )


def test_a_lost_server_greys_the_page_and_comes_back_by_itself(
    opened: Opened, served: Served
) -> None:
    with opened("/orders") as page:
        is_fresh(page)
        expect(page.locator("tr[data-order]")).to_have_count(4)
        os.kill(served.gateway_process(), signal.SIGKILL)
        expect(page.get_by_test_id("stale")).to_contain_text("What is shown is from")
        # What was known stays in sight, greyed.
        expect(page.locator(".content.stale tr[data-order]")).to_have_count(4)
        deadline_s = time.monotonic() + 60
        while not answers(served.address):
            assert time.monotonic() < deadline_s, served.session.story()
            page.wait_for_timeout(50)
        back_s = time.monotonic()
        expect(page.get_by_test_id("stale")).to_have_count(0)
        is_fresh(page)
        print(f"fresh {time.monotonic() - back_s:.2f} s after the server's return")


@pytest.mark.parametrize("path", PAGES)
def test_every_page_has_an_address_and_no_serious_fault(opened: Opened, path: str) -> None:
    dark, language = PAGES.index(path) % 2 == 1, "zh-CN" if PAGES.index(path) % 3 == 0 else "en-GB"
    with opened(path, dark=dark, language=language) as page:
        is_fresh(page)
        expect(page.locator("main h1")).to_be_visible()
        expect(page.get_by_text(re.compile("^(Loading|正在加载)"))).to_have_count(0)
        assert serious_faults(page) == []


def test_the_run_is_watched_to_its_end(opened: Opened, served: Served) -> None:
    with opened("/orders") as page:
        done = page.locator("tr[data-order] [data-status=complete]")
        expect(done).to_have_count(4, timeout=RUN_MS)
    orders = {order["order_id"]: order for order in served.ask("/orders")["items"]}
    assert all(order["done"] == order["quantity"] for order in orders.values())


def test_the_chart_and_its_table_show_every_operation(opened: Opened, served: Served) -> None:
    operations = served.ask("/schedule")["operations"]
    with opened("/schedule") as page:
        chart = page.locator("canvas")
        expect(chart).to_have_attribute("data-operations", str(len(operations)))
        chart.focus()
        page.keyboard.press("ArrowRight")
        expect(chart).not_to_have_attribute("data-selected", "")
        first = chart.get_attribute("data-selected")
        page.keyboard.press("ArrowRight")
        expect(chart).not_to_have_attribute("data-selected", first or "")
        scale = chart.get_attribute("data-scale")
        page.keyboard.press("+")
        expect(chart).not_to_have_attribute("data-scale", scale or "")
        page.get_by_test_id("as-table").click()
        expect(page.locator("main tbody tr")).to_have_count(len(operations))
        expect(page).to_have_url(re.compile(r"/schedule\?as=table$"))
        page.reload()
        expect(page.locator("main tbody tr")).to_have_count(len(operations))


def test_an_operation_under_the_pointer_is_told_and_opened(opened: Opened) -> None:
    with opened("/schedule") as page:
        chart = page.locator("canvas")
        expect(chart).to_have_attribute("data-scale", re.compile(r"\d"))
        box = chart.bounding_box()
        assert box is not None
        for step in range(40):
            page.mouse.move(box["x"] + 20 + step * 20, box["y"] + 40 + (box["height"] - 40) / 4)
            if page.get_by_role("tooltip").count():
                break
        expect(page.get_by_role("tooltip")).to_contain_text(re.compile(r"W-\d\.1"))
        page.mouse.down()
        page.mouse.up()
        page.keyboard.press("Enter")
        expect(page).to_have_url(re.compile(r"/orders/W-\d$"))


def test_a_part_is_traced(opened: Opened) -> None:
    with opened("/orders/W-3") as page:
        page.get_by_role("link", name="W-3.1").click()
        expect(page).to_have_url(re.compile("/trace/W-3/1$"))
        headings = page.locator("main section h3")
        for one, name in enumerate(("deburr", "assemble", "inspect", "pack")):
            expect(headings.nth(one)).to_contain_text(name)
        page.locator("summary").first.click()
        expect(page.locator("table").first).to_contain_text("Done")


def test_the_language_and_the_shade_are_kept(opened: Opened) -> None:
    with opened("/plant") as page:
        page.get_by_test_id("language").click()
        expect(page.get_by_role("heading", name="工厂")).to_be_visible()
        page.get_by_test_id("theme").click()
        page.reload()
        expect(page.get_by_role("heading", name="工厂")).to_be_visible()
        assert page.evaluate("document.documentElement.dataset.theme") == "dark"
        assert page.evaluate("document.documentElement.lang") == "zh-CN"

"""People work with the pages of a running plant: in this order, with the same plant."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Callable

import pytest
from playwright.sync_api import expect

from tests.plant.conftest import PLANT_FILE

from .conftest import (
    BAD,
    COLUMNS,
    EVIL,
    GOOD,
    LATER,
    Opened,
    Served,
    answers,
    command,
    drop,
    is_fresh,
    number,
    serious_faults,
    state_of,
    workbook,
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


def test_a_spreadsheet_with_errors_shows_them_at_their_rows(opened: Opened) -> None:
    with opened("/orders") as page:
        wrong = ("X-3", "housing_s", 0, "2026-11-24T08:00:00+01:00", "tomorrow", 5, "=cmd")
        drop(page, "orders.xlsx", workbook(LATER[0], wrong))
        expect(page.get_by_test_id("fault")).to_have_count(3)
        rows = page.get_by_test_id("batch").locator("ol > li")
        expect(rows).to_have_count(1)
        expect(rows).to_contain_text("Row 3")
        for value in ("0", "tomorrow", "=cmd"):
            expect(rows).to_contain_text(value)
        expect(page.get_by_test_id("submit")).to_have_count(0)
        # The next file takes its place.
        page.get_by_role("button", name="Discard").click()
        drop(page, "orders.json", json.dumps([{"order_id": "X-4"}]))
        expect(page.get_by_test_id("fault").first).to_be_visible()


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


def test_what_if_is_solved_beside_the_plan_and_compared(opened: Opened, served: Served) -> None:
    with opened("/schedule") as page:
        page.get_by_test_id("suppose").click()
        expect(page).to_have_url(re.compile(r"/schedule\?what-if=1$"))
        panel = page.get_by_test_id("what-if")
        # cell_b is the second: without it all work is cell_a's, for an hour.
        page.get_by_test_id("what-if-cell").select_option("cell_b")
        page.get_by_test_id("what-if-add").click()
        page.get_by_test_id("what-if-kind").select_option("more")
        page.get_by_test_id("what-if-order").fill("RUSH-1")
        page.get_by_test_id("what-if-due").fill("2026-11-23T07:00:00")
        page.get_by_test_id("what-if-add").click()
        expect(panel.locator("li")).to_have_count(2)
        page.get_by_test_id("what-if-compare").click()
        result = panel.get_by_test_id("comparison")
        expect(result).to_contain_text("to another cell")
        result.locator("summary").click()
        expect(result.locator("tr", has_text="RUSH-1")).to_contain_text("06:")
        # The chart shows the plan that would be: with the new order's operations.
        count = len(served.ask("/schedule")["operations"])
        expect(page.locator("canvas")).to_have_attribute("data-operations", str(count + 3))
        page.get_by_role("button", name="Published plan").click()
        expect(page.locator("canvas")).to_have_attribute("data-operations", str(count))
        assert serious_faults(page) == []
    orders = [order["order_id"] for order in served.ask("/orders")["items"]]
    assert "RUSH-1" not in orders


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


def test_a_better_plan_waits_until_somebody_approves_it(opened: Opened, served: Served) -> None:
    # Work went to cell_a when cell_b was lost; some of it is better done by cell_b again.
    draft = served.wait(
        "/schedule/draft", lambda found: found.get("comparison", {}).get("other_cell", 0) > 0
    )
    moved = next(
        one for one in draft["comparison"]["moves"] if one["before"]["cell"] != one["after"]["cell"]
    )
    assert (moved["before"]["cell"], moved["after"]["cell"]) == ("cell_a", "cell_b")
    before = served.ask("/schedule")["revision"]
    with opened("/schedule", role="viewer") as page:
        expect(page.get_by_test_id("approve")).to_be_disabled()
    with opened("/schedule") as page:
        notice = page.get_by_test_id("draft")
        expect(notice).to_contain_text("waits for approval")
        expect(notice.get_by_test_id("comparison")).to_contain_text("to another cell")
        expect(page.get_by_test_id("show-other")).to_have_attribute("aria-pressed", "true")
        assert serious_faults(page) == []
        page.get_by_test_id("approve").click()
        page.get_by_test_id("confirm").click()
        expect(notice).to_have_count(0)
        expect(page.get_by_text(f"Revision {before + 1}")).to_be_visible()
    after = served.ask("/schedule")
    assert (after["revision"], after["draft"]) == (before + 1, None)
    asked = served.ask("/audit?limit=1000")["items"]
    approved = [one for one in asked if one["what"] == "approve"]
    assert [one["outcome"] for one in approved] == [f"plan {before + 1} holds now"]
    assert approved[0]["who"].startswith("operator of the tests")


def test_an_alarm_is_acknowledged(opened: Opened, served: Served) -> None:
    with opened("/alarms") as page:
        alarm = page.get_by_test_id("active").locator("article", has_text="cell_b").first
        expect(alarm).to_contain_text("What to do")
        key = alarm.get_attribute("data-alarm")
        assert serious_faults(page) == []
        alarm.get_by_test_id("acknowledge").click()
        this = page.locator(f"article[data-alarm='{key}']")
        expect(this.get_by_test_id("acknowledge")).to_have_count(0)
    known = {str(one["id"]): one for one in served.ask("/alarms?state=all")["items"]}
    assert known[str(key)]["acknowledged_by"].startswith("operator of the tests")


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


def test_the_report_of_a_running_plant_has_what_its_journal_has(served: Served) -> None:
    command = [sys.executable, "-m", "robot_cell.cli.app", "report", "--json"]
    command += ["--run-dir", str(served.session.run_dir), "--plant", str(PLANT_FILE)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 0, done.stderr
    told = json.loads(done.stdout)
    operations = served.ask("/schedule")["operations"]
    ended = [one for one in operations if one["status"] in ("complete", "failed")]
    assert told["total"]["elements"]["PQ"] == len(ended) > 0
    orders = {one["order_id"]: one for one in told["orders"]}
    for one in served.ask("/orders")["items"]:
        if one["status"] == "complete":
            assert (orders[one["order_id"]]["done"], orders[one["order_id"]]["status"]) == (
                one["quantity"], "complete",
            )  # fmt: skip
    # All programs are planned, so the energy is known, by the model.
    assert told["total"]["energy_j"] > 0.0


def test_an_alarm_is_shelved_and_taken_back(opened: Opened, served: Served) -> None:
    served.kill("cell_b.cell")

    def standing(state: str) -> list[int]:
        found = served.ask("/alarms")["items"]
        return [one["id"] for one in found if (one["cell"], one["state"]) == ("cell_b", state)]

    # Its controller is started again, so the cause is gone; a person has not seen it yet.
    served.wait("/alarms", lambda _: standing("returned"))
    (key,) = standing("returned")
    with opened("/alarms") as page:
        page.locator(f"article[data-alarm='{key}']").get_by_test_id("shelve").click()
        page.get_by_role("button", name="15 min").click()
        # Nothing is put aside without a word.
        page.get_by_test_id("confirm").click()
        assert standing("returned") == [key]
        page.get_by_label("Reason").fill("new power supply on its way")
        page.get_by_test_id("confirm").click()
        shelved = page.get_by_test_id("shelved").locator(f"article[data-alarm='{key}']")
        expect(shelved).to_contain_text("new power supply on its way")
        expect(page.get_by_test_id("active").locator("article")).to_have_count(0)
        assert serious_faults(page) == []
        shelved.get_by_test_id("unshelve").click()
        expect(page.get_by_test_id("shelved")).to_have_count(0)
    assert standing("shelved_returned") == []


def test_a_unit_mode_is_changed_where_cell_and_role_allow_it(
    opened: Opened, served: Served
) -> None:
    with opened("/cells/cell_a", role="operator") as page:
        expect(page.locator("[data-mode=manual]")).to_be_disabled()
    with opened("/cells/cell_a", role="maintainer") as page:
        command(page, "Stop")
        expect(state_of(page)).to_have_attribute("data-state", "Stopped")
        page.locator("[data-mode=manual]").click()
        page.get_by_test_id("confirm").click()
        expect(page.get_by_test_id("mode")).to_have_text("Manual")
        assert served.ask("/cells/cell_a")["mode"] == "manual"
        page.locator("[data-mode=production]").click()
        page.get_by_test_id("confirm").click()
        expect(page.get_by_test_id("mode")).to_have_count(0)
        command(page, "Reset")
        expect(state_of(page)).to_have_attribute("data-state", re.compile("Idle|Execute"))
        # What the program left behind: the gripper is open, the table stands.
        gripper = page.locator("[data-device=gripper]")
        expect(gripper).to_contain_text("open")
        expect(page.locator("[data-device=table]")).to_contain_text("ready")


def test_an_arm_is_moved_by_hand_while_a_button_is_held(opened: Opened, served: Served) -> None:
    with opened("/cells/cell_a", role="maintainer") as page:
        expect(page.get_by_test_id("jog")).to_have_count(0)
        command(page, "Stop")
        expect(state_of(page)).to_have_attribute("data-state", "Stopped")
        page.locator("[data-mode=manual]").click()
        page.get_by_test_id("confirm").click()
        # The plant runs ten times as fast as a real one.
        page.get_by_role("button", name="10 %", exact=True).click()
        expect(page.get_by_role("button", name="10 %", exact=True)).to_have_attribute(
            "aria-pressed", "true"
        )
        joint, said = page.locator("[data-joint=joint_1]"), page.get_by_test_id("jog-said")
        plus = page.locator("[data-jog='joint_1+']")

        def stands(why: str) -> float:
            """Where it stands in the end; what is told is what is shown."""
            expect(said).to_contain_text(why)
            stood = number((said.text_content() or "").split(" to ")[1])
            expect(joint).to_have_text(re.compile(re.escape(f"{stood:.1f}")[:-1]))
            return stood

        presses = 0

        def moved(begin: Callable[[], None], let_go: Callable[[], None]) -> float:
            """Press until it moves, then let go; again where a busy machine renews too late."""
            nonlocal presses
            for _ in range(8):
                at = number(joint.text_content())
                begin()
                presses += 1
                page.wait_for_function(
                    "from => Math.abs(parseFloat("
                    "document.querySelector('[data-joint=joint_1]').textContent) - from) > 0.5"
                    "|| ['ended', 'refused'].includes("
                    "document.querySelector('[data-testid=jog-said]').dataset.phase)",
                    arg=at,
                )
                let_go()
                expect(said).to_have_attribute("data-phase", re.compile("ended|refused"))
                page.mouse.up()
                if "nobody held" not in (said.text_content() or ""):
                    return stands("the button was let go")
            raise AssertionError("its presses are never renewed in time")

        def press() -> None:
            plus.hover()
            page.mouse.down()

        def press_key() -> None:
            plus.focus()
            page.keyboard.down("Enter")

        moved(press, page.mouse.up)
        moved(press, lambda: page.mouse.move(5, 5))
        moved(press, lambda: page.evaluate("window.dispatchEvent(new Event('blur'))"))
        at = moved(press_key, lambda: page.keyboard.up("Enter"))
        page.locator("[data-step=large]").click()
        page.locator("[data-jog='joint_1-']").click()
        presses += 1
        assert stands("the step is done") == pytest.approx(at - 5.0, abs=0.05)
        assert serious_faults(page) == []
        with opened("/cells/cell_a", role="viewer") as other:
            expect(other.locator("[data-jog]").first).to_be_visible()
            expect(other.locator("[data-jog]:enabled")).to_have_count(0)
        noted = [one for one in served.ask("/audit?limit=1000")["items"] if "jog" in one["what"]]
        assert len(noted) == presses
        assert all(one["who"].startswith("maintainer of the tests") for one in noted)
        page.get_by_role("button", name="100 %").click()
        page.locator("[data-mode=production]").click()
        page.get_by_test_id("confirm").click()
        expect(page.get_by_test_id("jog")).to_have_count(0)
        command(page, "Reset")
        expect(state_of(page)).to_have_attribute("data-state", re.compile("Idle|Execute"))


@pytest.mark.parametrize("kind", ["xlsx", "json"])
def test_a_batch_of_another_kind_is_handed_in_and_cancelled(
    opened: Opened, served: Served, kind: str
) -> None:
    row = LATER[kind == "json"]
    content: str | bytes = workbook(row)
    if kind == "json":
        content = json.dumps([dict(zip(COLUMNS, row, strict=True))])
    with opened("/orders") as page:
        drop(page, f"later.{kind}", content)
        shown = page.get_by_test_id("batch").locator("tbody tr", has_text=row[0])
        expect(shown).to_contain_text(row[6])
        page.get_by_test_id("submit").click()
        expect(page.locator(f"tr[data-order={row[0]}]")).to_contain_text(row[6])
    with opened(f"/orders/{row[0]}") as page:
        page.get_by_role("button", name="Cancel the order").click()
        page.get_by_label("Reason").fill("ordered twice")
        page.get_by_test_id("confirm").click()
        expect(page.locator("[data-status=cancelled]").first).to_be_visible()
    assert served.ask(f"/orders/{row[0]}")["status"] == "cancelled"


def test_the_chart_and_its_table_show_every_operation(opened: Opened, served: Served) -> None:
    operations = served.ask("/schedule")["operations"]
    drawn = [o for o in operations if o["cell"] is not None and o["status"] != "cancelled"]
    with opened("/schedule") as page:
        chart = page.locator("canvas")
        expect(chart).to_have_attribute("data-operations", str(len(drawn)))
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
        expect(page.get_by_test_id("schedule-table").locator("tbody tr")).to_have_count(
            len(operations)
        )
        expect(page).to_have_url(re.compile(r"/schedule\?as=table$"))
        page.reload()
        expect(page.get_by_test_id("schedule-table").locator("tbody tr")).to_have_count(
            len(operations)
        )


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

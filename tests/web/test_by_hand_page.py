"""Two grippers hold one part after a stop, and a person has one let go on the Cell page."""

from __future__ import annotations

import os
import re
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Page, expect

from robot_cell.bringup.session import PlantSession
from robot_cell.model import load_plant
from tests.faults.hand_over import BOTH_HOLD, CELL, plant_file
from tests.web.conftest import (
    LAPTOP,
    READY_S,
    Opened,
    Served,
    command,
    is_fresh,
    serious_faults,
    state_of,
)

pytestmark = [pytest.mark.plant, pytest.mark.ros, pytest.mark.timeout(300)]

TABLET = (820, 1180)
GLOVE_PX = 48
"""A button is no smaller than that."""

ORDER = {
    "order_id": "H-1",
    "product": "bush",
    "quantity": 1,
    "release": "2026-11-23T06:00:00+01:00",
    "due": "2026-11-23T07:00:00+01:00",
}


@pytest.fixture(scope="module")
def served(domain: int, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    """Two arms that hold one part, and a cell that was stopped there."""
    del domain
    file = plant_file(tmp_path_factory.mktemp("plant"))
    arguments = {
        "plant": str(file),
        "speed": "5.0",
        "start": "2026-11-23T06:00:00+01:00",
        "hold_until_batch": "true",
        "http_port": "0",
        "link_role": "admin",
    }
    with PlantSession(load_plant(file).cells, arguments) as session:
        deadline_s = time.monotonic() + READY_S
        while (link := session.link()) is None:
            session.check()
            assert time.monotonic() < deadline_s, session.story()
            time.sleep(0.05)
        address, _, code = link.partition("/#code=")
        made = Served(session, address)
        made.sessions["admin"] = made.ask("/login", json_body={"code": code})
        for role in ("operator", "maintainer"):
            token = made.ask("/tokens", json_body={"name": f"{role} of the tests", "role": role})
            made.sessions[role] = made.ask("/login", json_body={"token": token["token"]})
        made.wait(f"/cells/{CELL}", lambda cell: cell.get("state") == "Idle")
        made.ask("/batches?name=order.json", json_body=[ORDER])
        made.wait(f"/cells/{CELL}", lambda cell: cell.get("message") == BOTH_HOLD)
        made.ask(f"/cells/{CELL}/commands", json_body={"command": "Stop"})
        made.wait(f"/cells/{CELL}", lambda cell: cell.get("state") == "Stopped")
        yield made


def look(page: Page, name: str) -> None:
    """Keep a picture where somebody wants to look at it."""
    if folder := os.environ.get("ROBOT_CELL_TEST_PICTURES"):
        page.screenshot(path=str(Path(folder) / f"{name}.png"))


def devices(served: Served) -> dict[str, dict[str, Any]]:
    return {one["name"]: one["readings"] for one in served.ask(f"/cells/{CELL}/devices")["items"]}


def test_only_in_manual_mode_and_only_for_a_maintainer(opened: Opened, served: Served) -> None:
    with opened(f"/cells/{CELL}", role="maintainer") as page:
        is_fresh(page)
        expect(page.get_by_test_id("devices")).to_be_visible()
        expect(page.get_by_test_id("by-hand")).to_have_count(0)
        page.locator("[data-mode=manual]").click()
        page.get_by_test_id("confirm").click()
        expect(page.get_by_test_id("by-hand")).to_be_visible()
        # A sensor obeys nothing.
        expect(page.locator("[data-hands]")).to_have_count(3)
        expect(page.locator("[data-hands=outfeed_sensor]")).to_have_count(0)
    with opened(f"/cells/{CELL}", role="operator") as page:
        expect(page.locator("[data-order]").first).to_be_visible()
        expect(page.locator("[data-order]:enabled")).to_have_count(0)


def test_the_gripper_that_the_other_relieves_lets_go_at_a_touch(
    opened: Opened, served: Served
) -> None:
    with opened(f"/cells/{CELL}", role="maintainer") as page:
        is_fresh(page)
        expect(page.locator("[data-order]")).to_have_count(6)
        page.get_by_test_id("by-hand").scroll_into_view_if_needed()
        look(page, "by_hand_1280")
        assert serious_faults(page) == []
        for button in page.locator("[data-order]").all():
            box = button.bounding_box()
            assert box is not None
            assert min(box["width"], box["height"]) >= GLOVE_PX
        page.locator("[data-order='gripper_left open']").focus()
        page.keyboard.press("Enter")
        said = page.get_by_test_id("hand-said")
        expect(said).to_have_attribute("data-phase", "ended")
        expect(said).to_contain_text("state = open, part = absent: done")
        page.mouse.wheel(0, 400)
        look(page, "by_hand_done_1280")
        expect(page.locator("[data-device=gripper_left]")).to_contain_text("open")
        expect(page.get_by_test_id("confirm")).to_have_count(0)
    assert devices(served)["gripper_right"] == {"state": "closed", "part": "present"}


def test_what_would_fall_is_asked_first(opened: Opened, served: Served) -> None:
    with opened(f"/cells/{CELL}", role="maintainer", language="zh-CN", size=TABLET) as page:
        is_fresh(page)
        page.locator("[data-order='gripper_right open']").click()
        expect(page.get_by_role("dialog")).to_contain_text("工件会掉落")
        look(page, "by_hand_drop_820")
        assert serious_faults(page) == []
        page.get_by_role("button", name="返回").click()
        expect(page.get_by_role("dialog")).to_have_count(0)
        assert devices(served)["gripper_right"] == {"state": "closed", "part": "present"}
        page.get_by_test_id("by-hand").scroll_into_view_if_needed()
        look(page, "by_hand_820")
        page.locator("[data-order='gripper_right open']").click()
        page.get_by_test_id("confirm").click()
        expect(page.get_by_test_id("hand-said")).to_have_attribute("data-phase", "ended")
        expect(page.locator("[data-device=gripper_right]")).to_contain_text("open")
    noted = [
        (one["what"], one["who"].partition(" (")[0], one["outcome"])
        for one in served.ask("/audit?limit=1000")["items"]
        if one["what"].startswith("device gripper_right")
    ]
    assert {who for _, who, _ in noted} == {"maintainer of the tests"}
    assert [("would fall" in outcome, "done" in outcome) for _, _, outcome in noted].count(
        (True, False)
    ) == 2
    assert sum("part = absent: done" in outcome for _, _, outcome in noted) == 1


def test_what_is_refused_says_why(opened: Opened, served: Served) -> None:
    with opened(f"/cells/{CELL}", role="maintainer", size=LAPTOP) as page:
        is_fresh(page)
        # What the programs give with a command has a button of its own.
        page.locator("[data-order='infeed present bush']").click()
        said = page.get_by_test_id("hand-said")
        expect(said).to_have_attribute("data-phase", re.compile("ended|refused"))
        command(page, "Abort")
        expect(state_of(page)).to_have_attribute("data-state", "Aborted")
        expect(page.locator("[data-order]:enabled")).to_have_count(0)
        expect(page.get_by_test_id("by-hand")).to_contain_text("Stopped or Idle")
    served.ask(f"/cells/{CELL}/commands", json_body={"command": "Clear"})

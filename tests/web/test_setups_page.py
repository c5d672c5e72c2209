"""Setups on the schedule's page: the lead-in before a bar, the tooltip, the table, the legend."""

from __future__ import annotations

import json
import os
import re
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Page, expect

from robot_cell.gateway.app import make_app
from robot_cell.gateway.serve import build
from robot_cell.gateway.tokens import new_secret
from robot_cell.store import open_journal
from tests.gateway import conftest as gateways
from tests.gateway.server import running
from tests.gateway.test_setups import begin, set_up_plant
from tests.web.conftest import LAPTOP, Opened, is_fresh, serious_faults

TABLET = (820, 1180)


@dataclass
class Site:
    """A gateway whose plant is made up, and who is signed in."""

    address: str
    sessions: dict[str, dict[str, Any]] = field(default_factory=dict)


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    secret = new_secret()
    plant = set_up_plant(gateways.load_plant(gateways.ROOT / "examples" / "housing_plant.yaml"))
    place = tmp_path_factory.mktemp("page") / "journal.db"
    with open_journal(place) as journal:
        journal.plant_start(gateways.START)
        begin(journal, plant)
        gateways.add_tokens(journal, {"operator": (secret, secret.hash())})
        made_up = gateways.MadeUpPlant(plant, journal, at_ns=20 * gateways.NS)
        gateway = build(plant, place, journal, made_up, simulated=True)
        try:
            with running(make_app(gateway)) as address:
                body = json.dumps({"token": secret.text}).encode()
                request = urllib.request.Request(
                    f"{address}/api/v1/login", body, {"Content-Type": "application/json"}
                )
                with urllib.request.urlopen(request, timeout=30) as answer:
                    yield Site(address, {"operator": json.load(answer)})
        finally:
            gateway.worker.close()
            gateway.access.trail.close()


def look(page: Page, name: str) -> None:
    """Keep a picture where somebody wants to look at it."""
    if folder := os.environ.get("ROBOT_CELL_TEST_PICTURES"):
        page.screenshot(path=str(Path(folder) / f"{name}.png"))


@pytest.mark.parametrize(
    ("language", "size", "legend", "told"),
    [
        ("en-GB", LAPTOP, "Setup", "Setup before: 0:20"),
        ("zh-CN", TABLET, "换型", "之前换型：0:20"),
    ],
)
def test_a_setup_leads_in_to_its_bar(
    language: str, size: tuple[int, int], legend: str, told: str, opened: Opened
) -> None:
    with opened("/schedule", language=language, size=size) as page:
        is_fresh(page)
        chart = page.locator("canvas")
        expect(chart).to_have_attribute("data-operations", "3")
        expect(page.locator(".legend")).to_contain_text(legend)
        look(page, f"setups_{language}")
        chart.focus()
        page.keyboard.press("Home")
        page.keyboard.press("ArrowRight")
        expect(chart).to_have_attribute("data-selected", re.compile("M/1/deburr"))
        expect(page.get_by_role("tooltip")).to_contain_text(told)
        look(page, f"setups_told_{language}")
        assert serious_faults(page) == []
        page.get_by_test_id("as-table").click()
        table = page.get_by_test_id("schedule-table")
        expect(table.locator("thead")).to_contain_text(legend)
        row = table.locator("tbody tr").filter(has_text="M.1").filter(has_text="deburr")
        expect(row).to_contain_text("0:20")
        look(page, f"setups_table_{language}")
        assert serious_faults(page) == []


def test_the_lead_in_is_drawn_before_the_bar(opened: Opened) -> None:
    """Seen in the pixels: left of the second bar something is drawn that is hatched."""
    with opened("/schedule") as page:
        is_fresh(page)
        chart = page.locator("canvas")
        expect(chart).to_have_attribute("data-scale", re.compile(r"\d"))
        chart.focus()
        page.keyboard.press("0")
        changes = page.evaluate(
            """() => {
                const canvas = document.querySelector('canvas');
                const context = canvas.getContext('2d');
                const high = canvas.height;
                const lane = (high - 40 * devicePixelRatio) / 2;
                const y = Math.round(40 * devicePixelRatio + Math.min(lane, 150) * 0.41);
                const row = context.getImageData(0, y, canvas.width, 1).data;
                let changes = 0;
                for (let x = 1; x < canvas.width; x++) {
                    const [a, b] = [4 * x, 4 * (x - 1)];
                    changes += Math.abs(row[a] - row[b]) > 20;
                }
                return changes;
            }"""
        )
        assert changes > 100, changes  # 20 without a setup, 300 with two

"""One plant, one gateway and one browser for all tests of the pages."""

from __future__ import annotations

import json
import re
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, Page, expect, sync_playwright

from robot_cell.bringup.session import PlantSession
from robot_cell.model.plant_file import load_plant
from tests.plant.conftest import PLANT_FILE, domain

__all__ = ["domain"]

ROOT = Path(__file__).parents[2]
AXE = ROOT / "web" / "node_modules" / "axe-core" / "axe.min.js"
LAPTOP = (1280, 800)
# Debian's Chromium without a screen; it asks nobody but the server under test.
CHROMIUM = (
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)
READY_S = 180.0
# How long a page may take on a machine that does much else.
WITHIN_MS = 30_000
expect.set_options(timeout=WITHIN_MS)
EVIL = "<img src=x onerror=\"document.title='broken in'\"> & <b>bold</b>"

GOOD = f"""\
order_id,product,quantity,release,due,priority,customer
W-1,housing_s,1,2026-11-23T06:00:00+01:00,2026-11-23T06:05:00+01:00,5,Nordpumpen AG
W-2,valve_block,1,2026-11-23T06:00:00+01:00,2026-11-23T06:06:00+01:00,5,"{EVIL.replace('"', '""')}"
W-3,housing_m,1,2026-11-23T06:00:00+01:00,2026-11-23T06:06:00+01:00,9,Hansa Hydraulik
W-4,housing_s,2,2026-11-23T06:00:00+01:00,2026-11-23T06:00:10+01:00,3,Alpenwerk GmbH
"""
BAD = """\
order_id,product,quantity,release,due,priority,customer
W-5,housing_s,none,2026-11-23T06:00:00+01:00,2026-11-23T06:05:00+01:00,5,Nordpumpen AG
W-6,no_such_thing,1,2026-11-23T06:00:00+01:00,soon,5,Nordpumpen AG
W-7,housing_s,1,2026-11-23T06:00:00+01:00,2026-11-23T06:05:00+01:00,5,Nordpumpen AG
"""


@dataclass
class Served:
    """A plant with its gateway, and who is signed in."""

    session: PlantSession
    address: str
    sessions: dict[str, dict[str, Any]] = field(default_factory=dict)

    def ask(self, path: str, role: str = "admin", json_body: Any = None) -> Any:
        """Ask the gateway itself, without a browser."""
        headers = {"Content-Type": "application/json"}
        if role in self.sessions:
            headers["Authorization"] = f"Bearer {self.sessions[role]['token']}"
        body = None if json_body is None else json.dumps(json_body).encode()
        request = urllib.request.Request(f"{self.address}/api/v1{path}", body, headers)
        with urllib.request.urlopen(request, timeout=READY_S) as answer:
            return json.load(answer)

    def hears_every_cell(self) -> bool:
        try:
            return all(cell["state"] != "" for cell in self.ask("/cells")["items"])
        except urllib.error.HTTPError as error:
            if error.code != 503:  # not found the plant yet
                raise
            return False

    def gateway_process(self) -> int:
        return int(json.loads((self.session.run_dir / "gateway.json").read_text())["pid"])


@pytest.fixture(scope="session")
def served(domain: int) -> Iterator[Served]:
    """A simulated plant ten times as fast as a real one, whose clock waits for the first batch."""
    plant = load_plant(PLANT_FILE)
    arguments = {
        "plant": str(PLANT_FILE),
        "speed": "10.0",
        "start": "2026-11-23T06:00:00+01:00",
        "hold_until_batch": "true",
        "http_port": "0",
        "link_role": "admin",
    }
    with PlantSession(plant.cells, arguments) as session:
        deadline_s = time.monotonic() + READY_S
        while (link := session.link()) is None:
            session.check()
            assert time.monotonic() < deadline_s, session.story()
            time.sleep(0.05)
        address, _, code = link.partition("/#code=")
        served = Served(session, address)
        served.sessions["admin"] = served.ask("/login", json_body={"code": code})
        # Its clock waits for the first batch, but every cell can be heard.
        while not served.hears_every_cell():
            session.check()
            assert time.monotonic() < deadline_s, session.story()
            time.sleep(0.1)
        for role in ("viewer", "operator", "maintainer"):
            made = served.ask("/tokens", json_body={"name": f"{role} of the tests", "role": role})
            served.sessions[role] = served.ask("/login", json_body={"token": made["token"]})
            served.sessions[role]["made"] = made["token"]
        yield served


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    """Debian's Chromium."""
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path="/usr/bin/chromium", args=list(CHROMIUM)
        )
        yield browser
        browser.close()


Opened = Callable[..., Any]


@pytest.fixture
def opened(served: Served, browser: Browser) -> Iterator[Opened]:
    """Opens a page of the plant as somebody; whatever the page itself finds wrong is a failure."""
    wrong: list[str] = []

    @contextmanager
    def opened(
        path: str,
        role: str = "operator",
        size: tuple[int, int] = LAPTOP,
        language: str = "en-GB",
        dark: bool = False,
    ) -> Iterator[Page]:
        context = browser.new_context(
            viewport={"width": size[0], "height": size[1]},
            locale=language,
            color_scheme="dark" if dark else "light",
        )
        context.set_default_timeout(WITHIN_MS)
        if role in served.sessions:
            kept = json.dumps(json.dumps(served.sessions[role]))
            context.add_init_script(f"sessionStorage.setItem('robot_cell.session', {kept})")
        page = context.new_page()
        page.on("pageerror", lambda error: wrong.append(f"{path}: {error}"))
        page.on("dialog", lambda dialog: wrong.append(f"{path}: a dialog opened"))
        page.goto(served.address + path)
        try:
            yield page
        finally:
            context.close()

    yield opened
    assert wrong == []


def serious_faults(page: Page) -> list[str]:
    """What axe-core finds that is serious or critical."""
    # Not as an element of the page: its content policy refuses scripts that are not the server's.
    page.evaluate(AXE.read_text())
    found = page.evaluate("axe.run(document, {resultTypes: ['violations']})")
    return [
        f"{fault['id']}: {node['html'][:150]} {node['failureSummary'][:200]}"
        for fault in found["violations"]
        if fault["impact"] in ("serious", "critical")
        for node in fault["nodes"]
    ]


def drop(page: Page, name: str, text: str) -> None:
    """Hand a file to the page."""
    file = {"name": name, "mimeType": "text/csv", "buffer": text.encode()}
    page.set_input_files("input[type=file]", files=[file])


def state_of(page: Page) -> Any:
    """Where a page of a cell shows its PackML state."""
    return page.locator("section .badge").first


def command(page: Page, name: str) -> None:
    """Give a cell a command, and confirm it."""
    page.locator(f"[data-command={name}]").click()
    page.get_by_test_id("confirm").click()


def is_fresh(page: Page) -> None:
    """Wait until the page hears the server."""
    expect(page.locator(".content")).to_have_attribute("data-fresh", "true")


def answers(address: str) -> bool:
    """Whether the gateway answers."""
    try:
        with urllib.request.urlopen(f"{address}/api/v1/health", timeout=1) as answer:
            return bool(answer.status == 200)
    except (urllib.error.URLError, OSError):
        return False


def number(text: str | None) -> float:
    """The first number in a text."""
    found = re.search(r"-?\d+(\.\d+)?", text or "")
    assert found is not None, text
    return float(found[0])

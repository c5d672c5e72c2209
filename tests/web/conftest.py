"""One plant, one gateway and one browser for all tests of the pages."""

from __future__ import annotations

import io
import json
import os
import re
import signal
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
import yaml
from openpyxl import Workbook
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
W-4,housing_s,6,2026-11-23T06:00:00+01:00,2026-11-23T06:00:10+01:00,3,Alpenwerk GmbH
"""
# Nothing of these is begun while the tests run.
LATER = (
    ("X-1", "housing_m", 2, "2026-11-24T08:00:00+01:00", "2026-11-24T10:00:00+01:00", 7, "Åse AB"),
    (
        "X-2",
        "housing_s",
        1,
        "2026-11-24T08:00:00+01:00",
        "2026-11-24T11:00:00+01:00",
        2,
        "东方机械",
    ),
)
COLUMNS = ("order_id", "product", "quantity", "release", "due", "priority", "customer")
LOST_AND_BACK = "cell_b:off@25s,on@40s"
"""Its work goes to cell_a; when it is back, a better plan than the repaired one is found."""
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

    def wait(self, path: str, until: Callable[[Any], bool]) -> Any:
        """Ask until the answer is as wanted; refusals are answers too."""
        deadline_s = time.monotonic() + READY_S
        while True:
            try:
                answer = self.ask(path)
            except urllib.error.HTTPError as error:
                answer = json.load(error)
            if until(answer):
                return answer
            assert time.monotonic() < deadline_s, (answer, self.session.story())
            self.session.check()
            time.sleep(0.1)

    def kill(self, process: str) -> None:
        """SIGKILL one of the plant's processes, by its name in the launch file."""
        rows = json.loads((self.session.run_dir / "processes.json").read_text())["processes"]
        os.kill(next(int(row["pid"]) for row in rows if row["name"] == process), signal.SIGKILL)

    def gateway_process(self) -> int:
        return int(json.loads((self.session.run_dir / "gateway.json").read_text())["pid"])


def careful_plant(folder: Path) -> Path:
    """The example plant, where people approve better plans, some work is fixed, and cell_b is
    maintained in the evening."""
    described = yaml.safe_load(PLANT_FILE.read_text())
    described["planning"] = {
        "approve_drafts": True,
        "confirm_ahead_s": 5.0,
        "improve_gain_s": 0.0,
        "improve_gain_per_move_s": 0.0,
    }
    described["cells"]["cell_b"]["calendar"]["maintenance"] = [
        {
            "start": "2026-11-23T18:00:00+01:00",
            "end": "2026-11-23T19:00:00+01:00",
            "reason": "oil change",
        }
    ]
    text = yaml.safe_dump(described, sort_keys=False)
    file = folder / "careful_plant.yaml"
    file.write_text(text.replace("../urdf/", f"{PLANT_FILE.parents[1] / 'urdf'}/"))
    return file


@pytest.fixture(scope="session")
def served(domain: int, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    """A simulated plant ten times as fast as a real one, whose clock waits for the first batch."""
    file = careful_plant(tmp_path_factory.mktemp("plant"))
    plant = load_plant(file)
    arguments = {
        "plant": str(file),
        "speed": "10.0",
        "start": "2026-11-23T06:00:00+01:00",
        "hold_until_batch": "true",
        "http_port": "0",
        "link_role": "admin",
    }
    with PlantSession(plant.cells, arguments, faults=[LOST_AND_BACK]) as session:
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


def drop(page: Page, name: str, content: str | bytes) -> None:
    """Hand a file to the page; browsers do not know the kinds of all files."""
    data = content.encode() if isinstance(content, str) else content
    file = {"name": name, "mimeType": "application/octet-stream", "buffer": data}
    page.set_input_files("input[type=file]", files=[file])


def workbook(*rows: tuple[object, ...]) -> bytes:
    """A spreadsheet with the columns of a batch and these rows."""
    book = Workbook()
    for row in (COLUMNS, *rows):
        book.active.append(row)
    file = io.BytesIO()
    book.save(file)
    return file.getvalue()


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

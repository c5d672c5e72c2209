"""Takes the operator guide's pictures from a run of the example: the real pages, the real plant.

`. ./env.sh && python docs/pictures/make_page_pictures.py` writes page_*.png beside it.
"""

from __future__ import annotations

import json
import time
import urllib.request
from pathlib import Path
from typing import Any

from playwright.sync_api import Browser, Page, sync_playwright

from robot_cell.bringup.session import PlantSession
from robot_cell.model.plant_file import load_plant

HERE = Path(__file__).parent
ROOT = HERE.parents[1]
ORDERS = ROOT / "examples" / "orders_week48.csv"
READY_S = 120.0
LAPTOP, WALL, TABLET = (1280, 800), (1920, 1080), (820, 1180)
CHROMIUM = ["--no-sandbox", "--disable-gpu", "--disable-background-networking", "--disable-quic"]
BAD = """\
order_id,product,quantity,release,due,priority,customer
WO-5101,housing_s,none,2026-11-23T06:00:00+01:00,2026-11-23T06:05:00+01:00,5,Nordpumpen AG
WO-5102,housing_x,1,2026-11-23T06:00:00+01:00,soon,5,Hansa Hydraulik
WO-5103,valve_block,1,2026-11-23T06:00:00+01:00,2026-11-23T06:05:00+01:00,12,Ventil & Co
"""


class Camera:
    """A browser that is signed in."""

    def __init__(self, browser: Browser, address: str, session: dict[str, Any]) -> None:
        self._browser, self.address, self._session = browser, address, session

    def open(self, path: str, size: tuple[int, int], language: str = "en-GB") -> Page:
        """A page, live."""
        context = self._browser.new_context(
            viewport={"width": size[0], "height": size[1]},
            locale=language,
            color_scheme="dark" if language == "zh-CN" else "light",
        )
        context.set_default_timeout(60_000)
        kept = json.dumps(json.dumps(self._session))
        context.add_init_script(f"sessionStorage.setItem('robot_cell.session', {kept})")
        page = context.new_page()
        page.goto(self.address + path)
        page.wait_for_selector(".content[data-fresh=true]")
        return page

    def take(self, page: Page, name: str) -> None:
        """The picture of a page that has come to rest."""
        page.wait_for_load_state("networkidle")
        page.wait_for_timeout(500)
        page.screenshot(path=HERE / f"page_{name}.png")
        print(HERE / f"page_{name}.png")
        page.context.close()


def ask(address: str, path: str, body: Any = None, token: str = "") -> Any:
    """Ask the gateway itself."""
    headers = {"Content-Type": "application/json"} | (
        {"Authorization": f"Bearer {token}"} if token else {}
    )
    data = None if body is None else json.dumps(body).encode()
    request = urllib.request.Request(f"{address}/api/v1{path}", data, headers)
    with urllib.request.urlopen(request, timeout=60) as answer:
        return json.load(answer)


def photograph(camera: Camera) -> None:
    """Hand the example in, and take the pages while it is made."""
    page = camera.open("/orders", TABLET)
    file = {"name": "orders_week49.csv", "mimeType": "text/csv", "buffer": BAD.encode()}
    page.set_input_files("input[type=file]", files=[file])
    page.wait_for_selector("[data-testid=fault]")
    camera.take(page, "errors_820")

    page = camera.open("/orders", LAPTOP)
    page.set_input_files("input[type=file]", files=[str(ORDERS)])
    page.wait_for_selector("[data-testid=preview]")
    page.wait_for_timeout(300)
    page.screenshot(path=HERE / "page_preview_1280.png")
    page.get_by_test_id("submit").click()
    page.wait_for_selector("tr[data-order]")
    page.context.close()

    page = camera.open("/cells/cell_a", LAPTOP)
    page.wait_for_selector("canvas[data-ready=true]")
    page.wait_for_selector("li[aria-current=step]")
    page.wait_for_timeout(4000)
    camera.take(page, "cell_1280")
    page = camera.open("/plant", LAPTOP)
    page.wait_for_selector("[data-cell=cell_b] .badge[data-state=Execute]")
    camera.take(page, "plant_1280")
    page = camera.open("/schedule", WALL)
    page.wait_for_selector("canvas[data-operations]")
    page.locator("canvas").focus()
    for _ in range(5):
        page.keyboard.press("ArrowRight")
    camera.take(page, "schedule_1920")
    camera.take(camera.open("/orders", WALL), "orders_1920")
    camera.take(camera.open("/orders", TABLET, "zh-CN"), "orders_zh_820")
    page = camera.open("/performance", LAPTOP)
    page.wait_for_selector("[data-ready=true] canvas")
    camera.take(page, "performance_1280")


def main() -> None:
    """Start the plant, take the pictures, end it."""
    plant_file = ROOT / "examples" / "housing_plant.yaml"
    arguments = {
        "plant": str(plant_file),
        "speed": "4.0",
        "start": "2026-11-23T06:00:00+01:00",
        "hold_until_batch": "true",
        "http_port": "0",
        "link_role": "maintainer",
    }
    with PlantSession(load_plant(plant_file).cells, arguments) as session:
        deadline_s = time.monotonic() + READY_S
        while (link := session.link()) is None:
            session.check()
            time.sleep(0.1)
        address, _, code = link.partition("/#code=")
        signed_in = ask(address, "/login", {"code": code})
        token = signed_in["token"]
        while any(one["state"] == "" for one in ask(address, "/cells", token=token)["items"]):
            session.check()
            if time.monotonic() > deadline_s:
                raise SystemExit("the plant does not answer")
            time.sleep(0.2)
        with sync_playwright() as playwright:
            browser = playwright.chromium.launch(executable_path="/usr/bin/chromium", args=CHROMIUM)
            photograph(Camera(browser, address, {**signed_in, "name": "Anna Berg"}))
            browser.close()


if __name__ == "__main__":
    main()

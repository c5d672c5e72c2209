"""Takes pictures of every page, at three sizes, from a run of the example: real pages, real plant.

`. ./env.sh && python docs/pictures/make_page_pictures.py` writes page_*.png beside it: light and
English, dark and Chinese in turns.
"""

from __future__ import annotations

import io
import json
import tempfile
import time
import urllib.error
import urllib.request
from collections.abc import Callable
from pathlib import Path
from typing import Any

import yaml
from PIL import Image
from playwright.sync_api import Browser, Page, sync_playwright

from robot_cell.bringup.session import PlantSession
from robot_cell.model.plant_file import load_plant

HERE = Path(__file__).parent
ROOT = HERE.parents[1]
ORDERS = ROOT / "examples" / "orders_week48.csv"
READY_S = 120.0
LAPTOP, WALL, TABLET = (1280, 800), (1920, 1080), (820, 1180)
COLOURS = 128
"""Pages are greys with a few colours: so many make small files that look the same."""

CHROMIUM = ["--no-sandbox", "--disable-gpu", "--disable-background-networking", "--disable-quic"]
BAD = """\
order_id,product,quantity,release,due,priority,customer
WO-5101,housing_s,none,2026-11-23T06:00:00+01:00,2026-11-23T06:05:00+01:00,5,Nordpumpen AG
WO-5102,housing_x,1,2026-11-23T06:00:00+01:00,soon,5,Hansa Hydraulik
WO-5103,valve_block,1,2026-11-23T06:00:00+01:00,2026-11-23T06:05:00+01:00,12,Ventil & Co
"""
FAULT = "cell_b:off@180s,on@200s"
"""A cell is lost and comes back: an alarm, a repaired plan, and a better one that waits."""


class Camera:
    """A browser that is signed in."""

    def __init__(self, browser: Browser, address: str, session: dict[str, Any]) -> None:
        self._browser, self.address, self._session = browser, address, session

    def open(
        self, path: str, size: tuple[int, int], language: str = "en-GB", *, dark: bool = False
    ) -> Page:
        """A page, live."""
        context = self._browser.new_context(
            viewport={"width": size[0], "height": size[1]},
            locale=language,
            color_scheme="dark" if dark else "light",
        )
        context.set_default_timeout(60_000)
        kept = json.dumps(json.dumps(self._session))
        context.add_init_script(f"sessionStorage.setItem('robot_cell.session', {kept})")
        page = context.new_page()
        page.goto(self.address + path)
        page.wait_for_selector(".content[data-fresh=true]")
        return page

    def take(self, page: Page, name: str, *, at_rest: bool = True) -> None:
        """The picture of a page, once it has come to rest."""
        if at_rest:
            page.wait_for_load_state("networkidle")
        page.wait_for_timeout(500)
        taken = Image.open(io.BytesIO(page.screenshot())).convert("RGB")
        file = HERE / f"page_{name}.png"
        taken.quantize(COLOURS, dither=Image.Dither.NONE).save(file, optimize=True)
        print(file)
        page.context.close()


Ask = Callable[..., Any]


def asker(address: str) -> Ask:
    """Asks the gateway itself."""

    def ask(path: str, body: Any = None, token: str = "") -> Any:
        headers = {"Content-Type": "application/json"} | (
            {"Authorization": f"Bearer {token}"} if token else {}
        )
        data = None if body is None else json.dumps(body).encode()
        request = urllib.request.Request(f"{address}/api/v1{path}", data, headers)
        with urllib.request.urlopen(request, timeout=60) as answer:
            return json.load(answer)

    return ask


def hand_in(camera: Camera) -> None:
    """A bad batch and its errors; a good one, previewed and handed in."""
    page = camera.open("/orders", TABLET)
    file = {"name": "orders_week49.csv", "mimeType": "text/csv", "buffer": BAD.encode()}
    page.set_input_files("input[type=file]", files=[file])
    page.wait_for_selector("[data-testid=fault]")
    camera.take(page, "errors_820")

    page = camera.open("/orders", LAPTOP)
    page.set_input_files("input[type=file]", files=[str(ORDERS)])
    page.wait_for_selector("[data-testid=preview]")
    page.wait_for_timeout(300)
    camera.take(page, "preview_1280")
    page = camera.open("/orders", LAPTOP)
    page.set_input_files("input[type=file]", files=[str(ORDERS)])
    page.get_by_test_id("submit").click()
    page.wait_for_selector("tr[data-order]")
    page.context.close()


def suppose(page: Page) -> None:
    """Ask what would be if cell_b were down for an hour."""
    page.get_by_test_id("suppose").click()
    page.get_by_test_id("what-if-cell").select_option("cell_b")
    page.get_by_test_id("what-if-add").click()
    page.get_by_test_id("what-if-compare").click()
    page.get_by_test_id("what-if").get_by_test_id("comparison").wait_for()


PAGES: dict[str, tuple[str, str]] = {
    "schedule": ("/schedule", "canvas[data-operations]"),
    "plant": ("/plant", "[data-cell=cell_b] .badge[data-state=Execute]"),
    "cell": ("/cells/cell_a", "canvas[data-ready=true]"),
    "orders": ("/orders", "tr[data-order]"),
    "performance": (
        "/performance",
        ".content:has([data-ready=true] canvas) [data-testid=energy]:not(:has(.words))",
    ),
    "trace": ("/trace/WO-4801/1", "main section h3"),
}
"""Where each page is, and what stands on it once it is drawn."""

ALARMS = {"alarms": ("/alarms", "main article")}


def each_page(camera: Camera, pages: dict[str, tuple[str, str]]) -> None:
    """Pages at every size."""
    sizes = {"1280": LAPTOP, "1920": WALL, "820": TABLET}
    for i, (name, (path, there)) in enumerate(pages.items()):
        for j, (width, size) in enumerate(sizes.items()):
            # Each page in three of the four, and the README's in light and English.
            dark, chinese = (j > 0 and (i + j) % 2 == 0), j == 2 or (j == 1 and i % 3 == 2)
            page = camera.open(path, size, "zh-CN" if chinese else "en-GB", dark=dark)
            page.wait_for_selector(there)
            if name == "cell":
                page.wait_for_timeout(2500)
            camera.take(page, f"{name}_{width}")


def by_hand(camera: Camera) -> None:
    """Stop cell_a, go over to manual mode, and take the page while a button is held."""
    page = camera.open("/cells/cell_a", LAPTOP)
    stop = page.locator("[data-command=Stop]")
    if stop.is_enabled():
        stop.click()
        page.get_by_test_id("confirm").click()
    page.wait_for_selector(".badge[data-state=Stopped]")
    page.locator("[data-mode=manual]").click()
    page.get_by_test_id("confirm").click()
    page.get_by_test_id("jog").wait_for()
    for width, size, dark in (("1280", LAPTOP, False), ("820", TABLET, True)):
        shown = camera.open("/cells/cell_a", size, "zh-CN" if dark else "en-GB", dark=dark)
        shown.wait_for_selector("canvas[data-ready=true]")
        button = shown.locator("[data-jog='joint_1+']" if dark else "[data-jog='joint_1-']")
        button.scroll_into_view_if_needed()
        button.hover()
        shown.mouse.down()
        shown.wait_for_selector("[data-testid=jog-said][data-phase=moving]")
        camera.take(shown, f"jog_{width}", at_rest=False)  # held, it asks on until the page closes
    for width, size, dark in (("1280", LAPTOP, False), ("820", TABLET, True)):
        shown = camera.open("/cells/cell_a", size, "zh-CN" if dark else "en-GB", dark=dark)
        shown.wait_for_selector("canvas[data-ready=true]")
        # The table does not turn with an open clamp, says its interlock.
        order = "table index 1" if dark else "gripper open"
        shown.locator(f"[data-order='{order}']").click()
        shown.wait_for_selector(
            "[data-testid=hand-said]:not([data-phase=''], [data-phase=running])"
        )
        if shown.get_by_test_id("confirm").count():
            shown.get_by_test_id("confirm").click()
            shown.wait_for_selector("[data-testid=hand-said][data-phase=ended]")
        shown.get_by_test_id("by-hand").evaluate("one => one.scrollIntoView({block: 'end'})")
        shown.mouse.wheel(0, 120)
        camera.take(shown, f"by_hand_{width}")
    page.context.close()


def photograph(camera: Camera, ask: Ask, token: str) -> None:
    """Hand the example in, and take the pages while it is made."""
    hand_in(camera)
    page = camera.open("/schedule", LAPTOP)
    page.wait_for_selector("canvas[data-operations]")
    suppose(page)
    page.wait_for_timeout(300)
    camera.take(page, "what_if_1280")
    each_page(camera, PAGES)
    deadline_s = time.monotonic() + READY_S
    while not drafted(ask, token):
        if time.monotonic() > deadline_s:
            raise SystemExit("no better plan was found")
        time.sleep(0.2)
    for width, size, dark in (("1280", LAPTOP, False), ("820", TABLET, True)):
        page = camera.open("/schedule", size, "zh-CN" if dark else "en-GB", dark=dark)
        page.get_by_test_id("draft").get_by_test_id("comparison").wait_for()
        camera.take(page, f"draft_{width}")
    each_page(camera, ALARMS)
    by_hand(camera)


def drafted(ask: Ask, token: str) -> bool:
    """Whether a plan waits that moves work to another cell."""
    try:
        return bool(ask("/schedule/draft", token=token)["comparison"]["other_cell"])
    except urllib.error.HTTPError:
        return False


def careful_plant(folder: Path) -> Path:
    """The example plant where people approve better plans, and some work is fixed."""
    described = yaml.safe_load((ROOT / "examples" / "housing_plant.yaml").read_text())
    described["planning"] = {
        "approve_drafts": True, "confirm_ahead_s": 20.0, "improve_gain_s": 0.0,
        "improve_gain_per_move_s": 0.0,
    }  # fmt: skip
    described["cells"]["cell_b"]["calendar"]["maintenance"] = [
        {
            "start": "2026-11-23T06:05:00+01:00",
            "end": "2026-11-23T06:06:00+01:00",
            "reason": "oil change",
        }
    ]
    file = folder / "plant.yaml"
    text = yaml.safe_dump(described, sort_keys=False)
    file.write_text(text.replace("../urdf/", f"{ROOT / 'urdf'}/"))
    return file


def main() -> None:
    """Start the plant, take the pictures, end it."""
    with tempfile.TemporaryDirectory(prefix="robot_cell_pictures_") as folder:
        run(careful_plant(Path(folder)))


def run(plant_file: Path) -> None:
    """Take the pictures of a plant."""
    arguments = {
        "plant": str(plant_file),
        "speed": "2.0",
        "start": "2026-11-23T06:00:00+01:00",
        "hold_until_batch": "true",
        "http_port": "0",
        "link_role": "maintainer",
    }
    with PlantSession(load_plant(plant_file).cells, arguments, faults=[FAULT]) as session:
        deadline_s = time.monotonic() + READY_S
        while (link := session.link()) is None:
            session.check()
            time.sleep(0.1)
        address, _, code = link.partition("/#code=")
        ask = asker(address)
        signed_in = ask("/login", {"code": code})
        token = signed_in["token"]
        while any(one["state"] == "" for one in ask("/cells", token=token)["items"]):
            session.check()
            if time.monotonic() > deadline_s:
                raise SystemExit("the plant does not answer")
            time.sleep(0.2)
        with sync_playwright() as playwright:
            browser = playwright.chromium.launch(executable_path="/usr/bin/chromium", args=CHROMIUM)
            photograph(Camera(browser, address, {**signed_in, "name": "Anna Berg"}), ask, token)
            browser.close()


if __name__ == "__main__":
    main()

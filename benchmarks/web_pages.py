"""The web pages with 10,000 operations: how soon they are there, and how smoothly they move.

    . ./env.sh && python benchmarks/web_pages.py [--operations 10000] [--cells 20]

A real gateway on a real journal, Debian's Chromium without a screen (which draws in software).
Measured in the page itself: from the request of a page to its first picture; from touching
Schedule to a chart with every operation; the time between frames while wheel and pointer zoom and
pan without a pause. Then how old live data are when they are drawn: the schedule of the plant
of benchmarks/gateway.py (20 cells, 5,000 operations, ten changes a second), while 50
others watch; from the making of a message to the end of the frame after it.
Writes benchmarks/results/web_pages.json.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import itertools
import json
import os
import platform
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Iterator
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import Any

import yaml
from playwright.sync_api import Page, sync_playwright

from robot_cell.bringup.session import free_domain
from robot_cell.model import JobOrder, PlannedOperation
from robot_cell.model.plant_file import load_plant
from robot_cell.store import journal_location, open_journal

ROOT = Path(__file__).resolve().parents[1]
RESULT = ROOT / "benchmarks" / "results" / "web_pages.json"
START = datetime(2026, 11, 23, 5, 0, tzinfo=timezone.utc)
NS = 1_000_000_000
OPERATIONS_PER_UNIT = 3
CHROMIUM = (
    "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run",
    "--disable-background-networking", "--disable-component-update", "--disable-sync",
)  # fmt: skip
ROUNDS = 5
# Zooms closer and wider around a wandering pointer, and pans, with every frame.
MOVE = """
async ({frames}) => {
  const canvas = document.querySelector('canvas');
  const box = canvas.getBoundingClientRect();
  const times = [];
  const send = (deltaX, deltaY, ctrlKey, x) => canvas.dispatchEvent(new WheelEvent('wheel', {
    deltaX, deltaY, ctrlKey, bubbles: true, cancelable: true,
    clientX: box.left + x, clientY: box.top + 100,
  }));
  await new Promise((done) => {
    let count = 0;
    const step = (now) => {
      times.push(now);
      if (count === frames) return done();
      const x = box.width * (0.5 + 0.4 * Math.sin(count / 17));
      if (count % 3 === 2) send(80 * Math.sin(count / 29), 0, false, x);
      else send(0, (count % 120) < 60 ? -60 : 60, true, x);
      count += 1;
      requestAnimationFrame(step);
    };
    requestAnimationFrame(step);
  });
  return times;
}
"""
LISTEN = """
window.late = [];
const Real = WebSocket;
window.WebSocket = class extends Real {
  constructor(...words) {
    super(...words);
    this.addEventListener('message', (message) => {
      const made = JSON.parse(message.data).t;
      requestAnimationFrame(() => setTimeout(() => window.late.push(Date.now() - made)));
    });
  }
};
"""
WATCHERS = 50
READY = """
(count) => new Promise((done) => {
  const look = () => {
    const canvas = document.querySelector('canvas[data-operations]');
    // The frame after the one that asked for the picture.
    if (canvas?.dataset.operations === String(count)) requestAnimationFrame(
      () => requestAnimationFrame(() => done(performance.now())));
    else requestAnimationFrame(look);
  };
  look();
})
"""


def plant_of(cells: int, folder: Path) -> Path:
    """The example plant with as many cells as asked for, each like its cell_a."""
    described = yaml.safe_load((ROOT / "examples" / "housing_plant.yaml").read_text())
    names = [f"cell_{i:02}" for i in range(cells)]
    for product in described["products"].values():
        for operation in product["operations"]:
            program = operation["programs"].get("cell_a")
            if program is None:
                raise SystemExit(f"{operation['name']}: cell_a cannot do it")
            operation["programs"] = dict.fromkeys(names, program)
    like = json.dumps(described["cells"]["cell_a"]).replace(
        "../urdf/", f"{os.path.relpath(ROOT / 'urdf', folder)}/"
    )
    described["cells"] = {name: json.loads(like.replace("cell_a", name)) for name in names}
    file = folder / "plant.yaml"
    file.write_text(yaml.safe_dump(described, sort_keys=False))
    return file


def fill(run_dir: Path, plant_file: Path, operations: int) -> int:
    """A journal with a published plan of that many operations, or a few more; how many."""
    plant = load_plant(plant_file)
    cells = list(plant.cells)
    units = 4
    orders = [
        JobOrder(
            order_id=f"WO-{i:05}",
            product="housing_s",
            quantity=units,
            release=START,
            due=START + timedelta(seconds=60 + 20 * i),
        )
        for i in range(-(-operations // (units * OPERATIONS_PER_UNIT)))
    ]
    with open_journal(journal_location(run_dir)) as journal:
        journal.plant_start(START)
        journal.accept_batch(orders, "bench.csv", "benchmark", plant)
        free = dict.fromkeys(cells, 0)
        rows = []
        for i, one in enumerate(journal.operations()):
            cell = cells[i % len(cells)]
            length = (8 + (i * 7) % 23) * NS
            start = free[cell]
            free[cell] = start + length + (i % 5) * NS
            rows.append(
                PlannedOperation(
                    one.operation_id, one.order_id, one.unit, one.name, cell, "deburr_s",
                    start, start + length,
                )
            )  # fmt: skip
        journal.publish_schedule(rows, at_ns=0, engine="benchmark")
    return len(rows)


def percentile(values: list[float], part: float) -> float:
    """The value that this part of all does not exceed."""
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(part * len(ordered)))]


def first_picture(page: Page, address: str) -> float:
    """From the request of the page to all cells on it, ms."""
    page.goto(f"{address}/plant")
    page.wait_for_selector("[data-cell]")
    return float(page.evaluate("performance.now()"))


def measure(page: Page, address: str, operations: int) -> dict[str, Any]:
    """All figures, ms."""
    loads, readies, gaps = [], [], []
    for _ in range(ROUNDS):
        loads.append(first_picture(page, address))
        page.wait_for_timeout(300)
        page.evaluate(
            "document.querySelector('nav a[href=\"/schedule\"]')"
            ".addEventListener('click', () => { window.touched = performance.now(); })"
        )
        page.locator('nav a[href="/schedule"]').click()
        readies.append(page.evaluate(READY, operations) - page.evaluate("window.touched"))
        times = page.evaluate(MOVE, {"frames": 150})
        gaps += [after - before for before, after in itertools.pairwise(times[1:])]
    return {
        "page_load_ms": [round(value) for value in loads],
        "gantt_ready_ms": [round(value) for value in readies],
        "frame_ms": {
            "p50": round(percentile(gaps, 0.50), 1),
            "p95": round(percentile(gaps, 0.95), 1),
            "p99": round(percentile(gaps, 0.99), 1),
            "worst": round(max(gaps), 1),
            "frames": len(gaps),
        },
    }


@contextlib.contextmanager
def busy_plant() -> Iterator[tuple[str, str]]:
    """The plant of benchmarks/gateway.py with its watchers; address and token."""
    script = str(ROOT / "benchmarks" / "gateway_plant.py")
    with tempfile.TemporaryDirectory(prefix="robot_cell_") as folder:
        words = [sys.executable, script, "serve", folder]
        with subprocess.Popen(words, stdout=subprocess.PIPE, text=True) as gateway:
            assert gateway.stdout is not None
            told = json.loads(gateway.stdout.readline())
            address = f"http://127.0.0.1:{told['port']}"
            others = [
                subprocess.Popen([sys.executable, script, "change", folder]),
                subprocess.Popen(
                    [sys.executable, __file__, "--watch", address, "--token", told["token"]]
                ),
            ]
            try:
                yield address, told["token"]
            finally:
                for one in (*others, gateway):
                    one.terminate()
                for one in others:
                    one.wait()


async def watch_all(address: str, token: str) -> None:
    """Others who watch, until this process is ended."""
    from gateway import watch

    until_s = time.monotonic() + 600.0
    await asyncio.gather(*(watch(address, token, until_s, []) for _ in range(WATCHERS)))


def lateness(seconds: float) -> dict[str, Any]:
    """How old live data are when the schedule page has drawn them, ms."""
    with busy_plant() as (address, token), sync_playwright() as playwright:
        request = urllib.request.Request(
            f"{address}/api/v1/login",
            json.dumps({"token": token}).encode(),
            {"Content-Type": "application/json"},
        )
        with urllib.request.urlopen(request, timeout=30) as answer:
            session = json.load(answer)
        browser = playwright.chromium.launch(
            executable_path="/usr/bin/chromium", args=list(CHROMIUM)
        )
        page = browser.new_page(viewport={"width": 1920, "height": 1080})
        kept = json.dumps(json.dumps(session))
        page.add_init_script(f"sessionStorage.setItem('robot_cell.session', {kept})")
        page.add_init_script(LISTEN)
        page.goto(f"{address}/schedule")
        page.wait_for_selector("canvas[data-operations]")
        page.wait_for_timeout(2000)
        page.evaluate("window.late.length = 0")
        page.wait_for_timeout(seconds * 1000)
        late = [float(one) for one in page.evaluate("window.late")]
        browser.close()
    return {
        "watchers_beside": WATCHERS,
        "messages": len(late),
        "p50": round(percentile(late, 0.50), 1),
        "p95": round(percentile(late, 0.95), 1),
        "p99": round(percentile(late, 0.99), 1),
    }


def main() -> None:
    """Measure, print, write."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--operations", type=int, default=10_000)
    parser.add_argument("--cells", type=int, default=20)
    parser.add_argument("--seconds", type=float, default=15.0, help="of the live measurement")
    parser.add_argument("--watch", help=argparse.SUPPRESS)
    parser.add_argument("--token", help=argparse.SUPPRESS)
    chosen = parser.parse_args()
    if chosen.watch:
        asyncio.run(watch_all(chosen.watch, chosen.token))
        return
    load_before = os.getloadavg()
    os.environ["ROS_DOMAIN_ID"] = str(free_domain())
    with tempfile.TemporaryDirectory(prefix="robot_cell_") as folder:
        run_dir = Path(folder)
        plant_file = plant_of(chosen.cells, run_dir)
        operations = fill(run_dir, plant_file, chosen.operations)
        words = ["--plant", str(plant_file), "--run-dir", str(run_dir), "--link-role", "viewer"]
        with subprocess.Popen(
            ["gateway", *words], stdout=subprocess.DEVNULL, start_new_session=True
        ) as gateway:
            try:
                link = run_dir / "gateway.link"
                deadline_s = time.monotonic() + 30
                while not link.exists():
                    if gateway.poll() is not None or time.monotonic() > deadline_s:
                        sys.exit("the gateway did not start")
                    time.sleep(0.05)
                figures = in_browser(link.read_text().strip(), operations)
            finally:
                gateway.terminate()
    result = {
        "operations": operations,
        "cells": chosen.cells,
        **figures,
        "live_late_ms": lateness(chosen.seconds),
        "command": "python benchmarks/web_pages.py",
        "load_before": load_before,
        "load_after": os.getloadavg(),
        "machine": platform.processor() or platform.machine(),
        "cores": os.cpu_count(),
        "at": datetime.now(timezone.utc).isoformat(timespec="seconds"),
    }
    RESULT.write_text(json.dumps(result, indent=2) + "\n")
    print(json.dumps(result, indent=2))


def in_browser(link: str, operations: int) -> dict[str, Any]:
    """Open the link in a browser and measure."""
    address = link.partition("/#")[0]
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path="/usr/bin/chromium", args=list(CHROMIUM)
        )
        page = browser.new_page(viewport={"width": 1920, "height": 1080})
        page.set_default_timeout(60_000)
        page.goto(link)
        page.wait_for_selector("[data-cell]")
        figures = measure(page, address, operations)
        figures["browser"] = browser.version
        browser.close()
    return figures


if __name__ == "__main__":
    main()

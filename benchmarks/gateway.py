"""How much the gateway takes: watchers at ten messages a second, reads, and stalled watchers.

    python benchmarks/gateway.py                # writes benchmarks/results/gateway.json
    python benchmarks/gateway.py --seconds 10   # quicker

The gateway runs in a process of its own on a made-up plant of 22 cells, which has 5,000 operations
to do and has finished 10,000 in the four days before, with four steps each. Every tick moves all
joints, and an operation changes ten times a second. Those who ask are another process, over real
sockets. A message carries the wall time of its making, so that its lateness is seen where it
arrives; a read's time is counted from when it was due. Key figures are asked among the reads, and
without a pause beside watchers.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import resource
import socket
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))
PLANT = str(ROOT / "benchmarks" / "gateway_plant.py")
_READS = (
    "/plant", "/cells", "/orders?limit=50", "/events?last=50", "/operations",
    "/orders/B-7", "/cells/cell_1/steps", "/trace/B-7/3", "/alarms",
    "/steps?operation_id=B-7/3/pack",
)  # fmt: skip
_FIGURES = (
    "/kpis of the last hour", "/kpis of the last day",
    "/kpis/series of the last hour", "/kpis/series of the last day",
)  # fmt: skip
READS = tuple(read for figure in _FIGURES for read in (*_READS, *_READS, figure))
"""One after the other. Key figures are one in 21, ten a second: as from twelve pages that look at
an hour (every 5 s) and forty-eight that look at a day (every 20 s), each at figures and series."""

HOUR_MS = 3_600_000
SPANS_MS = {"hour": HOUR_MS, "day": 24 * HOUR_MS, "all": 10**4 * HOUR_MS}
"""How long ago key figures begin, by the last word of what is asked."""

ONE_BY_ONE = (*_FIGURES, "/kpis of all")
BUCKETS = 48

PER_S = 200
CONNECTIONS = 16
V1 = "/api/v1"


def cpu_s(pid: int) -> float:
    """Processor time of a process so far, s."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def peak_mb(pid: int) -> float:
    """Most memory that a process has had, MB."""
    lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith("VmHWM")) / 1024


def quantile(values: list[float], q: float) -> float:
    """A quantile of some values."""
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(q * len(ordered)))]


async def watch(address: str, token: str, until_s: float, late_ms: list[float]) -> int:
    """One watcher; returns how many messages it got."""
    import websockets

    protocols = [websockets.Subprotocol(p) for p in ("robot-cell.v1", f"bearer.{token}")]
    url = f"{address.replace('http', 'ws')}{V1}/live"
    heard = 0
    async with websockets.connect(url, subprotocols=protocols, compression=None) as ws:
        async for text in ws:
            now_ms = time.time() * 1000.0
            at = text.index('"t":') + 4  # type: ignore[arg-type]
            late_ms.append(now_ms - int(text[at : text.index(",", at)]))  # type: ignore[arg-type]
            heard += 1
            if time.monotonic() > until_s:
                return heard
    return heard


async def watchers(
    address: str, token: str, pid: int, count: int, seconds: float
) -> dict[str, Any]:
    """Many watchers for some time."""
    late_ms: list[float] = []
    until_s = time.monotonic() + seconds + 1.0
    tasks = [asyncio.create_task(watch(address, token, until_s, late_ms)) for _ in range(count)]
    await asyncio.sleep(1.0)
    late_ms.clear()
    before, began_s = cpu_s(pid), time.monotonic()
    await asyncio.sleep(seconds)
    used, took_s = cpu_s(pid) - before, time.monotonic() - began_s
    heard = await asyncio.gather(*tasks)
    return {
        "watchers": count,
        "core_percent": round(100.0 * used / took_s, 1),
        "messages_per_s_each": round(statistics.mean(heard) / (seconds + 1.0), 2),
        "late_ms": {
            "p50": round(quantile(late_ms, 0.5), 1),
            "p95": round(quantile(late_ms, 0.95), 1),
            "p99": round(quantile(late_ms, 0.99), 1),
        },
    }


def stall(address: str, token: str) -> socket.socket:
    """A watcher that reads nothing, by hand: its receive buffer is as small as it can be."""
    host, port = address.removeprefix("http://").split(":")
    one = socket.socket()
    one.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 2048)
    one.connect((host, int(port)))
    one.sendall(
        (
            f"GET {V1}/live HTTP/1.1\r\nHost: {host}:{port}\r\nUpgrade: websocket\r\n"
            "Connection: Upgrade\r\nSec-WebSocket-Version: 13\r\n"
            "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n"
            f"Authorization: Bearer {token}\r\n\r\n"
        ).encode()
    )
    return one


async def get(
    reader: asyncio.StreamReader, writer: asyncio.StreamWriter, head: bytes
) -> tuple[int, bytes]:
    """One request over a connection that stays open; status and body."""
    writer.write(head)
    status, length = 0, 0
    while (line := await reader.readline()) != b"\r\n":
        if not status:
            status = int(line.split()[1])
        elif line.lower().startswith(b"content-length:"):
            length = int(line.split(b":")[1])
    return status, await reader.readexactly(length)


def path_of(read: str) -> str:
    """What is asked; key figures are of a span that ends now."""
    route, _, span = read.partition(" of ")
    if not span:
        return read
    now_ms, lasts_ms = int(time.time() * 1000), SPANS_MS[span.split()[-1]]
    bucket_s = f"&bucket_s={lasts_ms / 1000 / BUCKETS:g}" if route.endswith("series") else ""
    return f"{route}?from_ms={now_ms - lasts_ms}&to_ms={now_ms}{bucket_s}"


def head_of(address: str, token: str, path: str) -> bytes:
    """A request."""
    host = address.removeprefix("http://")
    return (
        f"GET {V1}{path} HTTP/1.1\r\nHost: {host}\r\nAuthorization: Bearer {token}\r\n\r\n"
    ).encode()


async def key_figures(address: str, token: str, until: asyncio.Event) -> dict[str, Any]:
    """Key figures without a pause, one span after the other, and how long they took."""
    host, port = address.removeprefix("http://").split(":")
    reader, writer = await asyncio.open_connection(host, int(port))
    took_ms: dict[str, list[float]] = {read: [] for read in ONE_BY_ONE}
    while not until.is_set():
        for read, values in took_ms.items():
            began_s = time.monotonic()
            status, body = await get(reader, writer, head_of(address, token, path_of(read)))
            if status != 200:
                raise SystemExit(f"{read}: {status} {body[:300]!r}")
            values.append((time.monotonic() - began_s) * 1000.0)
    writer.close()
    return {
        read: {
            "asked": len(values),
            **{f"p{q}_ms": round(quantile(values, q / 100.0), 1) for q in (50, 95, 99)},
        }
        for read, values in took_ms.items()
    }


async def beside_key_figures(address: str, token: str, pid: int, seconds: float) -> dict[str, Any]:
    """Watchers while somebody asks for key figures without a pause."""
    over = asyncio.Event()
    asking = asyncio.create_task(key_figures(address, token, over))
    found = await watchers(address, token, pid, 50, seconds)
    over.set()
    return {**found, "key_figures": await asking}


async def reads(address: str, token: str, pid: int, seconds: float) -> dict[str, Any]:
    """Reads at a fixed rate, whatever the answers take."""
    host, port = address.removeprefix("http://").split(":")

    def head(path: str) -> bytes:
        return head_of(address, token, path)

    took_ms: dict[str, list[float]] = {path: [] for path in READS}
    wrong: list[int] = []
    due: asyncio.Queue[tuple[str, float] | None] = asyncio.Queue()
    reader, writer = await asyncio.open_connection(host, int(port))
    full = json.loads((await get(reader, writer, head("/operations")))[1])
    writer.close()
    since = f"/operations?since={full['version']}&boot={full['boot']}"

    async def connection() -> None:
        reader, writer = await asyncio.open_connection(host, int(port))
        while (one := await due.get()) is not None:
            path, due_s = one
            asked = since if path == "/operations" else path_of(path)
            status, _ = await get(reader, writer, head(asked))
            took_ms[path].append((time.monotonic() - due_s) * 1000.0)
            if status != 200:
                wrong.append(status)
        writer.close()

    connections = [asyncio.create_task(connection()) for _ in range(CONNECTIONS)]
    before, began_s = cpu_s(pid), time.monotonic()
    asked_late_ms: list[float] = []
    for i in range(int(PER_S * seconds)):
        due_s = began_s + i / PER_S
        await asyncio.sleep(max(0.0, due_s - time.monotonic()))
        asked_late_ms.append((time.monotonic() - due_s) * 1000.0)
        due.put_nowait((READS[i % len(READS)], due_s))
    for _ in connections:
        due.put_nowait(None)
    await asyncio.gather(*connections)
    used, all_s = cpu_s(pid) - before, time.monotonic() - began_s
    every = [value for values in took_ms.values() for value in values]
    return {
        "asked_per_s": PER_S,
        "answered_per_s": round(len(every) / all_s, 1),
        "wrong": len(wrong),
        "core_percent": round(100.0 * used / all_s, 1),
        "ms": {f"p{q}": round(quantile(every, q / 100.0), 1) for q in (50, 95, 99)},
        # How late whoever asks was itself: of a busy machine, and in every figure above.
        "asked_late_ms": {
            f"p{q}": round(quantile(asked_late_ms, q / 100.0), 1) for q in (50, 95, 99)
        },
        "p99_ms_by_route": {path: round(quantile(v, 0.99), 1) for path, v in took_ms.items()},
    }


async def measure(address: str, token: str, pid: int, seconds: float) -> dict[str, Any]:
    """Everything, one after the other."""
    found: dict[str, Any] = {"idle_mb": round(peak_mb(pid), 1)}
    found["watchers_50"] = await watchers(address, token, pid, 50, seconds)
    print(json.dumps(found), file=sys.stderr, flush=True)
    found["watchers_200"] = await watchers(address, token, pid, 200, seconds)
    print(json.dumps(found["watchers_200"]), file=sys.stderr, flush=True)
    stalled = [stall(address, token) for _ in range(20)]
    found["watchers_50_beside_20_stalled"] = await watchers(address, token, pid, 50, seconds)
    for one in stalled:
        one.close()
    found["watchers_50_beside_key_figures"] = await beside_key_figures(address, token, pid, seconds)
    print(json.dumps(found["watchers_50_beside_key_figures"]), file=sys.stderr, flush=True)
    found["reads"] = await reads(address, token, pid, seconds)
    found["peak_mb"] = round(peak_mb(pid), 1)
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, default=15.0, help="of each measurement")
    parser.add_argument("--out", type=Path, default=ROOT / "benchmarks/results/gateway.json")
    options = parser.parse_args()
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (min(4096, hard), hard))
    with tempfile.TemporaryDirectory() as folder:
        command = [sys.executable, PLANT, "serve", folder]
        with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as gateway:
            try:
                assert gateway.stdout is not None
                told = json.loads(gateway.stdout.readline())
                address = f"http://127.0.0.1:{told['port']}"
                load_before = os.getloadavg()
                plant = subprocess.Popen([sys.executable, PLANT, "change", folder])
                found = asyncio.run(measure(address, told["token"], gateway.pid, options.seconds))
                plant.terminate()
            finally:
                gateway.terminate()
    found |= {"load_before": load_before, "load_after": os.getloadavg(), "cores": os.cpu_count()}
    print(json.dumps(found, indent=2))
    options.out.write_text(json.dumps(found, indent=2) + "\n")


if __name__ == "__main__":
    main()

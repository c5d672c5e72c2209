"""How soon the OPC UA server is ready with twenty cells, and what 600 values at 2 Hz cost it.

    python benchmarks/opcua.py                # writes benchmarks/results/opcua.json
    python benchmarks/opcua.py --seconds 10   # quicker

The server runs in the gateway of `benchmarks/gateway_plant.py`: twenty cells, 125 orders with
5,000 operations, all joints moving. First it imports the NodeSets, as set-up does; then it is
started three times more with the address space that was kept; `core_` is the processor time that a
start takes, whatever else the machine does. A client in another process, over
Sign&Encrypt, watches 600 variables at 2 Hz; how late a value is, is told by its source timestamp.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import platform
import subprocess
import sys
import tempfile
import time
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))
VALUES = 600
RATE_HZ = 2.0
STARTS = 3


def serve(folder: Path, cache: Path) -> None:
    """Serve the made-up plant; prints how soon it was ready, and a token."""
    from benchmarks.gateway_plant import made_up
    from robot_cell.gateway.logs import log_to
    from robot_cell.gateway.opcua.server import OpcUaServer, Settings
    from robot_cell.gateway.serve import SWITCH_INTERVAL_S

    log_to(folder / "gateway.jsonl")  # and not to where the figures go
    gateway, link, token = made_up(folder)
    sys.setswitchinterval(SWITCH_INTERVAL_S)
    began_s, began_core_s = time.monotonic(), time.process_time()
    server = OpcUaServer(gateway, Settings("127.0.0.1", 0, folder, cache_dir=cache))
    server.ready.wait()
    if server.error is not None:
        raise server.error
    told = {
        "address": server.address,
        "token": token,
        "ready_s": round(time.monotonic() - began_s, 2),
        "core_s": round(time.process_time() - began_core_s, 2),
        "nodes": server.nodes,
    }
    print(json.dumps(told), flush=True)
    while True:
        link.take()
        gateway.hub.now_ns = link.now_ns()
        time.sleep(0.1)


def started(folder: Path, cache: Path) -> tuple[subprocess.Popen[str], dict[str, Any]]:
    """A server's process and what it told."""
    folder.mkdir(parents=True)
    command = [sys.executable, __file__, "--serve", str(folder), "--cache", str(cache)]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    return process, json.loads(process.stdout.readline())


async def watch(told: dict[str, Any], folder: Path, seconds: float, pid: int) -> dict[str, Any]:
    """Watch `VALUES` variables for a while."""
    from asyncua import Client, ua
    from asyncua.crypto.security_policies import SecurityPolicyBasic256Sha256

    from benchmarks.gateway import cpu_s, quantile
    from robot_cell.gateway.opcua.certificate import own_identity

    identity = own_identity(folder, "benchmark", "127.0.0.1")
    client = Client(told["address"], timeout=60)
    client.application_uri = identity.application_uri
    await client.set_security(
        SecurityPolicyBasic256Sha256,
        certificate=str(identity.certificate),
        private_key=str(identity.key),
        mode=ua.MessageSecurityMode.SignAndEncrypt,
    )
    client.set_user("benchmark")
    client.set_password(told["token"])
    late_s: list[float] = []

    class Heard:
        def datachange_notification(self, node: Any, value: Any, data: Any) -> None:
            del node, value
            source = data.monitored_item.Value.SourceTimestamp
            if source is not None:
                now = datetime.now(timezone.utc)
                late_s.append((now - source.replace(tzinfo=timezone.utc)).total_seconds())

    async with client:
        own = await client.get_namespace_index("urn:robot-cell:plant:housing_plant")
        nodes = await variables(client, own)
        subscription = await client.create_subscription(1000.0 / RATE_HZ, Heard())
        await subscription.subscribe_data_change(nodes[:VALUES])
        await asyncio.sleep(2.0)
        late_s.clear()
        before_s, began_s = cpu_s(pid), time.monotonic()
        await asyncio.sleep(seconds)
        took_s = time.monotonic() - began_s
        core = (cpu_s(pid) - before_s) / took_s
    return {
        "watched": VALUES,
        "rate_hz": RATE_HZ,
        "changes_per_s": round(len(late_s) / took_s, 1),
        "core_percent": round(100.0 * core, 1),
        "late_ms": {
            "p50": round(1000.0 * quantile(late_s, 0.5), 1),
            "p95": round(1000.0 * quantile(late_s, 0.95), 1),
        },
    }


async def variables(client: Any, own: int) -> list[Any]:
    """Axes' positions first, then every other variable of the cells."""
    from asyncua import ua

    space: list[Any] = []
    waiting = [client.get_node(ua.NodeId("housing_plant", own))]
    seen = set()
    while waiting:
        for child in await waiting.pop().get_children():
            if child.nodeid.NamespaceIndex != own or child.nodeid in seen:
                continue
            seen.add(child.nodeid)
            waiting.append(child)
            if await child.read_node_class() == ua.NodeClass.Variable:
                space.append(child)
    space.sort(key=lambda node: not node.nodeid.Identifier.endswith("ActualPosition"))
    return space


def main() -> None:
    """Measure and write the results."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, default=20.0)
    parser.add_argument("--serve", type=Path, help=argparse.SUPPRESS)
    parser.add_argument("--cache", type=Path, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.serve is not None:
        serve(options.serve, options.cache)
        return
    from benchmarks.gateway import peak_mb

    results: dict[str, Any] = {}
    with tempfile.TemporaryDirectory(prefix="robot_cell_opcua_") as top:
        folder, cache = Path(top), Path(top) / "cache"
        ready_s, core_s = [], []
        for start in range(STARTS + 1):
            process, told = started(folder / f"start_{start}", cache)
            try:
                ready_s.append(told["ready_s"])
                core_s.append(told["core_s"])
                if start == STARTS:
                    results["watching"] = asyncio.run(
                        watch(told, folder / "client", options.seconds, process.pid)
                    )
                    results["memory_mb"] = round(peak_mb(process.pid), 1)
            finally:
                process.kill()
                process.wait()
        results["nodes"] = told["nodes"]
        results["ready_first_s"], results["ready_kept_s"] = ready_s[0], ready_s[1:]
        results["core_first_s"], results["core_kept_s"] = core_s[0], core_s[1:]
    results["load_average"] = [round(one, 1) for one in os.getloadavg()]
    results["command"] = " ".join(["python", "benchmarks/opcua.py", *sys.argv[1:]])
    results["machine"] = f"{platform.machine()}, {os.cpu_count()} cores, {platform.platform()}"
    results["date"] = datetime.now(timezone.utc).isoformat(timespec="seconds")
    out = ROOT / "benchmarks" / "results" / "opcua.json"
    out.write_text(json.dumps(results, indent=2) + "\n")
    print(json.dumps(results, indent=2))


if __name__ == "__main__":
    main()

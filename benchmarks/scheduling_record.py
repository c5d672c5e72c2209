"""The JSON file of a benchmark: written after each instance, so that a long run can go on."""

from __future__ import annotations

import json
import os
import platform
import subprocess
from collections.abc import Callable
from datetime import datetime, timezone
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

Row = dict[str, Any]
ROOT = Path(__file__).resolve().parents[1]


class SettingsDiffer(Exception):
    """What is to be resumed was measured in another way."""


def machine() -> Row:
    """What the figures were measured on."""
    model = platform.processor() or platform.machine()
    cpu = Path("/proc/cpuinfo")
    if cpu.is_file():
        for line in cpu.read_text(encoding="utf-8").splitlines():
            if line.startswith("model name"):
                model = line.partition(":")[2].strip()
                break
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30
    return {
        "processor": model,
        "cores": os.cpu_count(),
        "memory_gib": round(memory, 1),
        "system": platform.system(),
        "python": platform.python_version(),
        **{name: _version(name) for name in ("ortools", "numba", "numpy", "pyjobshop")},
    }


def _version(package: str) -> str | None:
    try:
        return version(package)
    except PackageNotFoundError:
        return None


def commit() -> str | None:
    """The commit that was measured; ``-dirty`` where files differ from it."""
    done = subprocess.run(
        ["git", "describe", "--always", "--dirty", "--abbrev=12", "--exclude=*"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    return done.stdout.strip() or None


class Record:
    """Rows of one run and the file they go to."""

    def __init__(
        self,
        path: Path,
        settings: Row,
        summarise: Callable[[list[Row]], Row],
        *,
        resume: bool,
    ) -> None:
        """Raises SettingsDiffer if what is to be resumed was measured with other settings."""
        self.path = path
        self.settings = settings
        self.summarise = summarise
        self.rows: list[Row] = []
        if resume and path.is_file():
            before = json.loads(path.read_text(encoding="utf-8"))
            if before.get("settings") != settings:
                raise SettingsDiffer(
                    f"{path} was measured with {before.get('settings')}, not with {settings}; "
                    f"run without --resume, or with another --output"
                )
            self.rows = before["rows"]

    def has(self, name: str) -> bool:
        """Whether a row of that name is there already."""
        return any(row["name"] == name for row in self.rows)

    def add(self, row: Row) -> None:
        """Add a row and write the file; a row says when and on what commit it was made."""
        made = {"date": _now(), "commit": commit(), "load": round(os.getloadavg()[0], 1)}
        self.rows.append(row | made)
        self.write()

    def write(self) -> None:
        """Write everything; whoever interrupts finds the old file or the new one."""
        self.path.parent.mkdir(parents=True, exist_ok=True)
        part = self.path.with_suffix(".part")
        part.write_text(_text(self.content()), encoding="utf-8")
        part.replace(self.path)

    def content(self) -> Row:
        """What is written."""
        return {
            "date": _now(),
            "commit": commit(),
            "machine": machine(),
            "settings": self.settings,
            "summary": self.summarise(self.rows),
            "rows": self.rows,
        }


def _text(content: Row) -> str:
    """As JSON, a line for each row: certificates have thousands of numbers."""
    head = json.dumps({k: v for k, v in content.items() if k != "rows"}, indent=1)
    rows = ",\n  ".join(json.dumps(row) for row in content["rows"])
    return f'{head[:-2]},\n "rows": [\n  {rows}\n ]\n}}\n'


def _now() -> str:
    return datetime.now(timezone.utc).isoformat(timespec="seconds")

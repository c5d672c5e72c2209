"""Checks web/: types (svelte-check), style (ESLint), unit tests (Vitest). Run by `make lint`."""

from __future__ import annotations

import subprocess
import sys

from set_up.machine import Machine
from set_up.web_pages import node_environment, npm

CHECKS = ("check", "lint", "test")


def main() -> int:
    """Run each check to its end; 0 when all pass."""
    machine = Machine.here()
    env = node_environment(machine)
    worst = 0
    for check in CHECKS:
        words = npm(machine, "run", "--silent", check)
        worst = max(worst, subprocess.run(words, cwd=machine.root / "web", env=env).returncode)
    return worst


if __name__ == "__main__":
    sys.exit(main())

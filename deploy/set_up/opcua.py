"""Fetches the NodeSets of the OPC UA server, and for the tests a client that is not ours."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

from set_up.console import Console
from set_up.machine import Machine
from set_up.step import content_hash
from set_up.web_pages import install_node, node_environment, npm
from set_up.wheels import clean_environment

NODE_SETS = "deploy/opcua"
TEST_CLIENT = "tests/gateway/opcua/node_client"
_FILES = ("package.json", "package-lock.json", ".npmrc")


def packages_folder(machine: Machine, source: str) -> Path:
    """Where the packages of a folder go: the folder itself stays as it is."""
    return machine.state / ("opcua" if source == NODE_SETS else "opcua_client")


def packages_key(source: str) -> Callable[[Machine], str]:
    """A step's key: the hash of what names the packages."""

    def key(machine: Machine) -> str:
        return content_hash([machine.identity], [machine.root / source / one for one in _FILES])

    return key


def packages_made(source: str) -> Callable[[Machine], list[Path]]:
    """What npm writes when it has finished."""

    def made(machine: Machine) -> list[Path]:
        return [packages_folder(machine, source) / "node_modules" / ".package-lock.json"]

    return made


def fetch_packages(source: str) -> Callable[[Machine, Console], None]:
    """Install exactly what the lock file names; no package runs a script of its own."""

    def fetch(machine: Machine, console: Console) -> None:
        install_node(machine, console)
        folder = packages_folder(machine, source)
        folder.mkdir(parents=True, exist_ok=True)
        for one in _FILES:
            shutil.copyfile(machine.root / source / one, folder / one)
        words = ["ci", "--ignore-scripts", "--no-audit", "--no-fund", "--no-progress"]
        command = npm(machine, *words, "--loglevel=http")
        console.run(command, env=node_environment(machine), cwd=folder)

    return fetch


def types_key(machine: Machine) -> str:
    """Hash of what the address space of the standards is made from."""
    code = machine.root / "robot_cell" / "gateway" / "opcua"
    sources = [code / "nodesets.py", code / "address_space.py"]
    lock = machine.root / "deploy" / "requirements" / "robot_cell.txt"
    return content_hash([packages_key(NODE_SETS)(machine)], [*sources, lock])


def import_types(machine: Machine, console: Console) -> None:
    """Import the NodeSets once, so that no plant waits for it."""
    shell = f'. "{machine.root / "env.sh"}" && exec python -m robot_cell.gateway.opcua.warm_up'
    console.run(["sh", "-c", shell], env=clean_environment(), cwd=machine.state)

"""The address space of the standards, imported once and kept on disk: seconds become a fraction.

The cache is named by the hash of everything that it depends on. It is a pickle, as asyncua's own
dump is, so it is read only from a file that nobody else can write.
"""

from __future__ import annotations

import gc
import hashlib
import os
import pickle
import stat
import sys
from importlib.metadata import version
from pathlib import Path
from typing import Any, Final

import structlog
from asyncua import Server, ua

from robot_cell.gateway.opcua import nodesets
from robot_cell.gateway.opcua.nodesets import NODE_SETS, import_node_sets
from robot_cell.gateway.opcua.sessions import PlantServer

_log: Final = structlog.get_logger("gateway.opcua")


def default_cache_dir() -> Path:
    """Where address spaces are kept between runs (XDG base directory specification)."""
    base = os.environ.get("XDG_CACHE_HOME") or str(Path.home() / ".cache")
    return Path(base) / "robot_cell" / "opcua"


async def server_with_types(
    internal: PlantServer, folder: Path, cache_dir: Path | None = None
) -> Server:
    """A server that knows the types of the standards, and nothing else yet.

    Raises:
        NodeSetError: the NodeSets cannot be imported.
    """
    kept = (cache_dir or default_cache_dir()) / f"{_key(folder)}.pickle"
    found = read_kept(kept)
    server = Server(iserver=internal)
    if found is None:
        await server.init()
        keep(kept, await _imported(server, folder))
        await server.load_data_type_definitions()
        return server
    namespaces, nodes = found
    internal.take_nodes(nodes)
    await server.init()
    for uri in namespaces[1:]:
        await server.register_namespace(uri)
    await server.load_data_type_definitions()
    return server


async def keep_types(folder: Path, cache_dir: Path | None = None) -> int:
    """See that the address space of the standards is kept; returns how many nodes it has.

    Raises:
        NodeSetError: the NodeSets cannot be imported.
    """
    kept = (cache_dir or default_cache_dir()) / f"{_key(folder)}.pickle"
    found = read_kept(kept)
    if found is None:
        server = Server()
        await server.init()
        found = await _imported(server, folder)
        keep(kept, found)
    return len(found[1])


async def _imported(server: Server, folder: Path) -> tuple[list[str], dict[ua.NodeId, Any]]:
    """Namespaces and nodes after all NodeSets were imported."""
    await import_node_sets(server, folder)
    space = server.iserver.aspace
    return await server.get_namespace_array(), {one: space[one] for one in list(space.keys())}


def _key(folder: Path) -> str:
    digest = hashlib.sha256()
    for text in (version("asyncua"), sys.version, *(str(one) for one in NODE_SETS)):
        digest.update(text.encode())
    for file in (Path(nodesets.__file__), *(folder / one.file for one in NODE_SETS)):
        digest.update(file.read_bytes())
    return digest.hexdigest()[:32]


def read_kept(path: Path) -> tuple[list[str], dict[ua.NodeId, Any]] | None:
    """What was kept; None if there is nothing, or nothing that can be trusted."""
    try:
        with path.open("rb") as file:
            state = os.fstat(file.fileno())
            if state.st_uid != os.geteuid() or state.st_mode & (stat.S_IWGRP | stat.S_IWOTH):
                _log.warning("others can write the cached address space: made anew", file=str(path))
                return None
            # The collector looks at every new node again and again: five times as long.
            collecting = gc.isenabled()
            gc.disable()
            try:
                namespaces, nodes = pickle.load(file)
            finally:
                if collecting:
                    gc.enable()
            return namespaces, nodes
    except FileNotFoundError:
        return None
    except Exception as error:  # a pickle that is broken raises anything
        _log.warning("the cached address space cannot be read: made anew", reason=str(error))
        return None


def keep(path: Path, content: object) -> None:
    """Keep it for the next start, in a file that only its owner may write."""
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    part = path.with_name(f"{path.name}.{os.getpid()}.part")
    try:
        handle = os.open(part, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        with os.fdopen(handle, "wb") as file:
            pickle.dump(content, file, pickle.HIGHEST_PROTOCOL)
        part.replace(path)
    except OSError as error:
        _log.warning("the address space cannot be kept for the next start", reason=str(error))

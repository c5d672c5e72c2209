"""The standards' own models (NodeSet2 files): which, in which order; loaded whole or not at all.

asyncua only logs most of what it cannot import, and what comes later then "succeeds" with broken
references. So everything that it complains of is an error here, but for what was looked at and is
harmless. What differs from the files of the OPC Foundation is in `ADAPTED`, each with its reason.
"""

from __future__ import annotations

import logging
import os
import xml.etree.ElementTree as ET
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from asyncua import Server

from robot_cell.gateway.opcua.errors import NodeSetError

FOLDER_VARIABLE: Final = "ROBOT_CELL_OPCUA_NODESETS"
"""Names the folder of the NodeSet files where set-up did not put it."""

DI: Final = "http://opcfoundation.org/UA/DI/"
MACHINERY: Final = "http://opcfoundation.org/UA/Machinery/"
ROBOTICS: Final = "http://opcfoundation.org/UA/Robotics/"
PACKML: Final = "http://opcfoundation.org/UA/PackML/"
JOB_CONTROL: Final = "http://opcfoundation.org/UA/ISA95-JOBCONTROL_V2/"
JOBS: Final = "http://opcfoundation.org/UA/Machinery/Jobs/"

_XML: Final = "http://opcfoundation.org/UA/2011/03/UANodeSet.xsd"
_LOGGERS: Final = ("asyncua.common.xmlimporter", "asyncua.common.structures104")
_HARMLESS: Final = (
    "overwriting parent target",  # a node with several parents: the last one names its path
)


@dataclass(frozen=True)
class NodeSet:
    """A NodeSet2 file, and the version of it that was tried."""

    file: str
    uri: str
    version: str


NODE_SETS: Final = (
    NodeSet("Opc.Ua.Di.NodeSet2.xml", DI, "1.05.0"),
    NodeSet("Opc.Ua.IA.NodeSet2.xml", "http://opcfoundation.org/UA/IA/", "1.01.4"),
    NodeSet("Opc.Ua.Machinery.NodeSet2.xml", MACHINERY, "1.04.1"),
    NodeSet("Opc.Ua.Robotics.NodeSet2.xml", ROBOTICS, "1.02"),
    NodeSet("Opc.Ua.PackML.NodeSet2.xml", PACKML, "1.01"),
    NodeSet("opc.ua.isa95-jobcontrol.nodeset2.xml", JOB_CONTROL, "2.0.0"),
    NodeSet("Opc.Ua.Machinery.Jobs.Nodeset2.xml", JOBS, "1.0.1"),
)
"""In the order of their dependences."""


def node_set_folder() -> Path:
    """Where the NodeSet files are.

    Raises:
        NodeSetError: they are nowhere.
    """
    named = os.environ.get(FOLDER_VARIABLE)
    root = os.environ.get("ROBOT_CELL_ROOT")
    packages = ".setup/opcua/node_modules/node-opcua-nodesets/nodesets"
    folder = Path(named) if named else Path(root, packages) if root else None
    if folder is None or not (folder / NODE_SETS[0].file).is_file():
        raise NodeSetError(
            f"no NodeSet files in {folder or 'any folder'}: `make setup` fetches them; elsewhere "
            "run `npm ci` in deploy/opcua and name the package's folder nodesets in "
            f"{FOLDER_VARIABLE}"
        )
    return folder


async def import_node_sets(server: Server, folder: Path) -> None:
    """Put all NodeSets into the address space of a server.

    Raises:
        NodeSetError: at the first thing that is not as it was tried.
    """
    for one in NODE_SETS:
        text = adapted(one, folder)
        with _Complaints() as complaints:
            try:
                await server.import_xml(xmlstring=text)
            except Exception as error:  # asyncua raises whatever it meets
                raise NodeSetError(f"{one.file} cannot be imported: {error}") from error
        if complaints.heard:
            listed = "; ".join(complaints.heard[:3])
            count = len(complaints.heard)
            raise NodeSetError(f"{one.file} is imported only in part ({count} flaws): {listed}")


def adapted(one: NodeSet, folder: Path) -> str:
    """The text of a NodeSet as asyncua takes it.

    Raises:
        NodeSetError: it is not there, is no NodeSet, or is of another version.
    """
    try:
        root = ET.fromstring((folder / one.file).read_bytes())
    except (OSError, ET.ParseError) as error:
        raise NodeSetError(f"{folder / one.file} cannot be read: {error}") from error
    model = root.find(f"{{{_XML}}}Models/{{{_XML}}}Model")
    found = ("none", "none") if model is None else (model.get("ModelUri"), model.get("Version"))
    if found != (one.uri, one.version):
        raise NodeSetError(
            f"{folder / one.file} has the model {found[0]} {found[1]}; "
            f"{one.uri} {one.version} was tried: install what deploy/opcua/package-lock.json names"
        )
    adapt = ADAPTED.get(one.uri)
    if adapt is not None:
        adapt(root)
    ET.register_namespace("", _XML)
    return ET.tostring(root, encoding="unicode")


def _without_design_nodes(root: ET.Element) -> None:
    """Nodes for design tools only are no part of an address space (OPC 10000-6, F.5)."""
    left_out = [node for node in root if node.get("DesignToolOnly") == "true"]
    if not left_out:
        raise NodeSetError("the DI NodeSet has no nodes for design tools any more: try it anew")
    ids = {node.get("NodeId") for node in left_out}
    for node in left_out:
        root.remove(node)
    for references in root.iter(f"{{{_XML}}}References"):
        for reference in list(references):
            if (reference.text or "").strip() in ids:
                references.remove(reference)


def _without_option_sets(root: ET.Element) -> None:
    """For asyncua makes no class of an option set that is a number, and fails at what has one.

    Without its definition it is the number that it is on the wire; the names are still in
    OptionSetValues.
    """
    marked = [
        (data_type, definition)
        for data_type in root.iter(f"{{{_XML}}}UADataType")
        for definition in data_type.findall(f"{{{_XML}}}Definition")
        if definition.get("IsOptionSet") == "true"
    ]
    if not marked:
        raise NodeSetError("the NodeSet has no option set any more: try it anew")
    for data_type, definition in marked:
        data_type.remove(definition)


def _di(root: ET.Element) -> None:
    _without_design_nodes(root)
    _without_option_sets(root)


ADAPTED: Final[dict[str, Callable[[ET.Element], None]]] = {
    DI: _di,
    JOBS: _without_option_sets,
}


class _Complaints(logging.Handler):
    """Hears what asyncua complains of while it imports."""

    def __init__(self) -> None:
        super().__init__(logging.WARNING)
        self.heard: list[str] = []
        self._loggers = [logging.getLogger(name) for name in _LOGGERS]
        self._before = [(one.propagate, one.level) for one in self._loggers]

    def emit(self, record: logging.LogRecord) -> None:
        """Note a complaint."""
        text = record.getMessage()
        if not any(known in text for known in _HARMLESS):
            self.heard.append(text[:300])

    def __enter__(self) -> _Complaints:
        for one in self._loggers:
            one.addHandler(self)
            one.propagate = False
            one.setLevel(logging.WARNING)  # whatever is shown of it otherwise
        return self

    def __exit__(self, *_: object) -> None:
        for one, (propagate, level) in zip(self._loggers, self._before, strict=True):
            one.removeHandler(self)
            one.propagate = propagate
            one.setLevel(level)

"""Our tables against the standards' own files, read without any code of ours."""

from __future__ import annotations

import asyncio
import pickle
import re
import shutil
import xml.etree.ElementTree as ET
from pathlib import Path

import pytest
from asyncua import Server

from robot_cell.gateway.opcua.address_space import keep, read_kept
from robot_cell.gateway.opcua.errors import NodeSetError
from robot_cell.gateway.opcua.job_states import Answer, JobState, Method, standing
from robot_cell.gateway.opcua.nodesets import (
    NODE_SETS,
    adapted,
    import_node_sets,
    node_set_folder,
)
from robot_cell.gateway.opcua.packml import label_of
from robot_cell.model.packml import TRANSITIONS, Command, State

UA = "{http://opcfoundation.org/UA/2011/03/UANodeSet.xsd}"
PACKML_FILE = "Opc.Ua.PackML.NodeSet2.xml"
JOB_FILE = "opc.ua.isa95-jobcontrol.nodeset2.xml"
STATE_TYPE = "i=2307"


class NodeSetFile:
    """A NodeSet as XML."""

    def __init__(self, name: str) -> None:
        self.root = ET.parse(node_set_folder() / name).getroot()
        self.nodes = {node.get("NodeId"): node for node in self.root if node.get("NodeId")}

    def name(self, node_id: str) -> str:
        return self.nodes[node_id].get("BrowseName", "").rpartition(":")[2]

    def references(self, node_id: str, kind: str, *, forward: bool = True) -> list[str]:
        return [
            (one.text or "").strip()
            for one in self.nodes[node_id].iter(f"{UA}Reference")
            if one.get("ReferenceType") == kind and (one.get("IsForward") != "false") is forward
        ]

    def parent(self, node_id: str) -> str:
        return self.references(node_id, "HasComponent", forward=False)[0]

    def state_numbers(self) -> dict[tuple[str, str], int]:
        """The number of each state of each type."""
        found = {}
        for node in self.nodes.values():
            if node.get("BrowseName") != "StateNumber":
                continue
            state = node.get("ParentNodeId")
            text = "".join(node.find(f"{UA}Value").itertext()).strip()
            found[self.name(self.parent(state)), self.name(state)] = int(text)
        return found

    def caused_by(self, method: str) -> set[tuple[str, str]]:
        """From where to where each method of that name leads, in any type."""
        found = set()
        for node_id, node in self.nodes.items():
            if node.tag != f"{UA}UAMethod" or self.name(node_id) != method:
                continue
            for transition in self.references(node_id, "HasCause", forward=False):
                ends = (self.references(transition, kind)[0] for kind in ("FromState", "ToState"))
                found.add(tuple(self.name(one) for one in ends))
        return found


def test_packml_states_have_the_numbers_of_opc_30050() -> None:
    numbers = {
        state: number
        for (_, state), number in NodeSetFile(PACKML_FILE).state_numbers().items()
        if state not in ("Cleared", "Running")
    }
    assert numbers == {state.label: int(state) for state in State}


def test_packml_commands_lead_where_opc_30050_says() -> None:
    standard = NodeSetFile(PACKML_FILE)
    ours = {
        (label_of(command), state.label, target.label)
        for (state, command), target in TRANSITIONS.items()
    }
    theirs = {
        (label_of(command), *ends)
        for command in Command
        for ends in standard.caused_by(label_of(command))
    }
    # These are drawn at the states around (Running, Cleared): many of ours at once.
    assert {one[0] for one in ours - theirs} <= {"Stop", "Abort", "Clear", "Reset"}
    # OPC 30050 lets a cell be held in more states than ISA-TR88.00.02-2015, which the cells obey.
    around = {"Running", "Cleared"}
    assert {one[0] for one in theirs - ours if not around & set(one)} == {"Hold"}


def test_job_orders_have_the_states_of_opc_10031_4() -> None:
    numbers = {
        state: number
        for (kind, state), number in NodeSetFile(JOB_FILE).state_numbers().items()
        if kind == "ISA95JobOrderReceiverObjectType"
    }
    assert numbers == {state.label: int(state) for state in JobState}


@pytest.mark.parametrize("method", [one for one in Method if one.states])
def test_job_methods_may_be_called_where_opc_10031_4_says(method: Method) -> None:
    caused = NodeSetFile(JOB_FILE).caused_by(method.label)
    if not caused:  # Cancel and Clear take an order away: they lead to no state
        assert method in (Method.CANCEL, Method.CLEAR)
    else:
        assert {start for start, _ in caused} == {state.label for state in method.states}


def test_every_status_of_the_journal_is_a_state() -> None:
    held = frozenset({State.HELD})
    assert standing("accepted", 0, frozenset()).state is JobState.ALLOWED_TO_START
    assert standing("planned", 0, frozenset()).state is JobState.ALLOWED_TO_START
    assert standing("running", 0, frozenset()).state is JobState.RUNNING
    assert standing("running", 0, held).state is JobState.INTERRUPTED
    assert standing("running", 0, frozenset({State.SUSPENDED})).state is JobState.INTERRUPTED
    assert standing("uncertain", 1, frozenset()).state is JobState.INTERRUPTED
    assert standing("complete", 2, frozenset()).state is JobState.ENDED
    assert standing("cancelled", 1, frozenset()).state is JobState.ENDED
    assert standing("cancelled", 0, frozenset()).state is JobState.ABORTED
    assert standing("failed", 1, frozenset()).state is JobState.ABORTED


def test_return_statuses_are_bits() -> None:
    # OPC 10031-4, table 95.
    assert {one.name: int(one).bit_length() - 1 for one in Answer} == {
        "NO_ERROR": 0,
        "UNKNOWN_JOB_ORDER": 1,
        "INVALID_JOB_ORDER_STATUS": 3,
        "UNABLE_TO_ACCEPT": 4,
        "INVALID_REQUEST": 32,
    }


# -- the loader --------------------------------------------------------------------------------


def copied(folder: Path, file: str, change: tuple[str, str]) -> Path:
    """The NodeSets with something else in one of them."""
    for one in NODE_SETS:
        shutil.copy(node_set_folder() / one.file, folder)
    before = (folder / file).read_text("utf-8-sig")
    after = re.sub(change[0], change[1], before, count=1)
    assert after != before
    (folder / file).write_text(after)
    return folder


def test_what_is_imported_only_in_part_is_refused(tmp_path: Path) -> None:
    # A property of a node that is not there: asyncua logs it, and goes on.
    reference = '<Reference ReferenceType="HasProperty">ns=1;i='
    folder = copied(tmp_path, NODE_SETS[0].file, (rf"{reference}\d+<", f"{reference}99999999<"))

    async def loading() -> None:
        server = Server()
        await server.init()
        await import_node_sets(server, folder)

    with pytest.raises(NodeSetError, match="imported only in part"):
        asyncio.run(loading())


@pytest.mark.parametrize(
    ("change", "says"),
    [
        (('Version="1.05.0"', 'Version="9.9"'), "1.05.0 was tried"),
        (('DesignToolOnly="true"', 'DesignToolOnly="no"'), None),
    ],
)
def test_another_file_than_was_tried_is_refused(
    tmp_path: Path, change: tuple[str, str], says: str | None
) -> None:
    folder = copied(tmp_path, NODE_SETS[0].file, change)
    if says is None:  # what was left out is still left out of the rest
        assert change[1] in adapted(NODE_SETS[0], folder)
    else:
        with pytest.raises(NodeSetError, match=says):
            adapted(NODE_SETS[0], folder)


def test_missing_files_are_told_of_with_what_to_do(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ROBOT_CELL_OPCUA_NODESETS", "/nowhere")
    with pytest.raises(NodeSetError, match=r"/nowhere: `make setup` fetches them"):
        node_set_folder()


class Trap:
    """What a pickle from somebody else might do."""

    def __init__(self, file: Path) -> None:
        self.file = file

    def __reduce__(self) -> tuple[object, ...]:
        return (self.file.touch, ())


@pytest.mark.parametrize(("mode", "sprung"), [(0o666, False), (0o620, False), (0o600, True)])
def test_a_cache_that_others_can_write_is_not_read(tmp_path: Path, mode: int, sprung: bool) -> None:
    kept, trap = tmp_path / "kept.pickle", tmp_path / "sprung"
    kept.write_bytes(pickle.dumps(Trap(trap)))
    kept.chmod(mode)
    assert read_kept(kept) is None
    assert trap.exists() is sprung


def test_a_broken_cache_is_made_anew(tmp_path: Path) -> None:
    kept = tmp_path / "kept.pickle"
    keep(kept, (["a"], {}))
    assert read_kept(kept) == (["a"], {})
    kept.write_bytes(kept.read_bytes()[:-3])
    assert read_kept(kept) is None

"""A node's process serves until it is asked to stop, also if that comes before it serves."""

from __future__ import annotations

import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from tests.plant.conftest import domain

__all__ = ["domain"]

pytestmark = [pytest.mark.ros, pytest.mark.timeout(60)]

DEADLINE_S = 20.0
NODE = """
import os, signal
from robot_cell.nodes.base import PlantNode, spin

class Idle(PlantNode):
    def release(self):
        print("released", flush=True)

def make():
    node = Idle("idle", in_cell=False)
    if {early}:
        os.kill(os.getpid(), signal.SIGTERM)
    print("made", flush=True)
    return node

spin(make)
"""


@contextmanager
def process(*, early: bool) -> Iterator[subprocess.Popen[str]]:
    """A node that has nothing to do: no event but the signal ends its waiting."""
    given = ["--ros-args", "-p", "autostart:=false"]
    code = [sys.executable, "-c", NODE.format(early=early), *given]
    with subprocess.Popen(code, stdout=subprocess.PIPE, text=True) as child:
        try:
            assert child.stdout is not None
            assert child.stdout.readline() == "made\n"
            yield child
        finally:
            child.kill()


def rest(child: subprocess.Popen[str]) -> str:
    """What an ended process has printed since it was made."""
    assert child.stdout is not None
    return child.stdout.read()


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_ends_an_idle_node(domain: int, number: signal.Signals) -> None:
    with process(early=False) as child:
        child.send_signal(number)
        assert child.wait(DEADLINE_S) == 0
        assert rest(child) == "released\n"


def test_a_signal_while_it_starts_ends_it_as_well(domain: int) -> None:
    with process(early=True) as child:
        assert child.wait(DEADLINE_S) == 0
        assert rest(child) == "released\n"

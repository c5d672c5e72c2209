"""A loop that stalls: its motion order is void and its process dead, many times over.

benchmarks/faults.py holds the figures against the 40 ms that are promised; here it has to happen.
"""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from tests.faults.stalls import figures, stall
from tests.promises import Figure, asked

pytestmark = [pytest.mark.promise("stall"), pytest.mark.timeout(120)]

STALLS = int(os.environ.get("ROBOT_CELL_STALLS", "40"))
VOID_MS = 40.0


def test_every_stall_ends_in_a_safe_state(
    tmp_path: Path, figure: Figure, pytestconfig: pytest.Config
) -> None:
    stalls = stall(tmp_path, STALLS)
    assert len(stalls) == STALLS
    figure("stalls", len(stalls))
    bar = VOID_MS if asked(pytestconfig) else None  # the whole suite runs on busy machines too
    for name, value in figures([one.void_s for one in stalls]).items():
        figure(f"motion void, {name}", value, "ms", bar=bar)
    for name, value in figures([one.dead_s for one in stalls]).items():
        figure(f"process gone, {name}", value, "ms")

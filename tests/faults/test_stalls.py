"""A loop that stalls: its motion order is void and its process dead, many times over.

benchmarks/faults.py holds the figures against the 40 ms that are promised; here it has to happen.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest

from tests.faults.stalls import figures, stall

pytestmark = [pytest.mark.faults, pytest.mark.timeout(120)]

STALLS = int(os.environ.get("ROBOT_CELL_STALLS", "40"))


def test_every_stall_ends_in_a_safe_state(tmp_path: Path, numbers: dict[str, Any]) -> None:
    stalls = stall(tmp_path, STALLS)
    assert len(stalls) == STALLS
    numbers["stalls"] = figures(stalls)

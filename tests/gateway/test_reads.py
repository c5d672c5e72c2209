"""What the routes answer."""

from __future__ import annotations

import pytest

from tests.gateway.conftest import Served

V1 = "/api/v1"

READS = [
    "/plant", "/cells", "/cells/cell_a", "/cells/cell_a/steps", "/cells/cell_a/scene",
    "/cells/cell_a/urdf", "/cells/cell_a/programs/deburr_s", "/orders", "/orders/WO-1",
    "/schedule", "/schedule/revisions", "/schedule/revisions/1", "/operations",
    "/steps?operation_id=WO-1/1/deburr", "/events", "/events?last=1", "/alarms",
    "/trace/WO-1/1", "/kpis", "/kpis/series", "/kpis.csv", "/me",
]  # fmt: skip


@pytest.mark.parametrize("path", READS)
def test_a_viewer_reads(served: Served, path: str) -> None:
    answer = served.get(V1 + path)
    assert answer.status_code == 200, answer.text

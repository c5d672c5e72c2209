"""What the OpenAPI document promises, tried with whatever it allows and does not allow."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import schemathesis
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from hypothesis.errors import Unsatisfiable
from schemathesis import GenerationMode
from schemathesis.checks import FailureGroup, not_a_server_error
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_schema_conformance,
    status_code_conformance,
)

from robot_cell.gateway.app import make_app
from robot_cell.gateway.serve import build
from robot_cell.gateway.tokens import Secret
from robot_cell.model import Plant
from robot_cell.store import open_journal
from tests.gateway.conftest import MadeUpPlant, add_tokens, fill
from tests.gateway.server import running

# One answer has no end, one voids the token that asks, and two plan for seconds.
LEFT_OUT = "/events/stream$|/logout$|/batches/preview$|/what-ifs$"
pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning")


@pytest.fixture(scope="module")
def promised(
    tmp_path_factory: pytest.TempPathFactory, plant: Plant, secrets: dict[str, tuple[Secret, str]]
) -> Iterator[Any]:
    folder: Path = tmp_path_factory.mktemp("fuzzed")
    journal = open_journal(folder / "journal.db")
    fill(journal, plant)
    add_tokens(journal, secrets)
    gateway = build(
        plant, folder / "journal.db", journal, MadeUpPlant(plant, journal), simulated=True
    )
    token = {"Authorization": f"Bearer {secrets['admin'][0].text}"}
    with running(make_app(gateway)) as address:
        schema = schemathesis.openapi.from_url(f"{address}/openapi.json", headers=token)
        schema.config.update(base_url=address, headers=token)
        yield schema.exclude(path_regex=LEFT_OUT)
    gateway.worker.close()
    gateway.access.trail.close()
    journal.close()


CHECKS = [
    not_a_server_error,
    status_code_conformance,
    content_type_conformance,
    response_schema_conformance,
]


def test_nothing_that_is_asked_breaks_the_gateway(promised: Any) -> None:
    tried: list[str] = []
    failures: list[str] = []
    for found in promised.get_all_operations():
        operation = found.ok()
        for mode in GenerationMode:  # what the document allows, and what it does not
            try:
                ask(operation.as_strategy(generation_mode=mode))
            except FailureGroup as group:
                failures += [f"{operation.label}: {one}" for one in group.exceptions]
            except Unsatisfiable:
                continue  # nothing is forbidden here
        tried.append(operation.label)
    assert not failures, "\n\n".join(failures)
    assert len(tried) > 35


def ask(strategy: st.SearchStrategy[schemathesis.Case]) -> None:
    @given(case=strategy)
    @settings(
        max_examples=6,
        derandomize=True,
        database=None,
        deadline=None,
        phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    def asked(case: schemathesis.Case) -> None:
        case.call_and_validate(checks=CHECKS)

    asked()

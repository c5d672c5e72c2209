"""Drivers are found by entry points, and what cannot be found says what can."""

from __future__ import annotations

from pathlib import Path

import pytest

from drivers.arms import load_arm_driver
from drivers.fixtures import Clamp, load_fixture_driver
from drivers.plugins import DriverNotFound


@pytest.fixture
def installed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Two packages that register drivers, as an installer would leave them."""
    for number, points in enumerate(
        (
            "[robot_cell.arm_drivers]\nbench = bench_arm:make\nbroken = bench_arm:absent\n"
            "twice = bench_arm:make\n[robot_cell.fixture_drivers]\nvice = bench_arm:make\n",
            "[robot_cell.arm_drivers]\ntwice = bench_arm:other\n",
        )
    ):
        info = tmp_path / f"bench{number}-1.0.dist-info"
        info.mkdir()
        (info / "METADATA").write_text(
            f"Metadata-Version: 2.1\nName: bench{number}\nVersion: 1.0\n"
        )
        (info / "entry_points.txt").write_text(points)
    (tmp_path / "bench_arm.py").write_text("def make(): return 'arm'\ndef other(): return 'no'\n")
    monkeypatch.syspath_prepend(tmp_path)
    return tmp_path


@pytest.mark.usefixtures("installed")
def test_a_registered_driver_is_found() -> None:
    assert load_arm_driver("bench")() == "arm"
    assert load_fixture_driver("vice").__name__ == "make"


def test_the_kinds_of_the_protocol_need_no_registration() -> None:
    assert load_fixture_driver("clamp") is Clamp


@pytest.mark.usefixtures("installed")
@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("bend", "nobody registers it; drivers that exist: .*bench"),
        ("broken", "cannot be imported"),
        ("twice", "bench_arm:make and bench_arm:other"),
    ],
)
def test_an_arm_driver_that_cannot_be_used_says_why(name: str, said: str) -> None:
    with pytest.raises(DriverNotFound, match=said) as caught:
        load_arm_driver(name)
    assert "bench" in caught.value.known


def test_an_unknown_fixture_driver_lists_the_kinds() -> None:
    with pytest.raises(DriverNotFound, match="clamp, feeder, modbus, sensor, table"):
        load_fixture_driver("laser")

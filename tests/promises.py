"""What is promised when something breaks, and the figures that the tests of it found.

A test says with `@pytest.mark.promise("cable")` which promise it holds, and is thereby one of the
fault tests (`pytest -m faults`). It tells its figures with the fixture `figure`. At the end of a
run of the fault tests every promise is printed with its tests and figures, and one without a test
that passed is a failure. `ROBOT_CELL_FAULT_NUMBERS` names a file to which it is written as well.
"""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Final

import pytest

NUMBERS_VARIABLE: Final = "ROBOT_CELL_FAULT_NUMBERS"

PROMISES: Final[Mapping[str, str]] = {
    "kill": "SIGKILL of any process: no job lost, no step done twice, safe state < 1 s",
    "power": "power cut: everything acknowledged is still there",
    "cable": "serial cable pulled and put back: seen <= 200 ms, recovered <= 2 s, nothing re-sent",
    "garbage": "garbage on the line (10^6 frames): no overrun deadline, no wrong value",
    "sensor": "sensor stuck or wrong: plausibility alarm within one step, cell Held",
    "stall": "servo loop stalled: its motion void <= 40 ms later",
    "emergency stop": "e-stop, arm moved, reset: no motion before; first command <= 0.01 rad off",
    "hand-over": "broken in mid-hand-over: the part is held, nothing moves before a reset",
    "device": "device dies during a goal: the goal aborts with its error, nothing else does",
    "disk": "disk full, database locked, file corrupt: refused with a clear error, alarm",
    "wall clock": "wall clock jumps by an hour: no loop stalls, events keep their order",
    "cut off": "cell cut off: finishes leased work only, nobody else owns it",
    "batch": "malformed batch: error with row and column, all or nothing",
    "same batch": "the same batch 100 times at once: one set of jobs; other content refused",
    "one alarm": "100 faults in a second: one alarm per root cause",
    "credentials": "no or wrong credentials: refused and recorded",
}


@dataclass(frozen=True)
class Found:
    """A figure: what was measured, in which unit, and what it must not exceed."""

    what: str
    value: float
    unit: str
    bar: float | None

    def __str__(self) -> str:
        unit = f" {self.unit}" if self.unit else ""
        bar = "" if self.bar is None else f" (bar {self.bar:g})"
        return f"{self.what} {self.value:.4g}{unit}{bar}"


@dataclass
class Kept:
    """What became of a promise: its tests by outcome, and their figures."""

    outcomes: dict[str, int] = field(default_factory=dict)
    figures: list[Found] = field(default_factory=list)


class Figure:
    """Tells a figure of the test that has it."""

    def __init__(self, item: pytest.Item) -> None:
        self._item = item

    def __call__(
        self, what: str, value: float, unit: str = "", *, bar: float | None = None
    ) -> None:
        """Tell one.

        Raises:
            AssertionError: it is beyond its bar.
        """
        found = Found(what, float(value), unit, bar)
        self._item.user_properties.append((f"figure {what}", asdict(found)))
        assert bar is None or value <= bar, str(found)


@pytest.fixture
def figure(request: pytest.FixtureRequest) -> Figure:
    """Tells a figure of this test; it is printed beside the promise that the test holds."""
    return Figure(request.node)


def asked(config: pytest.Config) -> bool:
    """Whether the fault tests were asked for as such."""
    return "faults" in str(config.getoption("-m"))


def promised(item: pytest.Item) -> list[str]:
    """The promises that a test holds."""
    return [str(marker.args[0]) for marker in item.iter_markers("promise")]


class Promises:
    """The plug-in: makes tests with a promise fault tests, and prints what was found."""

    def __init__(self, config: pytest.Config) -> None:
        self._config = config
        self._kept = {name: Kept() for name in PROMISES}
        self._numbers: dict[str, Any] = {}

    @pytest.hookimpl(tryfirst=True)
    def pytest_collection_modifyitems(self, items: list[pytest.Item]) -> None:
        """Mark them before pytest's own marker expression chooses.

        The long ones run when faults are asked for (`-m faults`), or by name.
        """
        for item in items:
            for name in promised(item):
                if name not in PROMISES:
                    raise pytest.UsageError(f"{item.nodeid}: nothing is promised as {name!r}")
                item.add_marker("faults")
                item.user_properties.append(("promise", name))
        named = any("faults" in arg for arg in self._config.args)
        long = [i for i in items if i.get_closest_marker("faults") and i.get_closest_marker("long")]
        if long and not named and not asked(self._config):
            items[:] = [item for item in items if item not in long]
            self._config.hook.pytest_deselected(items=long)

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """Gather what a test found."""
        if report.when != "call" and report.passed:
            return
        told: list[tuple[str, Any]] = list(report.user_properties)
        for name in [value for key, value in told if key == "promise"]:
            kept = self._kept[name]
            kept.outcomes[report.outcome] = kept.outcomes.get(report.outcome, 0) + 1
            kept.figures += [Found(**value) for key, value in told if key.startswith("figure ")]

    def pytest_terminal_summary(self, terminalreporter: Any) -> None:
        """Print every promise with its tests and figures."""
        if not asked(self._config):
            return
        terminalreporter.section("what holds when something breaks")
        for name, kept in self._kept.items():
            ran = (
                ", ".join(f"{n} {outcome}" for outcome, n in kept.outcomes.items()) or "NO TEST RAN"
            )
            terminalreporter.write_line(f"{PROMISES[name]}: {ran}")
            for found in _worst(kept.figures):
                terminalreporter.write_line(f"    {found}")

    def pytest_sessionfinish(self, session: pytest.Session) -> None:
        """Write the figures down; a promise without a test is a failure of a whole run."""
        if hasattr(self._config, "workerinput"):
            return  # one of several lanes: whoever runs them hears of all
        if NUMBERS_VARIABLE in os.environ:
            path = Path(os.environ[NUMBERS_VARIABLE])
            known = json.loads(path.read_text()) if path.exists() else {}
            rows = {
                name: {
                    "promise": PROMISES[name],
                    "tests": kept.outcomes,
                    "figures": [asdict(found) for found in _worst(kept.figures)],
                }
                for name, kept in self._kept.items()
            }
            path.write_text(json.dumps(known | {"promises": rows}, indent=2) + "\n")
        options = self._config.option
        chosen = options.keyword or options.collectonly or not _everything(session)
        whole = asked(self._config) and not chosen
        if whole and any("passed" not in kept.outcomes for kept in self._kept.values()):
            session.exitstatus = pytest.ExitCode.TESTS_FAILED


def _worst(figures: list[Found]) -> list[Found]:
    """Of figures of one name the one that was largest."""
    worst: dict[str, Found] = {}
    for found in figures:
        if found.what not in worst or found.value > worst[found.what].value:
            worst[found.what] = found
    return list(worst.values())


def _everything(session: pytest.Session) -> bool:
    """Whether no file was named."""
    return session.config.args_source is not pytest.Config.ArgsSource.ARGS


def pytest_configure(config: pytest.Config) -> None:
    config.pluginmanager.register(Promises(config), "promises")

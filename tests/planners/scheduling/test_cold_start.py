"""Without compiled code a plan comes all the same, within the time, and says what it lacks."""

from __future__ import annotations

import importlib.util
import os
import subprocess
import sys
import time

import pytest

from planners.kept import is_kept
from planners.scheduling import InfeasibleProblem, cold_start, solve, verify
from planners.scheduling.first_plan import first_plan
from planners.scheduling.generate import BENCHMARK, generate
from planners.scheduling.plant import Cell
from planners.scheduling.problem import FOREVER_MS, SchedulingProblem
from planners.scheduling.schedule import ObjectiveWeights
from planners.scheduling.work import Alternative, Job, Operation

WEIGHTS = ObjectiveWeights()
COMPILED = """
from planners.compiled import compiled

@compiled
def twice(x):
    return 2 * x
"""

WARMED_UP = """
import sys, threading
from importlib import import_module
from planners.scheduling import cold_start

wanted = {f.__code__: f.__name__ for f in (*cold_start._rules(), *cold_start._searches())}
called = set()

def look(frame, event, arg):
    called.add(frame.f_code)

threading.setprofile(look)
sys.setprofile(look)
for part in cold_start.PARTS:
    import_module(part).warm_up()
sys.setprofile(None)
print([name for code, name in wanted.items() if code not in called])
"""


@pytest.fixture
def cold(monkeypatch):
    """As if nothing were compiled, and no compiler ended."""
    started = []
    monkeypatch.setattr(cold_start, "rules_are_compiled", lambda: False)
    monkeypatch.setattr(cold_start, "search_is_compiled", lambda: False)
    monkeypatch.setattr(cold_start, "compilers", lambda: started.append(1) or ())
    return started


def test_a_coupled_plant_is_planned_in_plain_python_within_the_time(cold):
    problem = generate(2, jobs=6, cells=3, features=BENCHMARK)
    told = []
    begin = time.monotonic()
    plan = solve(problem, time_limit_s=6.0, on_progress=told.append)
    assert time.monotonic() - begin < 12.0  # the limit, and a busy machine's Python to begin with
    assert verify(problem, plan) == []
    assert plan.engine.endswith("the search is being compiled")
    assert plan.status == "feasible"
    assert 0 < plan.lower_bound <= plan.objective.value
    assert told[0].elapsed_s < plan.wall_s
    assert cold  # and somebody compiles


def test_plain_python_finds_what_compiled_code_finds(cold):
    problem = generate(3, jobs=4, cells=3)
    slow, _ = cold_start.plan_uncompiled(
        problem, WEIGHTS, None, time.monotonic() + 60, lambda _: None, lambda: False
    )
    quick, _ = first_plan(problem, WEIGHTS, None, lambda: False, lambda _: None)
    assert slow is not None
    assert slow == quick


def test_a_search_that_is_compiled_in_time_goes_on(cold, monkeypatch):
    asked = []
    monkeypatch.setattr(cold_start, "search_is_compiled", lambda: asked.append(1) or len(asked) > 3)
    plan = solve(generate(3, jobs=4, cells=3), time_limit_s=20.0, patience_s=0.1)
    assert "compiled" not in plan.engine


def test_why_there_is_no_plan_crosses_the_process(cold):
    ways = (Alternative(0, 5),)
    shut = SchedulingProblem(
        (Cell("shut", unavailable=((8, FOREVER_MS),)),),
        (Job("a", (Operation("x", ways),)), Job("b", (Operation("y", ways),))),
    )
    best, failure = cold_start.plan_uncompiled(
        shut, WEIGHTS, None, time.monotonic() + 60, lambda _: None, lambda: False
    )
    assert best is None
    assert isinstance(failure, InfeasibleProblem)
    assert failure.conflicts[0].job in ("a", "b")


def test_code_is_kept_once_it_was_called(tmp_path, monkeypatch):
    path = tmp_path / "kernel_for_a_test.py"
    path.write_text(COMPILED)
    spec = importlib.util.spec_from_file_location(path.stem, path)
    module = importlib.util.module_from_spec(spec)
    monkeypatch.setitem(sys.modules, path.stem, module)
    spec.loader.exec_module(module)
    assert not is_kept(module.twice)
    assert module.twice(2) == 4
    assert is_kept(module.twice)
    assert is_kept(lambda: 0)  # nothing to compile


def test_warm_up_calls_all_that_is_asked_for():
    """What warm-up leaves out counts as stale for ever, and nobody searches."""
    environment = os.environ | {"NUMBA_DISABLE_JIT": "1"}
    answer = subprocess.run(
        [sys.executable, "-W", "ignore::RuntimeWarning", "-c", WARMED_UP],
        env=environment,
        capture_output=True,
        text=True,
        check=True,
    ).stdout
    assert answer.strip() == "[]"


def test_a_compiler_that_leaves_something_out_is_not_waited_for(monkeypatch):
    class Ended:
        def poll(self):
            return 0

    monkeypatch.setattr(cold_start, "search_is_compiled", lambda: False)
    monkeypatch.setattr(cold_start, "compilers", lambda: (Ended(), Ended()))
    begin = time.monotonic()
    assert cold_start.wait_for_search(lambda: time.monotonic() > begin + 30)

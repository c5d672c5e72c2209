"""Planning while the compiled code is stale or missing: nobody waits for the compiler.

Compiling takes a minute or two. Until it is done, the dispatch rules run as plain Python in a
process of their own: the very source that will be compiled, some hundred times slower, every
constraint in place. The compiler runs beside it, in processes that outlive this one, so that the
next plan finds the code. `solve` goes on with the search as soon as that is there; if its time is
up before, the dispatched plan is the answer, and its engine says so.
"""

from __future__ import annotations

import fcntl
import os
import pickle
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from dataclasses import replace
from functools import cache
from importlib import import_module
from pathlib import Path
from typing import Any

from planners.kept import are_kept
from planners.scheduling.errors import InfeasibleProblem
from planners.scheduling.first_plan import first_plan
from planners.scheduling.problem import SchedulingProblem
from planners.scheduling.schedule import ObjectiveWeights, Schedule

PARTS = ("planners.scheduling", "planners.scheduling.tabu")
"""Packages whose `warm_up` compiles, each in a process."""
NICENESS = 10
"""Of the compiler: plans go first."""
WAIT_S = 0.05
"""How often the clock and the disk are looked at."""
_IMPORT = "from planners.scheduling import cold_start"
_FOLDER = Path(__file__).parents[2]


def rules_are_compiled() -> bool:
    """Whether dispatch rules and decoder can be called without compiling them."""
    return are_kept(_rules())


def search_is_compiled() -> bool:
    """Whether the searches can be called without compiling them."""
    return are_kept(_searches())


def _rules() -> tuple[Callable[..., Any], ...]:
    from planners.scheduling.compiled import decode, rules

    return (decode.decode, decode.evaluate, rules.dispatch, rules.tails)


def _searches() -> tuple[Callable[..., Any], ...]:
    from planners.scheduling.compiled import search
    from planners.scheduling.tabu import construct, graph_plan, kernel, moves, relinking, weighted

    searches = (search.begin, search.anneal, kernel.run, weighted.run)
    starts = (kernel.start_from, weighted.start_from, construct.greedy, relinking.between)
    return (*searches, *starts, relinking.distance, moves.random_below, graph_plan._decode)


@cache
def compilers() -> tuple[subprocess.Popen[bytes], ...]:
    """Start compiling in the background, once; a part that another process compiles is left to it.

    The processes end by themselves when the code is on disk, whatever becomes of this one.
    """
    return tuple(
        subprocess.Popen(
            [sys.executable, "-c", f"{_IMPORT}; cold_start.compile_part({part!r})"],
            env=_environment(),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        )
        for part in PARTS
    )


def get_ready() -> None:
    """Load the compiled code before it is wanted, or begin to compile it in the background."""
    if not (rules_are_compiled() and search_is_compiled()):
        compilers()
        return
    for part in PARTS:
        import_module(part).warm_up()


def plan_uncompiled(
    problem: SchedulingProblem,
    weights: ObjectiveWeights,
    hint: Schedule | None,
    deadline: float,
    on_first: Callable[[Schedule], None],
    should_stop: Callable[[], bool],
) -> tuple[Schedule | None, InfeasibleProblem | None]:
    """As `first_plan`, in plain Python: a first plan at any rate, and better ones until then.

    Args:
        problem: What to plan.
        weights: How the objective's terms are traded.
        hint: An earlier plan.
        deadline: Until when further rules are tried (`time.monotonic`).
        on_first: Given the first plan at once.
        should_stop: Ends it, with whatever there is.
    """
    child = subprocess.Popen(
        [sys.executable, "-c", f"{_IMPORT}; cold_start.plan_for_parent()"],
        env=_environment() | {"NUMBA_DISABLE_JIT": "1"},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    )
    assert child.stdin is not None
    assert child.stdout is not None
    found: list[Schedule] = []
    failures: list[InfeasibleProblem] = []

    def read() -> None:
        assert child.stdout is not None
        try:
            while True:
                what = pickle.load(child.stdout)  # our own process
                if isinstance(what, Schedule):
                    found.append(what)
                    if len(found) == 1:
                        on_first(what)
                else:
                    failures.append(InfeasibleProblem(what))
        except (EOFError, pickle.UnpicklingError):
            pass  # it is done, or was ended in mid-sentence

    reader = threading.Thread(target=read, name="uncompiled plans", daemon=True)
    try:
        pickle.dump((problem, weights, hint, deadline - time.monotonic()), child.stdin)
        child.stdin.close()
        reader.start()
        while reader.is_alive() and not should_stop():
            if found and time.monotonic() > deadline:
                break
            reader.join(WAIT_S)
    finally:
        child.kill()
        child.wait()
    reader.join()
    child.stdout.close()
    if not found and not failures and not should_stop():
        raise RuntimeError(f"planning in plain Python ended with {child.returncode}")
    return (found[-1] if found else None), (failures[-1] if failures else None)


def uncompiled(plan: Schedule) -> Schedule:
    """The plan, whose engine says why it is no better."""
    return replace(plan, engine=f"{plan.engine}, the search is being compiled")


def wait_for_search(out_of_time: Callable[[], bool]) -> bool:
    """Wait until the searches are compiled; False if the time is up before."""
    if search_is_compiled():
        return True
    running = compilers()
    while not out_of_time():
        if search_is_compiled():
            return True
        if all(compiler.poll() is not None for compiler in running):
            return True  # they have left something out, or cannot: it is compiled when it is called
        time.sleep(WAIT_S)
    return False


def _lock_file(part: str) -> Path:
    folder = Path(__file__).parent / "__pycache__"
    folder.mkdir(exist_ok=True)
    return folder / f"{part}.compiling"


def _environment() -> dict[str, str]:
    path = os.environ.get("PYTHONPATH")
    found = os.pathsep.join([str(_FOLDER), *([path] if path else [])])
    return dict(os.environ) | {"PYTHONPATH": found}


def compile_part(part: str) -> None:
    """What a compiling process does; where another one is at it, its code is waited for."""
    os.nice(NICENESS)
    with _lock_file(part).open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        import_module(part).warm_up()


def plan_for_parent() -> None:
    """What the process in plain Python does: problem on standard input, plans on its output."""
    problem, weights, hint, left_s = pickle.load(sys.stdin.buffer)  # our own process
    until = time.monotonic() + left_s

    def send(what: object) -> None:
        pickle.dump(what, sys.stdout.buffer)
        sys.stdout.buffer.flush()

    best, failure = first_plan(problem, weights, hint, lambda: time.monotonic() > until, send)
    if failure is not None:
        send(failure.conflicts)
    if best is not None:
        send(best)

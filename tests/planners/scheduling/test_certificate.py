"""The benchmark's check of plans against raw files, which shares no code with anything."""

from __future__ import annotations

from pathlib import Path

import pytest

from benchmarks.scheduling_certificate import complaints
from planners.scheduling import ObjectiveWeights, best_of
from planners.scheduling.formats import read_instance

DATA = Path(__file__).parents[2] / "data" / "scheduling"
CASES = [("mk01.txt", "fjsp"), ("ft10.txt", "jsp"), ("Fattahi_setup_03.fjs", "fjsp_sdst")]
MAKESPAN = ObjectiveWeights(tardiness=0.0, left_shift=False)


def planned(name: str) -> list[tuple[int, int, int, int, int]]:
    plan = best_of(read_instance(DATA / name).problem, MAKESPAN)
    return [(a.job, a.operation, a.cell, a.start_ms, a.end_ms) for a in plan.assignments]


@pytest.mark.parametrize(("name", "kind"), CASES)
def test_a_plan_is_certified(name, kind):
    plan = planned(name)
    assert complaints(DATA / name, kind, plan, max(row[4] for row in plan)) == []


@pytest.mark.parametrize(("name", "kind"), CASES)
def test_what_is_wrong_with_a_plan_is_told(name, kind):
    plan = planned(name)
    end = max(row[4] for row in plan)
    j, o, machine, start, stop = plan[-1]
    rest = plan[:-1]

    def told(row: tuple[int, int, int, int, int]) -> str:
        return " ".join(complaints(DATA / name, kind, [*rest, row], end))

    assert "not at" in " ".join(complaints(DATA / name, kind, plan, end - 1))
    assert "missing" in " ".join(complaints(DATA / name, kind, rest, end))
    assert "cannot run" in told((j, o, 99, start, stop))
    assert "takes" in told((j, o, machine, start, stop + 1))
    length = stop - start
    before = next(row for row in plan if row[0] == j and row[1] == o - 1)
    assert "before" in told((j, o, machine, before[4] - 1, before[4] - 1 + length))
    other = next(row for row in plan if row[2] == machine and row[0] != j)
    assert "starts on machine" in told((j, o, machine, other[3], other[3] + length))

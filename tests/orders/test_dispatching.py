"""What may start now: the schedule's order, the recipe, releases, calendars, and failed units."""

from robot_cell.model import PlannedOperation
from robot_cell.orders.dispatching import Decision, WorkState, decide

S = 1_000_000_000


def row(name: str, cell: str, start_s: float, end_s: float) -> PlannedOperation:
    return PlannedOperation(name, "WO-1", 1, name, cell, "p", int(start_s * S), int(end_s * S))


def work(
    status: dict[str, str],
    before: dict[str, tuple[str, ...]] | None = None,
    release_s: float = 0.0,
    closed: dict[str, list[tuple[int, int]]] | None = None,
) -> WorkState:
    return WorkState(
        status, {**{k: () for k in status}, **(before or {})}, {"WO-1": int(release_s * S)},
        closed or {},
    )  # fmt: skip


def started(decision: Decision) -> list[str]:
    return [r.operation_id for r in decision.start]


def test_each_idle_cell_starts_its_first_open_operation() -> None:
    plan = [row("a", "x", 0, 10), row("b", "x", 10, 20), row("c", "y", 0, 10)]
    state = work({"a": "complete", "b": "planned", "c": "planned"})
    assert started(decide(plan, state, {"x", "y"}, 10 * S)) == ["c", "b"]
    assert started(decide(plan, state, {"y"}, 10 * S)) == ["c"]


def test_nothing_overtakes_on_its_cell_while_its_predecessor_is_at_work() -> None:
    plan = [row("a", "y", 0, 10), row("b", "x", 10, 20), row("c", "x", 20, 30)]
    state = work({"a": "running", "b": "planned", "c": "planned"}, {"b": ("a",)})
    assert started(decide(plan, state, {"x"}, 12 * S)) == []


def test_a_unit_whose_predecessor_failed_does_not_hold_up_the_others() -> None:
    plan = [row("a", "y", 0, 10), row("b", "x", 10, 20), row("c", "x", 20, 30)]
    state = work({"a": "failed", "b": "planned", "c": "planned"}, {"b": ("a",)})
    assert started(decide(plan, state, {"x"}, 12 * S)) == ["c"]


def test_nothing_starts_before_its_release_and_the_wake_up_is_then() -> None:
    plan = [row("a", "x", 5, 10)]
    state = work({"a": "planned"}, release_s=5.0)
    early = decide(plan, state, {"x"}, 4 * S)
    assert started(early) == []
    assert early.wake_ns == 5 * S
    assert started(decide(plan, state, {"x"}, 5 * S)) == ["a"]


def test_work_that_does_not_fit_before_the_end_of_the_shift_waits_for_the_next() -> None:
    plan = [row("a", "x", 0, 10)]
    closed = {"x": [(15 * S, 100 * S), (105 * S, 200 * S)]}
    state = work({"a": "planned"}, closed=closed)
    assert started(decide(plan, state, {"x"}, 5 * S)) == ["a"]
    late = decide(plan, state, {"x"}, 6 * S)
    assert started(late) == []
    assert late.wake_ns == 200 * S

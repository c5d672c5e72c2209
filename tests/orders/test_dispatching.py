"""What may start now: the schedule's order, the recipe, releases, calendars, and failed units."""

from dataclasses import replace

from robot_cell.model import PlannedOperation
from robot_cell.orders.dispatching import Decision, WorkState, decide
from robot_cell.orders.setups import SettingUp, SetupTimes

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
        status, {**dict.fromkeys(status, ()), **(before or {})}, {"WO-1": int(release_s * S)},
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


def setting_up(
    last: str | None, closed: dict[str, list[tuple[int, int]]] | None = None, **status: str
) -> WorkState:
    """Cell x, of 30 s from red to blue and 5 s from blue to red; orders are named by product."""
    times = SetupTimes({"x": {"red": {"blue": 30_000}, "blue": {"red": 5_000}}})
    return replace(
        work(dict(status), closed=closed),
        release_ns={"red": 0, "blue": 0},
        product={"red": "red", "blue": "blue"},
        last_product={} if last is None else {"x": last},
        setups=times,
    )


def of(product: str, name: str, start_s: float) -> PlannedOperation:
    start_ns = int(start_s * S)
    return PlannedOperation(name, product, 1, name, "x", "p", start_ns, start_ns + 10 * S)


def test_a_cell_is_set_up_before_it_begins_another_product() -> None:
    plan = [of("blue", "b", 40)]
    state = setting_up("red", b="planned")
    first = decide(plan, state, {"x"}, 10 * S)
    assert (started(first), first.wake_ns) == ([], 40 * S)
    assert first.setting_up == {"x": SettingUp("red", "blue", 10 * S)}
    again = decide(plan, state, {"x"}, 25 * S, first.setting_up)
    assert (started(again), again.wake_ns) == ([], 40 * S)
    busy = decide(plan, state, set(), 30 * S, again.setting_up)
    assert busy.setting_up == first.setting_up
    last = decide(plan, state, {"x"}, 40 * S, busy.setting_up)
    assert (started(last), last.setting_up) == (["b"], {})
    forgotten = decide(plan, state, {"x"}, 40 * S)  # a scheduler that was started anew
    assert (started(forgotten), forgotten.wake_ns) == ([], 70 * S)


def test_the_same_product_and_the_first_one_begin_at_once() -> None:
    assert started(decide([of("red", "r", 0)], setting_up("red", r="planned"), {"x"}, 0)) == ["r"]
    assert started(decide([of("red", "r", 0)], setting_up(None, r="planned"), {"x"}, 0)) == ["r"]


def test_a_cell_whose_turn_changes_is_set_up_anew() -> None:
    state = setting_up("red", r="planned", b="planned")
    begun = decide([of("blue", "b", 0), of("red", "r", 50)], state, {"x"}, 0).setting_up
    turned = decide([of("red", "r", 0), of("blue", "b", 50)], state, {"x"}, 20 * S, begun)
    assert (started(turned), turned.setting_up) == (["r"], {})
    other = {"x": SettingUp("red", "green", 0)}
    from_green = decide([of("blue", "b", 0)], state, {"x"}, 31 * S, other)
    assert (started(from_green), from_green.wake_ns) == ([], 61 * S)
    back = decide([of("blue", "b", 0)], state, {"x"}, 31 * S, turned.setting_up)
    assert (started(back), back.wake_ns) == ([], 61 * S)


def test_a_cell_is_set_up_while_what_comes_before_is_at_work_elsewhere() -> None:
    plan = [of("blue", "b", 0)]
    state = replace(setting_up("red", a="running", b="planned"), before={"b": ("a",)})
    begun = decide(plan, state, {"x"}, 0)
    assert (started(begun), begun.wake_ns) == ([], None)
    ready = replace(state, status={"a": "complete", "b": "planned"})
    assert started(decide(plan, ready, {"x"}, 30 * S, begun.setting_up)) == ["b"]


def test_a_cell_is_set_up_in_one_piece_of_open_time() -> None:
    plan = [of("blue", "b", 0)]
    closed = {"x": [(20 * S, 100 * S)]}
    state = setting_up("red", closed, b="planned")
    begun = decide(plan, state, {"x"}, 0)
    assert begun.wake_ns == 130 * S
    assert started(decide(plan, state, {"x"}, 129 * S, begun.setting_up)) == []
    assert started(decide(plan, state, {"x"}, 130 * S, begun.setting_up)) == ["b"]

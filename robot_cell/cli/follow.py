"""Follows a run: waits for the plant, hands the batch in, shows progress until it is done."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Final, TypeVar

from robot_cell.bringup.session import PlantSession
from robot_cell.cli.output import PlantNotReadyError, err, out, print_problems
from robot_cell.cli.progress import show_progress
from robot_cell.client import JobView, OperationView, PlantClient, PlantNotReachable, ScheduleView
from robot_cell.model import JobOrder, Plant
from robot_cell.reporting.gantt_html import write_html
from robot_cell.reporting.gantt_terminal import render_terminal
from robot_cell.reporting.plan_changes import (
    BACK,
    Happening,
    happenings,
    lost_cells,
    waiting_operations,
)
from robot_cell.reporting.run_result import (
    Conditions,
    Records,
    RunResult,
    Timing,
    build_run_result,
    chart_of,
)
from robot_cell.store import Journal, journal_location, open_journal

if TYPE_CHECKING:
    from robot_cell.reporting.gantt_data import GanttData

READY_WITHIN_S: Final = 120.0
PLANNED_WITHIN_S: Final = 60.0
CONNECT_SLICE_S: Final = 5.0
CHECK_EVERY_S: Final = 1.0
BUSY_AT_MOST_S: Final = 60.0
POLL_S: Final = 0.1
JOBS_EVERY_S: Final = 0.5
STUCK_AFTER_S: Final = 20.0
_ENDED: Final = ("complete", "failed", "cancelled")
_STOPPED: Final = ("Held", "Aborted", "Stopped")


_Answer = TypeVar("_Answer")


class Follower:
    """One run, from the plant's first sign of life to its last job.

    Args:
        session: the plant.
        plant: its file.
        began_s: when the command was given, on the clock of `time.monotonic`.
        quiet: nothing but errors is shown (the result goes to stdout as JSON).
    """

    def __init__(self, session: PlantSession, plant: Plant, began_s: float, *, quiet: bool) -> None:
        self._session = session
        self._plant = plant
        self._began_s = began_s
        self._quiet = quiet
        self._console = err()
        self._setup_s: float | None = None
        self._planning_s: float | None = None
        self._first_motion_s: float | None = None
        self._jobs: list[JobView] = []
        self._schedule: ScheduleView | None = None
        self._happenings: list[Happening] = []
        self._last_event = 0
        self._records: Journal | None = None
        self._link_told = False
        self._client = self._connect()

    def close(self) -> None:
        """Give up the connection to the plant, and its journal."""
        self._client.close()
        if self._records is not None:
            self._records.close()

    def submit(self, orders: Sequence[JobOrder], source: str, kind: str, *, report: Path) -> bool:
        """Hand the batch in and show the schedule; False if it was refused."""
        begin_s = time.monotonic()
        result = self._client.submit(orders, source, kind, "robot-cell run")
        if not result.accepted:
            if result.errors:
                print_problems(result.errors)
            else:
                self._console.print(f"the batch was refused: {result.message}")
            return False
        self._say(result.message)
        end_s = time.monotonic() + PLANNED_WITHIN_S
        while not (schedule := self._ask(self._client.schedule)).operations:
            self._session.check()
            if time.monotonic() > end_s:
                raise PlantNotReadyError(f"no schedule was published:\n{self._session.story()}")
            time.sleep(POLL_S)
        self._planning_s = time.monotonic() - begin_s
        self._schedule = schedule
        self._jobs = self._ask(self._client.jobs)
        chart = self._chart([_unmade(o) for o in schedule.operations], schedule, "Schedule")
        page = write_html(report / "schedule.html", chart)
        if not self._quiet:
            out().print(render_terminal(chart))
            self._say(f"schedule: {page}")
        return True

    def wait(self, time_limit_s: float | None, *, returns: int = 0) -> bool:
        """Show progress until every job has ended; False if the run cannot go on or time is up.

        As long as fewer than `returns` lost cells have come back, work that waits for one is no
        reason to end.
        """
        asked_s = 0.0
        quiet_since_s: float | None = None
        with show_progress(self._console, quiet=self._quiet) as show:
            while True:
                self._session.check()
                states = self._client.cell_states().values()
                if self._first_motion_s is None and any(state.step >= 1 for state in states):
                    self._first_motion_s = self._waited_s()
                now_s = time.monotonic()
                if now_s - asked_s > JOBS_EVERY_S:
                    asked_s = now_s
                    self._jobs = self._ask(self._client.jobs)
                    show(self._jobs)
                    self._tell_happenings()
                    if self._jobs and all(job.status in _ENDED for job in self._jobs):
                        return True
                lost = lost_cells(self._happenings)
                living = [state for state in states if state.cell not in lost]
                stopped = [state for state in living if state.state in _STOPPED]
                came_back = sum(one.what == BACK for one in self._happenings)
                stuck = stopped or (lost and came_back >= returns)
                if stuck and not any(state.state == "Execute" for state in living):
                    quiet_since_s = quiet_since_s or now_s
                else:
                    quiet_since_s = None
                if quiet_since_s is not None and now_s - quiet_since_s > STUCK_AFTER_S:
                    for state in stopped:
                        self._console.print(f"{state.cell} is {state.state}: {state.message}")
                    if lost:
                        waiting = waiting_operations(self._happenings)
                        self._console.print(
                            f"{', '.join(sorted(lost))} did not come back; waiting for it: "
                            f"{', '.join(waiting) or 'what is left, see the report'}",
                            markup=False,
                        )
                    self._session.keep = True
                    return False
                if time_limit_s is not None and self._waited_s() > time_limit_s:
                    self._console.print(f"the time limit of {time_limit_s:.0f} s is up")
                    return False
                time.sleep(POLL_S)

    def _tell_happenings(self) -> None:
        """Say what has happened to the cells and the plan since the last time."""
        events = self._journal().events(after=self._last_event)
        if not events:
            return
        self._last_event = events[-1].event_id
        for one in happenings(events):
            self._happenings.append(one)
            self._say(f"at {one.at_s:.1f} s: {one.text}")

    def _journal(self) -> Journal:
        """The plant's journal, opened at the first question: the plant has made it by then."""
        if self._records is None:
            self._records = open_journal(journal_location(self._session.run_dir))
        return self._records

    def result(
        self, speed: float, seed: int, faults: tuple[str, ...] = ()
    ) -> tuple[RunResult, GanttData]:
        """What the run was, and its chart."""
        self._tell_happenings()
        wall_s = self._waited_s()
        schedule = self._ask(self._client.schedule)
        self._jobs = self._ask(self._client.jobs)
        measured = {record.operation_id: record for record in self._journal().operations()}
        first = self._schedule or schedule
        operations = _against(first, schedule)
        setup_s = self._setup_s or 0.0
        result = build_run_result(
            Conditions(
                self._plant.plant,
                schedule.start,
                speed,
                seed,
                first.engine,
                first.makespan_ns * 1e-9,
                first.lower_bound_ns * 1e-9,
                faults,
            ),
            Timing(wall_s, self._setup_s, self._first_motion_s, wall_s - setup_s, self._planning_s),
            Records(self._jobs, operations, measured, tuple(self._happenings)),
        )
        return result, self._chart(operations, schedule, "What was made")

    def _ask(self, question: Callable[[], _Answer]) -> _Answer:
        """Ask the scheduler again where it was too busy to answer, as long as the plant runs."""
        end_s = time.monotonic() + BUSY_AT_MOST_S
        while True:
            try:
                return question()
            except PlantNotReachable:
                self._session.check()
                if time.monotonic() > end_s:
                    raise

    def _connect(self) -> PlantClient:
        with self._status("starting the plant"):
            while True:
                self._session.check()
                self._tell_link()
                try:
                    client = PlantClient.connect(CONNECT_SLICE_S)
                    break
                except PlantNotReachable as error:
                    self._too_late(error)
        try:
            self._wait_ready(client)
        except BaseException:
            client.close()
            raise
        self._setup_s = self._waited_s()
        self._tell_link()
        self._say(f"the plant is ready after {self._setup_s:.1f} s")
        return client

    def _tell_link(self) -> None:
        """Say where the live plant can be seen, once that is known."""
        link = self._session.link()
        if link is not None and not self._link_told:
            self._link_told = True
            self._say(f"live plant: {link}")

    def _wait_ready(self, client: PlantClient) -> None:
        said = ""

        def on_wait(what: str) -> None:
            nonlocal said
            if what != said:
                said = what
                self._say(what)

        while True:
            self._session.check()
            try:
                client.wait_ready(CHECK_EVERY_S, on_wait=on_wait, cells=self._plant.cells)
                return
            except PlantNotReachable as error:
                self._too_late(error)

    def _too_late(self, error: PlantNotReachable) -> None:
        if self._waited_s() > READY_WITHIN_S:
            story = self._session.story()
            raise PlantNotReadyError(
                f"the plant is not ready after {READY_WITHIN_S:.0f} s: {error}\n{story}".rstrip()
            ) from error

    def _chart(
        self, operations: Sequence[OperationView], schedule: ScheduleView, title: str
    ) -> GanttData:
        return chart_of(
            self._plant,
            schedule.start,
            f"{title}: {self._plant.plant}",
            operations,
            self._jobs,
        )

    def _waited_s(self) -> float:
        return time.monotonic() - self._began_s

    def _say(self, text: str) -> None:
        if not self._quiet:
            self._console.print(text, markup=False)

    @contextlib.contextmanager
    def _status(self, text: str) -> Iterator[None]:
        if self._quiet or not self._console.is_terminal:
            yield
            return
        with self._console.status(text):
            yield


def _unmade(operation: OperationView) -> OperationView:
    """An operation as it was planned, whatever has become of it since."""
    return replace(operation, status="planned", actual_start_ns=None, actual_end_ns=None)


def _against(first: ScheduleView, latest: ScheduleView) -> list[OperationView]:
    """What became of the operations, against the times of the first schedule that had them."""
    promised = {operation.operation_id: operation for operation in first.operations}
    return [
        replace(
            operation,
            planned_start_ns=promised[operation.operation_id].planned_start_ns,
            planned_end_ns=promised[operation.operation_id].planned_end_ns,
        )
        if operation.operation_id in promised
        else operation
        for operation in latest.operations
    ]

"""Follows a run: waits for the plant, hands the batch in, shows progress until it is done."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Final

from robot_cell.bringup.session import PlantSession
from robot_cell.cli.output import PlantNotReadyError, err, out, print_problems
from robot_cell.cli.progress import show_progress
from robot_cell.client import JobView, PlantClient, PlantNotReachable, ScheduleView
from robot_cell.model import JobOrder, Plant
from robot_cell.reporting.gantt_html import write_html
from robot_cell.reporting.gantt_terminal import render_terminal
from robot_cell.reporting.run_result import (
    Conditions,
    Records,
    RunResult,
    Timing,
    build_run_result,
    chart_of,
)
from robot_cell.store import open_journal

if TYPE_CHECKING:
    from robot_cell.reporting.gantt_data import GanttData

READY_WITHIN_S: Final = 60.0
CONNECT_WITHIN_S: Final = 30.0
CONNECT_SLICE_S: Final = 5.0
CHECK_EVERY_S: Final = 1.0
POLL_S: Final = 0.1
JOBS_EVERY_S: Final = 0.5
STUCK_AFTER_S: Final = 20.0
_ENDED: Final = ("complete", "failed", "cancelled")
_STOPPED: Final = ("Held", "Aborted", "Stopped")


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
        self._first_motion_s: float | None = None
        self._jobs: list[JobView] = []
        self._schedule: ScheduleView | None = None
        self._client = self._connect()

    def close(self) -> None:
        """Give up the connection to the plant."""
        self._client.close()

    def submit(self, orders: Sequence[JobOrder], source: str, kind: str, *, report: Path) -> bool:
        """Hand the batch in and show the schedule; False if it was refused."""
        result = self._client.submit(orders, source, kind, "robot-cell run")
        if not result.accepted:
            if result.errors:
                print_problems(result.errors)
            else:
                self._console.print(f"the batch was refused: {result.message}")
            return False
        self._say(result.message)
        while not (schedule := self._client.schedule()).operations:
            self._session.check()
            if self._waited_s() > READY_WITHIN_S + CONNECT_WITHIN_S:
                raise PlantNotReadyError(f"no schedule was published:\n{self._session.story()}")
            time.sleep(POLL_S)
        self._schedule = schedule
        self._jobs = self._client.jobs()
        chart = self._chart(schedule, "Schedule")
        page = write_html(report / "schedule.html", chart)
        if not self._quiet:
            out().print(render_terminal(chart))
            self._say(f"schedule: {page}")
        return True

    def wait(self, time_limit_s: float | None) -> bool:
        """Show progress until every job has ended; False if the run cannot go on or time is up."""
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
                    self._jobs = self._client.jobs()
                    show(self._jobs)
                    if self._jobs and all(job.status in _ENDED for job in self._jobs):
                        return True
                stopped = [state for state in states if state.state in _STOPPED]
                if stopped and not any(state.state == "Execute" for state in states):
                    quiet_since_s = quiet_since_s or now_s
                else:
                    quiet_since_s = None
                if quiet_since_s is not None and now_s - quiet_since_s > STUCK_AFTER_S:
                    for state in stopped:
                        self._console.print(f"{state.cell} is {state.state}: {state.message}")
                    self._session.keep = True
                    return False
                if time_limit_s is not None and self._waited_s() > time_limit_s:
                    self._console.print(f"the time limit of {time_limit_s:.0f} s is up")
                    return False
                time.sleep(POLL_S)

    def result(self, speed: float, seed: int) -> tuple[RunResult, GanttData]:
        """What the run was, and its chart."""
        wall_s = self._waited_s()
        schedule = self._client.schedule()
        self._jobs = self._client.jobs()
        with open_journal(self._session.run_dir / "journal.db") as journal:
            measured = {record.operation_id: record for record in journal.operations()}
        setup_s = self._setup_s or 0.0
        result = build_run_result(
            Conditions(
                self._plant.plant,
                schedule.start,
                speed,
                seed,
                schedule.engine,
                self._planned_makespan_s(schedule),
                schedule.lower_bound_ns * 1e-9,
            ),
            Timing(wall_s, self._setup_s, self._first_motion_s, wall_s - setup_s),
            Records(self._jobs, schedule.operations, measured),
        )
        return result, self._chart(schedule, "What was made")

    def _planned_makespan_s(self, latest: ScheduleView) -> float:
        """That of the first plan: later ones know what has happened."""
        return (self._schedule or latest).makespan_ns * 1e-9

    def _connect(self) -> PlantClient:
        with self._status("starting the plant"):
            while True:
                self._session.check()
                left_s = CONNECT_WITHIN_S - self._waited_s()
                try:
                    client = PlantClient.connect(min(CONNECT_SLICE_S, max(0.1, left_s)))
                    break
                except PlantNotReachable:
                    if left_s <= 0.0:
                        raise
        try:
            self._wait_ready(client)
        except BaseException:
            client.close()
            raise
        self._setup_s = self._waited_s()
        self._say(f"the plant is ready after {self._setup_s:.1f} s")
        return client

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
                if self._waited_s() > READY_WITHIN_S:
                    raise PlantNotReadyError(f"{error}\n{self._session.story()}") from error

    def _chart(self, schedule: ScheduleView, title: str) -> GanttData:
        return chart_of(
            self._plant,
            schedule.start,
            f"{title}: {self._plant.plant}",
            schedule.operations,
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

"""Progress of the jobs: a bar each on a terminal, a line per finished job elsewhere."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator, Sequence
from typing import TYPE_CHECKING, Final

from rich.text import Text

from robot_cell.cli.output import status_text

if TYPE_CHECKING:
    from rich.console import Console
    from rich.progress import Progress, TaskID

    from robot_cell.client import JobView

Show = Callable[[Sequence["JobView"]], None]
_ENDED: Final = ("complete", "failed", "cancelled")


@contextlib.contextmanager
def show_progress(console: Console, *, quiet: bool) -> Iterator[Show]:
    """Something to call with the jobs whenever they may have changed."""
    if quiet:
        yield lambda _jobs: None
    elif console.is_terminal:
        from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn

        with Progress(
            TextColumn("{task.description}", markup=False),
            TextColumn("{task.fields[product]}", style="dim", markup=False),
            BarColumn(bar_width=30, complete_style="cyan", finished_style="green"),
            MofNCompleteColumn(),
            TextColumn("{task.fields[status]}"),
            console=console,
        ) as progress:
            yield _Bars(progress)
    else:
        yield _Lines(console)


class _Bars:
    def __init__(self, progress: Progress) -> None:
        self._progress = progress
        self._tasks: dict[str, TaskID] = {}

    def __call__(self, jobs: Sequence[JobView]) -> None:
        for job in jobs:
            if job.order_id not in self._tasks:
                self._tasks[job.order_id] = self._progress.add_task(
                    job.order_id, total=job.quantity, product=job.product, status=job.status
                )
            self._progress.update(
                self._tasks[job.order_id], completed=job.done, status=status_text(job.status)
            )


class _Lines:
    def __init__(self, console: Console) -> None:
        self._console = console
        self._told: set[str] = set()

    def __call__(self, jobs: Sequence[JobView]) -> None:
        ended = sum(job.status in _ENDED for job in jobs)
        for job in jobs:
            if job.status in _ENDED and job.order_id not in self._told:
                self._told.add(job.order_id)
                line = f"{job.order_id} {job.status}: {job.done} of {job.quantity} {job.product}"
                self._console.print(Text(f"{line} ({ended} of {len(jobs)} jobs ended)"))

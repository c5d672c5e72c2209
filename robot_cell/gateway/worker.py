"""A process beside the gateway for what takes long: reading batch files, and plans that might be.

A file may be a bomb and a plan may take its time: neither holds up who watches, and what takes too
long is ended with its process. It is started when it is first needed.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import BrokenExecutor, ProcessPoolExecutor
from concurrent.futures import TimeoutError as TookTooLong
from dataclasses import dataclass, field, replace
from multiprocessing import get_context
from pathlib import Path
from typing import Any, Final, Literal, TypeVar

from planners.errors import PlannerError
from planners.scheduling import Progress
from robot_cell.client import orders_json
from robot_cell.errors import RobotCellError
from robot_cell.gateway.problems import Problem
from robot_cell.model import JobOrder, Plant
from robot_cell.orders import BatchError, InputProblem, PlanningError
from robot_cell.orders.intake import read_batch
from robot_cell.orders.planning_job import Moment
from robot_cell.orders.what_if import Otherwise, Supposed, suppose
from robot_cell.programs import ProgramKey
from robot_cell.programs.energy import ProgramEnergy, energies_of
from robot_cell.programs.library import default_cache_dir

READ_WITHIN_S: Final = 60.0
PLAN_WITHIN_S: Final = 60.0
SHOWN_ORDERS: Final = 1000
MAX_MEMORY: Final = 3 << 30
"""Bytes of address space of the worker; a file that wants more is a bomb."""

_TOO_MUCH: Final = "this needs more memory than it may have and was ended; split it"
_T = TypeVar("_T")
_plants: list[Plant] = []
_better: list[Any] = []
"""In the worker: where it counts the plans that it finds; -1 before the search begins."""


class Cancelled(RobotCellError):
    """Somebody has no more need of it."""


@dataclass(eq=False)
class Ticket:
    """A piece of work that can be watched and cancelled.

    Attributes:
        begun: whether its turn has come.
        searching: whether the search for plans has begun.
        better_plans: how many it has found, each better than the one before.
        cancelled: whether nobody wants it any more.
    """

    begun: bool = False
    searching: bool = False
    better_plans: int = 0
    cancelled: threading.Event = field(default_factory=threading.Event)


@dataclass(frozen=True)
class ReadBatch:
    """A batch file that was read.

    Attributes:
        first: the first orders, to be shown.
        content: all of them, as a batch carries them.
    """

    format: str
    total: int
    first: tuple[JobOrder, ...]
    content: str


@dataclass(frozen=True)
class Failed:
    """What went wrong in the worker."""

    kind: Literal["batch", "memory", "refused"]
    text: str
    problems: tuple[InputProblem, ...] = ()
    total: int = 0

    def error(self) -> RobotCellError:
        """The error that it was."""
        if self.kind == "batch":
            return BatchError(list(self.problems), self.total)
        if self.kind == "memory":
            return Problem("invalid", self.text, problems=[])
        return PlanningError(self.text)


class Worker:
    """One process, one piece of work at a time."""

    def __init__(self, plant: Plant) -> None:
        self._plant = plant
        self._pool: ProcessPoolExecutor | None = None
        self._lock = threading.Lock()
        self._turn = threading.Lock()
        self._context = get_context("forkserver")
        self._found: Any = None
        self._ticket: Ticket | None = None

    def read(self, path: Path) -> ReadBatch:
        """Read a batch file.

        Raises:
            BatchError: with every problem that was found.
            Problem: it takes too long.
        """
        return self._do(READ_WITHIN_S, _read, path)

    def plan(
        self, at: Moment, otherwise: Otherwise, path: Path | None, ticket: Ticket | None = None
    ) -> Supposed:
        """Plan with something otherwise, and with the orders of a file besides.

        Raises:
            RobotCellError: there is no plan.
            Cancelled: its ticket was cancelled.
        """
        return self._do(PLAN_WITHIN_S, _suppose, at, otherwise, path, ticket=ticket)

    @property
    def busy(self) -> bool:
        """Whether something is in work."""
        return self._ticket is not None

    def look(self, ticket: Ticket) -> None:
        """Bring a ticket that is in work up to date."""
        if self._ticket is ticket and self._found is not None:
            found = int(self._found.value)
            ticket.searching, ticket.better_plans = found >= 0, max(0, found)

    def cancel(self, ticket: Ticket) -> None:
        """Nobody wants this any more: if it is in work, its process is ended."""
        with self._turn:
            ticket.cancelled.set()
            if self._ticket is ticket:
                _kill(self._pool)

    def energies(self, keys: Sequence[ProgramKey]) -> Mapping[ProgramKey, ProgramEnergy]:
        """What those programs take that are planned, by the model of the arms."""
        return self._do(PLAN_WITHIN_S, _energies, tuple(keys), default_cache_dir())

    def close(self) -> None:
        """End the process."""
        with self._lock:
            self._end()

    def _do(
        self,
        within_s: float,
        work: Callable[..., _T | Failed],
        *args: object,
        ticket: Ticket | None = None,
    ) -> _T:
        own = ticket or Ticket()
        with self._lock:
            if self._pool is None:
                self._found = self._context.RawValue("i", -1)
                self._pool = ProcessPoolExecutor(
                    1,
                    mp_context=self._context,
                    initializer=_prepare,
                    initargs=(self._plant, self._found),
                )
            self._found.value = -1
            try:
                with self._turn:
                    if own.cancelled.is_set():
                        raise Cancelled("it was cancelled before its turn came")
                    own.begun, self._ticket = True, own
                    job = self._pool.submit(_guarded, work, *args)
                done: _T | Failed = job.result(within_s)
            except TookTooLong:
                self._end()
                raise Problem(
                    "invalid",
                    f"this took longer than {within_s:g} s and was ended; make it smaller",
                    problems=[],
                ) from None
            except BrokenExecutor:
                self._end()
                if own.cancelled.is_set():
                    raise Cancelled("it was cancelled") from None
                raise Problem("invalid", _TOO_MUCH, problems=[]) from None
            finally:
                self.look(own)
                with self._turn:
                    self._ticket = None
                if own.begun and own.cancelled.is_set():
                    self._end()  # its process is gone, or about to be
        if isinstance(done, Failed):
            raise done.error()
        return done

    def _end(self) -> None:
        pool, self._pool = self._pool, None
        if pool is None:
            return
        _kill(pool)
        pool.shutdown(wait=False, cancel_futures=True)


def _kill(pool: ProcessPoolExecutor | None) -> None:
    processes: dict[int, Any] = {} if pool is None else dict(pool._processes or {})
    for process in processes.values():
        process.kill()


def _prepare(plant: Plant, better: Any) -> None:
    """In the worker: know the plant, give way to the arms, take no more than it may have."""
    import os
    import resource

    os.nice(5)
    resource.setrlimit(resource.RLIMIT_AS, (MAX_MEMORY, MAX_MEMORY))
    _plants[:], _better[:] = [plant], [better]


def _guarded(work: Callable[..., Any], *args: object) -> Any:
    """Do a piece of work; what went wrong goes back as a value, since errors do not travel well."""
    try:
        return work(*args)
    except BatchError as error:
        return Failed("batch", str(error), error.problems, error.total)
    except MemoryError:
        return Failed("memory", _TOO_MUCH)
    except (RobotCellError, PlannerError) as error:
        return Failed("refused", str(error))


def _read(path: Path) -> ReadBatch:
    batch = read_batch(path, _plants[0])
    first = tuple(batch.orders[:SHOWN_ORDERS])
    return ReadBatch(batch.format, len(batch.orders), first, orders_json(batch.orders))


def _energies(keys: Sequence[ProgramKey], cache_dir: Path) -> Mapping[ProgramKey, ProgramEnergy]:
    # The gateway's: this process has the environment of the first that was ever started.
    return energies_of(_plants[0], keys, cache_dir)


def _suppose(at: Moment, otherwise: Otherwise, path: Path | None) -> Supposed:
    more = () if path is None else tuple(read_batch(path, _plants[0]).orders)
    return suppose(at, replace(otherwise, more=(*otherwise.more, *more)), on_progress=_count)


def _count(found: Progress | None) -> None:
    _better[0].value = 0 if found is None else _better[0].value + 1

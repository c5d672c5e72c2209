"""Plans that would be: asked for, watched, looked at beside the published one, forgotten.

They are made one after the other in the gateway's worker, from the journal as it is. The plant
hears nothing of them.
"""

from __future__ import annotations

import secrets
import threading
import time
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Final

import structlog

from robot_cell.errors import RobotCellError
from robot_cell.gateway.plan_shapes import WhatIf, WhatIfResult
from robot_cell.gateway.problems import Problem
from robot_cell.gateway.worker import Cancelled, Ticket, Worker
from robot_cell.orders.planning_job import Moment
from robot_cell.orders.what_if import TIME_LIMIT_S, Otherwise, Supposed

KEPT: Final = 20
WAITING_AT_MOST: Final = 4
_log: Final = structlog.get_logger("gateway.what_ifs")


@dataclass(eq=False)
class _Job:
    key: str
    asked_by: str
    ticket: Ticket = field(default_factory=Ticket)
    begun_s: float = field(default_factory=time.monotonic)
    ended_s: float | None = None
    state: str = "waiting"
    problem: str = ""
    result: WhatIfResult | None = None


class WhatIfs:
    """The supposed plans of a gateway; the latest are kept in memory."""

    def __init__(self, worker: Worker) -> None:
        self._worker = worker
        self._lock = threading.Lock()
        self._jobs: OrderedDict[str, _Job] = OrderedDict()

    def begin(
        self,
        moment: Moment,
        otherwise: Otherwise,
        shown: Callable[[Supposed], WhatIfResult],
        asked_by: str,
    ) -> WhatIf:
        """Have a plan made in the background; `shown` makes of it what is told.

        Raises:
            Problem: 429, too many wait already.
        """
        job = _Job(secrets.token_hex(8), asked_by)
        with self._lock:
            if sum(one.ended_s is None for one in self._jobs.values()) >= WAITING_AT_MOST:
                raise Problem(
                    "too-many", "other plans are being made: cancel one, or try again in a moment"
                )
            self._jobs[job.key] = job
            while len(self._jobs) > KEPT:
                oldest = next(one for one in self._jobs.values() if one.ended_s is not None)
                del self._jobs[oldest.key]
        threading.Thread(
            target=self._make, args=(job, moment, otherwise, shown), name="what if", daemon=True
        ).start()
        return self._view(job)

    def _make(
        self,
        job: _Job,
        moment: Moment,
        otherwise: Otherwise,
        shown: Callable[[Supposed], WhatIfResult],
    ) -> None:
        state = "failed"
        try:
            job.result = shown(self._worker.plan(moment, otherwise, None, job.ticket))
            state = "done"
        except Cancelled:
            state = "cancelled"
        except RobotCellError as error:
            job.problem = str(error)
        except Exception:
            _log.exception("a supposed plan could not be made")
            job.problem = "something went wrong inside; the gateway's log says what"
        job.ended_s = time.monotonic()
        job.state = "cancelled" if job.ticket.cancelled.is_set() else state

    def all(self) -> list[WhatIf]:
        """Those that are kept, oldest first, without their results."""
        with self._lock:
            jobs = list(self._jobs.values())
        return [{**self._view(one), "result": None} for one in jobs]

    def get(self, key: str) -> WhatIf:
        """One of them.

        Raises:
            Problem: 404.
        """
        return self._view(self._find(key))

    def cancel(self, key: str) -> WhatIf:
        """End its planning if it is under way; one that has ended stays as it is.

        Raises:
            Problem: 404.
        """
        job = self._find(key)
        if job.ended_s is None:
            self._worker.cancel(job.ticket)
            job.state = "cancelled"
        return self._view(job)

    def _find(self, key: str) -> _Job:
        with self._lock:
            job = self._jobs.get(key)
        if job is None:
            raise Problem("not-found", f"there is no supposed plan {key[:40]!r} any more")
        return job

    def _view(self, job: _Job) -> WhatIf:
        ended_s, state, stage = job.ended_s, job.state, ""
        elapsed_s = (time.monotonic() if ended_s is None else ended_s) - job.begun_s
        if state == "waiting" and ended_s is None and job.ticket.begun:
            self._worker.look(job.ticket)
            state, stage = "planning", "searching" if job.ticket.searching else "reading"
        progress = 1.0 if state == "done" else min(0.99, elapsed_s / TIME_LIMIT_S)
        return {
            "id": job.key,
            "state": state,
            "stage": stage,
            "progress": round(progress, 3),
            "better_plans": job.ticket.better_plans,
            "elapsed_s": round(elapsed_s, 3),
            "asked_by": job.asked_by,
            "problem": job.problem,
            "result": job.result if state == "done" else None,
        }

"""The problem as a disjunctive graph: arrays that are checked once, and what they cannot say.

Everything that the graph can say is here: alternatives, precedences with lags, transport, release
and due dates, setups by family, cells that become available late, operations that are fixed.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

from planners.scheduling.errors import ProblemError

Int64 = npt.NDArray[np.int64]
Float64 = npt.NDArray[np.float64]

NO_DUE = 1 << 60
"""The due date of a job that has none."""

UNPUBLISHED = -1
FREE = -1


class UnsupportedByGraph(ProblemError):
    """The problem has a feature that a disjunctive graph cannot express; use another engine.

    Attributes:
        feature: What it is: "calendar" or "overlap".
    """

    def __init__(self, feature: str, message: str, *, job: str | None = None) -> None:
        super().__init__(message, job=job)
        self.feature = feature


@dataclass(frozen=True, slots=True)
class Terms:
    """What each term of the objective weighs.

    ``makespan`` per ms, ``tardiness`` per ms of a job of weight 1, ``setup`` per ms of setup,
    ``moved`` per operation that leaves its published cell, ``shifted`` per ms that an operation
    starts before or after its published start.
    """

    makespan: float = 1.0
    tardiness: float = 0.0
    setup: float = 0.0
    moved: float = 0.0
    shifted: float = 0.0

    def __post_init__(self) -> None:
        for name in self.__slots__:
            value = getattr(self, name)
            if not 0 <= value <= 1e9:
                raise ProblemError(f"weight of {name} must lie in 0..1e9, not {value!r}")


def _ints(values: object) -> Int64:
    array: Int64 = np.ascontiguousarray(values, dtype=np.int64)
    array.setflags(write=False)
    return array


def _empty() -> Int64:
    return np.zeros(0, dtype=np.int64)


@dataclass(frozen=True, slots=True, eq=False)
class GraphProblem:
    """A scheduling problem in arrays; times in ms, everything indexed from 0.

    n operations, m cells, j jobs, f setup families. Fields that may be left empty say so.

    Attributes:
        alt_ptr: ``(n + 1,)``; the alternatives of operation v are ``alt_ptr[v]:alt_ptr[v + 1]``.
        alt_cell: Cell of each alternative.
        alt_duration: Duration of each alternative. The kernel takes 0 for 1; plans are exact.
        pred_ptr: ``(n + 1,)``; its predecessors, likewise.
        pred: Predecessor operations.
        pred_lag: Least time from the end of each predecessor to the start, at least 0.
        job: ``(n,)`` job of each operation.
        release: ``(n,)`` earliest start.
        due: ``(j,)`` due date of each job, or NO_DUE.
        weight: ``(j,)`` weight of its tardiness.
        available: ``(m,)`` when each cell becomes available.
        transport: ``(m, m)`` time from cell to cell between operations of a job, or empty.
        family: ``(n,)`` setup family; empty if there are no setups.
        setup: ``(rows, f, f)`` setup from one family to another, or empty.
        setup_row: ``(m,)`` which row holds for each cell.
        first_setup: ``(m, f)`` setup of a cell's first operation; empty: none is needed.
        fixed_cell: ``(n,)`` cell of a fixed operation, FREE for others; or empty. What precedes
            a fixed operation is fixed too; other operations run behind the fixed ones of a cell.
        fixed_start: ``(n,)`` its start; or empty.
        fixed_duration: ``(n,)`` how long it takes; or empty.
        published_cell: ``(n,)`` cell in the published plan or UNPUBLISHED; or empty.
        published_start: ``(n,)`` start in the published plan; or empty.
        terms: The weights of the objective.

    Raises:
        ProblemError: Lengths do not fit, an index is out of range, a time is negative, or the
            precedences form a cycle.
    """

    alt_ptr: Int64
    alt_cell: Int64
    alt_duration: Int64
    pred_ptr: Int64
    pred: Int64
    pred_lag: Int64
    job: Int64
    release: Int64
    due: Int64
    weight: Float64
    available: Int64
    transport: Int64 = field(default_factory=_empty)
    family: Int64 = field(default_factory=_empty)
    setup: Int64 = field(default_factory=_empty)
    setup_row: Int64 = field(default_factory=_empty)
    first_setup: Int64 = field(default_factory=_empty)
    fixed_cell: Int64 = field(default_factory=_empty)
    fixed_start: Int64 = field(default_factory=_empty)
    fixed_duration: Int64 = field(default_factory=_empty)
    published_cell: Int64 = field(default_factory=_empty)
    published_start: Int64 = field(default_factory=_empty)
    terms: Terms = field(default_factory=Terms)
    order: Int64 = field(init=False)
    """The operations in a topological order of the precedences, fixed ones first."""

    def __post_init__(self) -> None:
        n, m = len(self.job), len(self.available)
        for name in self.__slots__:
            if name not in ("terms", "order", "weight"):
                object.__setattr__(self, name, _ints(getattr(self, name)))
        object.__setattr__(self, "weight", np.ascontiguousarray(self.weight, dtype=np.float64))
        optional = (n,) if len(self.fixed_cell) else (0,)
        published = (n,) if len(self.published_cell) else (0,)
        families = self.setup.shape[-1] if self.setup.size else 0
        shapes: dict[str, tuple[int, ...]] = {
            "alt_ptr": (n + 1,),
            "pred_ptr": (n + 1,),
            "alt_duration": self.alt_cell.shape,
            "pred_lag": self.pred.shape,
            "release": (n,),
            "weight": self.due.shape,
            "fixed_cell": optional,
            "fixed_start": optional,
            "fixed_duration": optional,
            "published_cell": published,
            "published_start": published,
            "transport": (m, m) if self.transport.size else self.transport.shape,
            "family": (n,) if self.setup.size else self.family.shape,
            "setup_row": (m,) if self.setup.size else self.setup_row.shape,
            "first_setup": (m, families) if self.first_setup.size else self.first_setup.shape,
        }
        for name, shape in shapes.items():
            actual = getattr(self, name).shape
            if actual != shape:
                raise ProblemError(f"{name} has shape {actual} instead of {shape}")
        self._check_range("alt_cell", 0, m)
        self._check_range("alt_duration", 0, NO_DUE)
        self._check_range("pred", 0, n)
        self._check_range("job", 0, len(self.due))
        for name in ("pred_lag", "release", "available", "transport", "setup", "first_setup"):
            self._check_range(name, 0, NO_DUE)
        self._check_range("setup_row", 0, len(self.setup) if self.setup.size else NO_DUE)
        self._check_range("family", 0, families if self.setup.size else NO_DUE)
        for name, pointed in (("alt_ptr", self.alt_cell), ("pred_ptr", self.pred)):
            pointer = getattr(self, name)
            steps = np.diff(pointer)
            least = 1 if name == "alt_ptr" else 0
            if pointer[0] != 0 or pointer[-1] != len(pointed) or (steps < least).any():
                raise ProblemError(f"{name} does not divide its array of length {len(pointed)}")
        object.__setattr__(self, "order", _ints(self._topological_order()))

    def _check_range(self, name: str, least: int, below: int) -> None:
        values = getattr(self, name)
        bad = np.flatnonzero((values < least) | (values >= below))
        if len(bad):
            raise ProblemError(
                f"{name}[{bad[0]}] is {values.flat[bad[0]]}, outside {least}..{below - 1}"
            )

    @property
    def fixed(self) -> npt.NDArray[np.bool_]:
        """``(n,)`` which operations are fixed."""
        if not len(self.fixed_cell):
            return np.zeros(len(self.job), dtype=np.bool_)
        fixed: npt.NDArray[np.bool_] = self.fixed_cell != FREE
        return fixed

    def _topological_order(self) -> list[int]:
        n = len(self.job)
        fixed = self.fixed
        for v in np.flatnonzero(fixed).tolist():
            for p in self.pred[self.pred_ptr[v] : self.pred_ptr[v + 1]]:
                if not fixed[p]:
                    raise ProblemError(f"operation {v} is fixed, its predecessor {p} is not")
        successors: list[list[int]] = [[] for _ in range(n)]
        missing = np.diff(self.pred_ptr).tolist()
        pointer, preds = self.pred_ptr.tolist(), self.pred.tolist()
        for v in range(n):
            for i in range(pointer[v], pointer[v + 1]):
                successors[preds[i]].append(v)
        order = [v for v in range(n) if missing[v] == 0]
        for v in order:
            for w in successors[v]:
                missing[w] -= 1
                if missing[w] == 0:
                    order.append(w)
        if len(order) < n:
            raise ProblemError(f"the precedences of {n - len(order)} operations form a cycle")
        return [v for v in order if fixed[v]] + [v for v in order if not fixed[v]]

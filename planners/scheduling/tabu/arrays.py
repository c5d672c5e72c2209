"""The arrays that the compiled functions work on: what is given, and what the search changes.

Each operation has one row of 16 numbers of 32 bits, which is one cache line: what a head or tail
update reads of an operation arrives in one go.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import numpy.typing as npt

Int32 = npt.NDArray[np.int32]
Int64 = npt.NDArray[np.int64]
UInt64 = npt.NDArray[np.uint64]
UInt8 = npt.NDArray[np.uint8]
Float64 = npt.NDArray[np.float64]

# Columns of an operation's row.
MP = 0
"""The operation before it on its cell, or NONE."""
MS = 1
"""The operation after it on its cell, or NONE."""
CELL = 2
DUR = 3
HEAD = 4
"""Earliest start."""
TAIL = 5
"""Longest path from its end to the target (the end of the plan, or of one job)."""
POS = 6
"""Its position in the topological order."""
JP = 7
"""Its predecessor in the job, NONE, or MANY (then see the lists)."""
JS = 8
"""Its successor in the job, NONE, or MANY."""
LAG_P = 9
LAG_S = 10
RELEASE = 11
FAMILY = 12
ALT = 13
"""Index of the chosen alternative."""
OWN_TAIL = 14
"""Its tail if nothing follows it: 0 at the target, otherwise NEVER."""
SHIFT = 4
WIDTH = 1 << SHIFT

NONE = -1
MANY = -2
FIXED = -3
"""In MP: the operation is fixed, and stands in no sequence."""
NEVER = -(1 << 30)
"""A tail from which the target cannot be reached."""

# Switches in Given.switches.
HAS_SETUP = 0
HAS_TRANSPORT = 1
IS_PLAIN = 2
"""Neither setups nor transport."""
ALL_ENDS = 3
"""Look at moves of either end of every block, also where none can gain anything by itself."""
SWITCHES = 4

# Numbers in State.numbers.
ITERATION = 0
MAKESPAN = 1
BEST = 2
LAST_GAIN = 3
SAMPLE = 4
"""Critical operations looked at in a step; 0: all."""
STEPS_REFUSED = 5
CANDIDATES = 6
"""Candidates whose value is computed exactly in a step (weighted objective)."""
TENURE = 7
TENURE_MOVED = 8
TENURE_STAY = 9
SETUP_TIME = 10
MOVED_COUNT = 11
TARGET = 12
"""Where the tails lead to: END_OF_PLAN or a job."""
MOVED_LIMIT = 13
"""How many operations may be on another cell than published; makespan only."""
NUMBERS = 16
NO_LIMIT = 1 << 40
END_OF_PLAN = -1

# Numbers in State.values.
VALUE = 0
BEST_VALUE = 1

# Costs in Given.costs.
MAKESPAN_COST = 0
SETUP_COST = 1
MOVED_COST = 2
SHIFTED_COST = 3


class Given(NamedTuple):
    """The problem as the kernel reads it; times in search units, all 32 bit.

    Alternatives of operation v are rows ``alt_ptr[v]:alt_ptr[v + 1]``; predecessors and successors
    likewise. ``setup[setup_row[k], f, g]`` is the setup on cell k from family f to g and
    ``first_setup[k, g]`` that of its first operation; without setups both are empty.
    """

    alt_ptr: Int32
    alt_cell: Int32
    alt_dur: Int32
    pred_ptr: Int32
    pred_op: Int32
    pred_lag: Int32
    succ_ptr: Int32
    succ_op: Int32
    succ_lag: Int32
    transport: Int32
    setup: Int32
    setup_row: Int32
    first_setup: Int32
    available: Int32
    release: Int32
    family: Int32
    sinks: Int32
    """Operations without a successor."""
    fixed: UInt8
    """1 where an operation is fixed: one alternative, no predecessors, released at its start."""
    switches: Int64
    job: Int32
    due: Int32
    late_cost: Float64
    """Per job: cost of one search unit of tardiness."""
    costs: Float64
    """Cost per search unit of makespan and of setup, per operation moved, per unit shifted."""
    published_cell: Int32
    """UNPUBLISHED (-1) where there is none, and where the operation is fixed."""
    published_start: Int32


class State(NamedTuple):
    """A plan under search, and what the search remembers."""

    rows: Int32
    """The rows of all operations, one behind the other; see access.py."""
    order: Int32
    """All operations in a topological order of the disjunctive graph."""
    first: Int32
    """First operation on each cell, or NONE."""
    last: Int32
    mark: UInt8
    saved: Int32
    """The part of `order` before the last repair."""
    moved: Int32
    path: Int32
    segment: Int32
    heads: Int32
    log_op: Int32
    log_head: Int32
    tabu_until: Int64
    random: UInt64
    numbers: Int64
    values: Float64
    completion: Int32
    """Completion of each job."""
    candidate: Int32
    """``(MOST_CANDIDATES, 4)``: operation, alternative, what it moves behind, whether tabu."""
    score: Float64
    choice: Int64
    """The candidates of the present step; see kernel.py."""
    best_alt: Int32
    best_start: Int32


TABU_SLOTS = 1 << 16
MOST_CANDIDATES = 64


def new_state(given: Given, seed: int) -> State:
    """Room for one searching thread."""
    n = len(given.alt_ptr) - 1
    m = len(given.available)

    def ints(size: int) -> Int32:
        return np.zeros(size, dtype=np.int32)

    mixed = (seed * 0x9E3779B97F4A7C15 + 0xD1B54A32D192ED03) % (1 << 64)
    return State(
        rows=ints(n * WIDTH),
        order=ints(n),
        first=ints(m),
        last=ints(m),
        mark=np.zeros(n + 1, dtype=np.uint8),
        saved=ints(n + 1),
        moved=ints(n + 1),
        path=ints(n + 1),
        segment=ints(n + 2),
        heads=ints(n + 2),
        log_op=ints(n + 1),
        log_head=ints(n + 1),
        tabu_until=np.zeros(TABU_SLOTS, dtype=np.int64),
        random=np.array([mixed or 1], dtype=np.uint64),
        numbers=np.zeros(NUMBERS, dtype=np.int64),
        values=np.zeros(4, dtype=np.float64),
        completion=ints(len(given.due)),
        candidate=np.zeros((MOST_CANDIDATES + 1, 4), dtype=np.int32),
        score=np.zeros(MOST_CANDIDATES + 1, dtype=np.float64),
        choice=np.zeros(16, dtype=np.int64),
        best_alt=ints(n),
        best_start=ints(n),
    )

"""Columns of the tables in `arrays` and in `compiled.state`: constants to compiled code.

A column that says where a list begins has its end in the next row; tables have a last row for it.
Times are in ms; -1 stands for none.
"""

# problem: operations
JOB = 0
WAYS = 1
"""First row of its alternatives in the table of ways."""
PREDECESSORS = 2
"""First place in ``flat``."""
SUCCESSORS = 3
INTERRUPTIBLE = 4
GROUP = 5
"""Group of optional work that it belongs to."""
PUBLISHED_CELL = 6
PUBLISHED_START = 7
PUBLISHED_BEFORE = 8
"""The operation published right before it on its cell."""

# problem: ways (alternatives of all operations)
CELL = 0
DURATION = 1
FAMILY = 2
NEEDS = 3
"""First row in ``pairs`` of (cumulative resource, amount)."""

# problem: jobs
FIRST = 0
"""First operation."""
RELEASE = 1
DUE = 2
HOLDS = 3
"""First row in ``pairs`` of (cumulative resource, amount)."""

# problem: cells
CLOSED = 0
"""First row in ``pairs`` of (start, end)."""
SETUPS = 1
"""First place in ``flat`` of the setup matrix."""
FAMILIES = 2
INITIAL = 3
SETUP_NEEDS = 4
BUFFER = 5
"""Cumulative resource that stands for the places of the output buffer."""
WAYS_FROM = 6
"""First place in ``flat`` of the transport times to each cell."""
SHORTEST = 7
"""Shortest duration of any work that the cell can do."""

# problem: cumulative resources
CAPACITY = 0
WHILE_WORKING = 1
"""1: used only while an operation works (people, power); 0: from its start to its end."""
BASE = 2
"""First row in ``pairs`` of (time, use from then on) before anything is planned."""

# state: operations
START = 0
END = 1
ON = 2
"""Cell."""
WAY = 3
SET_UP_FOR = 4
"""Family."""
SETUP = 5
FOLLOWING = 6
"""Next operation on the same cell."""
PREVIOUS = 7
FACT = 8
LEFT_OUT = 9
PENDING = 10
"""Successors that are not placed yet; counted where buffers are limited."""
LEAVES = 11
"""When the part is fetched by the successors placed so far."""
ELSEWHERE = 12
"""Whether a successor runs on another cell."""
MOVED = 13
"""When the part went from its cell into the buffer."""
SEEN = 14
"""Number of the last walk through optional work that met it."""
SEQUENCE = 15
"""The how many-th it was to be placed."""
STATE_OF_OPERATION = 16
"""Two cache lines."""

# state: cells
FIRST_ON = 0
LAST_ON = 1
FULL_TO = 2
"""Operation up to which no gap is long enough for the shortest work of the cell."""
STATE_OF_CELL = 3

# state: jobs
LEFT = 0
"""Operations that are not placed yet."""
BEGIN = 1
FINISH = 2
STATE_OF_JOB = 3

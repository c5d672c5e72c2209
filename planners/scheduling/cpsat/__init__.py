"""CP-SAT: the full model, for bounds, proofs and what local search leaves.

Importing this package imports OR-Tools, which takes most of a second; `solve` does so on demand.
"""

from planners.scheduling.cpsat.conflicts import conflicts_of, too_tight
from planners.scheduling.cpsat.proof import prove
from planners.scheduling.cpsat.search import SearchResult, SearchSettings, improve
from planners.scheduling.cpsat.windows import WindowSearch

__all__ = [
    "SearchResult",
    "SearchSettings",
    "WindowSearch",
    "conflicts_of",
    "improve",
    "prove",
    "too_tight",
]

"""Looks at the journal from within a host: started there, asked by lines on its standard input.

`operations` answers each operation's cell, status and attempt; `problems` what journal and devices
contradict each other in (`tests.faults.witness`). It prints `ready` once the journal can be read.
"""

from __future__ import annotations

import json
import os
import sys
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from robot_cell.model import load_plant
from robot_cell.store import Journal, JournalError, open_journal
from tests.faults.witness import Witness

OPEN_S = 60.0


def opened() -> Journal:
    """The journal, once its server lets it be opened."""
    until_s = time.monotonic() + OPEN_S
    while True:
        try:
            return open_journal(os.environ["ROBOT_CELL_JOURNAL"])
        except JournalError:
            if time.monotonic() > until_s:
                raise


def operations(journal: Journal) -> Mapping[str, Any]:
    return {
        o.operation_id: {"cell": o.cell, "status": o.status, "attempt": o.attempt}
        for o in journal.operations()
    }


def main() -> None:
    plant_file, log = map(Path, sys.argv[1:])
    with opened() as journal:
        print("ready", flush=True)
        for line in sys.stdin:
            answer: Any = operations(journal)
            if line.strip() == "problems":
                answer = Witness(load_plant(plant_file), log).look(journal)
            print(json.dumps(answer), flush=True)


if __name__ == "__main__":
    main()

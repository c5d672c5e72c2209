"""Stops a cell's arms from outside: voids every order on the pages that their servos read.

Standard library only, for the supervisor. The servo looks at that word in each period and stops the
arm on its path, through the driver that moves it. A servo that does not look any more is ended:
its connection to the arm ends with it, and an arm without setpoints stops by itself
(`drivers.arms.ArmDriver`).
"""

from __future__ import annotations

import mmap
import struct
from pathlib import Path
from typing import Final

ORDER: Final = struct.Struct("<q")
ORDER_AT: Final = 0
STOPPED_AT: Final = 8
"""Where `horizon.Horizon` has the number of the newest order, and of the newest that is void."""


def stop_motion(run_dir: Path, cell: str) -> bool:
    """Void the motion orders of every arm of a cell; False if there is no page, and so no servo."""
    folder, stopped = run_dir / "horizons", False
    for path in (folder / f"{cell}.page", *folder.glob(f"{cell}.*.page")):
        try:
            with path.open("r+b") as file, mmap.mmap(file.fileno(), mmap.PAGESIZE) as page:
                (order,) = ORDER.unpack_from(page, ORDER_AT)
                ORDER.pack_into(page, STOPPED_AT, order)
        except (OSError, ValueError):
            continue
        stopped = True
    return stopped

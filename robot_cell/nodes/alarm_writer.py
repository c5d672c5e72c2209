"""Writes a node's alarms to the journal, in their order, without anybody waiting for its disk.

What makes an alarm is often what must not wait: a stop, a fault in mid-motion. So alarms go through
a queue, and one that cannot be written (the disk is full) is written once it can be.
"""

from __future__ import annotations

import queue
import threading
from collections.abc import Callable, Collection
from typing import Final

from robot_cell.nodes.base import PlantNode
from robot_cell.store import Journal, JournalError

AGAIN_S: Final = 1.0
"""How long after a failure the journal is tried again, wall time."""


class AlarmWriter:
    """The alarms of one node.

    Args:
        source: what they are about unless said otherwise: a cell, or `plant`.
    """

    def __init__(self, node: PlantNode, journal: Journal, source: str) -> None:
        self._node = node
        self._journal = journal
        self._source = source
        self._ending = threading.Event()
        self._work: queue.SimpleQueue[Callable[[], object] | None] = queue.SimpleQueue()
        node.start_thread(self._serve, "alarms")

    def raise_(self, kind: str, subject: str, text: str, source: str = "") -> None:
        """Something is wrong; does not wait."""
        at_ns, of = self._node.clock.now_ns(), source or self._source
        self._work.put(lambda: self._journal.alarms.raise_(of, kind, subject, text, at_ns))

    def over(self, kinds: Collection[str], subject: str | None = None, source: str = "") -> None:
        """It is not, or no longer; does not wait."""
        at_ns, of = self._node.clock.now_ns(), source or self._source
        self._work.put(lambda: self._journal.alarms.return_(of, at_ns, kinds, subject))

    def end_shelving(self) -> None:
        """See that nothing is shelved for longer than it was asked for; does not wait."""
        self._work.put(self._journal.alarms.end_shelving)

    def end(self) -> None:
        """End after what has been said so far."""
        self._work.put(None)
        self._ending.set()

    def _serve(self) -> None:
        while (write := self._work.get()) is not None:
            told = False
            while True:
                try:
                    write()
                    break
                except JournalError as error:
                    if not told:
                        told = True
                        self._node.get_logger().error(f"an alarm cannot be written yet: {error}")
                    if self._ending.wait(AGAIN_S):
                        return

"""Who wants the motion slower, and which wish counts."""

from __future__ import annotations


class SpeedRequests:
    """Who asks for which path speed; the lowest one counts.

    Override, feed hold, interlocks, a protective field and the schedule's slack each have a name
    and say what they want, independently of each other.
    """

    def __init__(self) -> None:
        self._asked: dict[str, float] = {}

    def ask(self, who: str, speed: float) -> None:
        """`who` wants at most this share of the planned speed, 0 (stand) to 1.

        Raises:
            ValueError: it is no share; NaN from a broken sensor is none either.
        """
        if not 0.0 <= speed <= 1.0:
            raise ValueError(f"{who} asks for path speed {speed}; it is a share, 0 to 1")
        self._asked[who] = speed

    def drop(self, who: str) -> None:
        """`who` has no wish any more."""
        self._asked.pop(who, None)

    def asks(self, who: str) -> bool:
        """Whether `who` has a wish."""
        return who in self._asked

    @property
    def target(self) -> float:
        """What the governor is asked for: the lowest wish, 1 without any."""
        return min(self._asked.values(), default=1.0)

    @property
    def lowest(self) -> str | None:
        """Who holds the motion back; None if nobody does."""
        who = min(self._asked, key=self._asked.__getitem__, default=None)
        return who if who is not None and self._asked[who] < 1.0 else None

"""Two arms, one space: who may be in which zone, so that they never meet and never wait for ever.

An *excursion* is a motion, or several, from a place where an arm is in nobody's way to the next
such place. An arm asks for all zones of its next excursion at once, while it holds none of them,
and starts when it has them all. Requests stand in one line: a request is granted when all its zones
are free and no older request waits for one of them. So nobody waits while holding what another
waits for, which no deadlock can do without (Coffman, Elphick and Shoshani, "System deadlocks",
Computing Surveys 3, 1971, condition 2), and nobody is overtaken for ever.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Final

from planners.errors import PlannerError
from planners.motion.swept import Visit

_NEXT_S: Final = 1e-6


class SharedSpaceError(PlannerError):
    """A zone is asked for or given back by an arm that must not.

    Attributes:
        arm, zone: whose request, and which zone (empty if all).
    """

    def __init__(self, arm: str, zone: str, message: str) -> None:
        super().__init__(f"{arm}: {message}")
        self.arm = arm
        self.zone = zone


@dataclass(frozen=True)
class _Request:
    ticket: int
    arm: str
    zones: frozenset[str]


@dataclass
class SharedSpace:
    """Zones and who holds them now: asked at run time, by events, not by the clock.

    Args:
        zones: their names, in the fixed order in which they are always taken.
    """

    zones: Sequence[str]
    _holder: dict[str, str] = field(default_factory=dict)
    _waiting: list[_Request] = field(default_factory=list)
    _tickets: int = 0

    def __post_init__(self) -> None:
        if len(set(self.zones)) != len(self.zones):
            raise ValueError(f"names of zones must be unique: {list(self.zones)}")

    def held_by(self, arm: str) -> tuple[str, ...]:
        """The zones an arm holds, in the fixed order."""
        return tuple(zone for zone in self.zones if self._holder.get(zone) == arm)

    def ask(self, arm: str, zones: Iterable[str]) -> bool:
        """Ask for all zones of the next excursion; True if the arm may start now.

        Else the request stands in line, and `granted` tells when it was granted.

        Raises:
            SharedSpaceError: the arm holds zones or waits already, or there is no such zone.
        """
        wanted = frozenset(zones)
        for zone in sorted(wanted - set(self.zones)):
            raise SharedSpaceError(arm, zone, f"there is no zone {zone!r}")
        if self.held_by(arm):
            held = ", ".join(self.held_by(arm))
            raise SharedSpaceError(arm, "", f"gives back {held} before it asks for the next zones")
        if any(request.arm == arm for request in self._waiting):
            raise SharedSpaceError(arm, "", "waits for zones already")
        self._tickets += 1
        self._waiting.append(_Request(self._tickets, arm, wanted))
        return arm in self.granted()

    def granted(self) -> tuple[str, ...]:
        """Grant what can be granted; the arms that may start now, in the order they asked."""
        started: list[str] = []
        claimed: set[str] = set()
        still: list[_Request] = []
        for request in self._waiting:
            if any(zone in self._holder or zone in claimed for zone in request.zones):
                claimed |= request.zones
                still.append(request)
                continue
            for zone in self.zones:
                if zone in request.zones:
                    self._holder[zone] = request.arm
            started.append(request.arm)
        self._waiting = still
        return tuple(started)

    def give_back(self, arm: str, zones: Iterable[str]) -> tuple[str, ...]:
        """The arm has left these zones for good; the arms that may start now.

        Raises:
            SharedSpaceError: it does not hold one of them.
        """
        leaving = list(zones)
        for zone in leaving:
            if self._holder.get(zone) != arm:
                raise SharedSpaceError(arm, zone, f"does not hold zone {zone!r}")
        for zone in leaving:
            del self._holder[zone]
        return self.granted()

    def withdraw(self, arm: str) -> tuple[str, ...]:
        """A waiting arm no longer wants its zones; the arms that may start now."""
        self._waiting = [request for request in self._waiting if request.arm != arm]
        return self.granted()


@dataclass
class Timetable:
    """Planned stays in zones, for a schedule: what `SharedSpace` will let happen on time."""

    _stays: dict[str, list[tuple[float, float, str]]] = field(default_factory=dict)

    def book(self, arm: str, visits: Sequence[Visit], not_before_s: float) -> float:
        """Book an excursion as early as no stay overlaps another arm's; its start, s."""
        start = self.earliest(arm, visits, not_before_s)
        for visit in visits:
            stays = self._stays.setdefault(visit.zone, [])
            stays.append((start + visit.enter_s, start + visit.leave_s, arm))
            stays.sort()
        return start

    def earliest(self, arm: str, visits: Sequence[Visit], not_before_s: float) -> float:
        """When such an excursion could start."""
        start = not_before_s
        moved = True
        while moved:
            moved = False
            for visit in visits:
                for enter, leave, other in self._stays.get(visit.zone, ()):
                    late = start + visit.leave_s <= enter or leave <= start + visit.enter_s
                    if other != arm and not late:
                        start = leave - visit.enter_s + _NEXT_S
                        moved = True
        return start

    def forget_before(self, now_s: float) -> None:
        """Drop stays that are over."""
        for zone, stays in self._stays.items():
            self._stays[zone] = [stay for stay in stays if stay[1] > now_s]

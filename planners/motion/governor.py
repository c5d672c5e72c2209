"""The path-speed governor: one scalar, by which a motion is slowed, held, stopped and resumed.

A trajectory q(tau) runs with tau(t); sigma = d tau / dt, between 0 and 1, is its path speed.
Override, feed hold, a soft stop, resuming, a protective slow-down, waiting for an interlock and
using up slack all ask the same: another sigma. The joints then move with (chain rule)

    q-dot    = q' s                                       s  = sigma
    q-ddot   = q'' s^2 + q' s'                            s' = d sigma / dt
    q-dddot  = q''' s^3 + 3 q'' s s' + q' s''

so positions never leave the path, the velocity limit holds for every s <= 1, and s', s'' have to
be chosen so that the acceleration and jerk limits hold. They depend on where on the path the motion
is: where a joint already brakes with all it has, nothing is left to brake harder with.

**Never trapped.** The governor always holds a proven way out: a ramp of s' to zero, after which s
stays; and a trajectory that is within its limits is within them at every constant s <= 1. In each
cycle it seeks the s'' nearest to the wished one from which there is such a ramp, proven over the
whole ramp with the track's envelope; if there is none, it goes on along the ramp it has. So by
induction every cycle is within the limits (a reference governor: Gilbert and Kolmanovsky,
"Nonlinear tracking control in the presence of state and control constraints", Automatica 38, 2002).
"""

from __future__ import annotations

from dataclasses import dataclass
from math import ceil, copysign
from typing import Final

import numpy as np

from planners.arrays import Array
from planners.motion.errors import MotionError
from planners.motion.ramp_proof import BETWEEN, LARGEST_RATE, STILL, TINY, RampProof
from planners.motion.ramps import AT_ONCE, LINEAR, POWER, RAMPS, STEADY, TRIES
from planners.motion.track import CELL_S, Track

_LONGEST_RAMP_S: Final = 0.25
_MEET_TOLERANCE: Final = 1e-6
_AT_ONCE_IN_A_LOOP: Final = 3
"""What is tried in the first cycle where time is short; the rest follows in the next ones."""

_BOLDER_EVERY: Final = 3
_TRIES_PER_CYCLE: Final = 2
"""What is tried in the first cycle after another speed is asked for, and in each later one."""


@dataclass(frozen=True)
class Forecast:
    """Where and when a stop that began now would end.

    Attributes:
        duration_s: until the arm stands.
        path_time_s: where on the trajectory it stands then.
        positions: (n,) rad.
    """

    duration_s: float
    path_time_s: float
    positions: Array


class SpliceError(MotionError):
    """A replanned trajectory cannot take over; the old one goes on."""


class Governor:
    """Runs along one track with a path speed that is asked for anew in each cycle.

    Args:
        track: where to go. It must start and end at rest.
        speed: path speed to begin with, 0 to 1 (at rest any speed is reached without a jump).
        prepares: make the track's envelope where it is not there yet. If not, nothing changes
            where the track is not prepared: its loop calls `Track.prepare_a_bit` ahead of it.

    Attributes:
        path_time_s: tau, seconds along the trajectory.
        speed: sigma, share of the planned speed.
        speed_rate: d sigma / dt, 1/s.
    """

    def __init__(self, track: Track, speed: float = 1.0, *, prepares: bool = True) -> None:
        self.path_time_s = 0.0
        self.speed = min(max(speed, 0.0), 1.0)
        self.speed_rate = 0.0
        self._left = 0.0
        self._shape = LINEAR
        self._target = self.speed
        self._try = 0
        self._worked = self._since = 0
        self._fresh = False
        self._prepares = prepares
        self._use(track)

    def _use(self, track: Track) -> None:
        self.track = track
        self._proof = RampProof(track, prepares=self._prepares)

    # -- what a servo calls ---------------------------------------------------------------------

    @property
    def at_end(self) -> bool:
        """Whether the whole trajectory has been run."""
        return self.path_time_s >= self.track.duration_s

    @property
    def at_rest(self) -> bool:
        """Whether the joints stand still: stopped on the path, or at its end."""
        return self.at_end or (self.speed == 0.0 and self.speed_rate == 0.0)

    def step(self, dt: float, target: float) -> tuple[Array, Array, Array]:
        """One cycle: positions, velocities and accelerations (n,) at its end.

        Args:
            dt: length of the cycle, s. In one that is longer than the track's `cycle_s` the speed
                goes on as it was going to.
            target: path speed that is asked for, 0 (stand) to 1 (as planned).
        """
        s, u = self.speed, self.speed_rate
        if not 0.0 <= target <= 1.0:  # NaN too: what asks for no known speed gets none
            target = 1.0 if target > 1.0 else 0.0
        if target != self._target:
            self._target, self._try, self._fresh = target, 0, True
        if dt > self.track.cycle_s + TINY:
            self._follow(dt)
        elif self._left > 0.0 or s != target:
            end = s + u * self._left / (POWER[self._shape] + 1.0)
            if abs(end - target) > STILL:
                changed = self._change(dt, target, 1.0 if target > end else -1.0)
            else:
                changed = self._slack(dt) and self._change(dt, target, copysign(1.0, u), land=True)
            if not changed:
                self._follow(dt)
        else:
            self.path_time_s += s * dt
        return self.state()

    def steady(self, target: float) -> bool:
        """Whether the speed is the one that is asked for and stays: cycles need no governing."""
        return self._left <= 0.0 and self.speed == target

    def stand_in(self, path_time_s: float, speed: float) -> None:
        """Take over from whoever ran the track at a constant path speed up to `path_time_s`."""
        self.path_time_s = path_time_s
        self.speed, self.speed_rate, self._left = speed, 0.0, 0.0

    def state(self) -> tuple[Array, Array, Array]:
        """Positions, velocities and accelerations (n,) now, without a step."""
        if self.path_time_s > self.track.duration_s:
            self.path_time_s = self.track.duration_s
        q = self.track.evaluate(self.path_time_s)
        s = self.speed
        return q[0], q[1] * s, q[2] * (s * s) + q[1] * self.speed_rate

    def forecast_stop(self, dt: float = 0.001) -> Forecast:
        """Where a stop that is asked for now ends. Takes milliseconds: not for each cycle."""
        twin = Governor.__new__(Governor)
        twin.__dict__.update(self.__dict__)
        twin._prepares = True
        twin._use(self.track)
        cycles = 0
        while not twin.at_rest:
            twin.step(dt, 0.0)
            cycles += 1
        return Forecast(cycles * dt, twin.path_time_s, twin.state()[0])

    def splice(self, track: Track, at_s: float = 0.0) -> None:
        """Go on along `track`, whose path time `at_s` is where this motion is now, without a stop.

        The path speed stays as it is. To take over later on the way, splice a track that is joined
        from the old one and the new (`joined`).

        Raises:
            SpliceError: position, velocity or acceleration there differ, or the change of speed
                that is under way would break a limit on the new track.
        """
        here, there = self.track.evaluate(self.path_time_s), track.evaluate(at_s)
        allowed = np.array([1.0, 1.0, 10.0]) * _MEET_TOLERANCE
        for name, gap, most in zip(
            ("position", "velocity", "acceleration"),
            np.abs(here[:3] - there[:3]).max(axis=1),
            allowed,
            strict=True,
        ):
            if gap > most:
                raise SpliceError(
                    "verification",
                    f"the tracks do not meet: {name} differs by {gap:.3g}",
                    q=here[0],
                )
        old, old_time_s = self.track, self.path_time_s
        self._use(track)
        self.path_time_s = at_s
        ramp = (self.speed, self.speed_rate, self._left, self._shape, at_s)
        if self._left > 0.0 and not RampProof(track, prepares=True).holds(*ramp):
            self._use(old)
            self.path_time_s = old_time_s
            raise SpliceError(
                "verification", "the change of speed under way would break a limit on the new track"
            )

    # -- how the speed changes ------------------------------------------------------------------

    def _follow(self, dt: float) -> None:
        """One cycle along the proven ramp."""
        s, u, left = self.speed, self.speed_rate, self._left
        if left <= 0.0:
            self.path_time_s += s * dt
            return
        p = POWER[self._shape]
        change = u * left / (p + 1.0)
        if dt < left - TINY:
            rest = 1.0 - dt / left
            fallen = rest**p
            self.path_time_s += s * dt + change * (
                dt - left / (p + 2.0) * (1.0 - fallen * rest * rest)
            )
            self.speed = s + change * (1.0 - fallen * rest)
            self.speed_rate = u * fallen
            self._left = left - dt
            return
        end = s + change
        self.path_time_s += s * left + change * left * (1.0 - 1.0 / (p + 2.0)) + (dt - left) * end
        near = abs(end - self._target) <= 10 * STILL
        self.speed = self._target if near else min(max(end, 0.0), 1.0)
        self.speed_rate = self._left = 0.0

    def _slack(self, dt: float) -> bool:
        """Whether the ramp to the target takes much longer than the jerk limit alone asks."""
        cell = min(int(self.path_time_s / CELL_S), self.track.rows - 1)
        steep = abs(self.speed_rate) / min(self.track.rate.item(cell), LARGEST_RATE)
        return self._left > 1.1 * steep + 4.0 * dt

    def _change(self, dt: float, target: float, way: float, *, land: bool = False) -> bool:
        """Try to come further `way`, or to `land` sooner, than the ramp does.

        False leaves all as it was.
        """
        s, u, tau = self.speed, self.speed_rate, self.path_time_s
        if not self._proof.reaches(int(tau / CELL_S)):
            return False
        backup = -u / self._left * POWER[self._shape] if self._left > 0.0 else 0.0
        most = way * self._proof.most(dt, way, s, u, tau)
        if (most - backup) * way <= 0.0:
            return False
        track = self.track
        cell = min(int(tau / CELL_S), track.rows - 1)
        fresh, self._fresh = self._fresh, False
        most_tries = len(AT_ONCE) if self._prepares else _AT_ONCE_IN_A_LOOP
        tries = most_tries if fresh else 1 if land or not self._prepares else _TRIES_PER_CYCLE
        first = 0 if land else self._try
        for k in range(tries):
            if fresh:
                index = AT_ONCE[k]
            elif k == 1 and first != self._worked:
                index = self._worked
            else:
                index = (first + k) % len(TRIES)
            push, near, share, shape = TRIES[index]
            x = backup + push * (most - backup)
            p = POWER[shape]
            u1 = u + x * dt
            if shape == STEADY:
                steep = share * track.decay.item(cell) / p
            else:
                held = (track.rate_near if near else track.rate).item(cell)
                rate = min(share * held, LARGEST_RATE)
                steep = rate * (1.0 - 1.1 * BETWEEN * abs(u1)) / (p * max(abs(u1), TINY))
            if steep * _LONGEST_RAMP_S < 1.0:
                continue
            cycles = max(ceil(1.0 / (steep * dt) - 1e-6), 1)
            s1 = s + dt * (u + dt * x / 2)
            if (s1 + u1 * cycles * dt / (p + 1.0) - target) * way > 0.0:
                landing = self._landing(dt, target, cycles, p + 1.0, backup, x)
                if landing is None:
                    continue
                x, cycles = landing
                u1, s1 = u + x * dt, s + dt * (u + dt * x / 2)
            left = cycles * dt
            tau1 = tau + dt * (s + dt * (u / 2 + dt * x / 6))
            if self._proof.holds(s1, u1, left, shape, tau1):
                self.path_time_s, self.speed, self.speed_rate = tau1, s1, u1
                self._left, self._shape = left, shape
                self._worked = index
                self._since += 1
                bolder = 0 if index < len(RAMPS) else index - len(RAMPS)
                self._try = bolder if self._since % _BOLDER_EVERY == 0 else index
                return True
        if not land:
            self._try = (self._try + tries) % len(TRIES)
        return False

    def _landing(
        self, dt: float, target: float, cycles: int, share: float, backup: float, x_most: float
    ) -> tuple[float, int] | None:
        """The s'' between backup and `x_most` whose ramp ends exactly at the target."""
        s, u = self.speed, self.speed_rate
        low, high = min(backup, x_most), max(backup, x_most)
        for n in range(cycles, max(cycles - 4, 0), -1):
            x = (target - s - u * dt * (1.0 + n / share)) / (dt * dt * (0.5 + n / share))
            if low - TINY <= x <= high + TINY:
                return x, n
        return None

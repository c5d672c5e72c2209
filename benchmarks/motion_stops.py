"""Stops and resumes at random times, and two arms in one space: counted, not sampled."""

from __future__ import annotations

import time
from typing import Any

import numpy as np

from planners.arrays import Array
from planners.kinematics import Robot
from planners.motion import Trajectory
from planners.motion.governor import Governor
from planners.motion.shared_space import SharedSpace
from planners.motion.track import Track

DT_S = 0.001


def stops(motions: list[tuple[Robot, Trajectory]], count: int, seed: int) -> dict[str, Any]:
    """`count` motions stopped and resumed at random; every setpoint is checked afterwards.

    Speed, acceleration and jerk come from differences of the setpoints alone: the m-th difference
    over dt^m is a mean of the m-th derivative.
    """
    rng = np.random.default_rng(seed)
    tracks = [Track.of(robot, motion) for robot, motion in motions]
    good, at_once, blocked, compute, took = 0, 0, 0, [], []
    worst = {"path_deviation_rad": 0.0, "velocity": 0.0, "acceleration": 0.0, "jerk": 0.0}
    for _ in range(count):
        k = int(rng.integers(len(motions)))
        (robot, motion), track = motions[k], tracks[k]
        stop = rng.uniform(0.0, motion.duration_s - 2 * DT_S)
        resume = stop + rng.uniform(0.05, 1.0)
        governor = Governor(track)
        q, tau = [governor.state()[0]], [0.0]
        cycle, reacted, stood = 0, None, None
        while not governor.at_end and cycle < 60_000:
            t = cycle * DT_S
            asked = 0.0 if stop <= t < resume else 1.0
            start = time.perf_counter()
            state = governor.step(DT_S, asked)
            compute.append(time.perf_counter() - start)
            q.append(state[0])
            tau.append(governor.path_time_s)
            if asked == 0.0 and reacted is None and governor.speed_rate != 0.0:
                reacted = t - stop
            if asked == 0.0 and stood is None and governor.at_rest and not governor.at_end:
                stood = t - stop
            cycle += 1
        shares = _shares(np.array(q), robot, track)
        deviation = float(np.abs(np.array(q) - motion.sample(np.array(tau)).positions).max())
        shares = {"path_deviation_rad": deviation, **shares}
        worst = {name: max(worst[name], value) for name, value in shares.items()}
        good += bool(
            governor.at_end
            and deviation < 1e-6
            and max(shares["velocity"], shares["acceleration"], shares["jerk"]) <= 1.0 + 1e-5
        )
        at_once += reacted is not None and reacted <= DT_S
        blocked += reacted is None or reacted > DT_S
        if stood is not None:
            took.append(stood)
    microseconds = np.array(compute) * 1e6
    return {
        "stops": count,
        "within_all_limits_and_on_the_path": good,
        "reacted_in_the_first_cycle": at_once,
        "a_joint_was_at_its_limit": blocked,
        "worst": {name: float(f"{value:.7g}") for name, value in worst.items()},
        "stop_s_median_p99": [round(float(x), 3) for x in np.quantile(took, (0.5, 0.99))],
        "step_us_median_p99_p999": [
            round(float(x), 1) for x in np.quantile(microseconds, (0.5, 0.99, 0.999))
        ],
    }


def _shares(q: Array, robot: Robot, track: Track) -> dict[str, float]:
    way = np.concatenate([np.repeat(q[:1], 3, axis=0), q, np.repeat(q[-1:], 3, axis=0)])
    found = {}
    for name, limit in (
        ("velocity", robot.velocity),
        ("acceleration", track.acceleration),
        ("jerk", track.jerk),
    ):
        way = np.diff(way, axis=0) / DT_S
        found[name] = float(np.max(np.abs(way) / limit))
    return found


def two_arms(steps: int, seed: int) -> dict[str, int]:
    """Random asking and giving back by two arms; overlaps and stand-stills are counted."""
    rng = np.random.default_rng(seed)
    zones = tuple(f"zone {k}" for k in range(6))
    space = SharedSpace(zones)
    holds: dict[str, set[str]] = {"left": set(), "right": set()}
    waits: dict[str, set[str]] = {}
    overlaps = stuck = excursions = 0
    draws = rng.integers(0, 1 << 30, size=(steps, 2)).tolist()
    for who, bits in draws:
        arm = "left" if who & 1 else "right"
        if arm in waits:
            arm = "left" if arm == "right" else "right"
        if arm in waits:
            stuck += 1
            continue
        if holds[arm]:
            back = [zone for k, zone in enumerate(sorted(holds[arm])) if bits >> k & 1]
            holds[arm] -= set(back)
            started = space.give_back(arm, back)
        else:
            waits[arm] = {zone for k, zone in enumerate(zones) if bits >> k & 1}
            started = (arm,) if space.ask(arm, waits[arm]) else ()
        for name in started:
            holds[name] = waits.pop(name)
            excursions += 1
        overlaps += len(holds["left"] & holds["right"])
    return {"steps": steps, "excursions": excursions, "overlaps": overlaps, "deadlocks": stuck}

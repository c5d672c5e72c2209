"""Two arms never hold one zone, never wait for ever; and the zones they pass are really all."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from planners.kinematics import Body, Box, CollisionScene, PartShape
from planners.motion.shared_space import SharedSpace, SharedSpaceError, Timetable
from planners.motion.straight import straight_trajectory
from planners.motion.swept import Visit, visits
from tests.planners.arms import HOME, arm, at, scene

ZONES = ("nest", "belt", "tray", "press")


def test_a_zone_has_one_holder():
    space = SharedSpace(ZONES)
    assert space.ask("left", ["nest", "belt"])
    assert not space.ask("right", ["belt", "tray"])
    assert space.give_back("left", ["belt"]) == ("right",)
    assert space.held_by("right") == ("belt", "tray")
    assert space.held_by("left") == ("nest",)


def test_who_asked_first_is_not_overtaken_for_ever():
    space = SharedSpace(ZONES)
    assert space.ask("left", ["nest"])
    assert not space.ask("right", ["nest", "belt"])
    assert not space.ask("third", ["belt"])  # free, but an older request waits for it
    assert space.give_back("left", ["nest"]) == ("right",)
    assert space.give_back("right", ["nest", "belt"]) == ("third",)


def test_what_could_deadlock_is_refused():
    space = SharedSpace(ZONES)
    space.ask("left", ["nest"])
    with pytest.raises(SharedSpaceError, match="gives back nest"):
        space.ask("left", ["belt"])
    with pytest.raises(SharedSpaceError, match="does not hold"):
        space.give_back("right", ["nest"])
    with pytest.raises(SharedSpaceError, match="no zone 'roof'"):
        space.ask("right", ["roof"])
    space.ask("right", ["nest"])
    with pytest.raises(SharedSpaceError, match="waits"):
        space.ask("right", ["belt"])
    assert space.withdraw("right") == ()
    assert space.give_back("left", ["nest"]) == ()


@settings(max_examples=60, deadline=None)
@given(st.integers(0, 10_000), st.integers(2, 5))
def test_no_overlap_and_no_deadlock(seed, arms):
    rng = np.random.default_rng(seed)
    names = [f"arm {k}" for k in range(arms)]
    space = SharedSpace(ZONES)
    holds: dict[str, set[str]] = {name: set() for name in names}
    waits: dict[str, set[str]] = {}

    def start(started):
        for name in started:
            holds[name] = waits.pop(name)

    for _ in range(400):
        name = names[rng.integers(arms)]
        if name in waits:
            continue
        if holds[name]:
            back = set(rng.permutation(sorted(holds[name]))[: rng.integers(1, 4)].tolist())
            holds[name] -= back
            start(space.give_back(name, back))
        else:
            wanted = set(rng.permutation(ZONES)[: rng.integers(1, 4)].tolist())
            waits[name] = wanted
            if space.ask(name, wanted):
                start([name])
        taken = [zone for held in holds.values() for zone in held]
        assert len(taken) == len(set(taken))
        assert all(set(space.held_by(other)) == holds[other] for other in names)
        # Whoever waits, waits for somebody who can go on.
        assert not waits or any(holds[other] for other in names if other not in waits)


@settings(max_examples=60, deadline=None)
@given(st.integers(0, 10_000))
def test_a_timetable_has_no_overlap(seed):
    rng = np.random.default_rng(seed)
    table, booked = Timetable(), []
    for _ in range(40):
        name = f"arm {rng.integers(2)}"
        chosen = rng.permutation(ZONES)[: rng.integers(1, 4)]
        enter = rng.uniform(0, 2, len(chosen))
        widths = rng.uniform(0.1, 2.0, len(chosen))
        stays = [
            Visit(str(z), float(e), float(e + w))
            for z, e, w in zip(chosen, enter, widths, strict=True)
        ]
        start = table.book(name, stays, float(rng.uniform(0, 20)))
        booked += [(name, v.zone, start + v.enter_s, start + v.leave_s) for v in stays]
    for k, (name, zone, enter, leave) in enumerate(booked):
        for other, place, begin, end in booked[:k]:
            if other != name and place == zone:
                assert leave <= begin + 1e-9 or end <= enter + 1e-9


def test_zones_that_a_motion_passes_are_found():
    """The oracle is coal: a sample whose arm is too near to a zone lies within a stay."""
    name = "ur10e"
    robot = arm(name)
    motion = straight_trajectory(
        robot, HOME[name], HOME[name] + np.array([1.6, 0.4, -0.5, 0, 0, 0])
    )
    rng = np.random.default_rng(4)
    hits = 0
    for _ in range(12):
        place = at(*rng.uniform([-0.9, -0.9, 0.1], [0.9, 0.9, 1.2]))
        zone = Body("zone", Box(tuple(rng.uniform(0.05, 0.3, 3))), place)
        part = PartShape((0.05, 0.05, 0.2)) if rng.random() < 0.5 else None
        stays = visits(scene(name), motion, [zone], part)
        here = CollisionScene(robot, obstacles=[zone], tool=scene(name).tool)
        times = np.arange(0.0, motion.duration_s, 0.01)
        for t, q in zip(times, motion.sample(times).positions, strict=True):
            found = here.in_collision(q, part)
            if found is not None and "zone" in found and "base_link" not in "".join(found):
                hits += 1
                assert any(stay.enter_s <= t <= stay.leave_s for stay in stays)
    assert hits > 20


def test_zones_far_away_are_not_reserved():
    far = Body("far", Box((0.2, 0.2, 0.2)), at(0, 0, 4.0))
    motion = straight_trajectory(arm("ur10e"), HOME["ur10e"], HOME["ur10e"] + 0.5)
    assert visits(scene("ur10e"), motion, [far]) == ()

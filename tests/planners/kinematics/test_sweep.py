"""Compiled bounds and the walk along a path against coal, pinocchio and looking at every sample."""

import coal
import numpy as np
import pytest

from planners.kinematics import (
    Body,
    Box,
    CollisionScene,
    Cylinder,
    PartShape,
    Payload,
    Robot,
    joint_torques,
)
from planners.kinematics.dynamics import pinocchio_torques
from planners.kinematics.payload import carried
from planners.kinematics.shapes import Hull, Sphere
from planners.kinematics.solids import solid
from tests.planners.arms import ARMS, URDF, arm, at

SIX_ARMS = [path.name.removesuffix(".urdf.xacro") for path in sorted(URDF.glob("*.xacro"))]


def some_shape(rng):
    kind = rng.integers(4)
    size = rng.uniform(0.03, 0.4, 3)
    if kind == 0:
        return Box(tuple(size))
    if kind == 1:
        return Cylinder(size[0], size[1])
    if kind == 2:
        return Sphere(size[0])
    return Hull(rng.normal(size=(int(rng.integers(4, 40)), 3)) * size)


def some_pose(rng):
    pose = np.eye(4)
    q, r = np.linalg.qr(rng.normal(size=(3, 3)))
    q *= np.sign(np.diag(r))
    pose[:3, :3] = q * np.sign(np.linalg.det(q))
    pose[:3, 3] = rng.uniform(-0.6, 0.6, 3)
    return pose


@pytest.mark.parametrize("seed", range(8))
def test_a_bound_is_never_more_than_coals_distance_and_nearly_as_much(seed):
    from planners.kinematics.support import separation

    rng = np.random.default_rng(seed)
    apart, room = 0, (np.empty((4, 3)), np.empty((4, 4)))
    for _ in range(200):
        a, b = (solid("body", 0, some_shape(rng), some_pose(rng)) for _ in range(2))
        points = np.vstack([np.zeros((1, 3)), a.points, b.points])
        first = 1 + len(a.points)
        poses = [np.ascontiguousarray(s.transform_link_shape[:3]) for s in (a, b)]
        bound = separation(
            a.kind, poses[0], a.half_extents, 1, first,
            b.kind, poses[1], b.half_extents, first, first + len(b.points), points, 1e3, *room,
        )  # fmt: skip
        fine = separation(
            a.kind, poses[0], a.half_extents, 1, first,
            b.kind, poses[1], b.half_extents, first, first + len(b.points), points, 0.0, *room,
        )  # fmt: skip
        result = coal.DistanceResult()
        exact = coal.distance(
            a.geometry, coal.Transform3s(poses[0][:, :3], poses[0][:, 3]),
            b.geometry, coal.Transform3s(poses[1][:, :3], poses[1][:, 3]),
            coal.DistanceRequest(), result,
        )  # fmt: skip
        assert max(bound, fine) <= max(exact, 0.0) + 1e-6
        if exact > 0.01:
            apart += 1
            assert fine >= 0.85 * exact
    assert apart > 40


@pytest.mark.parametrize("name", ARMS)
@pytest.mark.parametrize("seed", range(6))
def test_the_first_collision_of_a_path_is_the_first_of_all_samples(name, seed):
    rng = np.random.default_rng(seed)
    obstacles = [
        Body(f"body {k}", some_shape(rng), at(*rng.uniform([-0.8, -0.8, 0.0], [0.8, 0.8, 0.8])))
        for k in range(5)
    ]
    robot = arm(name)
    scene = CollisionScene(robot, obstacles=obstacles)
    part = PartShape((0.1, 0.08, 0.06)) if seed % 2 else None
    for _ in range(4):
        ends = rng.uniform(robot.lower, robot.upper, (3, 6)) * 0.5
        t = np.linspace(0.0, 2.0, 301)
        q = np.column_stack([np.interp(t, [0.0, 1.0, 2.0], column) for column in ends.T])
        found = scene.first_collision(q, part)
        alone = [scene.in_collision(row, part) is not None for row in q]
        assert (found is not None) == any(alone)
        if found is not None:
            assert found.index == alone.index(True)
        np.testing.assert_array_equal(scene.collisions(q, part), alone)


@pytest.mark.parametrize("name", SIX_ARMS)
def test_torques_are_pinocchios(name):
    robot = Robot.from_urdf(
        URDF / f"{name}.urdf.xacro", transform_flange_tool=at(0.1, 0.0, 0.2), tool_mass_kg=2.0,
        transform_world_base=some_pose(np.random.default_rng(1)),
    )  # fmt: skip
    rng = np.random.default_rng(2)
    q, v, a = (rng.uniform(-2.0, 2.0, (50, robot.dof)) for _ in range(3))
    turned = some_pose(rng)
    for load in (None, carried(PartShape((0.1, 0.2, 0.3), turned, mass_kg=3.0))):
        np.testing.assert_allclose(
            joint_torques(robot, q, v, a, payload=load),
            pinocchio_torques(robot, q, v, a, payload=load),
            atol=1e-9,
        )


def test_a_parts_mass_counts():
    part = PartShape((0.1, 0.2, 0.3), at(0.0, 0.0, 0.05), mass_kg=6.0)
    load = carried(part)
    assert isinstance(load, Payload)
    assert load is carried(part)
    np.testing.assert_allclose(load.centre_m, [0.0, 0.0, 0.05])
    np.testing.assert_allclose(np.diag(load.inertia_kg_m2), [0.065, 0.05, 0.025])
    assert carried(PartShape((0.1, 0.1, 0.1))) is None
    with pytest.raises(ValueError, match="mass_kg"):
        PartShape((0.1, 0.1, 0.1), mass_kg=-1.0)

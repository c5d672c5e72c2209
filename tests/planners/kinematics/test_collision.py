"""Distances against MuJoCo's, verdicts that do not depend on history, and what is compared."""

import mujoco
import numpy as np
import pytest

from planners.kinematics import (
    Body,
    Box,
    CollisionScene,
    Cylinder,
    Hull,
    Mesh,
    PartShape,
    Sphere,
    expand_xacro,
)
from tests.planners.arms import ARMS, DOWN, HOME, URDF, arm, at, scene


@pytest.mark.parametrize("name", ARMS)
def test_home_is_free_and_a_wall_is_not(name):
    assert scene(name).in_collision(HOME[name]) is None
    tcp = arm(name).forward(HOME[name])[:3, 3]
    wall = CollisionScene(arm(name), obstacles=[Body("wall", Sphere(0.2), at(*tcp))])
    hit = wall.in_collision(HOME[name])
    assert hit is not None
    assert "wall" in hit


@pytest.mark.parametrize("name", ARMS)
def test_the_arm_cannot_fold_into_itself(name):
    folded = {"kuka_kr6_r900": [0, 0.6, 2.6, 0, 0.8, 0], "ur10e": [0, -1.5, 3.0, 0, 0, 0]}[name]
    hit = CollisionScene(arm(name)).in_collision(np.array(folded))
    assert hit is not None


@pytest.mark.parametrize("name", ARMS)
def test_distance_to_the_surroundings_agrees_with_mujoco(name):
    """The smallest distance of any link to a box, by both libraries."""
    robot = arm(name)
    rng = np.random.default_rng(5)
    compared = 0
    for q in rng.uniform(robot.lower, robot.upper, (600, 6)):
        place = at(*(robot.forward(q)[:3, 3] + rng.uniform(-0.2, 0.2, 3)))
        half = rng.uniform(0.01, 0.1, 3)
        box = Body("box", Box(tuple(2 * half)), place)
        found = CollisionScene(robot, obstacles=[box]).distance(q)
        if "box" not in (found.body_a, found.body_b) or found.distance_m <= 0.0:
            continue
        spec = mujoco.MjSpec.from_string(expand_xacro(URDF / f"{name}.urdf.xacro"))
        kind = mujoco.mjtGeom.mjGEOM_BOX
        spec.worldbody.add_geom(name="box", type=kind, size=half, pos=place[:3, 3])
        model = spec.compile()
        data = mujoco.MjData(model)
        data.qpos[:] = q
        mujoco.mj_kinematics(model, data)
        mine = model.geom("box").id
        solid = [g for g in range(model.ngeom) if g != mine and model.geom_contype[g]]
        moving = [g for g in solid if model.body_weldid[model.geom_bodyid[g]] != 0]
        theirs = min(mujoco.mj_geomDistance(model, data, g, mine, 2.0, None) for g in moving)
        assert found.distance_m == pytest.approx(theirs, abs=1e-4)
        compared += 1
    assert compared > 10


@pytest.mark.parametrize("name", ARMS)
def test_a_verdict_does_not_depend_on_what_was_asked_before(name):
    robot = arm(name)
    obstacles = [
        Body(f"box {k}", Box((0.2, 0.2, 0.2)), at(0.6 * np.cos(k), 0.6 * np.sin(k), 0.1 * k))
        for k in range(10)
    ]
    rng = np.random.default_rng(7)
    positions = rng.uniform(robot.lower, robot.upper, (400, 6))
    used = CollisionScene(robot, obstacles=obstacles)
    first = [used.in_collision(q) for q in positions]
    shuffled = rng.permutation(len(positions))
    again = {int(k): used.in_collision(positions[k]) for k in shuffled}
    assert [again[k] for k in range(len(positions))] == first
    fresh = CollisionScene(robot, obstacles=obstacles)
    assert [fresh.in_collision(q) for q in positions[::-1]][::-1] == first


@pytest.mark.parametrize("name", ARMS)
def test_a_path_is_judged_as_its_samples_are(name):
    """The bounds over whole stretches of a path must not lose a collision."""
    robot = arm(name)
    here = scene(name, with_post=True)
    rng = np.random.default_rng(11)
    blocked = 0
    for _ in range(30):
        a, b = rng.uniform(robot.lower, robot.upper, (2, 6)) / 3 + HOME[name] * 2 / 3
        q = a + np.linspace(0.0, 1.0, 120)[:, None] * (b - a)
        hit = here.first_collision(q)
        singly = [k for k in range(len(q)) if here.in_collision(q[k]) is not None]
        assert (None if hit is None else hit.index) == (singly[0] if singly else None)
        blocked += bool(singly)
    assert 0 < blocked < 30


@pytest.mark.parametrize("name", ARMS)
def test_displacement_bounds_what_any_point_moves(name):
    robot = arm(name)
    rng = np.random.default_rng(13)
    a = rng.uniform(robot.lower, robot.upper, (300, 6))
    b = a + rng.normal(0.0, 0.05, a.shape)
    bare = CollisionScene(robot)
    bound = np.array([bare.displacement(np.stack(pair))[0] for pair in zip(a, b, strict=True)])
    for shape in robot.description.shapes:
        corners = np.array(np.meshgrid(*[[-h, h] for h in shape.shape.half_extents_m])).reshape(
            3, -1
        )
        if not isinstance(shape.shape, Box):
            corners *= 0.7  # inside the round shape
        local = shape.transform_link_shape[:3, :3] @ corners + shape.transform_link_shape[:3, 3:]
        poses_a, poses_b = (robot.link_poses(q)[:, shape.link_index] for q in (a, b))
        moved = (poses_b[:, :3, :3] - poses_a[:, :3, :3]) @ local
        moved = moved + (poses_b - poses_a)[:, :3, 3:]
        assert (np.linalg.norm(moved, axis=1).max(axis=1) <= bound + 1e-12).all()


def test_a_held_part_collides_but_not_with_its_gripper():
    name = "kuka_kr6_r900"
    here = scene(name)
    robot = arm(name)
    q = robot.inverse_nearest(at(0.4, 0.3, 0.05, DOWN), HOME[name])
    assert here.in_collision(q) is None
    long_part = PartShape((0.04, 0.04, 0.12))
    assert here.in_collision(q, long_part) == ("part", "table")
    assert here.distance(q, long_part).distance_m == pytest.approx(0.05 - 0.06 + 0.01, abs=1e-9)
    small = PartShape((0.04, 0.04, 0.04))
    assert here.in_collision(q, small) is None


def test_a_nest_may_hold_the_part_but_not_the_gripper():
    name = "kuka_kr6_r900"
    robot = arm(name)
    q = robot.inverse_nearest(at(0.4, 0.3, 0.05, DOWN), HOME[name])
    part = PartShape((0.04, 0.04, 0.04))
    nest = Body("nest", Box((0.1, 0.1, 0.06)), at(0.4, 0.3, 0.03), may_touch_part=True)
    assert CollisionScene(robot, obstacles=[nest]).in_collision(q, part) is None
    gripper = Body("gripper", Cylinder(0.035, 0.14), at(0.0, 0.0, 0.08))
    assert CollisionScene(robot, obstacles=[nest], tool=[gripper]).in_collision(q, part) == (
        "gripper",
        "nest",
    )


def tetrahedron(size: float) -> tuple[np.ndarray, np.ndarray]:
    points = np.array([[0, 0, 0], [1, 0, 0], [0, 1, 0], [0, 0, 1]]) * size
    return points, np.array([[0, 2, 1], [0, 1, 3], [0, 3, 2], [1, 2, 3]])


def test_hulls_and_meshes_are_where_their_points_are():
    """A box as points, as triangles and as a box has the same distance from the arm."""
    robot = arm("ur10e")
    corners = np.array([[x, y, z] for x in (0, 0.2) for y in (0, 0.3) for z in (0, 0.4)])
    faces = [[0, 1, 3], [0, 3, 2], [4, 6, 7], [4, 7, 5], [0, 4, 5], [0, 5, 1],
             [2, 3, 7], [2, 7, 6], [0, 2, 6], [0, 6, 4], [1, 5, 7], [1, 7, 3]]  # fmt: skip
    place = at(0.5, 0.6, 0.1)
    same = (
        Body("solid", Hull(corners), place),
        Body("solid", Mesh(corners, np.array(faces)), place),
        Body("solid", Box((0.2, 0.3, 0.4)), place @ at(0.1, 0.15, 0.2)),
    )
    scenes = [CollisionScene(robot, obstacles=[body]) for body in same]
    rng = np.random.default_rng(3)
    compared = 0
    for q in rng.uniform(-2.0, 2.0, (60, 6)):
        found = [one.distance(q).distance_m for one in scenes]
        if min(found) > 0.0:
            np.testing.assert_allclose(found, found[2], atol=1e-5)
            compared += 1
    assert compared > 20


def test_solids_that_are_none_are_refused():
    points, triangles = tetrahedron(0.1)
    with pytest.raises(ValueError, match="four or more"):
        Hull(points[:3])
    with pytest.raises(ValueError, match="finite"):
        Hull(points * np.nan)
    with pytest.raises(ValueError, match="names a point"):
        Mesh(points, triangles + 1)
    with pytest.raises(ValueError, match="triangles"):
        Mesh(points, triangles[:, :2])


@pytest.mark.parametrize("name", ARMS)
def test_bounds_never_exceed_the_exact_distance(name):
    """Whatever the bounds leave out, exact distances must leave out, too."""
    robot = arm(name)
    rng = np.random.default_rng(17)
    points, triangles = tetrahedron(0.3)
    obstacles = [
        Body("hull", Hull(points), at(0.4, 0.3, 0.2)),
        Body("mesh", Mesh(points, triangles), at(-0.5, 0.3, 0.2)),
        Body("rod", Cylinder(0.03, 0.8), at(0.5, -0.4, 0.3)),
        Body("ball", Sphere(0.15), at(-0.4, -0.5, 0.4)),
    ]
    here = CollisionScene(robot, obstacles=obstacles)
    pairs = here._bare.pairs
    for q in rng.uniform(robot.lower, robot.upper, (30, 6)):
        poses, bounds = here._bounds(pairs, q)
        exact = [here._bare.exact.distance(poses, k) for k in range(len(bounds))]
        assert (bounds <= np.array(exact) + 2e-5).all()


@pytest.mark.parametrize("name", ARMS)
def test_batches_and_single_questions_agree_in_any_order(name):
    robot = arm(name)
    obstacles = [
        Body(f"box {k}", Box((0.2, 0.2, 0.2)), at(0.6 * np.cos(k), 0.6 * np.sin(k), 0.1 * k))
        for k in range(10)
    ]
    rng = np.random.default_rng(19)
    q = rng.uniform(robot.lower, robot.upper, (10_000, 6))
    here = CollisionScene(robot, obstacles=obstacles)
    hit = here.collisions(q)
    assert 0.05 < hit.mean() < 0.95
    order = rng.permutation(len(q))
    again = np.empty_like(hit)
    again[order] = here.collisions(q[order])
    np.testing.assert_array_equal(again, hit)
    for k in order[:500]:
        assert (here.in_collision(q[k]) is not None) == hit[k]
    np.testing.assert_array_equal(here.distances(q[:300]) < here.margin_m, hit[:300])


def test_what_is_not_compared_is_told():
    here = scene("kuka_kr6_r900")
    assert here.allowed.reasons[2, 3] == "neighbours"
    assert not here.allowed.compared(3, 2)
    assert here.allowed.compared(0, 4)
    assert all(0.0 < share < 1.0 for share in here.allowed.touched.values())


def test_names_margin_and_shapes_are_checked():
    robot = arm("ur10e")
    with pytest.raises(ValueError, match="unique"):
        CollisionScene(robot, obstacles=[Body("a", Sphere(0.1)), Body("a", Sphere(0.1))])
    with pytest.raises(ValueError, match="margin"):
        CollisionScene(robot, margin_m=0.0)
    with pytest.raises(ValueError, match="positive"):
        Box((0.1, 0.0, 0.1))
    with pytest.raises(ValueError, match="positive"):
        Cylinder(-0.1, 0.1)

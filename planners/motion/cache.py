"""Planned cycles on disk, named by a hash of everything that they depend on."""

from __future__ import annotations

import hashlib
import io
import json
import os
import tempfile
import zipfile
from collections.abc import Sequence
from pathlib import Path
from typing import Final

import numpy as np

from planners.arrays import Array
from planners.kinematics.collision import CollisionScene
from planners.kinematics.robot import Robot
from planners.kinematics.shapes import Body
from planners.motion.cycle import Cycle, PlannedMotion, plan_cycle
from planners.motion.items import Attach, Dwell, Item, JointTarget, Move
from planners.motion.trajectory import Trajectory

PLANNER_VERSION: Final = 1
"""Raise it whenever the same input plans another cycle: older files are then never read again."""


class CycleCache:
    """A folder of planned cycles; several processes may share it."""

    def __init__(self, folder: str | Path) -> None:
        self._folder = Path(folder)

    def plan(
        self,
        robot: Robot,
        scene: CollisionScene,
        items: Sequence[Item],
        *,
        q_start: Array,
        q_end_same_as_start: bool = True,
        seed: int = 0,
    ) -> Cycle:
        """The cycle that `plan_cycle` gives, read from disk if it was planned before.

        Raises:
            PlanningError: as `plan_cycle`; failures are not stored.
            OSError: the folder cannot be written.
        """
        key = cycle_key(robot, scene, items, q_start, q_end_same_as_start, seed)
        path = self._folder / f"{key}.npz"
        stored = _read(path, robot.joint_names)
        if stored is not None:
            return stored
        cycle = plan_cycle(
            robot,
            scene,
            items,
            q_start=q_start,
            q_end_same_as_start=q_end_same_as_start,
            seed=seed,
        )
        _write(path, cycle)
        return cycle


def cycle_key(
    robot: Robot,
    scene: CollisionScene,
    items: Sequence[Item],
    q_start: Array,
    q_end_same_as_start: bool,
    seed: int,
) -> str:
    """SHA-256 (hex) over all that a planned cycle depends on."""
    content = {
        "version": PLANNER_VERSION,
        "urdf": robot.description.urdf,
        "tool": robot.transform_flange_tool.tolist(),
        "tool_mass_kg": robot.tool_mass_kg,
        "base": robot.transform_world_base.tolist(),
        "obstacles": [_body(body) for body in scene.obstacles],
        "tool_bodies": [_body(body) for body in scene.tool],
        "margin_m": scene.margin_m,
        "items": [_item(item) for item in items],
        "q_start": np.asarray(q_start, dtype=float).tolist(),
        "closed": q_end_same_as_start,
        "seed": seed,
    }
    return hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()


def _body(body: Body) -> list[object]:
    return [body.name, repr(body.shape), body.transform.tolist(), body.may_touch_part]


def _item(item: Item) -> list[object]:
    if isinstance(item, Move):
        target = item.target
        place = target.q if isinstance(target, JointTarget) else target.transform_base_tool
        return ["move", item.kind, place.tolist(), item.speed, item.tcp_speed_m_s]
    if isinstance(item, Dwell):
        return ["dwell", item.duration_s]
    if isinstance(item, Attach):
        return ["attach", list(item.part.size_m), item.part.transform_tool_part.tolist()]
    return ["detach"]


def _write(path: Path, cycle: Cycle) -> None:
    """Write beside the target and rename: a reader sees the whole file or none."""
    arrays: dict[str, Array] = {
        "item_durations_s": np.array(cycle.item_durations_s),
        "duration_s": np.array(cycle.duration_s),
        "item_index": np.array([motion.item_index for motion in cycle.motions], dtype=np.int64),
    }
    for k, motion in enumerate(cycle.motions):
        t = motion.trajectory
        arrays[f"times_{k}"] = t.times
        arrays[f"states_{k}"] = np.stack([t.positions, t.velocities, t.accelerations])
    buffer = io.BytesIO()
    np.savez(buffer, **arrays)  # type: ignore[arg-type]
    path.parent.mkdir(parents=True, exist_ok=True)
    descriptor, temporary = tempfile.mkstemp(dir=path.parent, prefix=path.stem, suffix=".part")
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(buffer.getvalue())
            file.flush()
            os.fsync(file.fileno())
        Path(temporary).replace(path)
    except BaseException:
        Path(temporary).unlink(missing_ok=True)
        raise


def _read(path: Path, joint_names: tuple[str, ...]) -> Cycle | None:
    """The stored cycle; None if there is none, or if the file is damaged (the zip's CRC tells)."""
    try:
        with path.open("rb") as file, np.load(file, allow_pickle=False) as stored:
            motions = []
            for k, item_index in enumerate(stored["item_index"].tolist()):
                positions, velocities, accelerations = stored[f"states_{k}"]
                motions.append(
                    PlannedMotion(
                        item_index,
                        Trajectory(
                            joint_names,
                            stored[f"times_{k}"],
                            positions,
                            velocities,
                            accelerations,
                        ),
                    )
                )
            return Cycle(
                tuple(motions),
                float(stored["duration_s"]),
                tuple(stored["item_durations_s"].tolist()),
            )
    except (OSError, ValueError, KeyError, EOFError, zipfile.BadZipFile):
        return None

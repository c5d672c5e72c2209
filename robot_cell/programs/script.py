"""A planned program as a plain script: setpoints at 1 kHz and what the fixtures are told, and when.

For whoever runs or draws a program without a plant (`sim.replay`).
"""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from robot_cell.model import Cell, FixtureStep, MoveStep
from robot_cell.model.step_text import arguments, describe
from robot_cell.programs.cycle import STEP_OVERHEAD_S, ProgramCycle

STEP_S = 0.001


def save_script(cell: Cell, cycle: ProgramCycle, path: Path) -> None:
    """Write a program from home to home, with the joints of all arms; `path` ends in .npz."""
    from planners.motion import Trajectory

    blocks: list[NDArray[np.float64]] = []
    commands: list[list[object]] = []
    labels: list[list[object]] = []
    at_s = 0.0
    steps = cell.programs[cycle.program].steps
    homes = cycle.standing_before(cell, 0)
    ends = np.cumsum([len(home) for home in homes.values()])
    rows = {
        name: slice(int(end) - len(home), int(end))
        for (name, home), end in zip(homes.items(), ends, strict=True)
    }
    here: NDArray[np.float64] = np.concatenate(list(homes.values()))
    for index, (step, takes_s) in enumerate(zip(steps, cycle.step_durations_s, strict=True)):
        labels.append([round(at_s, 4), f"step {index + 1}: {describe(step, cycle.product)}"])
        if isinstance(step, FixtureStep):
            told = list(arguments(step, cycle.product))
            commands.append([round(at_s + STEP_OVERHEAD_S, 4), step.fixture, step.command, told])
        motion = cycle.motions.get(index)
        end_s = at_s + (takes_s if motion is None else cycle.moved_until_s(steps, index))
        done = sum(block.shape[0] for block in blocks)
        count = max(0, round(end_s / STEP_S) - done)
        positions = np.repeat(here[None], count, axis=0)
        if motion is not None and isinstance(step, MoveStep):
            mine = rows[cell.mover(step)]
            joints = tuple(str(k) for k in range(mine.stop - mine.start))
            trajectory = Trajectory(
                joints, motion.times, motion.positions, motion.velocities, motion.accelerations
            )
            times: NDArray[np.float64] = np.arange(1.0, count + 1) * STEP_S - (
                end_s - at_s - motion.duration_s
            )
            positions[:, mine] = trajectory.sample(times).positions
            here = here.copy()
            here[mine] = motion.positions[-1]
        blocks.append(positions)
        at_s += takes_s
    texts = {
        name: np.frombuffer(json.dumps(value).encode(), np.uint8)
        for name, value in (("commands", commands), ("labels", labels))
    }
    np.savez(path, setpoints=np.concatenate(blocks), **texts)  # type: ignore[arg-type]

"""A planned program sampled: joints and tool against their limits, clearance, and what slows it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import numpy as np
from numpy.typing import NDArray

from robot_cell.errors import RobotCellError
from robot_cell.model import Cell, FixtureStep, MoveStep, Product
from robot_cell.model.step_text import describe
from robot_cell.programs import ProgramCycle
from robot_cell.programs.arms import robot_and_scene
from robot_cell.programs.runs import CONTACT_ALLOWANCE_M

if TYPE_CHECKING:
    from planners.kinematics import PartShape

Array = NDArray[np.float64]

MOST_SAMPLES: Final = 3000
_FINEST_S: Final = 0.002
_FULL: Final = 0.97
"""A limit of which this share is used is what keeps the motion from being faster."""


@dataclass(frozen=True)
class StepFacts:
    """One step of a program.

    Attributes:
        label: the step in words. start_s, end_s: when it runs. moves: whether the arm moves.
        top_speed_m_s: of the tool. peaks: largest share of the joints' velocity, acceleration and
            jerk limits, with the joint's name. nearest: smallest clearance (m) and the two bodies.
        slow: where a tool speed that was asked for is not kept, in words.
        held_by: what keeps the move from being faster, by share of its time.
    """

    label: str
    start_s: float
    end_s: float
    moves: bool
    top_speed_m_s: float = 0.0
    peaks: tuple[tuple[str, str, float], ...] = ()
    nearest: tuple[float, str, str] | None = None
    slow: tuple[str, ...] = ()
    held_by: tuple[tuple[str, float], ...] = ()


@dataclass(frozen=True)
class MotionData:
    """A whole program, m samples of n joints; rad, metres, seconds.

    Attributes:
        rates: velocity, acceleration, jerk of the joints, each (m, n). limits: of them, (3, n).
        tool: (m, 3) position. tool_rates: (m, 3) its speed, acceleration, jerk (magnitudes).
        clearance: (m,) m. held_by: (m,) index into `reasons`, what is at its limit then.
    """

    cell: str
    program: str
    product: str
    arm: str
    joints: tuple[str, ...]
    times: Array
    q: Array
    rates: tuple[Array, Array, Array]
    limits: Array
    tool: Array
    tool_rates: Array
    clearance: Array
    margin_m: float
    held_by: NDArray[np.intp]
    reasons: tuple[str, ...]
    steps: tuple[StepFacts, ...]

    @property
    def duration_s(self) -> float:
        """Of the whole program."""
        return self.steps[-1].end_s


KINDS: Final = ("velocity", "acceleration", "jerk")


def motion_data(
    name: str, cell: Cell, program: str, product_name: str, product: Product, cycle: ProgramCycle
) -> MotionData:
    """Sample a planned program of a cell.

    Raises:
        RobotCellError: the cell has several arms.
    """
    from planners.kinematics import PartShape
    from planners.motion import Trajectory
    from planners.motion.slow_spots import slow_spots

    if len(cell.arms) > 1:
        raise RobotCellError(
            f"{name} has {len(cell.arms)} arms, and this looks at one: see the program run "
            f"instead, by `robot-cell motion replay {program} --cell {name} --out cycle.html`"
        )
    robot, scene = robot_and_scene(cell)
    x, y, z = (edge - 2 * CONTACT_ALLOWANCE_M for edge in product.part.size_m)
    part: PartShape | None = None
    limits = np.stack([robot.velocity, robot.acceleration, robot.jerk])
    reasons = (
        "nothing: it stands or turns around",
        "the tool speed that was asked for",
        *(f"{kind} of {joint}" for kind in KINDS for joint in robot.joint_names),
    )
    step_s = max(_FINEST_S, cycle.duration_s / MOST_SAMPLES)
    rows: list[tuple[Array, ...]] = []
    facts: list[StepFacts] = []
    home = next(iter(cycle.motions.values())).positions[0]
    at_s, q_now = 0.0, home
    steps = cell.programs[program].steps
    moving_until_s = 0.0
    for index, step in enumerate(steps):
        label = f"{index + 1} {describe(step, product_name)}"
        end_s = at_s + cycle.step_durations_s[index]
        motion = cycle.motions.get(index)
        if motion is None and isinstance(step, MoveStep) and at_s < moving_until_s:
            facts.append(StepFacts(f"{label} (blended)", at_s, end_s, True))
        elif motion is None:
            count = max(int((end_s - at_s) / step_s), 2)
            still = np.repeat(q_now[None], count, axis=0)
            standing = scene.distance(q_now, part).distance_m
            when = np.linspace(at_s, end_s, count, endpoint=False)
            rows.append(_rows(robot, still, when, standing))
            facts.append(StepFacts(label, at_s, end_s, False))
        else:
            assert isinstance(step, MoveStep)
            trajectory = Trajectory(
                robot.joint_names,
                motion.times,
                motion.positions,
                motion.velocities,
                motion.accelerations,
            )
            count = max(int(motion.duration_s / step_s) + 1, 3)
            times = np.linspace(0.0, motion.duration_s, count)
            state = trajectory.sample(times)
            near = scene.distances(state.positions, part)
            worst = int(near.argmin())
            closest = scene.distance(state.positions[worst], part)
            tool = _tool(robot, state.positions, state.velocities, times)
            rates = (state.velocities, state.accelerations, state.jerks)
            held = _held_by(rates, limits * step.speed, tool[1][:, 0], step.tcp_speed_m_s)
            moving_until_s = at_s + cycle.moved_until_s(steps, index)
            offset = moving_until_s - motion.duration_s
            rows.append((offset + times, state.positions, *rates, *tool, near, held))
            shares = [np.abs(r) / most for r, most in zip(rates, limits, strict=True)]
            spots = slow_spots(robot, trajectory, step.tcp_speed_m_s) if step.tcp_speed_m_s else ()
            facts.append(
                StepFacts(
                    label, at_s, end_s, True, float(tool[1][:, 0].max()),
                    tuple(
                        (kind, robot.joint_names[int(s.max(axis=0).argmax())], float(s.max()))
                        for kind, s in zip(KINDS, shares, strict=True)
                    ),
                    (float(near[worst]), closest.body_a, closest.body_b),
                    tuple(
                        f"{s.start_m * 1e3:.0f} to {s.end_m * 1e3:.0f} mm of the way: down to "
                        f"{s.lowest_m_s:.3f} m/s, for the {s.limit} of {s.subject}"
                        for s in spots[1:-1]  # the first and the last are the ramps
                    ),
                    _shares(held, reasons),
                )
            )  # fmt: skip
            q_now = motion.positions[-1]
        if isinstance(step, FixtureStep) and step.fixture == cell.arm.tool.gripper:
            part = PartShape((x, y, z)) if step.command == "close" else None
        at_s = end_s
    times, q, v, a, j, tool_at, tool_rates, near, held = (
        np.concatenate(column) for column in zip(*rows, strict=True)
    )
    return MotionData(
        name, program, product_name, robot.name, robot.joint_names, times, q, (v, a, j), limits,
        tool_at, tool_rates, near, float(scene.margin_m), held.astype(np.intp), reasons,
        tuple(facts),
    )  # fmt: skip


def summary(data: MotionData) -> dict[str, Any]:
    """What `--json` prints: the facts without the samples."""
    moving = [step for step in data.steps if step.nearest is not None]
    return {
        "cell": data.cell,
        "program": data.program,
        "product": data.product,
        "arm": data.arm,
        "duration_s": round(data.duration_s, 4),
        "smallest_clearance_m": min(
            (round(s.nearest[0], 5) for s in moving if s.nearest), default=None
        ),
        "largest_share_of_limit": {
            kind: round(max((s.peaks[k][2] for s in moving), default=0.0), 4)
            for k, kind in enumerate(KINDS)
        },
        "steps": [
            {
                "step": step.label,
                "start_s": round(step.start_s, 4),
                "duration_s": round(step.end_s - step.start_s, 4),
                "top_tool_speed_m_s": round(step.top_speed_m_s, 4),
                "largest_share_of_limit": {
                    kind: {"joint": joint, "share": round(share, 4)}
                    for kind, joint, share in step.peaks
                },
                "nearest": step.nearest
                and {"m": round(step.nearest[0], 5), "bodies": step.nearest[1:]},
                "held_by": {reason: round(share, 3) for reason, share in step.held_by},
                "slower_than_asked": step.slow,
            }
            for step in data.steps
        ],
    }


def _rows(robot: Any, q: Array, times: Array, near: float) -> tuple[Array, ...]:
    zero = np.zeros_like(q)
    tool = robot.forward(q)[:, :3, 3]
    few = np.zeros((len(q), 3))
    return times, q, zero, zero, zero, tool, few, np.full(len(q), near), np.zeros(len(q))


def _tool(robot: Any, q: Array, velocities: Array, times: Array) -> tuple[Array, Array]:
    """Positions (m, 3), and the magnitudes of velocity, acceleration and jerk (m, 3)."""
    velocity = (robot.jacobian(q)[:, :3] @ velocities[..., None])[..., 0]
    acceleration = np.gradient(velocity, times, axis=0)
    jerk = np.gradient(acceleration, times, axis=0)
    rates = [np.linalg.norm(values, axis=1) for values in (velocity, acceleration, jerk)]
    return robot.forward(q)[:, :3, 3], np.stack(rates, axis=1)


def _held_by(
    rates: tuple[Array, ...], limits: Array, tool_speed: Array, asked: float | None
) -> Array:
    shares = np.concatenate(
        [np.abs(r) / most for r, most in zip(rates, limits, strict=True)], axis=1
    )
    held = np.where(shares.max(axis=1) >= _FULL, shares.argmax(axis=1) + 2, 0)
    if asked is not None:
        held = np.where((held == 0) & (tool_speed >= _FULL * asked), 1, held)
    return held.astype(np.float64)


def _shares(held: Array, reasons: tuple[str, ...]) -> tuple[tuple[str, float], ...]:
    counts = np.bincount(held.astype(np.intp), minlength=len(reasons)) / len(held)
    order = [int(k) for k in np.argsort(-counts) if k and counts[k] > 0.01]
    return tuple((reasons[k], float(counts[k])) for k in order)

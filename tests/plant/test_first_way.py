"""The whole way: a batch becomes moving arms and parts that were carried, seen from outside."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest

from robot_cell.model import Frame
from tests.plant.conftest import Finished

pytestmark = [pytest.mark.ros, pytest.mark.plant, pytest.mark.timeout(420)]

NEAR_M = 0.05
TOLERANCE_RAD = 0.005


def near(position: np.ndarray, frame: Frame) -> bool:
    return bool(np.max(np.abs(position[:2] - np.array(frame.xyz_m[:2]))) < NEAR_M)


def test_every_job_is_complete_and_on_time(finished: Finished) -> None:
    assert {job.order_id: job.done for job in finished.jobs} == {"T-1": 1, "T-2": 1}
    for job in finished.jobs:
        assert job.finished_ns is not None
        assert job.release_ns < job.finished_ns < job.due_ns


@pytest.mark.parametrize("cell", ["cell_a", "cell_b"])
def test_parts_were_carried_from_infeed_to_outfeed(finished: Finished, cell: str) -> None:
    """From the bodies' poses alone: what came to the infeed left by the outfeed, lifted."""
    frames = finished.plant.cells[cell].frames
    stories: dict[str, list[np.ndarray]] = {}
    for _, poses in finished.watch.bodies[cell]:
        for name, pose in poses.items():
            if name != "tcp":
                p = pose.position
                stories.setdefault(name, []).append(np.array([p.x, p.y, p.z]))
    carried = 0
    for track in stories.values():
        at_infeed = [i for i, position in enumerate(track) if near(position, frames["infeed"])]
        at_outfeed = [i for i, position in enumerate(track) if near(position, frames["outfeed"])]
        if not at_infeed:
            continue
        assert at_outfeed, "a part came to the infeed and never reached the outfeed"
        first, last = min(at_infeed), max(at_outfeed)
        assert first < last
        heights = [position[2] for position in track[first:last]]
        assert max(heights) > frames["infeed"].xyz_m[2] + 0.08, "it was never lifted"
        carried += 1
    done_here = {o.operation_id for o in finished.operations if o.cell == cell}
    assert carried >= 1
    assert done_here


@pytest.mark.parametrize("cell", ["cell_a", "cell_b"])
def test_the_arms_moved_and_stayed_within_their_limits(finished: Finished, cell: str) -> None:
    messages = finished.watch.joints[cell]
    positions = np.array([message.position for message in messages])
    velocities = np.array([message.velocity for message in messages])
    assert np.max(np.ptp(positions, axis=0)) > 0.5
    assert np.max(np.abs(velocities)) > 0.3
    # 720 deg/s is beyond any axis of both arms (data sheets: KR 6 R900 615 deg/s, UR10e 180 deg/s).
    assert np.max(np.abs(velocities)) < np.radians(720)


def test_each_operation_followed_the_recipe_and_the_plan(finished: Finished) -> None:
    by_id = {o.operation_id: o for o in finished.operations}
    assert len(by_id) == 6
    for record in by_id.values():
        assert record.status == "complete"
        assert record.cell in finished.plant.cells
        order = next(job for job in finished.jobs if job.order_id == record.order_id)
        recipe = finished.plant.products[order.product].operations
        assert record.cell is not None
        assert recipe[record.position].programs[record.cell] == record.program
        assert record.actual_start_ns is not None
        assert record.actual_end_ns is not None
        assert order.release_ns <= record.actual_start_ns < record.actual_end_ns
    for record in by_id.values():
        if record.position:
            before = next(
                o for o in by_id.values()
                if (o.order_id, o.unit, o.position)
                == (record.order_id, record.unit, record.position - 1)
            )  # fmt: skip
            assert before.actual_end_ns <= record.actual_start_ns


def test_no_cell_did_two_things_at_once(finished: Finished) -> None:
    for cell in finished.plant.cells:
        spans = sorted(
            (o.actual_start_ns, o.actual_end_ns) for o in finished.operations if o.cell == cell
        )
        assert all(a[1] <= b[0] for a, b in pairwise(spans))


def test_the_planned_durations_are_what_it_took(finished: Finished) -> None:
    """Planned by the motion planner, executed in the physics: within 2 % of each other."""
    for record in finished.operations:
        planned_s = (record.planned_end_ns - record.planned_start_ns) * 1e-9
        actual_s = (record.actual_end_ns - record.actual_start_ns) * 1e-9
        assert actual_s == pytest.approx(planned_s, rel=0.02), record.operation_id


def test_every_motion_ended_within_tolerance_as_measured(finished: Finished) -> None:
    for record in finished.operations:
        assert record.joint_error_rad
        assert max(record.joint_error_rad) < TOLERANCE_RAD
        assert len(record.end_positions) == len(record.joint_error_rad)


def test_every_step_has_an_intent_and_an_outcome_in_the_journal(finished: Finished) -> None:
    for record in finished.operations:
        program = finished.plant.cells[record.cell].programs[record.program]
        steps = finished.steps[record.operation_id]
        assert [step.step_index for step in steps] == list(range(len(program.steps)))
        assert {step.outcome for step in steps} == {"done"}
        assert all(step.intent_ns <= step.outcome_ns for step in steps)

"""The plant as it is now, as planning wants it told."""

from __future__ import annotations

from robot_cell.gateway.problems import Problem
from robot_cell.gateway.service import Gateway
from robot_cell.orders.planning_job import Moment


def moment_of(gateway: Gateway) -> Moment:
    """What a plan that is supposed now is made from.

    Raises:
        Problem: 503, the plant has no time yet.
    """
    start, now_ns = gateway.mirror.start, gateway.hub.now_ns
    if start is None or now_ns is None:
        raise Problem("plant-unreachable", "the plant's time is not known yet; try again soon")
    published = gateway.journal.schedule()
    ahead_ns = int(gateway.plant.planning.confirm_ahead_s * 1e9)
    return Moment(
        gateway.plant,
        gateway.place,
        now_ns,
        start,
        tuple(gateway.mirror.lost),
        () if published is None else published.rows,
        now_ns + ahead_ns if ahead_ns else 0,
    )

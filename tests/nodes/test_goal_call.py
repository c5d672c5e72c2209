"""Goals from a thread that may block, to a server whose threads do the work: many, one by one."""

from __future__ import annotations

import queue
import threading
import time
from collections.abc import Callable, Iterator
from typing import Any, TypeVar

import pytest
import rclpy
from rclpy.action import ActionClient, GoalResponse
from rclpy.context import Context
from rclpy.experimental.events_executor import EventsExecutor
from rclpy.node import Node
from robot_cell_interfaces.action import FixtureCommand

from robot_cell.nodes.deferred import DeferredActionServer
from robot_cell.nodes.goal_call import GoalCall
from robot_cell.nodes.proven_link import ProvenLink
from tests.plant.conftest import domain

__all__ = ["domain"]

pytestmark = [pytest.mark.ros, pytest.mark.timeout(120)]

ANSWER_S = 50.0
GOALS = 40

Made = TypeVar("Made")


@pytest.fixture
def node(domain: int) -> Iterator[Node]:
    del domain
    context = Context()
    rclpy.init(context=context, signal_handler_options=rclpy.SignalHandlerOptions.NO)
    node = Node("goal_call", context=context, enable_rosout=False)
    executor = EventsExecutor(context=context)
    executor.add_node(node)
    leave = threading.Event()

    def spin() -> None:
        while not leave.is_set():
            executor.spin_once(timeout_sec=0.05)

    thread = threading.Thread(target=spin)
    thread.start()
    yield node
    leave.set()
    thread.join(ANSWER_S)
    executor.shutdown()
    node.destroy_node()
    rclpy.try_shutdown(context=context)


def in_executor(node: Node, make: Callable[[], Made]) -> Made:
    """What `make` makes, made in the executor's thread, as the nodes of a cell do.

    rclpy's action client is part of the node before it is whole (rclpy 9.1 has no `_lock` yet when
    it is added): an executor that looks at it from another thread just then ends with its thread.
    """
    made: queue.SimpleQueue[Made] = queue.SimpleQueue()
    node.executor.create_task(lambda: made.put(make()))
    return made.get(timeout=ANSWER_S)


def action_client(node: Node) -> ActionClient:
    return in_executor(node, lambda: ActionClient(node, FixtureCommand, "command"))


def action_server(
    node: Node, begin: Callable[[Any], None], accept: Callable[[Any], GoalResponse]
) -> DeferredActionServer:
    return in_executor(
        node,
        lambda: DeferredActionServer(node, FixtureCommand, "command", begin=begin, accept=accept),
    )


def test_a_thousandth_goal_costs_what_the_first_did(node: Node) -> None:
    goals: queue.SimpleQueue[Any] = queue.SimpleQueue()
    server = action_server(node, goals.put, lambda _: GoalResponse.ACCEPT)
    client = action_client(node)
    assert client.wait_for_server(ANSWER_S)
    for number in range(GOALS):
        call = GoalCall(node, client, FixtureCommand.Goal(step_id=number))
        goal = goals.get(timeout=ANSWER_S)
        assert goal.request.step_id == number
        answer = FixtureCommand.Result(status="done", message=f"{number}")
        if number % 2:
            goal.succeed()
        else:
            goal.abort()
        server.finish(goal, answer)
        assert call.ended.wait(ANSWER_S)
        assert call.accepted
        assert call.result.message == f"{number}"
    # The executor goes through all of them at each event: none may be left behind.
    assert len(client._futures) <= 2
    assert len(client._pending_goal_requests) <= 1


def test_a_goal_that_is_refused_says_so(node: Node) -> None:
    action_server(node, lambda goal: None, lambda _: GoalResponse.REJECT)
    client = action_client(node)
    assert client.wait_for_server(ANSWER_S)
    call = GoalCall(node, client, FixtureCommand.Goal())
    assert call.answered.wait(ANSWER_S)
    assert not call.accepted


def test_a_link_is_proven_once_its_question_has_ended(node: Node) -> None:
    goals: queue.SimpleQueue[Any] = queue.SimpleQueue()
    client = action_client(node)
    link = ProvenLink(node, client, FixtureCommand.Goal(command="read"))
    assert not link.ready, "there is no server"
    server = action_server(node, goals.put, lambda _: GoalResponse.ACCEPT)
    assert client.wait_for_server(ANSWER_S)
    assert not link.ready
    goal = goals.get(timeout=ANSWER_S)
    assert goal.request.command == "read"
    assert not link.ready, "it has been taken, and has not ended"
    goal.abort()
    server.finish(goal, FixtureCommand.Result(status="refused"))
    until_s = time.monotonic() + ANSWER_S
    while not link.ready:
        assert time.monotonic() < until_s
        time.sleep(0.01)
    assert link.ready
    assert goals.empty(), "and is not asked again"


def test_a_question_without_an_answer_is_asked_again(node: Node) -> None:
    never = threading.Event()
    asked = []

    def accept(request: Any) -> GoalResponse:
        asked.append(request)
        if len(asked) == 1:
            never.wait(1.5)  # the executor stands still meanwhile, and nothing is answered
        return GoalResponse.REJECT

    action_server(node, lambda goal: None, accept)
    client = action_client(node)
    assert client.wait_for_server(ANSWER_S)
    link = ProvenLink(node, client, FixtureCommand.Goal())
    assert not link.ready
    until_s = time.monotonic() + ANSWER_S
    while not (link.ready and len(asked) >= 2):  # a busy machine is asked more often
        assert time.monotonic() < until_s
        time.sleep(0.01)

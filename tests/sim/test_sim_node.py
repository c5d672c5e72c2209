"""`sim_node` as a process in a ROS graph of its own."""

from __future__ import annotations

import math
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

pytest.importorskip("rclpy")
pytest.importorskip("robot_cell_interfaces")

import rclpy
from rcl_interfaces.srv import SetParameters
from rclpy.context import Context
from rclpy.executors import SingleThreadedExecutor
from rclpy.parameter import Parameter
from robot_cell_interfaces.msg import BodyPoses
from robot_cell_interfaces.srv import InjectFault
from rosgraph_msgs.msg import Clock
from std_srvs.srv import SetBool, Trigger

from drivers.time_page import TimePage

pytestmark = [
    pytest.mark.ros,
    pytest.mark.timeout(300),
    # The ROS 2 wheels' own dependencies, on their first import.
    pytest.mark.filterwarnings("ignore:module 'sre_:DeprecationWarning"),
]

ROOT = Path(__file__).resolve().parents[2]
DEADLINE_S = 100.0
"""A picture takes a quarter of a second, and a minute where ten others want the processor."""


class Peer:
    """A node of the test in the same domain."""

    def __init__(self, domain: int) -> None:
        self.context = Context()
        rclpy.init(context=self.context, domain_id=domain)
        self.node = rclpy.create_node("peer", context=self.context)
        self.executor = SingleThreadedExecutor(context=self.context)
        self.executor.add_node(self.node)

    def until(self, condition) -> None:
        end_s = time.monotonic() + DEADLINE_S
        while not condition():
            assert time.monotonic() < end_s, "it did not happen"
            self.executor.spin_once(timeout_sec=0.05)

    def call(self, kind, name: str, request):
        client = self.node.create_client(kind, name)
        self.until(client.service_is_ready)
        future = client.call_async(request)
        self.until(future.done)
        return future.result()

    def close(self) -> None:
        self.executor.shutdown()
        self.node.destroy_node()
        rclpy.shutdown(context=self.context)


@pytest.fixture
def start(tmp_path):
    """Starts `sim_node` with parameters; every process is ended at the end."""
    domain = 100 + os.getpid() % 100
    processes = []

    def begin(**parameters) -> subprocess.Popen:
        given = {
            "plant": str(ROOT / "examples" / "housing_plant.yaml"),
            "cell": "cell_a",
            "run_dir": str(tmp_path),
            **parameters,
        }
        command = [sys.executable, "-m", "sim.node", "--ros-args", "-r", "__ns:=/cell_a"]
        for name, value in given.items():
            command += ["-p", f"{name}:={value}"]
        environment = {**os.environ, "ROS_DOMAIN_ID": str(domain)}
        environment["PYTHONPATH"] = f"{ROOT}:{environment.get('PYTHONPATH', '')}"
        process = subprocess.Popen(
            command, env=environment, stderr=subprocess.PIPE, stdout=subprocess.PIPE
        )
        processes.append(process)
        return process

    begin.domain = domain
    yield begin
    for process in processes:
        process.kill()
        process.communicate()


def test_a_cell_shows_itself_pauses_draws_and_leaves_nothing_behind(start, tmp_path):
    process = start(speed="0.0", await_arm="false", publish_clock="true")
    peer = Peer(start.domain)
    try:
        bodies: list[BodyPoses] = []
        clocks: list[Clock] = []
        peer.node.create_subscription(BodyPoses, "/cell_a/sim/bodies", bodies.append, 10)
        peer.node.create_subscription(Clock, "/clock", clocks.append, 10)
        peer.until(lambda: len(bodies) >= 3 and len(clocks) >= 3)
        assert bodies[0].names[0] == "tcp"
        assert "housing_s_1" in bodies[0].names
        assert bodies[-1].poses[0].position.z == pytest.approx(0.66, abs=1e-3)
        assert clocks[-1].clock.sec > 0 or clocks[-1].clock.nanosec > clocks[0].clock.nanosec

        assert peer.call(SetBool, "/cell_a/sim/pause", SetBool.Request(data=True)).success
        page = TimePage(tmp_path / "time.page")
        assert page.held
        drawn = peer.call(Trigger, "/cell_a/sim/picture", Trigger.Request())
        assert drawn.success, drawn.message
        picture = Path(drawn.message)
        assert picture.parent == tmp_path / "pictures"
        assert picture.read_bytes().startswith(b"\x89PNG")
        assert picture.stat().st_size > 20_000

        speed = Parameter("speed", Parameter.Type.DOUBLE, 3.0).to_parameter_msg()
        request = SetParameters.Request(parameters=[speed])
        results = peer.call(SetParameters, "/cell_a/sim/set_parameters", request).results
        assert results[0].successful
        assert page.speed == 3.0
        speed = Parameter("speed", Parameter.Type.DOUBLE, -1.0).to_parameter_msg()
        request = SetParameters.Request(parameters=[speed])
        results = peer.call(SetParameters, "/cell_a/sim/set_parameters", request).results
        assert not results[0].successful
        assert "between" in results[0].reason
    finally:
        peer.close()
    process.send_signal(signal.SIGINT)
    assert process.wait(DEADLINE_S) == 0
    assert not (tmp_path / "ports" / "cell_a.bus").is_symlink()
    assert not (tmp_path / "sockets" / "cell_a.arm").exists()


def test_faults_are_put_on_devices_now_and_at_their_instants(start, tmp_path):
    start(speed="0.0", await_arm="false", faults="'cell_a/table:off@0s;cell_b/gripper:off@0s'")
    peer = Peer(start.domain)

    def ask(**words) -> InjectFault.Response:
        return peer.call(InjectFault, "/cell_a/sim/fault", InjectFault.Request(**words))

    try:
        listed = ask()
        assert not listed.success
        assert listed.devices == [
            "arm", "gripper", "table", "nest_clamp", "infeed", "outfeed_sensor",
        ]  # fmt: skip
        peer.until(lambda: ask().faults == ["ok", "ok", "off", "ok", "ok", "ok"])

        answer = ask(device="gripper", verb="garbage", amount=math.nan, for_s=1.0, asked_by="me")
        assert answer.success
        assert (
            answer.message == "gripper sends random bytes instead of replies for 1 s of plant time"
        )
        assert answer.faults[1] == "garbage"
        peer.until(lambda: ask().faults[1] == "ok")

        refused = ask(device="gripper", verb="haunted", amount=math.nan)
        assert not refused.success
        assert "there are: ok, off, stuck" in refused.message
        assert refused.faults[1] == "ok"
    finally:
        peer.close()


@pytest.mark.parametrize(
    ("parameters", "says"),
    [
        ({"faults": "'lamp:off@3s'"}, "there is no device 'lamp'"),
        ({"cell": "cell_z"}, "no cell 'cell_z'"),
        ({"start": "yesterday"}, "not an instant"),
    ],
)
def test_a_wrong_parameter_is_said_and_ends_the_process(start, parameters, says):
    process = start(**parameters)
    out, err = process.communicate(timeout=DEADLINE_S)
    assert process.returncode == 1
    assert says in (out + err).decode()

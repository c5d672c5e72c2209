"""The contract once more, over the messages of ros_gz_bridge: what `RosLink` says and waits for.

Gazebo is not here, but its side of the bridge can be spoken: `gazebo_stand_in` does, in a process
of its own. The messages of ros_gz_interfaces are built from their published fields, once per
machine, and kept apart: no other process sees them.
"""

from __future__ import annotations

import importlib.util
import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.sim_contract.conftest import ROOT, STAND_IN

SOURCE = Path(__file__).parent / "ros_gz_interfaces"
BUILT = ROOT / ".setup" / "test_interfaces"
CASES = "bridge and (moves_and_ends or carried)"


@pytest.fixture(scope="module")
def environment() -> dict[str, str]:
    """The environment of a process that knows ros_gz_interfaces."""
    env = dict(os.environ)
    if importlib.util.find_spec("ros_gz_interfaces") is not None:
        return env
    prefix = BUILT / "install" / "ros_gz_interfaces"
    command = ["colcon", "--log-base", str(BUILT / "log"), "build", "--base-paths", str(SOURCE)]
    command += ["--build-base", str(BUILT / "build"), "--install-base", str(BUILT / "install")]
    command += ["--cmake-args", "-GNinja", "-DBUILD_TESTING=OFF"]
    command += [f"-DPython3_EXECUTABLE={sys.executable}"]
    # colcon does what has changed, and nothing in a second where nothing has.
    done = subprocess.run(
        command, env=env, cwd=ROOT, capture_output=True, text=True, check=False, timeout=500
    )
    assert done.returncode == 0, done.stdout + done.stderr
    (packages,) = prefix.glob("lib/python3*/site-packages")
    for name, value in (
        ("AMENT_PREFIX_PATH", prefix),
        ("LD_LIBRARY_PATH", prefix / "lib"),
        ("PYTHONPATH", packages),
    ):
        env[name] = f"{value}:{env.get(name, '')}"
    return env


@pytest.mark.ros
@pytest.mark.timeout(900)
def test_the_contract_holds_over_the_bridges_messages(environment):
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "-k", CASES]
    done = subprocess.run(
        [*command, str(Path(__file__).with_name("test_simulator.py"))],
        env={**environment, STAND_IN: "1"},
        cwd=ROOT, capture_output=True, text=True, check=False, timeout=400,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout[-4000:] + done.stderr[-2000:]
    assert "2 passed" in done.stdout

"""The package as colcon, Docker and the CI build it; what needs neither network nor Docker."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import xml.etree.ElementTree as ElementTree
from pathlib import Path

import pytest
import yaml

from robot_cell.bringup.installed import lacking

ROOT = Path(__file__).parents[2]
DOCKERFILE = (ROOT / "deploy" / "docker" / "Dockerfile").read_text()
WORKFLOW = yaml.safe_load((ROOT / ".github" / "workflows" / "ci.yml").read_text())


@pytest.mark.timeout(600)
def test_colcon_builds_and_tests_it_in_a_plain_workspace(tmp_path):
    """The interfaces were built by colcon at set-up; a plain workspace stands on them."""
    done = subprocess.run(
        [ROOT / "deploy" / "docker" / "plain_workspace", tmp_path, "robot_cell"],
        capture_output=True, text=True, check=False, timeout=550,
    )  # fmt: skip
    said = done.stdout + done.stderr
    assert done.returncode == 0, said
    assert f"below {tmp_path}/install" in said
    counted = re.search(r"Summary: (\d+) tests, 0 errors, 0 failures", said)
    assert counted is not None, said
    assert int(counted[1]) > 100
    index = tmp_path / "install/robot_cell/share/ament_index/resource_index/packages/robot_cell"
    assert index.is_file()


def test_what_reads_a_source_tree_is_found(tmp_path):
    """The tests themselves run from the tree: below any other prefix everything is amiss."""
    problems = list(lacking(tmp_path))
    for name in ("planners", "drivers", "robot_cell", "sim"):
        assert any(problem.startswith(f"{name} is imported from") for problem in problems)
    assert any("share/robot_cell is found at" in problem for problem in problems)


def test_the_image_has_what_package_xml_names():
    assert "FROM ros:kilted" in DOCKERFILE
    assert "rosdep install --from-paths ." in DOCKERFILE
    copied = re.findall(r"^COPY (\S+) ", DOCKERFILE, re.MULTILINE)
    assert copied == ["package.xml", "."]
    keys = {element.text for element in ElementTree.parse(ROOT / "package.xml").getroot()}
    assert {"ros_gz_bridge", "ros_gz_sim", "ros2launch", "launch_xml", "control_msgs"} <= keys


@pytest.mark.parametrize("name", ["in_ros", "plain_workspace"])
def test_a_script_of_the_image_is_valid(name):
    script = ROOT / "deploy" / "docker" / name
    subprocess.run(["bash", "-n", script], check=True)
    assert script.stat().st_mode & 0o111
    assert f"deploy/docker/{name}" in DOCKERFILE


def test_the_workflow_runs_what_there_is():
    assert set(WORKFLOW["jobs"]) == {"bare", "ros"}
    commands = "\n".join(
        step.get("run", "") for job in WORKFLOW["jobs"].values() for step in job["steps"]
    )
    assert ".ci/run" in commands
    for path in re.findall(r"(?:deploy|tests|\.ci)/[\w./-]+", commands):
        assert (ROOT / path).exists(), path
    actions = [s["uses"] for j in WORKFLOW["jobs"].values() for s in j["steps"] if "uses" in s]
    assert all(re.fullmatch(r"actions/[a-z-]+@v\d+", action) for action in actions)
    assert WORKFLOW["permissions"] == {"contents": "read"}


@pytest.mark.skipif(shutil.which("gz") is not None, reason="Gazebo is here, and runs")
def test_with_gazebo_asked_for_a_contract_that_does_not_run_in_it_fails():
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "-k", "gazebo and clock",
         "tests/sim_contract/test_simulator.py"],
        cwd=ROOT, capture_output=True, text=True, check=False, timeout=110,
        env={**os.environ, "ROBOT_CELL_NEEDS_GAZEBO": "1"},
    )  # fmt: skip
    assert done.returncode == 1
    assert "ROBOT_CELL_NEEDS_GAZEBO is set, and Gazebo is not here" in done.stdout


def test_a_cell_runs_after_fewer_than_twenty_commands():
    text = (ROOT / "docs" / "controllers.md").read_text()
    upto = text[: text.index("A plant on one controller")]
    numbers = [int(n) for n in re.findall(r"# (\d+)$", upto, re.MULTILINE)]
    assert numbers == list(range(1, len(numbers) + 1))
    assert len(numbers) < 20
    for arm, left_out in (("U", {19}), ("V", {10, 19})):  # 19 only looks on
        extra = re.findall(rf"# {arm}(\d+)$", text, re.MULTILINE)
        assert extra == [str(n) for n in range(1, len(extra) + 1)] != []
        assert len(set(numbers) - left_out) + len(extra) == 19
    for path in re.findall(r"(?:deploy|launch|examples|sim)/[\w./*-]+", text):
        assert list(ROOT.glob(path.rstrip("/."))), path

"""Each contract of pyproject.toml is broken by the import that it forbids, and only by such."""

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]

# Contract, the module with the import, and the import.
FORBIDDEN = [
    ("floors", "robot_cell/execution/a.py", "import sim.physics"),
    ("floors", "drivers/a.py", "import planners.motion"),
    ("floors", "planners/a.py", "import drivers.arms"),
    ("floors", "planners/motion/a.py", "from robot_cell.model import plant"),
    ("planners", "planners/kinematics/a.py", "import planners.motion"),
    ("planners", "planners/motion/a.py", "import planners.scheduling"),
    ("scheduling", "planners/scheduling/a.py", "import planners.kinematics.robot"),
    ("scheduling", "planners/scheduling/a.py", "import pinocchio"),
    ("rooms", "robot_cell/model/a.py", "import robot_cell.store"),
    ("rooms", "robot_cell/store/a.py", "import robot_cell.nodes"),
    ("rooms", "robot_cell/execution/a.py", "import robot_cell.orders"),
    ("rooms", "robot_cell/client/a.py", "import robot_cell.execution"),
    ("rooms", "robot_cell/nodes/a.py", "import robot_cell.gateway"),
    ("rooms", "robot_cell/attic/__init__.py", ""),
    ("gateway", "robot_cell/gateway/a.py", "import robot_cell.execution.executor"),
    ("gateway", "robot_cell/gateway/a.py", "import drivers.arms"),
    ("vocabulary", "robot_cell/model/a.py", "import planners.motion"),
    ("vocabulary", "robot_cell/store/a.py", "import drivers"),
    ("sim", "sim/a.py", "import robot_cell.execution"),
    ("sim", "sim/a.py", "import robot_cell.store"),
    ("ros", "robot_cell/execution/a.py", "import rclpy"),
    ("ros", "planners/motion/a.py", "import trajectory_msgs.msg"),
    ("ros", "drivers/arms/a.py", "import control_msgs.action"),
    ("ros", "sim/physics.py", "import rclpy"),
    ("serial", "drivers/fixtures/a.py", "import serial"),
    ("serial", "sim/a.py", "from serial import Serial"),
    ("opcua", "robot_cell/gateway/a.py", "from asyncua import ua"),
    ("planners-pure", "planners/motion/a.py", "import mujoco"),
    ("drivers-pure", "drivers/arms/a.py", "import pydantic"),
    ("physics", "robot_cell/orders/a.py", "import mujoco"),
    ("supervisor", "robot_cell/execution/supervisor.py", "import numpy"),
    ("supervisor", "robot_cell/execution/__init__.py", "import robot_cell.execution.executor"),
]
# What the table of docs/architecture.md allows.
ALLOWED = [
    ("floors", "sim/a.py", "import planners.motion, drivers.arms, robot_cell.model"),
    ("planners", "planners/motion/a.py", "import planners.kinematics"),
    ("rooms", "robot_cell/nodes/a.py", "import robot_cell.execution, robot_cell.orders"),
    ("rooms", "robot_cell/orders/a.py", "import robot_cell.store, robot_cell.programs"),
    ("sim", "sim/a.py", "from robot_cell.model import plant"),
    ("ros", "robot_cell/nodes/a.py", "import rclpy, robot_cell_interfaces.msg"),
    ("ros", "sim/node.py", "import rclpy"),
    ("ros", "drivers/arms/trajectory_action.py", "import rclpy, control_msgs.action"),
    ("serial", "drivers/serial_link.py", "import serial"),
    ("supervisor", "robot_cell/execution/supervisor.py", "import json, signal"),
]
MODULES = [
    "drivers/__init__.py",
    "drivers/arms/__init__.py",
    "drivers/fixtures/__init__.py",
    "planners/__init__.py",
    "planners/kinematics/__init__.py",
    "planners/kinematics/robot.py",
    "planners/motion/__init__.py",
    "planners/scheduling/__init__.py",
    "robot_cell/__init__.py",
    "robot_cell/client/__init__.py",
    "robot_cell/errors.py",
    "robot_cell/failpoints.py",
    "robot_cell/execution/__init__.py",
    "robot_cell/execution/safe_state.py",
    "robot_cell/execution/supervisor.py",
    "robot_cell/gateway/__init__.py",
    "robot_cell/model/__init__.py",
    "robot_cell/model/plant.py",
    "robot_cell/nodes/__init__.py",
    "robot_cell/orders/__init__.py",
    "robot_cell/programs/__init__.py",
    "robot_cell/store/__init__.py",
    "sim/__init__.py",
    "sim/physics.py",
]


@pytest.fixture(scope="module")
def house(tmp_path_factory):
    """The house with empty rooms, but for an executor that computes with numpy."""
    root = tmp_path_factory.mktemp("house")
    shutil.copy(ROOT / "pyproject.toml", root)
    for name in MODULES:
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).touch()
    (root / "robot_cell/execution/executor.py").write_text("import numpy\n")
    return root


def kept(house, contract, module, statement):
    """Whether a contract is kept when a module holds that statement."""
    file = house / module
    before = file.read_text() if file.exists() else None
    made_folder = not file.parent.exists()
    file.parent.mkdir(exist_ok=True)
    file.write_text(statement + "\n")
    try:
        command = "from importlinter.cli import lint_imports_command; lint_imports_command()"
        done = subprocess.run(
            [sys.executable, "-c", command, "--contract", contract, "--no-cache"],
            cwd=house,
            capture_output=True,
            text=True,
            check=False,
        )
    finally:
        if made_folder:
            shutil.rmtree(file.parent)
        elif before is None:
            file.unlink()
        else:
            file.write_text(before)
    assert "1 kept, 0 broken" in done.stdout or "0 kept, 1 broken" in done.stdout, done.stdout
    return done.returncode == 0


@pytest.mark.parametrize(("contract", "module", "statement"), FORBIDDEN)
def test_a_forbidden_import_breaks_its_contract(house, contract, module, statement):
    assert not kept(house, contract, module, statement)


@pytest.mark.parametrize(("contract", "module", "statement"), ALLOWED)
def test_an_allowed_import_keeps_it(house, contract, module, statement):
    assert kept(house, contract, module, statement)


def test_every_contract_is_tried():
    import tomllib

    with (ROOT / "pyproject.toml").open("rb") as file:
        contracts = tomllib.load(file)["tool"]["importlinter"]["contracts"]
    assert {contract["id"] for contract in contracts} == {case[0] for case in FORBIDDEN}

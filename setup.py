"""How robot_cell is installed, by pip and by colcon (ament_python)."""

from pathlib import Path

from setuptools import find_packages, setup

PACKAGE = "robot_cell"
# Declarative files, found by ROS 2 below share/robot_cell.
SHARED_FOLDERS = (
    "launch",
    "urdf",
    "sim/worlds",
    "examples",
    "deploy/limits.d",
    "deploy/sysctl.d",
    "deploy/systemd",
    "deploy/tmpfiles.d",
    "deploy/udev",
)


def shared_files() -> list[tuple[str, list[str]]]:
    """Each folder below share/ and the files that go there."""
    shared = [
        ("share/ament_index/resource_index/packages", [f"resource/{PACKAGE}"]),
        (f"share/{PACKAGE}", ["package.xml"]),
        (f"share/{PACKAGE}/sim/gazebo", ["sim/gazebo/bridge.yaml"]),
    ]
    for top in SHARED_FOLDERS:
        for folder in sorted({file.parent for file in Path(top).rglob("*") if file.is_file()}):
            files = sorted(str(file) for file in folder.iterdir() if file.is_file())
            shared.append((f"share/{PACKAGE}/{folder}", files))
    return shared


setup(
    name=PACKAGE,
    version="0.1.0",
    description="Cell control and scheduling for robot cells",
    license="Apache-2.0",
    python_requires=">=3.11",
    packages=find_packages(
        include=[
            "planners",
            "planners.*",
            "drivers",
            "drivers.*",
            "robot_cell",
            "robot_cell.*",
            "sim",
            "sim.*",
        ]
    ),
    package_data={
        "": ["py.typed"],
        "robot_cell": ["gateway/static/**/*", "reporting/assets/*", "store/migrations/*.mako"],
    },
    data_files=shared_files(),
    extras_require={
        "test": ["pytest"],  # colcon test looks for it
        "bench": ["pyjobshop>=0.0.9,<0.1"],  # the peer of `robot-cell bench scheduling`
    },
    zip_safe=False,
    entry_points={
        "console_scripts": [
            "robot-cell = robot_cell.cli.app:main",
            "arm_node = robot_cell.nodes.arm_node:main",
            "cell_node = robot_cell.nodes.cell_node:main",
            "gateway = robot_cell.gateway.main:main",
            "fixture_node = robot_cell.nodes.fixture_node:main",
            "gazebo_server = sim.gazebo.server:main",
            "scheduler_node = robot_cell.nodes.scheduler_node:main",
            "sim_node = sim.node:main",
            "supervisor = robot_cell.execution.supervisor:main",
        ],
        # The plant file names a driver of these groups; other packages may register theirs.
        "robot_cell.arm_drivers": [
            "loopback = drivers.arms.loopback:LoopbackArm",
            "mujoco = sim.arm_driver:MujocoArm",
            "position_stream = drivers.arms.position_stream:PositionStreamArm",
            "trajectory_action = drivers.arms.trajectory_action:TrajectoryActionArm",
            "ur_rtde = drivers.arms.ur_rtde:UrRtdeArm",
        ],
        "robot_cell.fixture_drivers": [
            "clamp = drivers.fixtures.devices:Clamp",
            "feeder = drivers.fixtures.devices:Feeder",
            "modbus = drivers.fixtures.modbus:ModbusFixture",
            "sensor = drivers.fixtures.devices:PresenceSensor",
            "table = drivers.fixtures.devices:RotaryTable",
        ],
    },
)

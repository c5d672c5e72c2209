"""How an arm is spoken to: the section `driver` of an arm, one shape for each driver.

Each shape says what its driver is given. A driver of another package is named by its `kind`, and
its `options` are passed on as they are.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Any, Final, Literal

from pydantic import (
    AfterValidator,
    BeforeValidator,
    Discriminator,
    Field,
    StringConstraints,
    Tag,
    ValidationInfo,
)

from robot_cell.errors import RobotCellError
from robot_cell.model.base import Name, Word

RosName = Annotated[str, StringConstraints(pattern=r"^(/[A-Za-z_][A-Za-z0-9_]*)+$", max_length=200)]
"""Full name of a topic or an action: it begins with a slash, whatever the arm's node is called."""


class MujocoDriver(Word):
    """The arm of our own simulation; it is found in the run directory."""

    kind: Literal["mujoco"] = "mujoco"

    def options(self, socket: Path, joints: Sequence[str]) -> dict[str, Any]:
        """What the driver is made with."""
        del joints
        return {"address": str(socket)}


class LoopbackDriver(Word):
    """An arm that is where it was told to be, for a dry run; `address` is joints@rate in Hz."""

    kind: Literal["loopback"]
    address: Annotated[str, StringConstraints(pattern=r"^[1-9]@[1-9]\d{0,3}$")] = "6@500"

    def options(self, socket: Path, joints: Sequence[str]) -> dict[str, Any]:
        """What the driver is made with."""
        del socket, joints
        return {"address": self.address}


class UrRtdeDriver(Word):
    """A Universal Robots controller, by RTDE.

    Attributes:
        host: name or address of the controller.
        port: of RTDE; another one only in tests.
        rate_hz: 500 for e-Series and later, 125 for CB3.
        lookahead_s, gain: of the controller's `servoj`; larger and smaller is smoother and later.
    """

    kind: Literal["ur_rtde"]
    host: str = Field(min_length=1)
    port: int = Field(default=30004, ge=1, le=65535)
    rate_hz: Literal[125, 500] = 500
    lookahead_s: float = Field(default=0.05, ge=0.03, le=0.2)
    gain: int = Field(default=300, ge=100, le=2000)

    def options(self, socket: Path, joints: Sequence[str]) -> dict[str, Any]:
        """What the driver is made with."""
        del socket, joints
        return self.model_dump(exclude={"kind"})


class RosDriver(Word):
    """What the two drivers of ROS 2 controllers have in common.

    Attributes:
        joint_states: topic of sensor_msgs/JointState.
        rate_hz: how often joint states come.
        joints: the controller's name of each joint of the URDF; those left out are called alike.
        ready: topic of std_msgs/Bool that says whether the arm may be moved, where there is one
            (Universal Robots' driver: `/io_and_status_controller/robot_program_running`).
        controller_manager: full name of ros2_control's node, where there is one: the arm is moved
            only while the controller that takes our motions is active.
    """

    joint_states: RosName = "/joint_states"
    rate_hz: float = Field(default=100.0, ge=10.0, le=1000.0)
    joints: dict[str, str] = Field(default_factory=dict)
    ready: RosName | None = None
    controller_manager: RosName | None = None

    def options(self, socket: Path, joints: Sequence[str]) -> dict[str, Any]:
        """What the driver is made with; `joints` in the order of the URDF.

        Raises:
            RobotCellError: a name in `joints` of the plant file is no joint of the URDF.
        """
        del socket
        unknown = sorted(set(self.joints) - set(joints))
        if unknown:
            raise RobotCellError(
                f"driver.joints: {', '.join(unknown)}: no joint of the URDF, which has "
                f"{', '.join(joints)}"
            )
        given = self.model_dump(exclude={"kind", "joints"})
        return {**given, "joints": [self.joints.get(joint, joint) for joint in joints]}


def _of_a_controller(name: str, info: ValidationInfo) -> str:
    """ros2_control's topics and actions are called after their controllers: /NAME/commands."""
    if info.data.get("controller_manager") and name.count("/") < 2:
        raise ValueError(
            f"{name} does not say whose it is, and controller_manager is to be watched; it looks "
            f"like /CONTROLLER{name}"
        )
    return name


OfController = Annotated[RosName, AfterValidator(_of_a_controller)]


class PositionStreamDriver(RosDriver):
    """A controller that follows a topic of joint positions.

    Attributes:
        commands: topic of std_msgs/Float64MultiArray, such as
            `/forward_position_controller/commands`.
        sim_time: joint states carry simulated time: each is answered, however soon it comes.
    """

    kind: Literal["position_stream"]
    commands: OfController
    sim_time: bool = False


class TrajectoryActionDriver(RosDriver):
    """A controller that follows whole trajectories.

    Attributes:
        action: of control_msgs/FollowJointTrajectory.
        scaling: topic of std_msgs/Float64, the share of the planned speed at which the controller
            follows, in percent, where there is one (Universal Robots' driver:
            `/speed_scaling_state_broadcaster/speed_scaling`).
        stalled_s: an arm that makes no way for so long in mid-motion is stopped, and the motion has
            failed; not while `scaling` says that it is slowed.
    """

    kind: Literal["trajectory_action"]
    action: OfController
    scaling: RosName | None = None
    stalled_s: float = Field(default=10.0, ge=0.5, le=600.0)


class OtherDriver(Word):
    """A driver that another package registers in the entry-point group `robot_cell.arm_drivers`."""

    kind: Name
    options_: dict[str, Any] = Field(default_factory=dict, alias="options")

    def options(self, socket: Path, joints: Sequence[str]) -> dict[str, Any]:
        """What the driver is made with: its options as they stand."""
        del socket, joints
        return dict(self.options_)


_KINDS: Final = ("mujoco", "loopback", "ur_rtde", "position_stream", "trajectory_action")


def _kind(value: Any) -> str:
    kind = value.get("kind") if isinstance(value, dict) else getattr(value, "kind", None)
    return kind if kind in _KINDS else "other"


def _named(value: Any) -> Any:
    """`driver: mujoco` is short for `driver: {kind: mujoco}`."""
    return {"kind": value} if isinstance(value, str) else value


Driver = Annotated[
    Annotated[MujocoDriver, Tag("mujoco")]
    | Annotated[LoopbackDriver, Tag("loopback")]
    | Annotated[UrRtdeDriver, Tag("ur_rtde")]
    | Annotated[PositionStreamDriver, Tag("position_stream")]
    | Annotated[TrajectoryActionDriver, Tag("trajectory_action")]
    | Annotated[OtherDriver, Tag("other")],
    Discriminator(_kind),
    BeforeValidator(_named),
]

"""The RTDE variables that the simulated controller has, by name, with their types.

Source: Universal Robots, "Real-Time Data Exchange (RTDE) Guide". Written apart from the driver, so
that a mistake of one is not a mistake of both.
"""

from __future__ import annotations

import struct
from collections.abc import Sequence
from typing import Any, Final

FORMATS: Final = {
    "BOOL": "?",
    "UINT32": "I",
    "INT32": "i",
    "UINT64": "Q",
    "DOUBLE": "d",
    "VECTOR3D": "ddd",
    "VECTOR6D": "dddddd",
    "VECTOR6INT32": "iiiiii",
}

STILL: Final = {
    **dict.fromkeys(
        (
            "target_qdd", "target_current", "joint_control_output", "actual_TCP_pose",
            "actual_TCP_speed", "actual_TCP_force", "target_TCP_pose", "target_TCP_speed",
            "joint_temperatures", "actual_joint_voltage", "ft_raw_wrench", "payload_inertia",
        ),
        "VECTOR6D",
    ),
    **dict.fromkeys(("actual_tool_accelerometer", "payload_cog"), "VECTOR3D"),
    **dict.fromkeys(
        (
            "actual_execution_time", "actual_momentum", "actual_main_voltage",
            "actual_robot_voltage", "actual_robot_current", "standard_analog_input0",
            "standard_analog_input1", "standard_analog_output0", "standard_analog_output1",
            "payload",
        ),
        "DOUBLE",
    ),
    "actual_digital_output_bits": "UINT64",
}  # fmt: skip
"""Variables that are there and always zero: clients of others ask for them."""

OUTPUTS: Final = {
    **STILL,
    "timestamp": "DOUBLE",
    "target_q": "VECTOR6D",
    "target_qd": "VECTOR6D",
    "actual_q": "VECTOR6D",
    "actual_qd": "VECTOR6D",
    "target_moment": "VECTOR6D",
    "actual_current": "VECTOR6D",
    "robot_mode": "INT32",
    "joint_mode": "VECTOR6INT32",
    "safety_mode": "INT32",
    "safety_status": "INT32",
    "runtime_state": "UINT32",
    "speed_scaling": "DOUBLE",
    "target_speed_fraction": "DOUBLE",
    "actual_digital_input_bits": "UINT64",
    "robot_status_bits": "UINT32",
    "safety_status_bits": "UINT32",
    **{f"output_int_register_{k}": "INT32" for k in range(48)},
    **{f"output_double_register_{k}": "DOUBLE" for k in range(48)},
}

INPUTS: Final = {
    "speed_slider_mask": "UINT32",
    "speed_slider_fraction": "DOUBLE",
    **{f"input_int_register_{k}": "INT32" for k in range(48)},
    **{f"input_double_register_{k}": "DOUBLE" for k in range(48)},
}


def types_of(names: Sequence[str], known: dict[str, str], taken: set[str]) -> list[str]:
    """The type of each variable as a recipe says it: NOT_FOUND and IN_USE are types, too."""
    return ["IN_USE" if name in taken else known.get(name, "NOT_FOUND") for name in names]


def layout(types: Sequence[str]) -> struct.Struct:
    """The values of a recipe, without its number."""
    return struct.Struct(">" + "".join(FORMATS[kind] for kind in types))


def flat(values: Sequence[Any]) -> list[Any]:
    """Vectors among the values, spread out."""
    out: list[Any] = []
    for value in values:
        out.extend(value) if isinstance(value, (list, tuple)) else out.append(value)
    return out

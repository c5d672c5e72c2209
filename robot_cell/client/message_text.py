"""The definition of a message type as text, with those of all messages in it, as MCAP wants it.

Format `ros2msg` of the MCAP specification's registry: the type's own definition, then for each type
that it uses a line of equals signs, `MSG: package/Name`, and its definition.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path
from typing import Final

from ament_index_python.packages import PackageNotFoundError, get_package_share_directory

from robot_cell.errors import RobotCellError

_LINE: Final = "=" * 80
_BUILTIN: Final = frozenset(
    {
        "bool", "byte", "char", "float32", "float64", "int8", "uint8", "int16", "uint16", "int32",
        "uint32", "int64", "uint64", "string", "wstring",
    }
)  # fmt: skip
_FIELD: Final = re.compile(r"^\s*([A-Za-z][\w/]*)(?:<=\d+)?(?:\[(?:<=)?\d*\])?\s+\w+")


class UnknownMessageType(RobotCellError):
    """The definition of a message type is not installed here."""


def message_text(kind: str, read: Callable[[str, str], str] | None = None) -> str:
    """The whole definition of a type such as `sensor_msgs/msg/JointState`.

    Args:
        kind: the type.
        read: gives a definition by package and name; by default from where ROS 2 has them.

    Raises:
        UnknownMessageType: it, or one that it uses, is not installed.
    """
    look = read or _installed
    package, _, name = kind.split("/")
    text = look(package, name)
    parts, waiting, seen = [text], _used(text, package), {(package, name)}
    while waiting:
        one = waiting.pop(0)
        if one in seen:
            continue
        seen.add(one)
        text = look(*one)
        parts.append(f"{_LINE}\nMSG: {one[0]}/{one[1]}\n{text}")
        waiting += _used(text, one[0])
    return "\n".join(part.rstrip("\n") for part in parts) + "\n"


def _used(text: str, package: str) -> list[tuple[str, str]]:
    """The message types that a definition uses, in their order."""
    found: list[tuple[str, str]] = []
    for line in text.splitlines():
        match = _FIELD.match(line.split("#")[0])
        if match is None or match[1] in _BUILTIN:
            continue
        words = match[1].split("/")
        found.append((words[0] if len(words) > 1 else package, words[-1]))
    return found


def _installed(package: str, name: str) -> str:
    try:
        file = Path(get_package_share_directory(package)) / "msg" / f"{name}.msg"
        return file.read_text(encoding="utf-8")
    except (PackageNotFoundError, OSError) as error:
        raise UnknownMessageType(
            f"the definition of {package}/msg/{name} is not installed: {error}"
        ) from error

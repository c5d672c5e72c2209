"""A launch file as a tree of elements that know their line; the vocabulary is checked here.

The vocabulary is the part of ROS 2's XML launch format that the plant needs. Whatever is outside of
it is refused by name, file and line, and never skipped: a launch file means the same here and under
`ros2 launch`, or it does not start.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Final
from xml.parsers import expat

from robot_cell.bringup.errors import (
    BadValueError,
    LaunchFileError,
    UnknownAttributeError,
    UnknownTagError,
)


@dataclass
class Element:
    """One element of a launch file."""

    file: Path
    line: int
    tag: str
    attributes: dict[str, str]
    children: list[Element] = field(default_factory=list)

    def required(self, attribute: str) -> str:
        """The text of an attribute; `BadValueError` if it is not there."""
        try:
            return self.attributes[attribute]
        except KeyError:
            raise BadValueError(self.file, self.line, self.tag, attribute, "is missing") from None


_ACTIONS: Final = ("arg", "let", "node", "include", "group", "set_env")

_ATTRIBUTES: Final[dict[tuple[str, str], tuple[str, ...]]] = {
    ("launch", "arg"): ("name", "default", "description"),
    ("include", "arg"): ("name", "value"),
    ("", "launch"): ("version",),
    ("", "let"): ("name", "value"),
    ("", "node"): (
        "pkg", "exec", "name", "namespace", "args", "output", "respawn", "respawn_delay",
    ),
    ("", "param"): ("name", "value", "from"),
    ("", "remap"): ("from", "to"),
    ("", "env"): ("name", "value"),
    ("", "include"): ("file",),
    ("", "group"): ("scoped",),
    ("", "set_env"): ("name", "value"),
}  # fmt: skip

_CHILDREN: Final[dict[str, tuple[str, ...]]] = {
    "launch": _ACTIONS,
    "group": _ACTIONS,
    "include": ("arg",),
    "node": ("param", "remap", "env"),
}


def read_launch_xml(file: Path) -> Element:
    """Parse a launch file and check every tag and attribute.

    Raises:
        LaunchFileError: the file cannot be read, is not XML, or has text between its elements.
        UnknownTagError, UnknownAttributeError: it uses something outside of the vocabulary.
    """
    try:
        data = file.read_bytes()
    except OSError as error:
        raise LaunchFileError(file, 0, f"cannot be read: {error.strerror}") from error
    parser = expat.ParserCreate()
    parser.buffer_text = True
    document = Element(file, 0, "", {})
    open_elements = [document]

    def start(tag: str, attributes: dict[str, str]) -> None:
        element = Element(file, parser.CurrentLineNumber, tag, attributes)
        _check(element, open_elements[-1])
        open_elements[-1].children.append(element)
        open_elements.append(element)

    def end(_tag: str) -> None:
        open_elements.pop()

    def text(data: str) -> None:
        if data.strip():
            raise LaunchFileError(
                file, parser.CurrentLineNumber, f"text outside of an attribute: {data.strip()!r}"
            )

    def declaration(*_: object) -> None:
        raise LaunchFileError(
            file, parser.CurrentLineNumber, "document types and entities are not allowed"
        )

    parser.StartElementHandler = start
    parser.EndElementHandler = end
    parser.CharacterDataHandler = text
    parser.StartDoctypeDeclHandler = declaration
    try:
        parser.Parse(data, True)
    except expat.ExpatError as error:
        reason = f"is not well-formed XML: {expat.ErrorString(error.code)}"
        raise LaunchFileError(file, error.lineno, reason) from error
    return document.children[0]


def _check(element: Element, parent: Element) -> None:
    if not parent.tag:
        if element.tag != "launch":
            raise UnknownTagError(element.file, element.line, element.tag, "file", ("launch",))
    elif element.tag not in (known := _CHILDREN.get(parent.tag, ())):
        raise UnknownTagError(element.file, element.line, element.tag, parent.tag, known)
    place = "include" if parent.tag == "include" else "launch"
    allowed = _ATTRIBUTES.get((place, element.tag)) or _ATTRIBUTES["", element.tag]
    for attribute in element.attributes:
        if attribute not in allowed:
            raise UnknownAttributeError(element.file, element.line, element.tag, attribute, allowed)

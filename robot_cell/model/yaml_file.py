"""YAML files that people write: what they say, and the line of everything that is wrong in them."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import yaml
from pydantic import ValidationError

from robot_cell.errors import RobotCellError
from robot_cell.model.base import BrokenReferences

__all__ = ["Location", "PlantFileError", "PlantFileProblem", "YamlFile"]

Location = tuple[str | int, ...]


@dataclass(frozen=True)
class PlantFileProblem:
    """One thing that is wrong in a plant file, or in a file that it names.

    Attributes:
        line: counted from 1; 0 if the file as a whole is meant.
        path: where in the document, for example `cells.cell_a.arm.tool.mass_kg`.
        value: what stands there, None if nothing does.
        expected: what should stand there.
    """

    file: Path
    line: int
    path: str
    value: object
    expected: str

    def __str__(self) -> str:
        where = f"{self.file}:{self.line}" if self.line else str(self.file)
        found = "" if self.value is None else f" is {_shown(self.value)},"
        return f"{where}: {self.path or 'the file'}{found or ':'} expected {self.expected}"


class PlantFileError(RobotCellError):
    """A plant file cannot be used; `problems` has every reason, in the order of the file."""

    def __init__(self, problems: list[PlantFileProblem]) -> None:
        self.problems = tuple(sorted(problems, key=lambda p: (p.line, p.path)))
        super().__init__("\n".join(str(problem) for problem in self.problems))


class YamlFile:
    """One file: its content, and what is wrong in it so far.

    Args:
        path: of the file.
        what: should be in it, such as `a plant`.
        keys: of the mapping that it should be, for the message.

    Raises:
        PlantFileError: it cannot be read, is no YAML, or is no mapping.
    """

    def __init__(self, path: Path, what: str, keys: str) -> None:
        self.path = path
        self.problems: list[PlantFileProblem] = []
        self._root = _compose(path, what)
        for line, location, key in _duplicates(self._root):
            self._add(line, location, key, "each name once in a mapping")
        try:
            content = _Loader("").construct_document(self._root)
        except yaml.MarkedYAMLError as error:
            mark = error.problem_mark
            self._add(mark.line + 1 if mark else 0, (), None, f"YAML; {error.problem}")
            raise PlantFileError(self.problems) from error
        if not isinstance(content, dict):
            self.report((), content, f"a mapping with {keys}")
            raise PlantFileError(self.problems)
        self.content: dict[str, Any] = content

    def report(self, location: Location, value: object, expected: str) -> None:
        """Note a problem at a place of the content."""
        line, shown = _locate(self._root, location)
        self._add(line, shown, value, expected)

    def report_all(self, error: ValidationError) -> None:
        """Note everything that Pydantic found."""
        for item in error.errors():
            cause = item.get("ctx", {}).get("error")
            if isinstance(cause, BrokenReferences):
                for broken in cause.problems:
                    self.report(item["loc"] + broken.path, broken.value, broken.expected)
            else:
                value = None if item["type"] == "missing" else item["input"]
                self.report(item["loc"], value, _expected(item["type"], item["msg"]))

    def _add(self, line: int, location: Location, value: object, expected: str) -> None:
        path = ".".join(map(str, location))
        self.problems.append(PlantFileProblem(self.path, line, path, value, expected))


class _Loader(yaml.SafeLoader):
    """YAML 1.2's core schema: `06:00` and `no` are text, `1e-3` is a number."""

    yaml_implicit_resolvers: dict[str, list[tuple[str, re.Pattern[str]]]] = {}  # noqa: RUF012


_CORE_SCHEMA: Final = (
    ("null", r"~|null|Null|NULL|", ["~", "n", "N", ""]),
    ("bool", r"true|True|TRUE|false|False|FALSE", list("tTfF")),
    ("int", r"[-+]?[0-9]+|0x[0-9a-fA-F]+", list("-+0123456789")),
    (
        "float",
        r"[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?|[-+]?\.(inf|Inf|INF)|\.(nan|NaN|NAN)",
        list("-+.0123456789"),
    ),
    ("merge", r"<<", ["<"]),
)
for _tag, _pattern, _first in _CORE_SCHEMA:
    _Loader.add_implicit_resolver(
        f"tag:yaml.org,2002:{_tag}", re.compile(rf"^(?:{_pattern})$"), _first
    )


def _int(loader: _Loader, node: yaml.ScalarNode) -> int:
    text = str(loader.construct_scalar(node))
    return int(text, 16) if text.startswith("0x") else int(text)


_Loader.add_constructor("tag:yaml.org,2002:int", _int)


def _compose(path: Path, what: str) -> yaml.Node:
    def fail(line: int, expected: str, value: object = None) -> PlantFileError:
        return PlantFileError([PlantFileProblem(path, line, "", value, expected)])

    try:
        data = path.read_bytes()
    except OSError as error:
        raise fail(0, f"a readable file ({error.strerror})") from error
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        raise fail(line, "UTF-8 text", data[error.start : error.end]) from error
    loader = _Loader(text)
    try:
        root = loader.get_single_node()
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark
        raise fail(mark.line + 1 if mark else 0, f"YAML; {error.problem}") from error
    except yaml.YAMLError as error:
        raise fail(0, f"YAML; {error}") from error
    finally:
        loader.dispose()
    if root is None:
        raise fail(0, f"{what}; the file is empty")
    return root


def _duplicates(node: yaml.Node) -> list[tuple[int, Location, str]]:
    found: list[tuple[int, Location, str]] = []
    visited: set[int] = set()

    def walk(node: yaml.Node, location: Location) -> None:
        if id(node) in visited:
            return
        visited.add(id(node))
        if isinstance(node, yaml.SequenceNode):
            for index, item in enumerate(node.value):
                walk(item, (*location, index))
        elif isinstance(node, yaml.MappingNode):
            seen: set[str] = set()
            for key, value in node.value:
                name = str(key.value)
                if name in seen and name != "<<":
                    found.append((key.start_mark.line + 1, (*location, name), name))
                seen.add(name)
                walk(value, (*location, name))

    walk(node, ())
    return found


def _locate(root: yaml.Node, location: Location) -> tuple[int, Location]:
    """Line of a place that Pydantic names, and the place without Pydantic's tags of unions."""
    node, line = root, root.start_mark.line + 1
    shown: list[str | int] = []
    for depth, item in enumerate(location):
        last = depth == len(location) - 1
        if isinstance(node, yaml.SequenceNode) and isinstance(item, int):
            if item < len(node.value):
                node = node.value[item]
                line = node.start_mark.line + 1
            shown.append(item)
        elif isinstance(node, yaml.MappingNode):
            key, child = _child(node, item)
            tag = child is not None and isinstance(child, yaml.ScalarNode) and not last
            if key is not None and child is not None and not tag:
                node, line = child, key.start_mark.line + 1
                shown.append(item)
            elif last:
                shown.append(item)
    return line, tuple(shown)


def _child(node: yaml.MappingNode, name: str | int) -> tuple[yaml.Node | None, yaml.Node | None]:
    for key, value in node.value:
        if key.value == str(name):
            return key, value
    for key, value in node.value:
        if key.value == "<<" and isinstance(value, yaml.MappingNode):
            return _child(value, name)
    return None, None


def _expected(kind: str, message: str) -> str:
    if kind == "missing":
        return "a value; it is required"
    if kind == "extra_forbidden":
        return "nothing: this name is unknown here (misspelt?)"
    if kind == "string_pattern_mismatch":
        return "a name of lower-case letters, digits and _, starting with a letter"
    for prefix in ("Value error, ", "Input should be ", "Input should "):
        message = message.removeprefix(prefix)
    return message


def _shown(value: object) -> str:
    text = repr(value)
    return text if len(text) <= 80 else text[:77] + "..."

"""YAML values that know where in the file they stand, so that every complaint has its place."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import yaml

from planners.scheduling import InstanceError


class Value:
    """A value of a YAML file: a mapping, a list, or a scalar, with its line and column."""

    def __init__(self, source: str, node: yaml.Node) -> None:
        self.source = source
        self.node = node

    def error(self, what: str) -> InstanceError:
        """A complaint about this value."""
        mark = self.node.start_mark
        return InstanceError(self.source, mark.line + 1, mark.column + 1, what)

    @property
    def plain(self) -> Any:
        """A scalar as Python sees it; None for anything else."""
        if not isinstance(self.node, yaml.ScalarNode):
            return None
        return yaml.SafeLoader("").construct_object(self.node)

    def is_mapping(self) -> bool:
        """Whether it has keys."""
        return isinstance(self.node, yaml.MappingNode)

    def items(self, what: str) -> Iterator[tuple[Value, Value]]:
        """Keys and values.

        Raises:
            InstanceError: It is no mapping, or a key is there twice.
        """
        if not isinstance(self.node, yaml.MappingNode):
            raise self.error(f"{what} must be a mapping")
        seen = set()
        for key_node, value_node in self.node.value:
            key = Value(self.source, key_node)
            if str(key.plain) in seen:
                raise key.error(f"{key.plain!r} is there twice")
            seen.add(str(key.plain))
            yield key, Value(self.source, value_node)

    def fields(self, what: str, known: tuple[str, ...]) -> dict[str, Value]:
        """The values of known keys.

        Raises:
            InstanceError: There is another key.
        """
        found = {}
        for key, value in self.items(what):
            if key.plain not in known:
                raise key.error(f"{what} has no {key.plain!r}; it may have {', '.join(known)}")
            found[str(key.plain)] = value
        return found

    def members(self, what: str) -> list[Value]:
        """The members of a list.

        Raises:
            InstanceError: It is none.
        """
        if not isinstance(self.node, yaml.SequenceNode):
            raise self.error(f"{what} must be a list")
        return [Value(self.source, node) for node in self.node.value]

    def text(self) -> str:
        """A name; numbers are names, too."""
        value = self.plain
        if isinstance(value, bool) or not isinstance(value, (str, int, float)):
            raise self.error("expected a name")
        return str(value)

    def number(self, what: str) -> float:
        """A number."""
        value = self.plain
        if isinstance(value, bool) or not isinstance(value, (int, float)):
            raise self.error(f"{what} must be a number")
        return value

    def whole(self, what: str) -> int:
        """A whole number."""
        value = self.number(what)
        if value != int(value):
            raise self.error(f"{what} must be a whole number, not {value}")
        return int(value)

    def truth(self, what: str) -> bool:
        """Yes or no."""
        value = self.plain
        if not isinstance(value, bool):
            raise self.error(f"{what} must be true or false")
        return value


def load(path: Path) -> Value:
    """The document of a file.

    Raises:
        InstanceError: It is no YAML; says where.
        OSError: It cannot be read.
    """
    try:
        node = yaml.compose(path.read_text(encoding="utf-8-sig"), Loader=yaml.SafeLoader)
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        line, column = (mark.line + 1, mark.column + 1) if mark else (1, 1)
        raise InstanceError(str(path), line, column, str(error.problem or error)) from error
    except yaml.YAMLError as error:
        raise InstanceError(str(path), 1, 1, str(error)) from error
    if node is None:
        raise InstanceError(str(path), 1, 1, "the file is empty")
    return Value(str(path), node)

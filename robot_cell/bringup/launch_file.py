"""What a launch file starts: file and arguments in, process specifications out.

The meaning is that of ROS 2's launch (variables are one scope that includes see and change, a
scoped group gives variables and environment back), but for what ROS 2 lets pass in silence: values
for arguments that nobody declares are errors here.
"""

from __future__ import annotations

import json
import os
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final, Literal

from robot_cell.bringup.errors import (
    BadValueError,
    IncludeLoopError,
    LaunchFileError,
    MissingArgumentError,
    SubstitutionError,
    UnknownArgumentError,
)
from robot_cell.bringup.executables import package_share
from robot_cell.bringup.launch_xml import Element, read_launch_xml
from robot_cell.bringup.substitutions import Scope, split_words, substitute

Output = Literal["log", "screen", "both"]

_INTEGER: Final = re.compile(r"[-+]?[0-9]+")
_REAL: Final = re.compile(r"[-+]?([0-9]+\.[0-9]*|\.[0-9]+)([eE][-+]?[0-9]+)?|[-+]?\.(inf|Inf|INF)")
_BOOLEANS: Final = {"true": "true", "false": "false"}


@dataclass(frozen=True)
class ProcessSpec:
    """One process to start.

    Attributes:
        name: namespace and node name joined by dots, unique in the plant, for example `cell_a.arm`.
        package, executable: what is run.
        arguments: everything after the executable, `--ros-args` included.
        env: variables set on top of the environment.
        output: `screen` and `both` also show what it prints; the log file is always written.
    """

    name: str
    package: str
    executable: str
    arguments: tuple[str, ...]
    env: tuple[tuple[str, str], ...] = ()
    respawn: bool = False
    respawn_delay_s: float = 0.0
    output: Output = "log"


@dataclass(frozen=True)
class LaunchPlan:
    """Everything a launch file says, resolved."""

    file: Path
    arguments: Mapping[str, str]
    processes: tuple[ProcessSpec, ...]


@dataclass(frozen=True)
class DeclaredArgument:
    """An argument of a launch file."""

    name: str
    default: str | None
    description: str
    line: int


def declared_arguments(file: Path) -> tuple[DeclaredArgument, ...]:
    """The arguments that a launch file takes."""
    return tuple(_declared(read_launch_xml(file)))


def load_launch_file(
    file: Path,
    arguments: Mapping[str, str],
    *,
    environment: Mapping[str, str] | None = None,
    share: Callable[[str], Path] = package_share,
) -> LaunchPlan:
    """Resolve a launch file.

    Args:
        file: the launch file.
        arguments: values for its declared arguments.
        environment: what `$(env)` sees; the process environment unless given.
        share: where `$(find-pkg-share)` finds a package's share folder.

    Raises:
        LaunchFileError: one of its kinds; nothing has been started then.
    """
    reader = _Reader(dict(os.environ if environment is None else environment), share)
    root = reader.open(file.resolve(), None)
    declared = {argument.name: argument for argument in _declared(root)}
    for name in arguments:
        if name not in declared:
            raise UnknownArgumentError(file, root.line, name, declared)
    reader.variables.update(arguments)
    reader.run(root)
    top = {name: reader.top_arguments[name] for name in declared}
    names: dict[str, ProcessSpec] = {}
    for spec, element in reader.processes:
        if names.setdefault(spec.name, spec) is not spec:
            raise BadValueError(
                element.file, element.line, "node", "name", f"{spec.name!r} is started twice"
            )
    return LaunchPlan(file, top, tuple(names.values()))


def _declared(root: Element) -> Iterator[DeclaredArgument]:
    for child in root.children:
        if child.tag == "arg":
            yield DeclaredArgument(
                child.required("name"),
                child.attributes.get("default"),
                child.attributes.get("description", ""),
                child.line,
            )


@dataclass
class _Reader:
    environment: dict[str, str]
    share: Callable[[str], Path]
    variables: dict[str, str] = field(default_factory=dict)
    set_env: dict[str, str] = field(default_factory=dict)
    processes: list[tuple[ProcessSpec, Element]] = field(default_factory=list)
    top_arguments: dict[str, str] = field(default_factory=dict)
    chain: list[Path] = field(default_factory=list)

    def open(self, file: Path, include: Element | None) -> Element:
        if include is not None and file in self.chain:
            raise IncludeLoopError(include.file, include.line, [*self.chain, file])
        if include is not None and not file.is_file():
            raise LaunchFileError(include.file, include.line, f"included file not found: {file}")
        self.chain.append(file)
        return read_launch_xml(file)

    def text(self, element: Element, attribute: str, default: str | None = None) -> str:
        raw = element.attributes.get(attribute, default)
        if raw is None:
            raw = element.required(attribute)
        return substitute(raw, self.scope(element))

    def scope(self, element: Element) -> Scope:
        environment = self.environment | self.set_env
        return Scope(element.file, element.line, self.variables, environment, self.share)

    def run(self, parent: Element) -> None:
        for element in parent.children:
            getattr(self, f"do_{element.tag}")(element)

    def do_arg(self, element: Element) -> None:
        name = element.required("name")
        if name not in self.variables:
            if "default" not in element.attributes:
                raise MissingArgumentError(element.file, element.line, name)
            self.variables[name] = self.text(element, "default")
        if len(self.chain) == 1:
            self.top_arguments[name] = self.variables[name]

    def do_let(self, element: Element) -> None:
        self.variables[self.text(element, "name")] = self.text(element, "value")

    def do_set_env(self, element: Element) -> None:
        self.set_env[self.text(element, "name")] = self.text(element, "value")

    def do_group(self, element: Element) -> None:
        variables, set_env = dict(self.variables), dict(self.set_env)
        self.run(element)
        if self.flag(element, "scoped", "true"):
            self.variables, self.set_env = variables, set_env

    def do_include(self, element: Element) -> None:
        file = Path(self.text(element, "file")).resolve()
        root = self.open(file, element)
        declared = [argument.name for argument in _declared(root)]
        given = {self.text(arg, "name"): self.text(arg, "value") for arg in element.children}
        for arg in element.children:
            name = self.text(arg, "name")
            if name not in declared:
                raise UnknownArgumentError(arg.file, arg.line, name, declared)
        self.variables.update(given)
        self.run(root)
        self.chain.pop()

    def do_node(self, element: Element) -> None:
        package = self.text(element, "pkg")
        executable = self.text(element, "exec")
        node = self.text(element, "name", executable)
        namespace = self.text(element, "namespace", "").strip("/")
        scope = self.scope(element)
        arguments = [
            substitute(word, scope)
            for word in split_words(element.attributes.get("args", ""), scope)
        ]
        arguments += ["--ros-args", "-r", f"__node:={node}"]
        if namespace:
            arguments += ["-r", f"__ns:=/{namespace}"]
        for remap in (child for child in element.children if child.tag == "remap"):
            arguments += ["-r", f"{self.text(remap, 'from')}:={self.text(remap, 'to')}"]
        for param in (child for child in element.children if child.tag == "param"):
            arguments += self.parameter(param)
        env = dict(self.set_env)
        for variable in (child for child in element.children if child.tag == "env"):
            env[self.text(variable, "name")] = self.text(variable, "value")
        spec = ProcessSpec(
            name=".".join(part for part in (*namespace.split("/"), node) if part),
            package=package,
            executable=executable,
            arguments=tuple(arguments),
            env=tuple(sorted(env.items())),
            respawn=self.flag(element, "respawn", "false"),
            respawn_delay_s=self.seconds(element, "respawn_delay"),
            output=self.output(element),
        )
        self.processes.append((spec, element))

    def parameter(self, element: Element) -> list[str]:
        if "from" in element.attributes:
            if len(element.attributes) > 1:
                raise BadValueError(
                    element.file, element.line, "param", "from", "stands alone, or not at all"
                )
            return ["--params-file", self.text(element, "from")]
        name = self.text(element, "name")
        try:
            return ["-p", f"{name}:={_as_yaml(self.text(element, 'value'))}"]
        except ValueError as error:
            raise SubstitutionError(
                element.file, element.line, element.required("value"), str(error)
            ) from error

    def flag(self, element: Element, attribute: str, default: str) -> bool:
        value = self.text(element, attribute, default).lower()
        if value not in _BOOLEANS:
            raise BadValueError(
                element.file, element.line, element.tag, attribute,
                f"is true or false, not {value!r}",
            )  # fmt: skip
        return value == "true"

    def seconds(self, element: Element, attribute: str) -> float:
        text = self.text(element, attribute, "0")
        try:
            value = float(text)
        except ValueError:
            value = -1.0
        if not 0.0 <= value < float("inf"):
            raise BadValueError(
                element.file, element.line, element.tag, attribute,
                f"is a time in seconds, not {text!r}",
            )  # fmt: skip
        return value

    def output(self, element: Element) -> Output:
        value = self.text(element, "output", "log")
        for known in ("log", "screen", "both"):
            if value == known:
                return known
        raise BadValueError(
            element.file, element.line, "node", "output", f"is log, screen or both, not {value!r}"
        )


def _as_yaml(value: str) -> str:
    """A parameter's value with the type that YAML gives it, written so that it keeps that type."""
    if value.lower() in _BOOLEANS:
        return _BOOLEANS[value.lower()]
    if _INTEGER.fullmatch(value) or _REAL.fullmatch(value):
        return value
    if len(value) >= 2 and value[0] == value[-1] and value[0] in "'\"":
        value = value[1:-1]
    elif value[:1] in "[{&*!|>%@`":
        raise ValueError("lists, maps and YAML directives are not known here; use <param from=...>")
    return json.dumps(value, ensure_ascii=False)

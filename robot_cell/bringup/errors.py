"""What can be wrong with a launch file or with starting what it names."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from robot_cell.errors import RobotCellError


class LaunchFileError(RobotCellError):
    """Something in a launch file is wrong; the message begins with file and line."""

    def __init__(self, file: Path, line: int, reason: str) -> None:
        super().__init__(f"{file}, line {line}: {reason}")
        self.file = file
        self.line = line
        self.reason = reason


class UnknownTagError(LaunchFileError):
    """An element that this launcher does not know, or that cannot stand where it stands."""

    def __init__(self, file: Path, line: int, tag: str, parent: str, known: Iterable[str]) -> None:
        listed = ", ".join(sorted(known)) or "nothing"
        super().__init__(file, line, f"<{tag}> is not known in <{parent}>; known here: {listed}")
        self.tag = tag


class UnknownAttributeError(LaunchFileError):
    """An attribute that this launcher does not know."""

    def __init__(
        self, file: Path, line: int, tag: str, attribute: str, known: Iterable[str]
    ) -> None:
        listed = ", ".join(sorted(known)) or "none"
        super().__init__(
            file, line, f"<{tag}> has no attribute {attribute!r}; known attributes: {listed}"
        )
        self.tag = tag
        self.attribute = attribute


class BadValueError(LaunchFileError):
    """An attribute is missing or its value is not of the kind that is expected."""

    def __init__(self, file: Path, line: int, tag: str, attribute: str, expected: str) -> None:
        super().__init__(file, line, f"<{tag}>: attribute {attribute!r} {expected}")
        self.tag = tag
        self.attribute = attribute


class UnknownArgumentError(LaunchFileError):
    """A value is given for an argument that the file does not declare."""

    def __init__(self, file: Path, line: int, argument: str, declared: Iterable[str]) -> None:
        listed = ", ".join(sorted(declared)) or "none"
        super().__init__(
            file, line, f"there is no argument {argument!r}; declared arguments: {listed}"
        )
        self.argument = argument


class MissingArgumentError(LaunchFileError):
    """An argument without a default got no value."""

    def __init__(self, file: Path, line: int, argument: str) -> None:
        super().__init__(
            file, line, f"argument {argument!r} needs a value; give it as {argument}:=VALUE"
        )
        self.argument = argument


class IncludeLoopError(LaunchFileError):
    """A file includes itself, directly or through others."""

    def __init__(self, file: Path, line: int, chain: Iterable[Path]) -> None:
        self.chain = tuple(chain)
        super().__init__(
            file, line, "include loop: " + " -> ".join(path.name for path in self.chain)
        )


class SubstitutionError(LaunchFileError):
    """A `$(...)` that is malformed, unknown, or has no value."""

    def __init__(self, file: Path, line: int, text: str, reason: str) -> None:
        super().__init__(file, line, f"in {text!r}: {reason}")
        self.text = text


class PackageMissingError(RobotCellError):
    """No package of that name in the ROS 2 environment, and no installed distribution."""

    def __init__(self, package: str) -> None:
        super().__init__(
            f"package {package!r} not found; is the environment set up (`. ./env.sh`)?"
        )
        self.package = package


class ExecutableNotFoundError(RobotCellError):
    """A package has no executable of that name."""

    def __init__(self, package: str, executable: str, searched: Iterable[str]) -> None:
        self.package = package
        self.executable = executable
        self.searched = tuple(searched)
        super().__init__(
            f"executable {executable!r} of package {package!r} not found; searched: "
            f"{', '.join(self.searched) or 'nothing'}; is the environment set up (`. ./env.sh`)?"
        )


class RunDirectoryInUseError(RobotCellError):
    """Another plant runs in this run directory."""

    def __init__(self, run_dir: Path, pid: str) -> None:
        super().__init__(
            f"{run_dir} is in use by process {pid or '(unknown)'}; stop it, or give another "
            "directory with run_dir:=DIR"
        )
        self.run_dir = run_dir
        self.pid = pid

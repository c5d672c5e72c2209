"""Brings up what a launch file names: with ROS 2's launch where there is one, else without it."""

from __future__ import annotations

import contextlib
import ctypes
import fcntl
import json
import os
import shutil
import signal
import sys
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from importlib.util import find_spec
from pathlib import Path

from robot_cell.bringup import shared_memory
from robot_cell.bringup.errors import RunDirectoryInUseError
from robot_cell.bringup.faults import Fault, FaultInjector, read_faults
from robot_cell.bringup.launch_file import LaunchPlan, load_launch_file
from robot_cell.bringup.runner import Runner
from robot_cell.errors import RobotCellError

_PATHS = ("plant", "run_dir", "device_log")


class BadAssignmentError(RobotCellError):
    """An argument is not of the form `name:=value`."""

    def __init__(self, text: str) -> None:
        super().__init__(f"{text!r} is not an argument; write name:=value")
        self.text = text


def parse_assignments(words: Sequence[str]) -> dict[str, str]:
    """Read `name:=value` words.

    Raises:
        BadAssignmentError: one of them is something else.
    """
    values: dict[str, str] = {}
    for word in words:
        name, sign, value = word.partition(":=")
        if not sign or not name:
            raise BadAssignmentError(word)
        values[name] = value
    return values


def up(
    file: Path,
    arguments: Mapping[str, str],
    *,
    restart_limit: int | None = None,
    faults: Sequence[Fault] = (),
) -> int:
    """Start what a launch file names and stay until it has ended; SIGINT or SIGTERM ends it.

    With `faults` the processes are always started and ended by this one, and plant time waits for
    one participant more (`robot_cell.bringup.faults`).

    Returns:
        0 when everything ended as it should or was asked to, 1 when a process failed.

    Raises:
        LaunchFileError: the file or an argument is wrong; nothing has been started.
        RunDirectoryInUseError: another plant runs in the same run directory.
    """
    plan = load_launch_file(file, arguments)
    before = shared_memory.entries()
    with _run_directory(plan) as run_dir:
        try:
            if ros2_launch_is_installed() and not faults:
                return _up_with_ros2(plan)
            runner = Runner(plan.processes, run_dir / "logs", restart_limit=restart_limit)
            with _injected(run_dir, faults, runner):
                return runner.run()
        finally:
            shared_memory.sweep(before)


@contextlib.contextmanager
def _injected(run_dir: Path, faults: Sequence[Fault], runner: Runner) -> Iterator[None]:
    """Have faults happen to the processes of a runner while it runs."""
    if not faults:
        yield
        return
    injector = FaultInjector(run_dir, faults, runner)
    injector.start()
    try:
        yield
    finally:
        injector.close()


def ros2_launch_is_installed() -> bool:
    """Whether `launch` is ROS 2's: a folder of that name also passes for a package."""
    spec = find_spec("launch")
    if spec is None or spec.origin is None:
        return False
    import launch

    return hasattr(launch, "LaunchService")


def _up_with_ros2(plan: LaunchPlan) -> int:
    from launch.actions import IncludeLaunchDescription
    from launch.launch_description_sources import AnyLaunchDescriptionSource

    from launch import LaunchService

    service = LaunchService()
    service.include_launch_description(
        IncludeLaunchDescription(
            AnyLaunchDescriptionSource(str(plan.file)),
            launch_arguments=list(plan.arguments.items()),
        )
    )
    return int(service.run())


@contextlib.contextmanager
def _run_directory(plan: LaunchPlan) -> Iterator[Path]:
    """Hold the run directory for this plant; what only made sense to an earlier one goes."""
    given = plan.arguments.get("run_dir")
    if not given:
        with tempfile.TemporaryDirectory(prefix="robot_cell_") as temporary:
            yield Path(temporary)
        return
    run_dir = Path(given)
    run_dir.mkdir(parents=True, exist_ok=True)
    lock = os.open(run_dir / "up.lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            raise RunDirectoryInUseError(run_dir, os.read(lock, 32).decode().strip()) from None
        os.ftruncate(lock, 0)
        os.pwrite(lock, f"{os.getpid()}\n".encode(), 0)
        if "cell" not in plan.arguments:
            # a whole plant: no process of an earlier one is left that could use these
            (run_dir / "time.page").unlink(missing_ok=True)
            shutil.rmtree(run_dir / "heartbeats", ignore_errors=True)
        note = {"file": str(plan.file.resolve()), "arguments": _absolute(plan)}
        (run_dir / "up.json").write_text(json.dumps(note, indent=2))
        yield run_dir
    finally:
        os.close(lock)


def _absolute(plan: LaunchPlan) -> dict[str, str]:
    return {
        name: str(Path(value).resolve())
        if value and name in ("plant", "run_dir", "device_log")
        else value
        for name, value in plan.arguments.items()
    }


def main(argv: Sequence[str] | None = None) -> int:
    """`python -m robot_cell.bringup FILE [--restart-limit N] [--fault TEXT]... [name:=value ...]`.

    The same as `robot-cell up`, without what a command line for people has to import; it ends when
    the process that started it ends.
    """
    words = list(sys.argv[1:] if argv is None else argv)
    limit: int | None = None
    if "--restart-limit" in words:
        at = words.index("--restart-limit")
        limit = int(words[at + 1])
        del words[at : at + 2]
    texts: list[str] = []
    while "--fault" in words:
        at = words.index("--fault")
        texts.append(words[at + 1])
        del words[at : at + 2]
    parent = os.getppid()
    ctypes.CDLL(None).prctl(1, signal.SIGTERM, 0, 0, 0)  # PR_SET_PDEATHSIG
    if os.getppid() != parent:
        return 1
    try:
        faults = read_faults(texts, {text.partition(":")[0] for text in texts})
        return up(Path(words[0]), parse_assignments(words[1:]), restart_limit=limit, faults=faults)
    except RobotCellError as error:
        print(f"error: {error}", file=sys.stderr, flush=True)
        return 3

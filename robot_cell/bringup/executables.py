"""Where a package and its executables are: a ROS 2 installation, or a plain Python environment.

Under ROS 2 an executable is `lib/PACKAGE/EXECUTABLE` below one of the prefixes. On a bare machine
the same name is a console script of the installed distribution; it runs in this interpreter, so
that no shell has to have it on its path.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping
from importlib.metadata import PackageNotFoundError, distribution
from pathlib import Path

from robot_cell.bringup.errors import ExecutableNotFoundError, PackageMissingError


def package_share(package: str, environment: Mapping[str, str] | None = None) -> Path:
    """Share folder of a package (`$(find-pkg-share)`).

    Raises:
        PackageMissingError: no prefix has it.
    """
    for prefix in _prefixes(environment):
        marker = prefix / "share" / "ament_index" / "resource_index" / "packages" / package
        if marker.exists():
            return prefix / "share" / package
    if package == "robot_cell":
        installed = Path(sys.prefix) / "share" / package
        source = Path(__file__).resolve().parents[2]
        for folder in (installed, source):
            if (folder / "launch").is_dir():
                return folder
    raise PackageMissingError(package)


def executable_command(
    package: str, executable: str, environment: Mapping[str, str] | None = None
) -> list[str]:
    """The beginning of the command line that runs an executable of a package.

    Raises:
        ExecutableNotFoundError: neither a prefix nor the Python environment has it.
    """
    searched: list[str] = []
    for prefix in _prefixes(environment):
        path = prefix / "lib" / package / executable
        if path.is_file() and os.access(path, os.X_OK):
            return [str(path)]
        searched.append(str(path))
    try:
        scripts = distribution(package).entry_points.select(group="console_scripts")
    except PackageNotFoundError:
        searched.append(f"Python distribution {package} (not installed)")
        raise ExecutableNotFoundError(package, executable, searched) from None
    searched.append(f"console scripts of the Python distribution {package}")
    for script in scripts:
        if script.name == executable:
            module, _, attribute = script.value.partition(":")
            code = (
                f"import sys; sys.argv[0] = {executable!r}; "
                f"from {module.strip()} import {attribute.split('[')[0].strip()} as main; "
                "sys.exit(main())"
            )
            return [sys.executable, "-c", code]
    raise ExecutableNotFoundError(package, executable, searched)


def _prefixes(environment: Mapping[str, str] | None) -> list[Path]:
    known = os.environ if environment is None else environment
    return [Path(part) for part in known.get("AMENT_PREFIX_PATH", "").split(os.pathsep) if part]

"""Writes the lock files: every package that the .in files need, at the version installed here.

Run it as `make lock` after trying a new version in `.venv`. One lock serves every supported Python;
a package that only one of them needs gets a marker.
"""

from __future__ import annotations

import sys
from importlib.metadata import PackageNotFoundError, distribution
from pathlib import Path

from packaging.markers import default_environment
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

HERE = Path(__file__).parent
PYTHONS = ("3.11", "3.12")
# A package that an earlier file locks is not repeated in a later one.
FILES = ("robot_cell", "ros2", "tools")


def read_in(path: Path) -> list[Requirement]:
    """The requirements of one .in file."""
    lines = (line.split("#")[0].strip() for line in path.read_text().splitlines())
    return [Requirement(line) for line in lines if line]


def closure(roots: list[Requirement], python: str) -> dict[str, set[str]]:
    """Every package that the roots need on that Python, and who needs it.

    Raises:
        SystemExit: if one is not installed here.
    """
    marker_values = {
        **{key: str(value) for key, value in default_environment().items()},
        "python_version": python,
        "python_full_version": f"{python}.0",
    }
    wanted_by: dict[str, set[str]] = {}
    waiting = [(root, "") for root in roots]
    seen: set[tuple[str, str]] = set()
    while waiting:
        requirement, parent = waiting.pop()
        name = canonicalize_name(requirement.name)
        wanted_by.setdefault(name, set()).update({parent} - {""})
        for extra in {"", *requirement.extras}:
            if (name, extra) in seen:
                continue
            seen.add((name, extra))
            try:
                requires = distribution(requirement.name).requires or []
            except PackageNotFoundError:
                sys.exit(
                    f"{name} is not installed in {sys.prefix}: pip install it, then lock again"
                )
            for text in requires:
                child = Requirement(text)
                if child.marker is None or child.marker.evaluate({**marker_values, "extra": extra}):
                    waiting.append((child, name))
    return wanted_by


def main() -> None:
    """Write the three lock files."""
    locked: set[str] = set()
    for stem in FILES:
        roots = read_in(HERE / f"{stem}.in")
        by_python = {python: closure(roots, python) for python in PYTHONS}
        lines = [f"# Written by `make lock` from {stem}.in; installed without further resolving."]
        for name in sorted(set().union(*by_python.values()) - locked):
            pythons = [python for python in PYTHONS if name in by_python[python]]
            marker = "" if len(pythons) == len(PYTHONS) else f' ; python_version == "{pythons[0]}"'
            parents = ", ".join(sorted(by_python[pythons[0]][name]))
            via = f"  # for {parents}" if parents else ""
            lines.append(f"{name}=={distribution(name).version}{marker}{via}")
            locked.add(name)
        (HERE / f"{stem}.txt").write_text("\n".join(lines) + "\n")
        print(f"{stem}.txt: {len(lines) - 1} packages")


if __name__ == "__main__":
    main()

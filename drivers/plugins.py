"""Finds drivers that other packages register as entry points."""

from __future__ import annotations

from collections.abc import Collection
from importlib.metadata import EntryPoint, entry_points
from typing import Any

from drivers.errors import DriverError

__all__ = ["DriverNotFound", "load_driver"]


class DriverNotFound(DriverError):
    """No usable driver has this name; `known` lists those that exist."""

    def __init__(self, group: str, name: str, known: Collection[str], why: str) -> None:
        self.group = group
        self.name = name
        self.known = tuple(sorted(known))
        listed = ", ".join(self.known) or "none"
        super().__init__(
            f"driver {name!r} of group {group!r}: {why}; drivers that exist: {listed}. "
            "Name one of them in the plant file, or install the package that registers it."
        )


def load_driver(group: str, name: str, also_known: Collection[str] = ()) -> Any:
    """The object that the entry point `name` of `group` names.

    Raises:
        DriverNotFound: nobody, or more than one package, registers the name; or its import fails.
    """
    found: dict[str, set[EntryPoint]] = {}
    for point in entry_points(group=group):
        found.setdefault(point.name, set()).add(point)
    known = {*found, *also_known}
    targets = {point.value for point in found.get(name, ())}
    if not targets:
        raise DriverNotFound(group, name, known, "nobody registers it")
    if len(targets) > 1:
        raise DriverNotFound(group, name, known, f"registered as {' and '.join(sorted(targets))}")
    try:
        return next(iter(found[name])).load()
    except (ImportError, AttributeError) as error:
        raise DriverNotFound(
            group, name, known, f"{targets.pop()} cannot be imported ({error})"
        ) from error

"""The launch file of any simulated plant, written from the names of its cells.

`launch/sim.launch.xml` is written by hand for the example plant, to be read; this module writes the
same thing for the cells of another plant.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Final
from xml.sax.saxutils import quoteattr

from robot_cell.bringup.executables import package_share
from robot_cell.model import Cell
from robot_cell.model.arm_names import THE_ARM

_ARGUMENTS: Final = """\
  <arg name="plant"/>
  <arg name="run_dir"/>
  <arg name="speed" default="1.0"/>
  <arg name="seed" default="0"/>
  <arg name="start" default=""/>
  <arg name="faults" default=""/>
  <arg name="viewer" default="false"/>
  <arg name="hold_until_batch" default="false"/>
  <arg name="participants" default="{participants}"/>
  <arg name="http_host" default="127.0.0.1"/>
  <arg name="http_port" default="0"/>
  <arg name="link_role" default="none"/>
  <arg name="opcua_port" default="plant"/>
  <arg name="device_log" default=""/>
"""

_SIMULATOR: Final = """\
  <node pkg="robot_cell" exec="sim_node" name="sim" namespace={cell}>
    <param name="plant" value="$(var plant)"/>
    <param name="cell" value={cell}/>
    <param name="run_dir" value="$(var run_dir)"/>
    <param name="speed" value="$(var speed)"/>
    <param name="seed" value="$(var seed)"/>
    <param name="start" value="'$(var start)'"/>
    <param name="faults" value="'$(var faults)'"/>
    <param name="viewer" value="$(var viewer)"/>
    <param name="participants" value="$(var participants)"/>
    <param name="device_log" value="'$(var device_log)'"/>
  </node>
"""

_SCHEDULER: Final = """\
  <node pkg="robot_cell" exec="scheduler_node" name="scheduler" respawn="true" respawn_delay="0.5">
    <param name="plant" value="$(var plant)"/>
    <param name="run_dir" value="$(var run_dir)"/>
    <param name="simulated" value="true"/>
    <param name="seed" value="$(var seed)"/>
    <param name="hold_until_batch" value="$(var hold_until_batch)"/>
  </node>
"""

_GATEWAY: Final = """\
  <node pkg="robot_cell" exec="gateway" name="gateway" output="both" respawn="true"
        respawn_delay="0.5"
        args="--plant $(var plant) --run-dir $(var run_dir) --simulated true
              --http-host $(var http_host) --http-port $(var http_port)
              --link-role $(var link_role) --opcua-port $(var opcua_port)"/>
"""

_INCLUDE: Final = """\
  <include file={file}>
    <arg name="plant" value="$(var plant)"/>
    <arg name="cell" value={cell}/>
{more}\
    <arg name="run_dir" value="$(var run_dir)"/>
    <arg name="simulated" value="true"/>
  </include>
"""
_MORE: Final = """\
    <arg name="{name}" value={value}/>
"""

Arms = Mapping[str, Sequence[str]]
"""The names of each cell's arms."""


def arms_of(cells: Iterable[str] | Mapping[str, Cell]) -> Arms:
    """The arms of a plant's cells; of names alone, each cell has the one that is called `arm`."""
    if isinstance(cells, Mapping):
        return {name: tuple(cell.arms) for name, cell in cells.items()}
    return dict.fromkeys(cells, (THE_ARM,))


def participants(cells: Arms) -> int:
    """How many processes time waits for: scheduler; per cell fixtures, cell, simulator and arms."""
    return 1 + sum(3 + len(arms) for arms in cells.values())


def compose_simulation(
    cells: Iterable[str] | Mapping[str, Cell], cell_launch: Path | None = None
) -> str:
    """Launch file of a simulated plant with these cells.

    Args:
        cells: the plant's cells, or names of cells with one arm.
        cell_launch: the launch file of one cell, beside which those of its parts are; the
            installed one unless given.
    """
    arms = arms_of(cells)
    file = cell_launch or package_share("robot_cell") / "launch" / "cell.launch.xml"
    parts = [
        '<?xml version="1.0"?>\n<launch>\n',
        _ARGUMENTS.format(participants=participants(arms)),
    ]
    parts += [_SIMULATOR.format(cell=quoteattr(name)) for name in arms]
    parts += [_SCHEDULER, _GATEWAY]
    for name, of_cell in arms.items():
        if tuple(of_cell) == (THE_ARM,):
            parts.append(_include(file, name))
            continue
        parts.append(
            _include(file.with_name("controller.launch.xml"), name, arms=",".join(of_cell))
        )
        parts += [_include(file.with_name("arm.launch.xml"), name, arm=arm) for arm in of_cell]
    parts.append("</launch>\n")
    return "".join(parts)


def _include(file: Path, cell: str, **more: str) -> str:
    return _INCLUDE.format(
        file=quoteattr(str(file).replace("$", "\\$")),
        cell=quoteattr(cell),
        more="".join(_MORE.format(name=k, value=quoteattr(v)) for k, v in more.items()),
    )


def write_simulation(run_dir: Path, cells: Iterable[str] | Mapping[str, Cell]) -> Path:
    """Write `<run_dir>/sim.launch.xml` for these cells; returns its path."""
    path = run_dir / "sim.launch.xml"
    path.write_text(compose_simulation(cells))
    return path

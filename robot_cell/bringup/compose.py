"""The launch file of any simulated plant, written from the names of its cells.

`launch/sim.launch.xml` is written by hand for the example plant, to be read; this module writes the
same thing for the cells of another plant.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Final
from xml.sax.saxutils import quoteattr

from robot_cell.bringup.executables import package_share

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

_CELL: Final = """\
  <include file={file}>
    <arg name="plant" value="$(var plant)"/>
    <arg name="cell" value={cell}/>
    <arg name="run_dir" value="$(var run_dir)"/>
    <arg name="simulated" value="true"/>
  </include>
"""


def participants(cells: Sequence[str]) -> int:
    """How many processes time waits for: the scheduler; per cell arm, fixtures, cell, simulator."""
    return 1 + 4 * len(cells)


def compose_simulation(cells: Iterable[str], cell_launch: Path | None = None) -> str:
    """Launch file of a simulated plant with these cells.

    Args:
        cells: names of the cells.
        cell_launch: the launch file of one cell; the installed one unless given.
    """
    names = list(cells)
    file = cell_launch or package_share("robot_cell") / "launch" / "cell.launch.xml"
    parts = [
        '<?xml version="1.0"?>\n<launch>\n',
        _ARGUMENTS.format(participants=participants(names)),
    ]
    parts += [_SIMULATOR.format(cell=quoteattr(name)) for name in names]
    parts += [_SCHEDULER, _GATEWAY]
    include = quoteattr(str(file).replace("$", "\\$"))
    parts += [_CELL.format(file=include, cell=quoteattr(name)) for name in names]
    parts.append("</launch>\n")
    return "".join(parts)


def write_simulation(run_dir: Path, cells: Iterable[str]) -> Path:
    """Write `<run_dir>/sim.launch.xml` for these cells; returns its path."""
    path = run_dir / "sim.launch.xml"
    path.write_text(compose_simulation(cells))
    return path

from __future__ import annotations

from pathlib import Path

import pytest

from robot_cell.bringup.compose import compose_simulation
from robot_cell.bringup.errors import (
    BadValueError,
    IncludeLoopError,
    LaunchFileError,
    MissingArgumentError,
    SubstitutionError,
    UnknownArgumentError,
    UnknownAttributeError,
    UnknownTagError,
)
from robot_cell.bringup.launch_file import ProcessSpec, declared_arguments, load_launch_file

ROOT = Path(__file__).resolve().parents[2]
LAUNCH = ROOT / "launch"


def write(folder: Path, body: str, name: str = "a.launch.xml") -> Path:
    file = folder / name
    file.write_text(f"<launch>\n{body}\n</launch>\n")
    return file


def load(file: Path, environment: dict[str, str] | None = None, **arguments: str):
    return load_launch_file(
        file, arguments, environment=environment or {}, share=lambda name: Path("/share") / name
    )


def test_a_node_becomes_a_command_line(tmp_path):
    file = write(
        tmp_path,
        """
        <arg name="who" default="world"/>
        <let name="greeting" value="hello $(var who)"/>
        <set_env name="LEVEL" value="1"/>
        <node pkg="p" exec="e" name="n" namespace="/a/b"
              args="--say '$(var greeting)' $(var greeting)"
              respawn="true" respawn_delay="0.5" output="screen">
          <param name="text" value="$(var greeting)"/>
          <param name="count" value="3"/>
          <param name="speed" value="10.0"/>
          <param name="on" value="True"/>
          <param name="stamp" value="'2026-11-23'"/>
          <param from="$(dirname)/more.yaml"/>
          <remap from="x" to="y"/>
          <env name="HOME" value="$(env HOUSE /none)"/>
        </node>""",
    )
    (spec,) = load(file, {"HOUSE": "/house"}, who="you").processes
    assert spec == ProcessSpec(
        name="a.b.n",
        package="p",
        executable="e",
        arguments=(
            "--say", "hello you", "hello you",
            "--ros-args", "-r", "__node:=n", "-r", "__ns:=/a/b", "-r", "x:=y",
            "-p", 'text:="hello you"', "-p", "count:=3", "-p", "speed:=10.0", "-p", "on:=true",
            "-p", 'stamp:="2026-11-23"', "--params-file", f"{tmp_path}/more.yaml",
        ),
        env=(("HOME", "/house"), ("LEVEL", "1")),
        respawn=True,
        respawn_delay_s=0.5,
        output="screen",
    )  # fmt: skip


@pytest.mark.parametrize(
    ("body", "error", "line", "words"),
    [
        ("\n<executable cmd='x'/>", UnknownTagError, 3, ["<executable>", "<launch>", "node"]),
        ("<node pkg='p' exec='e'>\n<remap2/></node>", UnknownTagError, 3, ["<remap2>", "<node>"]),
        ("<arg name='x' default='1'><choice/></arg>", UnknownTagError, 2, ["<choice>", "<arg>"]),
        ("\n\n<node pkg='p' exec='e' if='true'/>", UnknownAttributeError, 4, ["'if'", "respawn"]),
        ("<arg name='x' value='1'/>", UnknownAttributeError, 2, ["'value'", "default"]),
        ("<node exec='e'/>", BadValueError, 2, ["'pkg'", "missing"]),
        ("<node pkg='p' exec='e' respawn='maybe'/>", BadValueError, 2, ["'maybe'"]),
        ("<node pkg='p' exec='e' respawn_delay='-1'/>", BadValueError, 2, ["seconds"]),
        ("<node pkg='p' exec='e' respawn_delay='nan'/>", BadValueError, 2, ["seconds"]),
        ("<node pkg='p' exec='e' output='paper'/>", BadValueError, 2, ["screen"]),
        ("<node pkg='p' exec='e'/>\n<node pkg='p' exec='e'/>", BadValueError, 3, ["twice"]),
        (
            "<node pkg='p' exec='e'>\n<param name='a' value='{'/></node>",
            SubstitutionError, 3, ["{"],
        ),
        ("<arg name='x'/>", MissingArgumentError, 2, ["'x'", "x:=VALUE"]),
        ("<let name='a' value='$(var b)'/>", SubstitutionError, 2, ["'b'"]),
        ("<let name='a' value='$(env NOT_THERE)'/>", SubstitutionError, 2, ["NOT_THERE"]),
        ("<let name='a' value='$(eval 1+1)'/>", SubstitutionError, 2, ["eval", "$(dirname)"]),
        ("<let name='a' value='$(var b'/>", SubstitutionError, 2, ["closed"]),
        ("<include file='$(dirname)/none.xml'/>", LaunchFileError, 2, ["none.xml"]),
        ("<group>hello</group>", LaunchFileError, 2, ["hello"]),
        ("<node>", LaunchFileError, 3, ["mismatched tag"]),
    ],
)  # fmt: skip
def test_what_is_wrong_is_refused_with_its_line(tmp_path, body, error, line, words):
    file = write(tmp_path, body)
    with pytest.raises(error) as caught:
        load(file)
    assert caught.value.line == line
    assert caught.value.file == file
    assert f"{file}, line {line}" in str(caught.value)
    for word in words:
        assert word in str(caught.value)


def test_entities_are_refused(tmp_path):
    file = tmp_path / "x.xml"
    file.write_text('<!DOCTYPE l [<!ENTITY a "b">]>\n<launch/>')
    with pytest.raises(LaunchFileError, match="entities"):
        load(file)


def test_another_root_and_no_file_are_refused(tmp_path):
    file = tmp_path / "x.xml"
    file.write_text("<robot/>")
    with pytest.raises(UnknownTagError, match="<robot>"):
        load(file)
    with pytest.raises(LaunchFileError, match="No such file"):
        load(tmp_path / "none.xml")


def test_an_argument_that_nobody_declares_is_refused(tmp_path):
    file = write(tmp_path, "<arg name='speed' default='1'/>")
    with pytest.raises(UnknownArgumentError, match=r"'sped'.*speed"):
        load(file, sped="2")
    write(tmp_path, "<arg name='x' default=''/>", "b.launch.xml")
    outer = write(
        tmp_path,
        "<include file='$(dirname)/b.launch.xml'>\n<arg name='y' value='1'/></include>",
        "c.xml",
    )
    with pytest.raises(UnknownArgumentError) as caught:
        load(outer)
    assert caught.value.line == 3


def test_includes_pass_arguments_and_groups_give_them_back(tmp_path):
    write(
        tmp_path,
        "<arg name='cell'/><set_env name='E' value='$(var cell)'/>"
        "<node pkg='p' exec='e' namespace='$(var cell)'/>",
        "cell.xml",
    )
    include = "<include file='$(dirname)/cell.xml'><arg name='cell' value='{}'/></include>"
    file = write(
        tmp_path,
        "<let name='cell' value='outer'/><group>"
        + include.format("one")
        + include.format("two")
        + "</group><node pkg='p' exec='e' name='last' namespace='$(var cell)'/>",
    )
    specs = load(file).processes
    assert [spec.name for spec in specs] == ["one.e", "two.e", "outer.last"]
    assert [spec.env for spec in specs] == [(("E", "one"),), (("E", "two"),), ()]


def test_an_include_loop_is_refused(tmp_path):
    write(tmp_path, "<include file='$(dirname)/b.xml'/>", "a.xml")
    write(tmp_path, "\n<include file='a.xml'/>".replace("a.xml", "$(dirname)/a.xml"), "b.xml")
    with pytest.raises(IncludeLoopError) as caught:
        load(tmp_path / "a.xml")
    assert [path.name for path in caught.value.chain] == ["a.xml", "b.xml", "a.xml"]
    assert caught.value.line == 3


def test_package_share_and_escapes(tmp_path):
    file = write(tmp_path, r"<node pkg='p' exec='e' args='$(find-pkg-share robot_cell)/x \$(y)'/>")
    (spec,) = load(file).processes
    assert spec.arguments[:2] == ("/share/robot_cell/x", "$(y)")


def test_declared_arguments_say_what_they_are_for():
    names = {argument.name: argument for argument in declared_arguments(LAUNCH / "sim.launch.xml")}
    assert {
        "plant",
        "run_dir",
        "speed",
        "seed",
        "start",
        "faults",
        "viewer",
        "hold_until_batch",
        "participants",
        "device_log",
        "http_host",
        "http_port",
        "link_role",
        "opcua_port",
    } == set(names)
    assert names["plant"].default is None
    assert all(argument.description for argument in names.values())


@pytest.mark.parametrize(
    ("file", "arguments", "count"),
    [
        ("cell.launch.xml", {"cell": "cell_a"}, 4),
        ("two_armed_cell.launch.xml", {"cell": "cell_a"}, 5),
        ("handover.launch.xml", {}, 8),
        ("plant.launch.xml", {}, 10),
        ("sim.launch.xml", {}, 12),
    ],
)
def test_the_plants_own_launch_files(file, arguments, count):
    plan = load(LAUNCH / file, {"HOME": "/h"}, plant="/p.yaml", **arguments)
    assert len(plan.processes) == count
    assert plan.arguments["run_dir"] == "/h/.robot_cell/run"
    for spec in plan.processes:
        assert spec.respawn == (spec.executable != "sim_node")
        if spec.executable not in ("supervisor", "gateway"):
            assert '-p plant:="/p.yaml"' in " ".join(spec.arguments)


def test_a_composed_file_says_what_the_written_one_says(tmp_path):
    composed = tmp_path / "composed.launch.xml"
    composed.write_text(compose_simulation(["cell_a", "cell_b"], LAUNCH / "cell.launch.xml"))
    arguments = {
        "plant": "/p.yaml", "run_dir": "/r", "speed": "10.0", "seed": "3", "viewer": "true",
        "start": "2026-11-23T06:00:00+01:00",
    }  # fmt: skip
    written = load(LAUNCH / "sim.launch.xml", {"HOME": "/h"}, **arguments)
    other = load(composed, {"HOME": "/h"}, **arguments)
    by_name = sorted(written.processes, key=lambda spec: spec.name)
    assert by_name == sorted(other.processes, key=lambda spec: spec.name)
    assert dict(written.arguments) == dict(other.arguments)


def test_a_composed_file_of_three_cells_counts_its_participants(tmp_path):
    composed = tmp_path / "composed.launch.xml"
    composed.write_text(compose_simulation(["a", "b", "c"], LAUNCH / "cell.launch.xml"))
    plan = load(composed, plant="p", run_dir="/r")
    assert plan.arguments["participants"] == "13"
    assert len(plan.processes) == 17

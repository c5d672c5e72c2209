"""The lock files pin everything, and the environment is brought to exactly them."""

import sys
from pathlib import Path

import pytest
from set_up.machine import Machine
from set_up.wheels import correct_cmake_paths, installed, normalised, read_lock

REQUIREMENTS = Path(__file__).resolve().parents[2] / "deploy" / "requirements"
# node.txt has one line, written by hand: it is installed only where Node.js is missing.
LOCKS = sorted(file for file in REQUIREMENTS.glob("*.txt") if file.stem != "node")


@pytest.mark.parametrize("lock", LOCKS, ids=lambda path: path.stem)
def test_every_wanted_package_is_pinned_exactly(lock):
    pins = read_lock(LOCKS)
    for line in lock.with_suffix(".in").read_text().splitlines():
        wanted = line.split("#")[0].strip()
        if wanted:
            assert normalised(wanted.split("<")[0]) in pins, f"make lock: {wanted} is not in it"


def test_no_package_is_pinned_twice():
    every = [*LOCKS, REQUIREMENTS / "node.txt"]
    seen = [name for lock in every for name in read_lock([lock])]
    assert sorted(set(seen)) == sorted(seen)


def test_setuptools_still_has_what_ament_python_calls():
    assert int(read_lock(LOCKS)["setuptools"].split(".")[0]) < 80


def test_what_was_measured_to_be_something_else_is_never_locked():
    assert "launch" not in read_lock(LOCKS)


@pytest.mark.parametrize("line", ["numpy>=2", "numpy", "numpy==2 ; os_name == 'nt'", "-r other"])
def test_a_line_that_pins_nothing_is_refused_with_its_place(tmp_path, line):
    lock = tmp_path / "lock.txt"
    lock.write_text(f"# head\n{line}\n")
    with pytest.raises(ValueError, match=r"lock\.txt:2"):
        read_lock([lock])


def test_a_marker_chooses_the_python(tmp_path):
    this = f"{sys.version_info.major}.{sys.version_info.minor}"
    lock = tmp_path / "lock.txt"
    lock.write_text(
        f'Here_Now==1.0 ; python_version == "{this}"  # for x\n'
        'elsewhere==1.0 ; python_version == "2.7"\n'
    )
    assert read_lock([lock]) == {"here-now": "1.0"}


def test_a_package_that_pip_did_not_finish_is_not_installed(tmp_path):
    for name in ("whole_one-1.2.dist-info", "half-3.4.dist-info"):
        (tmp_path / name).mkdir()
    (tmp_path / "whole_one-1.2.dist-info" / "RECORD").touch()
    assert installed(tmp_path) == {"whole-one": "1.2"}


def test_the_builders_paths_are_replaced_once(tmp_path):
    machine = Machine(root=tmp_path, python=Path(sys.executable), underlay=None)
    exported = machine.venv / "share" / "std_msgs" / "cmake" / "export.cmake"
    exported.parent.mkdir(parents=True)
    exported.write_text(
        'INCLUDE "/opt/python/cp311-cp311/include/python3.11;'
        "/opt/python/cp311-cp311/lib/python3.11/site-packages/numpy/_core/include;"
        '${_IMPORT_PREFIX}/include"'
    )
    assert correct_cmake_paths(machine) == 1
    text = exported.read_text()
    assert "/opt/python" not in text
    assert str(machine.site_packages / "numpy/_core/include") in text
    assert text.endswith(';${_IMPORT_PREFIX}/include"')
    assert correct_cmake_paths(machine) == 0

"""What keeps yesterday's machine code from being run on today's arrays."""

from __future__ import annotations

import os
import pickle
import subprocess
import sys
import threading
from pathlib import Path

import pytest

import planners
from planners.compiled import KernelFile, digest, sources

ROOT = Path(planners.__file__).parent


@pytest.fixture
def package(tmp_path):
    root = tmp_path / "planners"
    (root / "room").mkdir(parents=True)
    texts = {
        "room/kernel.py": "from planners.room.moves import step\n",
        "room/moves.py": "from planners.arrays import (\n    W,\n)\nfrom planners import limits\n",
        "room/unused.py": "",
        "arrays.py": "WIDTH = 1\n",
        "limits.py": "",
    }
    for name, text in texts.items():
        path = root / name
        path.write_text(text)
        os.utime(path, ns=(1, 1))
    return root


def kernel_file(folder, files, stamp=None):
    return KernelFile(folder, "kernel.run", files, stamp or digest(files))


def names(files, root):
    return {path.relative_to(root).as_posix() for path in files}


def test_a_kernel_depends_on_all_that_its_file_imports(package):
    found = sources(package / "room" / "kernel.py", package)
    assert names(found, package) == {"room/kernel.py", "room/moves.py", "arrays.py", "limits.py"}


def test_a_package_that_is_imported_counts_as_a_whole(package):
    (package / "limits.py").write_text("from planners.room import moves\n")
    found = sources(package / "limits.py", package)
    assert "room/unused.py" in names(found, package)


def test_the_decoder_depends_on_the_columns_of_its_tables():
    found = sources(ROOT / "scheduling" / "compiled" / "decode.py")
    assert ROOT / "scheduling" / "columns.py" in found


def test_another_constant_is_another_digest(package):
    files = sources(package / "room" / "kernel.py", package)
    before = digest(files)
    (package / "arrays.py").write_text("WIDTH = 2\n")
    assert digest(files) != before


def test_what_was_kept_is_found_again_and_only_by_its_sources(package, tmp_path):
    files = sources(package / "room" / "kernel.py", package)
    kernel_file(tmp_path, files).save("int64", b"code")
    assert kernel_file(tmp_path, files).load("int64") == b"code"
    assert kernel_file(tmp_path, files, "another").load("int64") is None


def test_nothing_is_kept_once_the_sources_are_others(package, tmp_path):
    files = sources(package / "room" / "kernel.py", package)
    early = kernel_file(tmp_path, files)
    (package / "arrays.py").write_text("WIDTH = 2\n")
    os.utime(package / "arrays.py", ns=(1, 1))
    early.save("int64", b"code of width 1")
    assert list(tmp_path.glob("*.nb?")) == []


def test_nothing_is_kept_if_a_source_was_written_after_the_process_began(package, tmp_path):
    files = sources(package / "room" / "kernel.py", package)
    (package / "arrays.py").touch()
    kernel_file(tmp_path, files).save("int64", b"code")
    assert list(tmp_path.glob("*.nb?")) == []


def test_code_of_other_sources_is_deleted(package, tmp_path):
    files = sources(package / "room" / "kernel.py", package)
    kernel_file(tmp_path, files).save("int64", b"old")
    (package / "arrays.py").write_text("WIDTH = 2\n")
    os.utime(package / "arrays.py", ns=(1, 1))
    later = kernel_file(tmp_path, files)
    later.save("int64", b"new")
    assert len(list(tmp_path.glob("*.nbi"))) == len(list(tmp_path.glob("*.nbc"))) == 1
    assert later.load("int64") == b"new"


def test_argument_types_that_are_compiled_at_once_keep_their_own_code(package, tmp_path):
    files = sources(package / "room" / "kernel.py", package)
    keys = [f"types {i}" for i in range(24)]
    threads = [
        threading.Thread(target=kernel_file(tmp_path, files).save, args=(key, key.encode()))
        for key in keys
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert [kernel_file(tmp_path, files).load(key) for key in keys] == [k.encode() for k in keys]


def test_importing_the_planners_does_not_load_numba():
    code = "import sys, planners.scheduling, planners.motion; sys.exit('numba' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_the_index_is_what_numba_reads(package, tmp_path):
    files = sources(package / "room" / "kernel.py", package)
    kept = kernel_file(tmp_path, files)
    kept.save("int64", b"code")
    (index,) = tmp_path.glob("*.nbi")
    with index.open("rb") as file:
        pickle.load(file)
        stamp, entries = pickle.load(file)
    assert stamp == digest(files)
    assert list(entries) == ["int64"]

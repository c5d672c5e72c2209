"""A disk that forgets what was not synchronised, made from what a process really asked of it.

The process runs under strace, which notes every write and every fsync in their order, with the
content. From that the disk is played again, and its power cut anywhere: of what was written to a
file since its last fsync, each write is there, gone, or torn between sectors, whatever its order; a
new file whose folder has not been synchronised may be gone as a whole.
"""

from __future__ import annotations

import random
import re
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

SECTOR = 512
_CALL = re.compile(r'^(\w+)\((?:(\d+|AT_FDCWD)<([^>]*)>)?(?:, )?(?:"([^"]*)")?(.*) = (-?\d+)(.*)$')
_TRACED = "pwrite64,write,fdatasync,fsync,ftruncate,fallocate,openat,unlink"


@dataclass(frozen=True)
class Call:
    """One call that succeeded."""

    name: str
    path: str
    data: bytes
    numbers: tuple[int, ...]


def trace(script: str, words: list[str], root: Path, notes: Path) -> list[Call]:
    """Run a script of Python; what it asked of the disk, and its lines to stdout as writes."""
    done = subprocess.run(
        [
            "strace", "-y", "-xx", "-s", "70000", "-e", f"trace={_TRACED}", "-o", str(notes),
            sys.executable, "-c", script, *words,
        ],
        cwd=root,
        capture_output=True,
        text=True,
        check=False,
        timeout=100,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    return list(_calls(notes))


def _calls(notes: Path) -> Iterator[Call]:
    with notes.open() as lines:
        for line in lines:
            found = _CALL.match(line.rstrip("\n"))
            if found is None or int(found[6]) < 0:
                continue
            name, path, data, rest, opened = found[1], found[3], found[4], found[5], found[7]
            if name == "openat":
                if "O_CREAT" in rest:
                    yield Call(name, _text(opened.strip("<>")), b"", ())
                continue
            numbers = tuple(int(word) for word in re.findall(r"\d+", rest))
            written = bytes.fromhex((data or "").replace("\\x", ""))
            yield Call(name, _text(path or data or ""), written, numbers)


def _text(escaped: str) -> str:
    return bytes.fromhex(escaped.replace("\\x", "")).decode()


@dataclass
class _File:
    durable: bytearray = field(default_factory=bytearray)
    pending: list[tuple[int, bytes | None]] = field(default_factory=list)
    named: bool = False


class Disk:
    """What is on the disk after some calls."""

    def __init__(self) -> None:
        self._files: dict[str, _File] = {}

    def do(self, call: Call) -> None:
        if call.name == "openat":
            self._files.setdefault(call.path, _File())
        elif call.name in ("fsync", "fdatasync"):
            file = self._files.get(call.path)
            if file is not None:
                for offset, data in file.pending:
                    _write(file.durable, offset, data)
                file.pending.clear()
            for path, other in self._files.items():
                other.named |= str(Path(path).parent) == call.path
        elif call.path in self._files:
            file = self._files[call.path]
            if call.name == "pwrite64":
                file.pending.append((call.numbers[-1], call.data))
            elif call.name == "fallocate":  # as long as the file then is
                file.pending.append((sum(call.numbers[-2:]), None))
            elif call.name == "ftruncate":
                file.pending.append((call.numbers[-1], None))
            elif call.name == "unlink":
                del self._files[call.path]

    def cut(self, chance: random.Random) -> dict[str, bytes]:
        """The files after a power cut now."""
        left = {}
        for path, file in self._files.items():
            if path.endswith("-shm") or (not file.named and chance.random() < 0.5):
                continue
            content = bytearray(file.durable)
            keep = chance.choice([0.0, 0.5, 0.9])
            for offset, data in file.pending:
                if chance.random() >= keep:
                    continue
                if data is not None and chance.random() < 0.3:
                    data = data[: SECTOR * chance.randint(0, len(data) // SECTOR)]
                _write(content, offset, data)
            left[path] = bytes(content)
        return left


def _write(content: bytearray, offset: int, data: bytes | None) -> None:
    if data is None:
        if len(content) > offset:
            del content[offset:]
        else:
            content.extend(bytes(offset - len(content)))
        return
    if len(content) < offset:
        content.extend(bytes(offset - len(content)))
    content[offset : offset + len(data)] = data

"""A step of set-up is never silent for long, and a failed one says what is needed."""

import re
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest
from set_up import console as console_module
from set_up.console import Console, StepError


@pytest.fixture
def console(tmp_path):
    return Console("a step", tmp_path / "logs" / "a.log", "mend it")


def test_a_command_that_takes_long_gives_signs_of_life(console, monkeypatch, capsys):
    monkeypatch.setattr(console_module, "SIGN_OF_LIFE_S", 0.1)
    console._next_sign = console.started
    script = "import time; print('Building everything', flush=True); time.sleep(0.6)"
    console.run([sys.executable, "-c", script])
    signs = capsys.readouterr().out.splitlines()
    assert len(signs) >= 4
    assert re.fullmatch(r"\s+\d+ s  Building everything", signs[-1])


def test_a_command_that_prints_nothing_is_named_itself(console, monkeypatch, capsys):
    monkeypatch.setattr(console_module, "SIGN_OF_LIFE_S", 0.1)
    console._next_sign = console.started
    console.run([sys.executable, "-c", "print('first')"])
    console.run([sys.executable, "-c", "import time; time.sleep(0.4)"])
    assert capsys.readouterr().out.splitlines()[-1].endswith(" -c import at work")


def test_signs_of_life_do_not_start_anew_with_each_command(console, monkeypatch, capsys):
    monkeypatch.setattr(console_module, "SIGN_OF_LIFE_S", 0.3)
    console._next_sign = console.started + 0.3
    for _ in range(4):
        console.run([sys.executable, "-c", "import time; time.sleep(0.15)"])
    assert capsys.readouterr().out.count(" s  ") >= 1


def test_a_failed_command_reports_the_end_of_its_log_and_what_to_do(console):
    script = "import sys; [print('line', n) for n in range(100)]; sys.exit(3)"
    with pytest.raises(StepError) as caught:
        console.run([sys.executable, "-c", script], advice="do this")
    lines = caught.value.report().splitlines()
    assert lines[0].strip() == "line 70"
    assert lines[29].strip() == "line 99"
    assert "a step" in lines[30]
    assert "ended with 3" in lines[30]
    assert lines[31].endswith(str(console.log))
    assert lines[32].endswith("do this")


def test_a_program_that_is_not_there_is_a_failed_step(console):
    with pytest.raises(StepError, match="no-such-program"):
        console.run(["no-such-program", "--version"])


def test_an_interrupt_ends_the_children_too(console, tmp_path):
    grandchild = tmp_path / "pid"
    script = (
        "import os, subprocess, sys, pathlib\n"
        "child = subprocess.Popen([sys.executable, '-c', 'import signal; signal.pause()'])\n"
        f"pathlib.Path({str(grandchild)!r}).write_text(str(child.pid))\n"
        "child.wait()\n"
    )

    def interrupt_when_started():
        while not (grandchild.exists() and grandchild.read_text()):
            if gave_up.wait(0.02):
                return
        signal.raise_signal(signal.SIGINT)

    gave_up = threading.Event()
    thread = threading.Thread(target=interrupt_when_started)
    # Whatever the tests before have left: here an interrupt is what Python makes of it.
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    thread.start()
    try:
        with pytest.raises(KeyboardInterrupt):
            console.run([sys.executable, "-c", script])
    finally:
        gave_up.set()
        thread.join()
        signal.signal(signal.SIGINT, before)
    deadline = time.monotonic() + 10
    while is_running(int(grandchild.read_text())):
        assert time.monotonic() < deadline
        time.sleep(0.01)


def is_running(pid):
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0]
    except FileNotFoundError:
        return False
    return state != "Z"


def test_the_log_holds_the_command_and_all_that_it_printed(console):
    console.run([sys.executable, "-c", "import sys; print('out'); print('err', file=sys.stderr)"])
    text = console.log.read_text()
    assert text.startswith(f"$ {sys.executable} -c")
    assert "out\n" in text
    assert "err\n" in text


def test_set_up_refuses_a_python_that_it_does_not_support(tmp_path):
    root = Path(__file__).resolve().parents[2]
    script = (
        "import sys, runpy; sys.version_info = (3, 9, 0, 'final', 0); "
        "runpy.run_module('set_up', run_name='__main__')"
    )
    done = subprocess.run(
        [sys.executable, "-c", script],
        cwd=tmp_path,
        env={"PYTHONPATH": str(root / "deploy"), "PATH": ""},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 2
    assert "Python 3.11 or 3.12 is needed" in done.stderr
    assert "PYTHON=" in done.stderr


def test_a_terminated_set_up_ends_as_from_the_keyboard():
    from set_up.__main__ import interrupt

    with pytest.raises(KeyboardInterrupt):
        interrupt(signal.SIGTERM, None)

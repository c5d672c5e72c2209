"""A step is done once, and again only when something that it depends on has changed."""

from pathlib import Path

import pytest
from set_up.machine import Machine
from set_up.step import Step, content_hash
from set_up.steps import STEPS


@pytest.fixture
def machine(tmp_path):
    (tmp_path / ".setup").mkdir()
    return Machine(root=tmp_path, python=Path("/usr/bin/python3"), underlay=None)


@pytest.fixture
def calls():
    return []


@pytest.fixture
def step(calls, machine):
    source = machine.root / "source"
    made = machine.root / "made"
    source.write_text("1")

    def do(machine, console):
        calls.append(source.read_text())
        made.write_text("made")

    return Step(
        "copy", "copying", lambda m: content_hash(files=[source]), lambda m: [made], do, "retry"
    )


def test_a_step_is_done_once(step, machine, calls):
    assert not step.is_done(machine)
    step.perform(machine, "[1/1]")
    step.perform(machine, "[1/1]")
    assert step.is_done(machine)
    assert calls == ["1"]


def test_a_changed_input_does_it_again(step, machine, calls):
    step.perform(machine, "[1/1]")
    (machine.root / "source").write_text("2")
    step.perform(machine, "[1/1]")
    assert calls == ["1", "2"]


def test_a_touched_input_does_not(step, machine, calls):
    step.perform(machine, "[1/1]")
    (machine.root / "source").touch()
    step.perform(machine, "[1/1]")
    assert calls == ["1"]


def test_a_result_that_is_gone_is_made_again(step, machine, calls):
    step.perform(machine, "[1/1]")
    (machine.root / "made").unlink()
    step.perform(machine, "[1/1]")
    assert calls == ["1", "1"]


def test_an_interrupted_step_is_not_done(step, machine):
    def interrupted(machine, console):
        (machine.root / "made").write_text("half")
        raise KeyboardInterrupt

    step.perform(machine, "[1/1]")
    (machine.root / "source").write_text("2")
    broken = Step(step.name, step.title, step.key, step.makes, interrupted, step.advice)
    with pytest.raises(KeyboardInterrupt):
        broken.perform(machine, "[1/1]")
    assert not step.is_done(machine)


def test_content_hash_tells_names_and_contents_apart(tmp_path):
    one, two = tmp_path / "one", tmp_path / "two"
    one.write_text("ab")
    two.write_text("c")
    both = content_hash(files=[one, two])
    one.write_text("a")
    two.write_text("bc")
    assert content_hash(files=[one, two]) != both
    assert content_hash(["ab", "c"]) != content_hash(["a", "bc"])


def test_every_step_has_a_name_of_its_own_for_its_stamp_and_log():
    names = [step.name for step in STEPS]
    assert len(set(names)) == len(names)

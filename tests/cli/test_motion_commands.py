"""`robot-cell motion`: what it says of programs and arms, and of what is not there."""

import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from typer.testing import CliRunner

from robot_cell.cli.app import app
from robot_cell.cli.motion import UnknownProgramError
from robot_cell.model import FixtureStep
from robot_cell.model.plant_file import load_plant
from robot_cell.programs import CycleLibrary, ProgramKey
from robot_cell.programs.library import keys_of
from robot_cell.programs.script import save_script

ROOT = Path(__file__).parents[2]
PLANT = ROOT / "examples" / "housing_plant.yaml"
KEY = ProgramKey("cell_a", "inspect_m", "housing_m")
PLAN = ["motion", "plan", KEY.program, "--cell", KEY.cell, "--plant", str(PLANT)]


def run(*words: str):
    return CliRunner().invoke(app, list(words), catch_exceptions=False)


def test_a_plan_says_what_each_step_takes_and_stays_within_limits(tmp_path) -> None:
    page = tmp_path / "deep" / "plan.html"
    result = run(*PLAN, "--json", "--plot", str(page))
    assert result.exit_code == 0
    told = json.loads(result.stdout)
    plant = load_plant(PLANT)
    steps = plant.cells[KEY.cell].programs[KEY.program].steps
    assert len(told["steps"]) == len(steps)
    assert sum(s["duration_s"] for s in told["steps"]) == pytest.approx(
        told["duration_s"], abs=0.01
    )
    assert max(told["largest_share_of_limit"].values()) <= 1.002
    assert told["smallest_clearance_m"] > 0.0
    text = page.read_text()
    assert "joint jerk" in text
    assert "<script src" not in text
    assert "http" not in text.replace("http-equiv", "")


def test_the_curves_of_the_page_are_those_of_the_plan(tmp_path) -> None:
    page = tmp_path / "plan.html"
    run(*PLAN, "--plot", str(page))
    text = page.read_text()
    start = text.index('id="data">') + len('id="data">')
    facts = json.loads(text[start : text.index("</script>", start)])
    cycle = CycleLibrary(load_plant(PLANT)).find(KEY)
    assert cycle is not None
    home = np.degrees(next(iter(cycle.motions.values())).positions[0])
    first = [curve[0] for curve in facts["charts"][0]["curves"]]
    assert first == pytest.approx(home, abs=0.01)
    assert len(facts["held"]) == len(facts["times"])
    assert np.all(np.diff(facts["times"]) >= 0.0)
    assert facts["duration"] == pytest.approx(cycle.duration_s, abs=1e-3)


@pytest.mark.parametrize(
    ("words", "listed"),
    [
        (["nope", "--cell", "cell_a"], "deburr_s"),
        (["deburr_s", "--cell", "cell_z"], "cell_b"),
        (["deburr_s", "--cell", "cell_a", "--product", "teapot"], "housing_s"),
    ],
)
def test_what_is_not_there_is_named_beside_what_is(words: list[str], listed: str) -> None:
    with pytest.raises(UnknownProgramError, match=listed):
        run("motion", "plan", *words, "--plant", str(PLANT))


def test_an_arm_is_described_and_drawn(tmp_path) -> None:
    picture = tmp_path / "reach.png"
    arm = ROOT / "urdf" / "ur10e.urdf.xacro"
    result = run("motion", "check", str(arm), "--json", "--picture", str(picture))
    assert result.exit_code == 0
    told = json.loads(result.stdout)
    assert told["branches_most"] == 8
    assert "closed form" in told["solver"]
    # The maker's reach of a UR10e is 1.30 m to the wrist's centre, without base and flange offsets.
    assert 1.3 < told["reach_m"] < 1.6
    assert [joint["velocity_deg_s"] for joint in told["joints"]] == [120, 120, 180, 180, 180, 180]
    with Image.open(picture) as image:
        assert len(image.getcolors(1 << 20)) > 100


def test_what_is_no_arm_is_refused_with_the_reason(tmp_path) -> None:
    from planners.kinematics import ArmDescriptionError

    bad = tmp_path / "bad.urdf"
    bad.write_text("<robot name='x'><link name='only'/></robot>")
    with pytest.raises(ArmDescriptionError, match=r"bad\.urdf"):
        run("motion", "check", str(bad))
    with pytest.raises(ArmDescriptionError, match="no such file"):
        run("motion", "check", str(tmp_path / "none.urdf"))


def test_a_script_holds_the_planned_setpoints_at_their_times(tmp_path) -> None:
    plant = load_plant(PLANT)
    library = CycleLibrary(plant)
    cycle = library.find(KEY) or library.plan_here(KEY)
    path = tmp_path / "script.npz"
    save_script(plant.cells[KEY.cell], cycle, path)
    with np.load(path) as archive:
        setpoints = archive["setpoints"]
        commands = json.loads(archive["commands"].tobytes())
    assert len(setpoints) == pytest.approx(cycle.duration_s * 1000, abs=2)
    steps = plant.cells[KEY.cell].programs[KEY.program].steps
    begins = np.cumsum((0.0, *cycle.step_durations_s))
    for index, motion in cycle.motions.items():
        end_s = float(begins[index]) + cycle.moved_until_s(steps, index)
        at = round(end_s * 1000) - 1
        assert setpoints[at] == pytest.approx(motion.positions[-1], abs=1e-4)
    fastest = 10.75  # rad/s, axis 6 of a KR 6
    assert np.max(np.abs(np.diff(setpoints, axis=0))) <= 0.001 * fastest, "nothing jumps"
    assert [c[1:3] for c in commands] == [
        [step.fixture, step.command] for step in steps if isinstance(step, FixtureStep)
    ]


def test_fill_plans_what_is_not_kept_yet_and_nothing_twice(tmp_path, monkeypatch) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    words = ["motion", "fill", str(PLANT), "--product", "housing_m", "--workers", "2"]
    first, second = (json.loads(run(*words, "--json").stdout) for _ in range(2))
    plant = load_plant(PLANT)
    keys = keys_of(plant, ["housing_m"])
    assert (first["planned"], second["planned"]) == (len(keys), 0)
    assert first["failures"] == []
    assert first["programs"] == second["programs"]
    told = {(p["cell"], p["program"], p["product"]): p["duration_s"] for p in first["programs"]}
    library = CycleLibrary(plant)
    for key in keys:
        cycle = library.find(key)
        assert cycle is not None
        assert told[key.cell, key.program, key.product] == pytest.approx(cycle.duration_s, abs=1e-4)
    assert "0 of them planned now" in run(*words).stdout


def test_fill_names_the_products_that_there_are() -> None:
    with pytest.raises(UnknownProgramError, match="it has: housing_m"):
        run("motion", "fill", str(PLANT), "--product", "teapot")

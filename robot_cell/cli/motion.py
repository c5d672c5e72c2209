"""`robot-cell motion plan|fill|check|replay`: what arms will do, and what they are."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from robot_cell.cli.exit_codes import ExitCode
from robot_cell.cli.options import Json
from robot_cell.errors import RobotCellError

if TYPE_CHECKING:
    from robot_cell.model import Plant
    from robot_cell.programs import ProgramCycle, ProgramKey

Program = Annotated[str, typer.Argument(help="A program of the cell, as the plant file names it.")]
CellName = Annotated[str, typer.Option("--cell", help="The cell whose arm runs it.")]
PlantFile = Annotated[
    Path | None, typer.Option("--plant", help="Plant file (default: the running plant's).")
]
ProductName = Annotated[
    str | None, typer.Option("--product", help="For which product (default: the first that fits).")
]


class UnknownProgramError(RobotCellError):
    """The plant file has no such cell, program or product; the message lists what it has."""


def plan(
    program: Program,
    cell: CellName,
    plant: PlantFile = None,
    product: ProductName = None,
    plot: Annotated[
        Path | None, typer.Option(help="Write the curves against their limits to this HTML file.")
    ] = None,
    as_json: Json = False,
) -> int:
    """Plan a program: joints and tool against their limits, clearance, what slows it and where."""
    from robot_cell.cli.output import err, make_table, out, print_json
    from robot_cell.reporting.motion_data import motion_data, summary

    model, key = _found(plant, cell, program, product)
    cycle = _planned(model, key)
    data = motion_data(
        cell, model.cells[cell], program, key.product, model.products[key.product], cycle
    )
    if plot is not None:
        from robot_cell.reporting.motion_html import write_motion_html

        err().print(f"wrote {write_motion_html(plot, data)}")
    if as_json:
        print_json(summary(data))
        return ExitCode.OK
    rows = [
        (
            step.label,
            f"{step.end_s - step.start_s:.3f}",
            f"{step.top_speed_m_s:.2f}" if step.moves else "",
            *((f"{100 * share:.0f} %" for _, _, share in step.peaks) if step.peaks else ("",) * 3),
            f"{step.nearest[0] * 1e3:.0f} mm" if step.nearest else "",
            step.held_by[0][0] if step.held_by else "",
        )
        for step in data.steps
    ]
    columns = ("step", ">takes s", ">tool m/s", ">v", ">a", ">j", ">nearest", "held back by")
    title = f"{program} of {cell} for {key.product}: {data.duration_s:.3f} s"
    out().print(make_table(title, columns, rows))
    for step in data.steps:
        for text in step.slow:
            out().print(f"{step.label}: slower than asked {text}")
    return ExitCode.OK


def fill(
    plant: Annotated[
        Path | None,
        typer.Argument(metavar="[PLANT]", help="Plant file (default: the running one's)."),
    ] = None,
    product: Annotated[
        list[str] | None, typer.Option("--product", help="Only of this one; may be repeated.")
    ] = None,
    workers: Annotated[
        int | None, typer.Option(min=1, help="Processes (default: one per processor).")
    ] = None,
    as_json: Json = False,
) -> int:
    """Plan every program of a plant ahead, in parallel: what is kept is not planned again."""
    from robot_cell.cli.output import err, make_table, out, print_json
    from robot_cell.model.plant_file import load_plant
    from robot_cell.programs import map_tasks

    path = _plant_path(plant)
    model = load_plant(path)
    if unknown := sorted(set(product or ()) - set(model.products)):
        raise UnknownProgramError(
            f"{path} has no product {unknown[0]!r}; it has: {', '.join(sorted(model.products))}"
        )
    found = map_tasks(model, product or None, workers=workers, progress=not as_json)
    durations = sorted(found.durations_s.items())
    if as_json:
        programs = [
            {"cell": k.cell, "program": k.program, "product": k.product, "duration_s": round(s, 4)}
            for k, s in durations
        ]
        failures = [
            {"cell": k.cell, "program": k.program, "product": k.product, "error": str(error)}
            for k, error in sorted(found.failures.items())
        ]
        print_json({"planned": found.planned, "programs": programs, "failures": failures})
    else:
        rows = [(k.cell, k.program, k.product, f"{s:.3f}") for k, s in durations]
        title = f"{len(rows)} programs, {found.planned} of them planned now"
        out().print(make_table(title, ("cell", "program", "product", ">takes s"), rows))
        for key, error in sorted(found.failures.items()):
            err().print(f"{key.cell} {key.program} for {key.product}: {error}")
    return ExitCode.FAILED if found.failures else ExitCode.OK


def check(
    urdf: Annotated[Path, typer.Argument(metavar="URDF", help="An arm: .urdf or .xacro.")],
    tip: Annotated[
        str | None, typer.Option(help="Link of the flange, if it is not tool0 or flange.")
    ] = None,
    picture: Annotated[
        Path | None, typer.Option(help="Draw reach and singular positions to this PNG file.")
    ] = None,
    as_json: Json = False,
) -> int:
    """Say what an arm is: limits, solver, branches, reach; and where it is near singular."""
    from robot_cell.cli.output import err, make_table, out, print_json
    from robot_cell.reporting.arm_facts import arm_facts

    facts = arm_facts(urdf, tip)
    if picture is not None:
        from robot_cell.reporting.arm_picture import draw_arm

        err().print(f"wrote {draw_arm(facts, picture)}")
    if as_json:
        print_json(facts.as_json())
        return ExitCode.OK
    console = out()
    console.print(f"{facts.name}: {len(facts.joints)} axes, flange {facts.flange}")
    console.print(f"inverse kinematics: {facts.solver}")
    console.print(
        f"branches: {facts.branches} at most, {facts.branches_median:g} within the limits at a "
        f"typical pose; reach {facts.reach_m:.3f} m; near a singularity in "
        f"{100 * facts.near_singular:.1f} % of all positions"
    )
    rows = [
        (
            joint["name"], f"{joint['lower_deg']:.0f} to {joint['upper_deg']:.0f}",
            f"{joint['velocity_deg_s']:.0f}", f"{joint['acceleration_deg_s2']:.0f}",
            f"{joint['jerk_deg_s3']:.0f}", f"{joint['effort_nm']:g}",
            ", ".join(joint["estimated"]),
        )
        for joint in facts.joints
    ]  # fmt: skip
    columns = ("joint", ">range °", ">°/s", ">°/s²", ">°/s³", ">N m", "estimated")
    console.print(make_table("", columns, rows))
    return ExitCode.OK


def replay(
    program: Program,
    cell: CellName,
    to: Annotated[Path, typer.Option("--out", help="File to write: .html or .gif.")],
    plant: PlantFile = None,
    product: ProductName = None,
    fps: Annotated[float, typer.Option(min=1.0, max=60.0, help="Pictures per second.")] = 15.0,
) -> int:
    """Draw a program in three dimensions, as it will run; needs the simulator's renderer."""
    import subprocess
    import sys
    import tempfile

    from robot_cell.cli.output import err
    from robot_cell.programs.script import save_script

    if to.suffix not in (".html", ".gif"):
        raise typer.BadParameter("a name that ends in .html or .gif", param_hint="--out")
    path = _plant_path(plant)
    model, key = _found(path, cell, program, product)
    cycle = _planned(model, key)
    with tempfile.TemporaryDirectory() as folder:
        script = Path(folder) / "script.npz"
        save_script(model.cells[cell], cycle, script)
        command = [sys.executable, "-m", "sim.replay", "--plant", str(path), "--cell", cell]
        command += ["--script", str(script), "--out", str(to), "--fps", str(fps)]
        command += ["--title", f"{program} of {cell} for {key.product}"]
        if subprocess.run(command, check=False).returncode != 0:
            return ExitCode.FAILED
    err().print(f"wrote {to}: {cycle.duration_s:.1f} s")
    return ExitCode.OK


def _plant_path(plant: Path | None) -> Path:
    from robot_cell.cli.options import running_plant_file

    return plant or running_plant_file()


def _found(
    file: Path | None, cell: str, program: str, product: str | None
) -> tuple[Plant, ProgramKey]:
    """The plant and which program is meant.

    Raises:
        UnknownProgramError: there is none of that name.
        PlantFileError: the plant file cannot be used.
    """
    from robot_cell.model.plant_file import load_plant
    from robot_cell.programs import ProgramKey

    path = _plant_path(file)
    plant = load_plant(path)
    if cell not in plant.cells:
        raise UnknownProgramError(
            f"{path} has no cell {cell!r}; it has: {', '.join(sorted(plant.cells))}"
        )
    programs = plant.cells[cell].programs
    if program not in programs:
        raise UnknownProgramError(
            f"cell {cell} has no program {program!r}; it has: {', '.join(sorted(programs))}"
        )
    users = [
        name
        for name, made in plant.products.items()
        if any(operation.programs.get(cell) == program for operation in made.operations)
    ]
    if product is None:
        product = next(iter(users or plant.products), None)
    if product not in plant.products:
        raise UnknownProgramError(
            f"{path} has no product {product!r}; {program} is for: {', '.join(users)}"
        )
    return plant, ProgramKey(cell, program, product)


def _planned(plant: Plant, key: ProgramKey) -> ProgramCycle:
    from robot_cell.programs import CycleLibrary

    library = CycleLibrary(plant)
    return library.find(key) or library.plan_here(key)

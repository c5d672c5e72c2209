"""A program drawn as the physics runs it: frames into one HTML page, or an animated GIF.

    python -m sim.replay --plant FILE --cell NAME --script FILE.npz --out cycle.html

The script holds `setpoints` (k, n) at 1 kHz from home on, of all joints of all arms, and
`commands`, JSON: a list of `[time_s, fixture, command, [args]]`. Nothing else of the plant runs:
no ROS, no serial lines.
"""

from __future__ import annotations

import argparse
import base64
import io
import json
from collections.abc import Iterator
from html import escape
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from drivers.time_page import TICK_NS
from planners.kinematics.arm_description import read_arm
from robot_cell.model.plant_file import load_plant
from sim.errors import SimulationError
from sim.view import use_a_backend

HTML_SIZE: Final = (800, 500)
GIF_SIZE: Final = (640, 400)
JPEG_QUALITY: Final = 72
_SETTLE_S: Final = 0.4
"""What is shown after the last setpoint."""

Frame = tuple[float, NDArray[np.uint8]]


def frames(
    plant_file: Path, cell_name: str, script: Path, fps: float, size: tuple[int, int]
) -> Iterator[Frame]:
    """Plant time and picture (height, width, 3) of each frame.

    Raises:
        SimulationError: the script does not fit the cell.
    """
    import mujoco  # not before a backend has been chosen

    from sim import scenery
    from sim.devices import CellDevices
    from sim.physics import STEPS_PER_TICK, CellPhysics
    from sim.scene import build_scene

    plant = load_plant(plant_file)
    cell = plant.cells[cell_name]
    with np.load(script, allow_pickle=False) as archive:
        setpoints = archive["setpoints"]
        commands = json.loads(archive["commands"].tobytes())
    scene = build_scene(
        cell, plant.products, {name: read_arm(arm.urdf).urdf for name, arm in cell.arms.items()}
    )
    if setpoints.ndim != 2 or setpoints.shape[1] != len(scene.arm_joints):
        raise SimulationError(f"setpoints of shape {setpoints.shape} for {cell_name}")
    physics = CellPhysics(scene, setpoints[0])
    devices = CellDevices(cell, physics, 0)
    shown = mujoco.MjData(physics.model)
    options = mujoco.MjvOption()
    options.geomgroup[3] = 0
    ticks = len(setpoints) // STEPS_PER_TICK + int(_SETTLE_S * 1e9 / TICK_NS)
    next_s = 0.0
    with mujoco.Renderer(physics.model, size[1], size[0]) as renderer:
        for tick in range(ticks):
            now_s = tick * TICK_NS * 1e-9
            while commands and commands[0][0] <= now_s + 1e-9:
                _, fixture, command, arguments = commands.pop(0)
                devices.actuate(fixture, command, tuple(arguments))
            rows = setpoints[tick * STEPS_PER_TICK : (tick + 1) * STEPS_PER_TICK]
            full = len(rows) == STEPS_PER_TICK
            physics.step_tick(rows if full else None, devices.tables())
            devices.advance()
            if now_s + 1e-9 < next_s:
                continue
            next_s += 1.0 / fps
            shown.qpos[:] = physics.data.qpos
            places = physics.model.geom_pos.copy()
            for clamp, closed in devices.jaws().items():
                scenery.place_jaws(physics.model, clamp, closed)
            mujoco.mj_kinematics(physics.model, shown)
            mujoco.mj_comPos(physics.model, shown)
            mujoco.mj_camlight(physics.model, shown)
            renderer.update_scene(shown, scenery.CAMERA, options)
            picture = renderer.render()
            physics.model.geom_pos[:] = places
            yield now_s, picture


def write_gif(path: Path, shots: Iterator[Frame], fps: float) -> None:
    """Frames as an animated GIF that repeats.

    A GIF counts in hundredths of a second: each picture stays until the next one's time, rounded,
    so that the whole takes as long as it did in the plant.
    """
    from PIL import Image

    pictures, times_s = [], []
    for at_s, picture in shots:
        pictures.append(Image.fromarray(picture).quantize(96))
        times_s.append(at_s)
    edges = np.round(100.0 * np.array([*times_s, times_s[-1] + 1.0 / fps])).astype(int)
    pictures[0].save(
        path,
        save_all=True,
        append_images=pictures[1:],
        duration=(10 * np.diff(edges)).tolist(),
        loop=0,
        optimize=False,
    )


def write_html(path: Path, shots: Iterator[Frame], fps: float, title: str, labels: Any) -> None:
    """Frames as one page with a slider; needs nothing from anywhere."""
    from PIL import Image

    times, images = [], []
    for at_s, picture in shots:
        data = io.BytesIO()
        Image.fromarray(picture).save(data, "JPEG", quality=JPEG_QUALITY)
        times.append(round(at_s, 3))
        images.append(base64.b64encode(data.getvalue()).decode())
    facts = {"times": times, "images": images, "fps": fps, "labels": labels}
    text = json.dumps(facts, separators=(",", ":")).replace("<", "\\u003c")
    page = _PAGE.replace("@TITLE@", escape(title)).replace("@DATA@", text)
    path.write_text(page, encoding="utf-8")


_PAGE: Final = """<!doctype html>
<html lang="en"><head><meta charset="utf-8"><title>@TITLE@</title>
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; img-src data:;
 style-src 'unsafe-inline'; script-src 'unsafe-inline'">
<style>
body { font: 15px system-ui, sans-serif; background: #10141a; color: #e6edf3; margin: 1.2rem auto;
  max-width: 980px; padding: 0 1rem; }
h1 { font-size: 1.15rem; } img { width: 100%; border-radius: 8px; display: block; }
.bar { display: flex; gap: .8rem; align-items: center; margin: .8rem 0; }
input[type=range] { flex: 1; } button, select { font: inherit; }
#time { font-variant-numeric: tabular-nums; min-width: 5rem; text-align: right; }
#label { color: #9da7b1; min-height: 1.4rem; }
</style></head><body><h1>@TITLE@</h1><img id="shot" alt="the cell">
<div class="bar"><button id="play">pause</button><input id="at" type="range" min="0" value="0">
<select id="rate"><option value="0.25">1/4</option><option value="0.5">1/2</option>
<option value="1" selected>1 x</option><option value="2">2 x</option></select>
<span id="time"></span></div><div id="label"></div>
<script type="application/json" id="data">@DATA@</script>
<script>
"use strict";
const data = JSON.parse(document.getElementById("data").textContent);
const by = (id) => document.getElementById(id);
const end = data.times[data.times.length - 1];
let now = 0, playing = true, before = null;
by("at").max = data.times.length - 1;
function show() {
  let k = data.times.findIndex((t) => t > now) - 1;
  if (k < 0) k = now >= end ? data.times.length - 1 : 0;
  by("shot").src = "data:image/jpeg;base64," + data.images[k];
  by("at").value = k;
  by("time").textContent = now.toFixed(2) + " s";
  const step = data.labels.filter((l) => l[0] <= now).pop();
  by("label").textContent = step ? step[1] : "";
}
function turn(at) {
  if (playing && before !== null) {
    now += (at - before) / 1000 * Number(by("rate").value);
    if (now > end) now = 0;
    show();
  }
  before = at;
  requestAnimationFrame(turn);
}
by("play").onclick = () => {
  playing = !playing;
  by("play").textContent = playing ? "pause" : "play";
};
by("at").oninput = () => { now = data.times[Number(by("at").value)]; show(); };
show();
requestAnimationFrame(turn);
</script></body></html>
"""


def main() -> None:
    """Draw a program."""
    parser = argparse.ArgumentParser(description="Draw a program of a simulated cell.")
    parser.add_argument("--plant", type=Path, required=True)
    parser.add_argument("--cell", required=True)
    parser.add_argument("--script", type=Path, required=True, help="what runs (.npz)")
    parser.add_argument("--out", type=Path, required=True, help=".html or .gif")
    parser.add_argument("--fps", type=float, default=15.0)
    parser.add_argument("--title", default="a program")
    args = parser.parse_args()
    use_a_backend()
    args.out.parent.mkdir(parents=True, exist_ok=True)
    is_gif = args.out.suffix == ".gif"
    size = GIF_SIZE if is_gif else HTML_SIZE
    shots = frames(args.plant, args.cell, args.script, args.fps, size)
    if is_gif:
        write_gif(args.out, shots, args.fps)
        return
    with np.load(args.script, allow_pickle=False) as archive:
        labels = json.loads(archive["labels"].tobytes())
    write_html(args.out, shots, args.fps, args.title, labels)


if __name__ == "__main__":
    main()

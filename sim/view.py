"""Pictures and a window of a simulated cell, drawn by a process of their own.

Drawing never touches the simulation: the simulator writes the compiled model and a state vector to
files, and `python -m sim.view` draws them. So a picture costs the plant no time, and a machine
without OpenGL simulates all the same.
"""

from __future__ import annotations

import argparse
import os
import struct
import subprocess
import sys
import time
import zlib
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

WIDTH: Final = 1280
HEIGHT: Final = 800
_FRAME_S: Final = 1 / 30
_BACKENDS: Final = ("egl", "osmesa")


class ViewState:
    """What a drawing process needs to know of a cell: the model once, and how things stand.

    Args:
        model: the compiled model (`mujoco.MjModel`).
        folder: where the files go.
    """

    def __init__(self, model: Any, folder: Path, cell: str) -> None:
        import mujoco

        from sim import scenery

        folder.mkdir(parents=True, exist_ok=True)
        self.model_path = folder / f"{cell}.mjb"
        self.state_path = folder / f"{cell}.state"
        mujoco.mj_saveModel(model, str(self.model_path), None)
        self._place_jaws = scenery.place_jaws
        self._shown = mujoco.MjModel.from_binary_path(str(self.model_path))

    def write(
        self, qpos: NDArray[np.float64], jaws: Mapping[str, float], path: Path | None = None
    ) -> Path:
        """Write how things stand; `jaws` says how far each clamp is closed, 0 to 1."""
        for clamp, closed in jaws.items():
            self._place_jaws(self._shown, clamp, closed)
        target = path or self.state_path
        fresh = target.with_suffix(".part")
        np.concatenate([qpos, self._shown.geom_pos.ravel()]).tofile(fresh)
        fresh.replace(target)
        return target


def start_picture(view: ViewState, state: Path, picture: Path) -> subprocess.Popen[bytes]:
    """Begin to draw a state, as a PNG; the process ends with 0 when it is there."""
    return _start(view, state, "picture", "--to", str(picture))


def start_window(view: ViewState) -> subprocess.Popen[bytes]:
    """Open a window that follows the state file until it is closed."""
    return _start(view, view.state_path, "window")


def _start(view: ViewState, state: Path, *what: str) -> subprocess.Popen[bytes]:
    command = [sys.executable, "-m", "sim.view", *what]
    command += ["--model", str(view.model_path), "--state", str(state)]
    return subprocess.Popen(command, stdin=subprocess.DEVNULL, stderr=subprocess.PIPE)


def save_png(path: Path, pixels: NDArray[np.uint8]) -> None:
    """Write an RGB image (height, width, 3) as PNG (ISO/IEC 15948)."""
    height, width, _ = pixels.shape
    rows = np.hstack([np.zeros((height, 1), np.uint8), pixels.reshape(height, width * 3)])

    def chunk(kind: bytes, data: bytes) -> bytes:
        body = kind + data
        return struct.pack(">I", len(data)) + body + struct.pack(">I", zlib.crc32(body))

    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    image = chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(rows.tobytes(), 6))
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(b"\x89PNG\r\n\x1a\n" + image + chunk(b"IEND", b""))


class _Drawn:
    """A model and data that only show a state: nothing is stepped here."""

    def __init__(self, model_path: Path) -> None:
        import mujoco

        self._mujoco = mujoco
        self.model = mujoco.MjModel.from_binary_path(str(model_path))
        self.model.opt.enableflags &= ~int(mujoco.mjtEnableBit.mjENBL_SLEEP)
        self.data = mujoco.MjData(self.model)

    def show(self, state: Path) -> None:
        numbers = np.fromfile(state)
        self.data.qpos[:] = numbers[: self.model.nq]
        self.model.geom_pos[:] = numbers[self.model.nq :].reshape(-1, 3)
        self._mujoco.mj_kinematics(self.model, self.data)
        self._mujoco.mj_comPos(self.model, self.data)
        self._mujoco.mj_camlight(self.model, self.data)


def _draw_picture(model: Path, state: Path, picture: Path) -> None:
    import mujoco

    from sim.scenery import CAMERA

    drawn = _Drawn(model)
    drawn.show(state)
    with mujoco.Renderer(drawn.model, HEIGHT, WIDTH) as renderer:
        options = mujoco.MjvOption()
        options.geomgroup[3] = 0
        renderer.update_scene(drawn.data, CAMERA, options)
        save_png(picture, renderer.render())


def _show_window(model: Path, state: Path) -> None:
    import mujoco.viewer

    drawn = _Drawn(model)
    parent = os.getppid()
    with mujoco.viewer.launch_passive(drawn.model, drawn.data, show_left_ui=False) as window:
        while window.is_running() and os.getppid() == parent:
            if state.exists():
                with window.lock():
                    drawn.show(state)
                window.sync()
            time.sleep(_FRAME_S)


def _can_draw(backend: str) -> bool:
    """Whether a process of its own gets an OpenGL context from a backend: failing may be fatal."""
    probe = "import mujoco; mujoco.GLContext(64, 64).make_current()"
    environment = {**os.environ, "MUJOCO_GL": backend}
    done = subprocess.run(
        [sys.executable, "-c", probe], env=environment, capture_output=True, timeout=30, check=False
    )
    return done.returncode == 0


def use_a_backend() -> None:
    """Choose what draws without a display; before MuJoCo is imported. Exits if nothing does."""
    if "MUJOCO_GL" in os.environ:
        return
    backend = next((name for name in _BACKENDS if _can_draw(name)), None)
    if backend is None:
        raise SystemExit(
            "no OpenGL without a display: install libegl1 and libgl1-mesa-dri, or libosmesa6"
        )
    os.environ["MUJOCO_GL"] = backend


def main() -> None:
    """Draw a picture, or show a window."""
    parser = argparse.ArgumentParser(description="Draw a simulated cell.")
    parser.add_argument("what", choices=("picture", "window"))
    parser.add_argument("--model", type=Path, required=True, help="compiled model (.mjb)")
    parser.add_argument("--state", type=Path, required=True, help="state file of the simulator")
    parser.add_argument("--to", type=Path, help="PNG to write")
    args = parser.parse_args()
    if args.what == "window":
        _show_window(args.model, args.state)
        return
    use_a_backend()
    _draw_picture(args.model, args.state, args.to)


if __name__ == "__main__":
    main()

"""Pictures: drawn by another process, of the right size, with something on them."""

from __future__ import annotations

import zlib

import numpy as np
import pytest

from sim.view import HEIGHT, WIDTH, ViewState, save_png, start_picture


def read_png(path) -> np.ndarray:
    """The pixels of a PNG that `save_png` wrote (one IDAT, no filter)."""
    data = path.read_bytes()
    assert data.startswith(b"\x89PNG\r\n\x1a\n")
    at, image = 8, b""
    while at < len(data):
        length = int.from_bytes(data[at : at + 4], "big")
        kind, body = data[at + 4 : at + 8], data[at + 8 : at + 8 + length]
        assert zlib.crc32(kind + body) == int.from_bytes(data[at + 8 + length : at + 12 + length])
        if kind == b"IHDR":
            width, height = int.from_bytes(body[:4]), int.from_bytes(body[4:8])
        image += body if kind == b"IDAT" else b""
        at += 12 + length
    rows = np.frombuffer(zlib.decompress(image), np.uint8).reshape(height, 1 + 3 * width)
    return rows[:, 1:].reshape(height, width, 3)


def test_a_png_holds_its_pixels(tmp_path):
    pixels = np.random.default_rng(0).integers(0, 255, (5, 7, 3), dtype=np.uint8)
    save_png(tmp_path / "a.png", pixels)
    assert (read_png(tmp_path / "a.png") == pixels).all()


@pytest.mark.parametrize("cell", ["cell_a", "cell_b"])
def test_a_picture_of_a_cell_shows_an_arm(world, tmp_path, cell):
    physics = world(cell)
    before = physics.data.qpos.tobytes()
    view = ViewState(physics.model, tmp_path, cell)
    state = tmp_path / "now.state"
    view.write(physics.data.qpos, {"gripper": 1.0}, state)
    drawing = start_picture(view, state, tmp_path / "cell.png")
    _, told = drawing.communicate(timeout=60)
    assert drawing.returncode == 0, told.decode()
    pixels = read_png(tmp_path / "cell.png").astype(int)
    assert pixels.shape == (HEIGHT, WIDTH, 3)
    middle = pixels[200:500, 400:900].reshape(-1, 3)
    if cell == "cell_a":
        orange = (middle[:, 0] > 150) & (middle[:, 0] > middle[:, 2] * 3)
        assert orange.mean() > 0.05
    assert middle.std() > 20
    assert physics.data.qpos.tobytes() == before


def test_a_state_that_is_not_there_is_said(world, tmp_path):
    view = ViewState(world("cell_a").model, tmp_path, "cell_a")
    drawing = start_picture(view, tmp_path / "none.state", tmp_path / "cell.png")
    _, told = drawing.communicate(timeout=60)
    assert drawing.returncode != 0
    assert b"none.state" in told
    assert not (tmp_path / "cell.png").exists()

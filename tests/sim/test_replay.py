"""A replay lasts as long as what it shows."""

import numpy as np
import pytest
from PIL import Image

from sim.replay import write_gif


@pytest.mark.parametrize("fps", [4.0, 15.0, 30.0])
def test_a_gif_takes_as_long_as_it_did_in_the_plant(tmp_path, fps: float) -> None:
    rng = np.random.default_rng(1)
    count = int(3 * fps)
    shots = [(k / fps, rng.integers(0, 255, (20, 30, 3), dtype=np.uint8)) for k in range(count)]
    path = tmp_path / "replay.gif"
    write_gif(path, iter(shots), fps)
    with Image.open(path) as picture:
        assert picture.n_frames == count
        total_ms = 0.0
        for frame in range(count):
            picture.seek(frame)
            total_ms += picture.info["duration"]
    assert total_ms == pytest.approx(3000.0, abs=10.0)

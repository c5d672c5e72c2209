"""Who only reads cycles pays neither time nor memory for the libraries that plan them."""

import json
import subprocess
import sys
from pathlib import Path

PROBE = r"""
import json, re, sys, time
from pathlib import Path
start = time.perf_counter()
import planners.motion
print(json.dumps({
    "seconds": time.perf_counter() - start,
    "rss_mb": int(re.search(r"VmRSS:\s+(\d+)", Path("/proc/self/status").read_text())[1]) / 1024,
    "heavy": [m for m in ("pinocchio", "coal", "copp_py", "xacro", "mujoco") if m in sys.modules],
}))
"""


def test_importing_motion_is_light():
    root = Path(__file__).parents[3]
    out = subprocess.run(
        [sys.executable, "-c", PROBE],
        cwd=root,
        capture_output=True,
        text=True,
        check=True,
        timeout=60,
    )
    seen = json.loads(out.stdout)
    assert seen["heavy"] == []
    assert seen["rss_mb"] < 110

"""Runs the simulated controller: `python -m sim.rtde --port 30004`.

Its port is the first line that it prints. Each line on its standard input is a JSON object such as
`{"do": "reboot", "down_s": 0.5}`, answered by a line of JSON; it ends when its input does. What can
be done: `RtdeServer.do_...`.
"""

from __future__ import annotations

import argparse
import contextlib
import gc
import json
import os
import sys
from typing import Final

from sim.rtde.server import RtdeServer

_PRIORITY: Final = 22
"""Above the servo's (20): what is measured is the client, not the server that waits for it."""


def main() -> None:
    """Serve until standard input ends."""
    parser = argparse.ArgumentParser(prog="python -m sim.rtde", description=__doc__)
    parser.add_argument("--port", type=int, default=0, help="0: a free one, which is printed")
    parser.add_argument("--host", default="127.0.0.1", help="the address to listen at")
    options = parser.parse_args()
    server = RtdeServer(options.port, options.host)
    rest = b""
    ended = False

    def hear() -> None:
        nonlocal rest, ended
        data = os.read(0, 65536)
        ended = not data
        *lines, rest = (rest + data).split(b"\n")
        for line in lines:
            try:
                answer = server.ask(json.loads(line))
            except (AttributeError, TypeError, KeyError, ValueError) as error:
                answer = {"error": f"{type(error).__name__}: {error}"}
            print(json.dumps(answer), flush=True)

    server.register(0, hear)
    print(server.port, flush=True)
    gc.freeze()
    gc.disable()
    with contextlib.suppress(OSError):
        os.sched_setscheduler(0, os.SCHED_FIFO, os.sched_param(_PRIORITY))
    try:
        while not ended:
            server.turn()
    except KeyboardInterrupt:
        sys.exit(130)
    finally:
        server.close()


if __name__ == "__main__":
    main()

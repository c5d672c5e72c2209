"""Imports the NodeSets once, so that no plant waits for it: a step of set-up."""

from __future__ import annotations

import asyncio
import sys
import time

from robot_cell.errors import RobotCellError
from robot_cell.gateway.opcua.address_space import default_cache_dir, keep_types
from robot_cell.gateway.opcua.nodesets import node_set_folder


def main() -> int:
    """Import the NodeSets, unless that was done before."""
    began_s = time.monotonic()
    try:
        count = asyncio.run(keep_types(node_set_folder()))
    except RobotCellError as error:
        print(f"OPC UA: {error}", file=sys.stderr)
        return 1
    took_s = time.monotonic() - began_s
    print(f"OPC UA: {count} nodes of the standards in {default_cache_dir()}, {took_s:.1f} s")
    return 0


if __name__ == "__main__":
    sys.exit(main())

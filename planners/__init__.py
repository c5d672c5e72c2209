"""Pure mathematics of the plant: kinematics, motion and scheduling. No ROS, no I/O."""

import time

BEGAN_NS = time.time_ns()
"""When this process began to read these packages; see compiled.py."""

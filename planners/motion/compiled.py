"""Kernels of this room are compiled and kept on disk as those of the kinematics are."""

from planners.kinematics.compiled import Kernel, compiled

__all__ = ["Kernel", "compiled"]

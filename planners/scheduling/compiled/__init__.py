"""Compiled code (numba): schedule generation, dispatch rules and local search over arrays.

Importing it imports numba; nothing here is imported before an engine is used.
"""

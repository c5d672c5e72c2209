"""What goes wrong with the OPC UA server itself; what a client did wrong is a status code."""

from __future__ import annotations

from robot_cell.errors import RobotCellError


class OpcUaError(RobotCellError):
    """The OPC UA server cannot be what it should be; the message says what to do."""


class NodeSetError(OpcUaError):
    """A NodeSet is missing, or is not what was tried."""


class UnknownType(OpcUaError):
    """The address space has no such type, or a type no such part."""

"""The root of every error that the drivers raise on purpose."""


class DriverError(Exception):
    """A device cannot be used; the message says which device, what happened and what to do."""

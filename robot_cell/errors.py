"""The root of every error that the middle floor raises on purpose."""


class RobotCellError(Exception):
    """Something is wrong that a person can mend; the message says what, where and how."""

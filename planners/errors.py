"""The root of every error that the planners raise on purpose."""


class PlannerError(Exception):
    """A plan cannot be made; the message says what blocks it and what would help."""

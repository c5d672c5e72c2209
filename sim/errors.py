"""The root of every error that the simulator raises on purpose."""


class SimulationError(Exception):
    """The simulated plant cannot be built or run; the message says what, where and what to do."""


class SceneError(SimulationError):
    """The cell cannot be modelled: its URDF or its frames are not usable."""

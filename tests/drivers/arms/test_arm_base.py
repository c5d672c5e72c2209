"""What drivers of arms may hand on."""

from __future__ import annotations

import numpy as np
import pytest

from drivers.arms import ArmFault, ArmState, ArmTimeout
from drivers.errors import DriverError


def test_a_state_is_vectors_of_one_length() -> None:
    state = ArmState(10_000_000, np.zeros(6), np.zeros(6), np.zeros(6))
    assert state.positions.shape == (6,)


@pytest.mark.parametrize("name", ["positions", "velocities", "efforts"])
@pytest.mark.parametrize("wrong", [np.zeros(5), np.zeros((6, 1)), np.full(6, np.nan)])
def test_a_wrong_state_is_refused(name: str, wrong: np.ndarray) -> None:
    arrays = {key: np.zeros(6) for key in ("positions", "velocities", "efforts")}
    with pytest.raises(ValueError, match=r"expected|not finite"):
        ArmState(0, **{**arrays, name: wrong})


def test_errors_carry_their_data() -> None:
    fault = ArmFault("kr6", "KSS00276", "robot parameters differ", "Confirm at the panel.")
    assert isinstance(fault, DriverError)
    assert fault.code == "KSS00276"
    assert str(fault) == "arm kr6: fault KSS00276: robot parameters differ. Confirm at the panel."
    assert ArmTimeout("kr6", 0.05).timeout_s == 0.05

"""Piecewise polynomials: end states, numpy's own polynomials as the oracle, held ends."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from robot_cell.execution.segments import Segments, cubic, linear, quintic

finite = st.floats(-3.0, 3.0)


def states(draw_count: int):
    return st.lists(
        st.tuples(st.floats(0.05, 2.0), finite, finite, finite),
        min_size=draw_count,
        max_size=draw_count + 4,
    )


def columns(rows: list[tuple[float, float, float, float]]) -> tuple[np.ndarray, ...]:
    data = np.array(rows)
    times = np.concatenate([[0.0], np.cumsum(data[1:, 0])])
    return times, data[:, 1:2], data[:, 2:3], data[:, 3:4]


@given(states(2))
def test_a_quintic_meets_every_point_in_position_velocity_and_acceleration(rows) -> None:
    times, q, v, a = columns(rows)
    segments = quintic(times, q, v, a)
    for k, instant in enumerate(times):
        position, velocity, acceleration = segments.evaluate(np.array([instant]))
        assert position[0, 0] == pytest.approx(q[k, 0], abs=1e-6)
        assert velocity[0, 0] == pytest.approx(v[k, 0], abs=1e-5)
        assert acceleration[0, 0] == pytest.approx(a[k, 0], abs=1e-3)


@given(states(2))
def test_a_cubic_meets_every_point_in_position_and_velocity(rows) -> None:
    times, q, v, _ = columns(rows)
    position, velocity, _ = cubic(times, q, v).evaluate(times)
    assert position == pytest.approx(q, abs=1e-7)
    assert velocity == pytest.approx(v, abs=1e-6)


def test_positions_and_evaluate_agree_with_numpys_polynomials() -> None:
    rng = np.random.default_rng(3)
    coefficients = rng.normal(size=(4, 6, 2))
    segments = Segments(np.array([0.0, 0.5, 1.0, 1.7, 2.0]), coefficients)
    at = np.linspace(0.0, 2.0, 333)[:-1]
    index = np.searchsorted(segments.times, at, side="right") - 1
    for joint in range(2):
        expected = [
            np.polynomial.Polynomial(coefficients[i, :, joint])(t - segments.times[i])
            for i, t in zip(index, at, strict=True)
        ]
        assert segments.positions(at)[:, joint] == pytest.approx(expected, abs=1e-12)
        assert segments.evaluate(at)[0][:, joint] == pytest.approx(expected, abs=1e-12)


def test_the_ends_are_held() -> None:
    segments = linear(np.array([0.0, 1.0]), np.array([[0.0], [2.0]]))
    assert segments.positions(np.array([-1.0, 5.0]))[:, 0] == pytest.approx([0.0, 2.0])


@given(st.floats(-0.5, 3.0))
def test_one_position_is_that_of_many(at_s):
    rng = np.random.default_rng(3)
    segments = Segments(np.array([0.0, 0.4, 2.0]), rng.uniform(-1.0, 1.0, (2, 6, 3)))
    np.testing.assert_allclose(segments.position(at_s), segments.positions(np.array([at_s]))[0])

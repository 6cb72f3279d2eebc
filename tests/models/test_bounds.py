"""Bounds of error rates, against values from tables and by their definition."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from models.bounds import chance_of_at_most, lower_bound, upper_bound


@pytest.mark.parametrize(
    ("errors", "seen", "bound"),
    [(0, 598, 0.0049971), (3, 100, 0.0757108), (20, 9000, 0.0032275), (0, 0, 1.0), (5, 5, 1.0)],
)
def test_the_bound_is_that_of_clopper_and_pearson(errors: int, seen: int, bound: float) -> None:
    assert upper_bound(errors, seen) == pytest.approx(bound, abs=1e-6)


def test_the_lower_bound_mirrors_the_upper() -> None:
    assert lower_bound(3, 100) == pytest.approx(0.0082258, abs=1e-6)
    assert lower_bound(0, 100) == 0.0


@given(st.integers(1, 200), st.integers(0, 20), st.floats(0.001, 0.5))
def test_the_chance_is_the_sum_of_the_binomial_terms(seen: int, errors: int, rate: float) -> None:
    errors = min(errors, seen)
    exact = sum(math.comb(seen, k) * rate**k * (1 - rate) ** (seen - k) for k in range(errors + 1))

    assert chance_of_at_most(errors, seen, rate) == pytest.approx(exact, abs=1e-9)


@given(st.integers(0, 30), st.integers(1, 3000), st.floats(1.0, 5.0))
def test_values_that_come_in_clusters_count_for_fewer(errors: int, seen: int, effect: float) -> None:
    errors = min(errors, seen)

    assert upper_bound(errors / effect, seen / effect) >= upper_bound(errors, seen) - 1e-9

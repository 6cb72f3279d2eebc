"""What passes unseen, and that the bound behind it holds."""

from __future__ import annotations

import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from extraction.acceptance import NEVER, Thresholds, decide, fit_threshold, shipped_thresholds, upper_bound
from extraction.calibration import calibrated, fit_scaling, scaled
from models.reading import Decision, FieldValue

LIMITS = Thresholds(by_type={"index": 0.95}, by_field={"seller_iban": 0.99}, fitted_on="a test")


def value(
    name: str, confidence: float | None, *, flags: tuple[str, ...] = (), failed: tuple[str, ...] = ()
) -> FieldValue:
    return FieldValue(name, "1", confidence, Decision.TO_VERIFY, flags=flags, failed_rules=failed)


@pytest.mark.parametrize(
    ("field", "decision"),
    [
        (value("meter_index", 0.96), Decision.ACCEPTED),
        (value("meter_index", 0.94), Decision.TO_VERIFY),
        (value("meter_index", None), Decision.TO_VERIFY),
        (value("meter_index", 0.99, flags=("crossed_out",)), Decision.TO_VERIFY),
        (value("meter_index", 0.99, flags=("filled",)), Decision.ACCEPTED),
        (value("meter_index", 0.99, failed=("index.length",)), Decision.TO_VERIFY),
        (value("seller_iban", 0.98), Decision.TO_VERIFY),
        (value("email", 0.9999), Decision.TO_VERIFY),
    ],
)
def test_a_value_passes_when_its_evidence_allows_it(field: FieldValue, decision: Decision) -> None:
    assert decide(field, LIMITS) is decision


def test_the_bound_is_that_of_clopper_and_pearson() -> None:
    assert upper_bound(0, 598) == pytest.approx(0.005, abs=5e-5)
    assert upper_bound(3, 100) == pytest.approx(0.0757, abs=5e-4)
    assert upper_bound(0, 0) == 1.0
    assert upper_bound(5, 5) == 1.0


def test_thin_evidence_sends_everything_to_a_person() -> None:
    assert fit_threshold([(0.999, True)] * 100, error=0.005) == NEVER


def test_the_threshold_lies_above_the_errors() -> None:
    evidence = [(0.99, True)] * 700 + [(0.9, False)] * 20

    assert fit_threshold(evidence, error=0.005) == 0.99


def test_the_promised_error_is_seldom_exceeded() -> None:
    rng = random.Random(7)
    target, exceeded, histories = 0.05, 0, 300
    for _ in range(histories):
        evidence = []
        for _ in range(400):
            confidence = rng.random()
            evidence.append((confidence, rng.random() < confidence))
        limit = fit_threshold(evidence, error=target)
        # accepted values have confidences uniform above the limit, so their true error is the mean of 1 - confidence
        exceeded += limit < NEVER and (1 - limit) / 2 > target
    assert exceeded / histories <= 0.07


@given(st.floats(0.001, 0.999), st.floats(0.001, 0.999))
def test_calibration_keeps_the_order(a: float, b: float) -> None:
    low, high = sorted((a, b))

    assert calibrated(low, "name") <= calibrated(high, "name") <= 0.9999


def test_calibration_makes_an_overconfident_reader_honest() -> None:
    rng = random.Random(3)
    evidence = [(0.99, rng.random() < 0.8) for _ in range(600)] + [(0.6, rng.random() < 0.5) for _ in range(600)]

    slope, offset = fit_scaling(evidence)

    assert scaled(0.99, slope, offset) == pytest.approx(0.8, abs=0.05)
    assert scaled(0.6, slope, offset) == pytest.approx(0.5, abs=0.08)


def test_what_ships_says_what_it_was_fitted_on() -> None:
    shipped = shipped_thresholds()

    assert shipped.fitted_on
    assert shipped.default == NEVER
    assert all(0.8 < limit <= NEVER for limit in shipped.by_type.values())

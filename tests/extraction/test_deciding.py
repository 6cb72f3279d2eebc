"""What passes unseen, and that the promise behind it holds."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from extraction.acceptance import (
    decide,
    design_effect,
    fit_thresholds,
    likeness,
    loosest_level,
    shipped_thresholds,
)
from extraction.calibration import Seen
from models.definitions import DocumentType
from models.promise import NEVER, Thresholds
from models.reading import Decision, FieldValue

LIMITS = Thresholds(
    limit=0.95, by_type={"t_card": 0.97}, by_field={"t_card/email": NEVER, "supplier_invoice/seller_iban": 0.99}
)
CARD, INVOICE = DocumentType.T_CARD, DocumentType.SUPPLIER_INVOICE


def value(
    name: str, confidence: float | None, *, flags: tuple[str, ...] = (), failed: tuple[str, ...] = ()
) -> FieldValue:
    return FieldValue(name, "1", confidence, Decision.TO_VERIFY, flags=flags, failed_rules=failed)


@pytest.mark.parametrize(
    ("kind", "field", "decision"),
    [
        (INVOICE, value("total_tax", 0.96), Decision.ACCEPTED),
        (INVOICE, value("total_tax", 0.94), Decision.TO_VERIFY),
        (INVOICE, value("seller_iban", 0.98), Decision.TO_VERIFY),
        (CARD, value("meter_index", 0.96), Decision.TO_VERIFY),
        (CARD, value("meter_index", 0.98), Decision.ACCEPTED),
        (CARD, value("meter_index", None), Decision.TO_VERIFY),
        (CARD, value("meter_index", 0.99, flags=("crossed_out",)), Decision.TO_VERIFY),
        (CARD, value("meter_index", 0.99, flags=("filled",)), Decision.ACCEPTED),
        (CARD, value("meter_index", 0.99, failed=("index.length",)), Decision.TO_VERIFY),
        (CARD, value("email", 0.9999), Decision.TO_VERIFY),
    ],
)
def test_a_value_passes_when_its_evidence_allows_it(kind: DocumentType, field: FieldValue, decision: Decision) -> None:
    assert decide(field, LIMITS, document_type=kind) is decision


def test_without_evidence_everything_goes_to_a_person() -> None:
    assert decide(value("meter_index", 0.9999), Thresholds(), document_type=CARD) is Decision.TO_VERIFY
    assert shipped_thresholds(1e-6).limit == NEVER


def test_what_ships_keeps_its_promise_on_its_own_evidence() -> None:
    shipped = shipped_thresholds(0.005)

    assert shipped.error <= 0.005
    assert shipped.bound <= 0.005
    assert shipped.errors < 0.005 * shipped.seen
    assert shipped_thresholds(0.0079) == shipped


def history(
    rng: np.random.Generator, *, documents: int, fields: int, clustered: bool
) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.intp]]:
    """Confidence, right and document of values whose confidence claims half of the errors they have."""
    place = rng.random(documents * fields)
    clusters = np.repeat(np.arange(documents), fields)
    # one document in ten is a bad scan that has nearly all the errors
    bad = np.where(rng.random(documents) < 0.1, 9.1, 0.1) if clustered else np.ones(documents)
    wrong = rng.random(len(place)) < error_at(place) * bad[clusters]
    return 1 - error_at(place) / 2, (~wrong).astype(float), clusters


def error_at(place: NDArray[np.float64]) -> NDArray[np.float64]:
    """How likely the values are wrong, by their place from the least sure (0) to the surest (1)."""
    return np.asarray(0.08 * (1 - place) ** 4 + 0.0005, float)


def realised(limit: float) -> float:
    """The error rate of everything whose confidence is `limit` and more, exactly."""
    errors = error_at(np.linspace(0, 1, 20001))
    return float(errors[1 - errors / 2 >= limit].mean())


@pytest.mark.parametrize("clustered", [False, True])
def test_in_a_thousand_histories_the_promise_is_broken_in_five_of_a_hundred_at_most(*, clustered: bool) -> None:
    rng = np.random.default_rng(2611)
    target, broken, passed = 0.005, 0, 0
    for _ in range(1000):
        confidence, right, clusters = history(rng, documents=600, fields=12, clustered=clustered)
        limit, _ = loosest_level(confidence, right, clusters, error=target, risk=0.05)
        broken += limit < NEVER and realised(limit) > target
        passed += limit < NEVER

    assert broken <= 50
    assert passed > 800


def test_thin_evidence_lets_nothing_pass() -> None:
    confidence, right = np.full(700, 0.999), np.ones(700)

    assert loosest_level(confidence, right, np.arange(700), error=0.005, risk=0.05)[0] == NEVER
    assert loosest_level(confidence[:0], right[:0], np.arange(0), error=0.005, risk=0.05)[0] == NEVER


def test_values_alike_pass_together() -> None:
    confidence = np.repeat([0.99, 0.9], [900, 900])
    right = np.concatenate([np.ones(900), np.zeros(900)])

    limit, passed = loosest_level(confidence, right, np.arange(1800), error=0.005, risk=0.05)

    assert (limit, len(passed)) == (0.99, 900)


def test_errors_that_come_together_make_the_evidence_worth_less() -> None:
    clusters = np.repeat(np.arange(200), 10)
    scattered = np.ones(2000)
    scattered[::100] = 0
    together = np.ones(2000)
    together[:20] = 0

    assert likeness(scattered, clusters) == pytest.approx(0.0, abs=0.01)
    assert likeness(together, clusters) > 0.9
    assert design_effect(0.5, clusters, np.arange(2000)) == pytest.approx(5.5)


def seen(document: int, name: str, *, right: bool, kind: str = "t_card", eligible: bool = True) -> Seen:
    return Seen(f"d{document:04d}", kind, name, "text", {"odds": 5.0}, right=right, eligible=eligible)


def test_a_field_whose_own_errors_contradict_the_promise_is_pulled_out() -> None:
    values = [seen(d, name, right=True) for d in range(400) for name in ("a", "b", "c", "d", "e")]
    values += [seen(d, "email", right=d % 21 != 0) for d in range(400)]

    fitted = fit_thresholds(values, np.full(len(values), 0.99), error=0.005)

    assert fitted.by_field == {"t_card/email": NEVER}
    assert fitted.limit <= 0.99
    assert fitted.errors == 0


def test_a_field_whose_errors_are_among_its_less_sure_values_passes_where_it_is_surer() -> None:
    values = [seen(d, name, right=True) for d in range(600) for name in ("a", "b", "c", "d", "e")]
    confidence = [0.999] * len(values)
    for d in range(600):
        sure = d % 3 > 0
        values.append(seen(d, "email", right=sure or d % 21 != 0))
        confidence.append(0.9995 if sure else 0.96)

    fitted = fit_thresholds(values, np.array(confidence), error=0.005)

    assert 0.96 < fitted.by_field["t_card/email"] <= 0.9995


def test_a_document_type_that_would_break_the_promise_alone_is_held_to_a_stricter_limit() -> None:
    rng = np.random.default_rng(5)
    values, confidence = [], []
    for d in range(600):
        kind = "supplier_invoice" if d % 10 == 0 else "t_card"
        for name in "abcdefgh":
            sure = 1 - 10 ** -rng.uniform(1.3, 4)
            wrong = rng.random() < (1 - sure) * (2 if kind == "supplier_invoice" else 0.1)
            values.append(seen(d, name, right=not wrong, kind=kind))
            confidence.append(sure)

    fitted = fit_thresholds(values, np.array(confidence), error=0.005)

    assert fitted.limit < NEVER
    assert fitted.by_type.get("supplier_invoice", 0.0) > fitted.limit


def test_values_that_a_flag_sends_to_a_person_never_count_as_passed() -> None:
    values = [seen(d, "a", right=d % 3 > 0, eligible=d % 3 > 0) for d in range(3000)]

    fitted = fit_thresholds(values, np.full(3000, 0.999), error=0.005)

    assert (fitted.seen, fitted.errors) == (2000, 0)

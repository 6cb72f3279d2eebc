"""Confidence that means what it says, with fields of thin evidence drawn to those above them."""

from __future__ import annotations

import numpy as np
import pytest

from extraction.calibration import (
    HONEST,
    MOST,
    Calibration,
    Seen,
    Table,
    calibrated,
    calibration_error,
    fit_calibration,
    held_out,
    shipped_calibration,
)
from models.definitions import DocumentType
from models.reading import Decision, FieldValue


def a_site(documents: int, *, seed: int = 1) -> list[Seen]:
    """Readers that are too sure, two fields that differ, and poor scans."""
    rng = np.random.default_rng(seed)
    found = []
    for document in range(documents):
        bitonal = document % 4 == 0
        for name, value_type, harder in (("email", "email", 1.5), ("iban", "iban", -1.0), ("city", "city", 0.0)):
            odds = rng.uniform(0, 7)
            truth = 0.7 * odds + 0.5 - harder - 1.2 * bitonal
            right = rng.random() < 1 / (1 + np.exp(-truth))
            evidence = {"odds": odds} | ({"bitonal": 1.0} if bitonal else {})
            found.append(Seen(f"d{document}", "t_card", name, value_type, evidence, right=bool(right)))
    return found


def test_held_out_confidence_is_calibrated() -> None:
    seen = a_site(1500)
    table = Table.of(seen)
    raw = np.array([HONEST.of(each) for each in seen])

    assert calibration_error(raw, table.right) > 0.05
    assert calibration_error(held_out(table), table.right) < 0.02


def test_the_same_evidence_gives_the_same_calibration() -> None:
    seen = a_site(200)

    assert fit_calibration(Table.of(seen)) == fit_calibration(Table.of(seen))


def test_a_field_seldom_seen_is_calibrated_as_its_value_type() -> None:
    seen = a_site(800)
    fitted = fit_calibration(Table.of(seen))
    unknown = fitted.probability({"odds": 3.0}, document_type="t_card", name="second_email", value_type="email")
    email = fitted.probability({"odds": 3.0}, document_type="t_card", name="email", value_type="email")
    iban = fitted.probability({"odds": 3.0}, document_type="t_card", name="iban", value_type="iban")

    assert email < unknown < iban


def test_poor_pages_make_values_less_sure() -> None:
    fitted = fit_calibration(Table.of(a_site(800)))

    good = fitted.probability({"odds": 3.0}, document_type="t_card", name="city", value_type="city")
    poor = fitted.probability({"odds": 3.0, "bitonal": 1.0}, document_type="t_card", name="city", value_type="city")

    assert poor < good - 0.05


def test_without_evidence_what_is_believed_stays() -> None:
    believed = Calibration({"odds": 0.8, "one": 0.3})

    assert fit_calibration(Table.of([]), believed=believed).coefficients == believed.coefficients


def test_a_site_moves_what_ships_by_its_own_evidence() -> None:
    believed = fit_calibration(Table.of(a_site(800)))
    worse = [Seen(f"x{d}", "t_card", "iban", "iban", {"odds": 5.0}, right=d % 2 == 0) for d in range(100)]
    moved = fit_calibration(Table.of(worse), believed=believed)

    before, after = (c.of(worse[0]) for c in (believed, moved))
    assert before > 0.9
    assert after == pytest.approx(0.5, abs=0.1)
    assert moved.coefficients["bitonal"] == believed.coefficients["bitonal"]


def test_a_weight_counts_as_so_many_values() -> None:
    base = a_site(100)
    heavy = [Seen(s.document, s.document_type, s.name, s.value_type, s.evidence, s.right, weight=2.0) for s in base]

    once = fit_calibration(Table.of([*base, *base]))
    weighed = fit_calibration(Table.of(heavy))

    for name, number in weighed.coefficients.items():
        assert once.coefficients[name] == pytest.approx(number, abs=0.05)


def test_no_value_is_surer_than_the_evidence_supports() -> None:
    value = FieldValue("iban", "FR76", 1.0, Decision.TO_VERIFY, raw_confidence=1.0, evidence={"odds": 7.0, "one": 9.0})

    sure = calibrated(value, Calibration({"odds": 30.0}), document_type=DocumentType.T_CARD, value_type="iban")

    assert sure.confidence == MOST
    assert sure.raw_confidence == 1.0


def test_data_of_an_e_invoice_keeps_its_confidence() -> None:
    value = FieldValue("total_tax", "1.00", 0.999, Decision.TO_VERIFY, raw_confidence=0.999, evidence={"data": 1.0})
    kind = DocumentType.SUPPLIER_INVOICE

    assert calibrated(value, Calibration({}), document_type=kind, value_type="amount").confidence == 0.999


def test_what_ships_says_what_it_was_fitted_on() -> None:
    shipped = shipped_calibration()

    assert "documents" in shipped.fitted_on
    surer = [
        shipped.probability({"odds": odds}, document_type="t_card", name="meter_index", value_type="index")
        for odds in (0.0, 2.0, 4.0, 6.0)
    ]
    assert surer == sorted(surer)

"""The weights of mail types are fitted from drawn letters and hold what they promise on letters of another seed."""

from __future__ import annotations

import random

import numpy as np
import pytest

from classifiers.evidence import beforehand, names
from classifiers.page_types import document_types, shipped_weights
from models.definitions import DocumentType
from pipeline.training.classifier import samples
from pipeline.training.logistic import calibration_error, fit
from pipeline.training.mail.as_read import as_read
from pipeline.training.mail.letters import draw_letter
from pipeline.training.mail.wording import words


def test_every_piece_of_evidence_has_a_name_and_a_weight_of_its_own() -> None:
    assert len(set(names())) == len(names()) == len(beforehand()) == len(shipped_weights().weights)


def test_letters_of_another_seed_are_told_apart() -> None:
    letters = list(samples(977, 60, fonts=None))

    right = [
        (document_types(letter.pages)[0].document_type is DocumentType.SUPPLIER_INVOICE) == letter.invoice
        for letter in letters
    ]
    assert len(letters) > 50
    assert sum(right) >= len(right) - 3


def test_a_fit_raises_what_goes_with_invoices_and_lowers_what_does_not() -> None:
    rng = np.random.default_rng(0)
    x = (rng.random((400, len(names()))) < 0.3).astype(float)
    at = names().index("échéance")

    start = np.array([-2.0, *beforehand()])

    with_it, against_it = fit(x, x[:, at] > 0, start, ridge=2.0), fit(x, x[:, at] == 0, start, ridge=2.0)
    held = fit(x, x[:, at] == 0, start, ridge=1e6)

    assert with_it[1 + at] > beforehand()[at] > against_it[1 + at]
    assert held[1:] == pytest.approx(np.array(beforehand()), abs=0.01)


@pytest.mark.parametrize("kind", sorted({*words("letters"), *words("lookalikes")}))
def test_every_kind_of_letter_can_be_drawn_and_is_none_of_ours(kind: str) -> None:
    drawn = draw_letter(np.random.default_rng(11), kind, render=False)

    assert drawn.truth["document_type"] == "other" and drawn.truth["fields"]["kind"] == kind
    assert drawn.pdf is not None and drawn.pdf.startswith(b"%PDF")


def test_a_letter_by_hand_is_pen_strokes_to_the_eye() -> None:
    drawn = draw_letter(np.random.default_rng(5), "handwritten", render=False)
    (text, look), *_ = as_read(drawn, np.random.default_rng(0), random.Random(0), rate=0.0)

    assert look.pen > 0.1
    assert document_types([(text, look)])[0].document_type is DocumentType.OTHER


@pytest.mark.parametrize(("claimed", "expected"), [(0.75, 0.0), (0.95, 0.2)])
def test_calibration_error_is_the_gap_between_claim_and_outcome(claimed: float, expected: float) -> None:
    truth = np.array([True, True, True, False] * 25)

    assert calibration_error(np.full(100, claimed), truth) == pytest.approx(expected, abs=0.01)

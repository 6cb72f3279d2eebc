"""Drawn mail says what its truth says, is the same for the same seed and different for another."""

from __future__ import annotations

import re
from decimal import Decimal

import numpy as np
import pypdfium2 as pdfium
import pytest

from models.values.bank import check_iban
from models.values.identifiers import check_siret, check_vat_id
from pipeline.training.mail.drawing import Drawn
from pipeline.training.mail.invoices import draw_invoice
from pipeline.training.mail.receipts import draw_receipt


def text_of(drawn: Drawn) -> str:
    assert drawn.pdf is not None
    document = pdfium.PdfDocument(drawn.pdf)
    return "\n".join(page.get_textpage().get_text_range() for page in document)


def compact(text: str) -> str:
    return re.sub(r"[\s.,\u00a0]", "", text)


def invoice(seed: int) -> Drawn:
    return draw_invoice(np.random.default_rng(seed), render=False)


@pytest.mark.parametrize("seed", range(25))
def test_what_the_truth_of_an_invoice_states_is_printed_on_it(seed: int) -> None:
    drawn = invoice(seed)
    fields, page = drawn.truth["fields"], compact(text_of(drawn))

    printed = ("invoice_number", "seller_siret", "seller_vat_id", "seller_iban", "buyer_siret", "order_reference",
               "contract_reference", "buyer_service_code", "total_without_tax", "total_with_tax",
               "amount_due")  # fmt: skip
    missing = [name for name in printed if name in fields and compact(fields[name]) not in page]
    assert missing == []
    assert all(compact(line["line_total"]) in page for line in fields["lines"])


@pytest.mark.parametrize("seed", range(25))
def test_a_drawn_invoice_keeps_the_rules_of_invoices(seed: int) -> None:
    fields = invoice(seed).truth["fields"]

    assert not check_siret(fields.get("seller_siret", "73282932000074"))
    assert not check_vat_id(fields.get("seller_vat_id", "FR44732829320"))
    assert not check_iban(fields.get("seller_iban", "FR7630006000011234567890189"))
    if {"total_without_tax", "total_tax", "total_with_tax"} <= fields.keys():
        assert Decimal(fields["total_without_tax"]) + Decimal(fields["total_tax"]) == Decimal(fields["total_with_tax"])


def test_the_same_seed_draws_the_same_invoice_and_another_seed_another() -> None:
    assert invoice(3).pdf == invoice(3).pdf
    assert invoice(3).pdf != invoice(4).pdf


def test_invoices_come_in_many_kinds() -> None:
    drawn = [invoice(seed) for seed in range(80)]
    fields = [d.truth["fields"] for d in drawn]

    assert {f["document_kind"] for f in fields} == {"invoice", "credit_note"}
    assert any(f["amount_due"] != f.get("total_with_tax") for f in fields)
    assert any(len(f.get("vat_breakdown", ())) > 1 for f in fields)
    assert any(len(pdfium.PdfDocument(d.pdf)) > 1 for d in drawn)


@pytest.mark.parametrize("seed", range(10))
def test_a_receipt_prints_its_total(seed: int) -> None:
    drawn = draw_receipt(np.random.default_rng(seed), render=False)

    assert compact(drawn.truth["fields"]["total_with_tax"]) in compact(text_of(drawn))


def test_pages_are_pictures_at_300_dpi() -> None:
    drawn = draw_invoice(np.random.default_rng(0))

    assert drawn.pages[0].shape[:2] == (3508, 2481)

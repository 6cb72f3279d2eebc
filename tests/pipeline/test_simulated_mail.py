"""Drawn mail says what its truth says, is the same for the same seed and different for another."""

from __future__ import annotations

import re
from decimal import Decimal
from pathlib import Path

import numpy as np
import pypdfium2 as pdfium
import pytest
from PIL import Image, ImageSequence

from models.values.bank import check_iban
from models.values.identifiers import check_siret, check_vat_id
from pipeline.training.mail.drawing import Drawn
from pipeline.training.mail.invoices import draw_invoice
from pipeline.training.mail.letters import draw_letter
from pipeline.training.mail.receipts import draw_receipt
from pipeline.training.mail.stacks import Draw, draw_stack, save
from pipeline.training.mail.wording import words


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


@pytest.mark.parametrize("kind", [*sorted(words("lookalikes")), *sorted(words("letters"))])
def test_every_kind_of_other_mail_is_drawn_and_is_no_invoice(kind: str) -> None:
    drawn = draw_letter(np.random.default_rng(5), kind, render=False)

    assert drawn.truth == {"document_type": "other", "form": None, "fields": {"kind": kind}}
    assert len(text_of(drawn)) > 20


def letters(count: int) -> list[Draw]:
    return [lambda rng: draw_letter(rng, "dunning")] * count


def test_a_stack_accounts_for_its_sheets_and_puts_separators_between_letters() -> None:
    stack = draw_stack(np.random.default_rng(1), letters(3), separator="patch", duplex=False, hard=0.1)

    pages = [number for document in stack.truth["documents"] for number in document["pages"]]
    assert len(stack.scans) == stack.truth["sheets"] >= len(pages) + 2
    assert pages == sorted(set(pages))
    assert len({one.dpi for one in stack.scans}) == 1


@pytest.mark.parametrize("suffix", [".pdf", ".tif"])
def test_a_saved_stack_has_a_page_for_each_sheet_at_its_size(suffix: str, tmp_path: Path) -> None:
    stack = draw_stack(np.random.default_rng(2), letters(2), separator="none", duplex=False, hard=0.0)
    file = tmp_path / f"stack{suffix}"

    save(stack.scans, file, rng=np.random.default_rng(0))

    if suffix == ".pdf":
        pages = pdfium.PdfDocument(file)
        width_mm = pages[0].get_width() * 25.4 / 72
    else:
        pages = list(ImageSequence.Iterator(Image.open(file)))
        width_mm = pages[0].size[0] / stack.scans[0].dpi * 25.4
    assert len(pages) == stack.truth["sheets"]
    assert 190 < width_mm < 240

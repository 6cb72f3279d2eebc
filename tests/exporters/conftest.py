"""A verified invoice, T-card and mandate as they reach an exporter. Names, accounts and numbers are made up."""

from __future__ import annotations

import hashlib
import io
from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import UTC, datetime

import pytest
from PIL import Image, ImageDraw

from models.definitions import DocumentType, field_definition
from models.geometry import Box
from models.handover import ReleasedDocument, ReleasedField, ReleasedMaster, ReleasedPage
from models.reading import InvoiceLine, Value, VatShare
from models.text import PageText, TextLine, Word

NOW = datetime(2026, 11, 24, 9, 30, tzinfo=UTC)
MASTER = b"%PDF-1.4 the scan exactly as it came"
INVOICE_VALUES: dict[str, Value] = {
    "invoice_number": "2026/03/878",
    "issue_date": "2026-11-13",
    "due_date": "2026-12-13",
    "document_kind": "invoice",
    "seller_name": "Ets Morel & Fils SARL",
    "seller_siret": "73282932000074",
    "seller_vat_id": "FR44732829320",
    "seller_iban": "FR7630006000011234567890189",
    "buyer_name": "Régie des Eaux de Montbrel",
    "buyer_siret": "35600000049837",
    "buyer_service_code": "COMPTA",
    "order_reference": "26E55448",
    "contract_reference": None,
    "currency": "EUR",
    "total_without_tax": "3592.00",
    "total_tax": "359.20",
    "total_with_tax": "3951.20",
    "amount_due": "3951.20",
}
CARD_VALUES: dict[str, Value] = {
    "subscriber_reference": "88959566",
    "meter_serial": "D08EA172077",
    "previous_index": "3482",
    "meter_index": "3534",
    "reading_date": "2026-10-11",
    "remark": ["leak_suspected"],
    "signature": True,
}
MANDATE_VALUES: dict[str, Value] = {
    "mandate_reference": "RUM2025719506",
    "creditor_identifier": "FR46ZZZ005002",
    "debtor_name": "VINCENT REMY",
    "debtor_street": "67 BIS ALLEE DE LA GARE",
    "debtor_postal_code": "25710",
    "debtor_city": "VAL CLAIR",
    "iban": "FR7630006000011234567890189",
    "bic": None,
    "payment_type": "recurrent",
    "signature_date": "2026-11-08",
    "signature": True,
}


def drawn(mode: str = "L", size: tuple[int, int] = (826, 1169), kind: str = "PNG") -> bytes:
    """A page of 100 dpi with a few strokes."""
    picture = Image.new("RGB", size, "white")
    pen = ImageDraw.Draw(picture)
    for row in range(80, 400, 40):
        pen.line((100, row, 500 + row, row), fill=(20, 20, 120), width=3)
    target = io.BytesIO()
    picture.convert(mode).save(target, kind)
    return target.getvalue()


def line_of(text: str, x: float, y: float, *, height: float = 20, letter: float = 9) -> TextLine:
    """A printed line with its words in pixels."""
    words, at = [], x
    for word in text.split():
        words.append(Word(word, Box(at, y, len(word) * letter, height), 0.95))
        at += (len(word) + 1) * letter
    return TextLine(text, Box(x, y, at - letter - x, height), 0.95, tuple(words))


def page_text(*lines: str, size: tuple[int, int] = (826, 1169)) -> PageText:
    """Lines one below the other."""
    placed = tuple(line_of(text, 80, 60 + 40 * number) for number, text in enumerate(lines))
    return PageText(placed, size[0], size[1], 100.0, "ocr")


def made(document_type: DocumentType, values: Mapping[str, Value], **changes: object) -> ReleasedDocument:
    """A document with these values, each verified by a coder."""
    fields = {}
    for name, value in values.items():
        known = field_definition(name)
        fields[name] = ReleasedField(name, known.label_fr, known.value_type, value, "coder-1", confidence=0.9)
    document = ReleasedDocument(
        id="d0c0" * 8,
        batch_id="ba7c" * 8,
        batch_label="2611-0042",
        position=2,
        document_type=document_type,
        form=None,
        received_at=NOW,
        verified_at=NOW,
        fields=fields,
        pages=(ReleasedPage(1, drawn, 100.0, page_text("Facture n° 2026/03/878", "Net à payer 3 951,20 €"), "E00042"),),
        masters=(ReleasedMaster(hashlib.sha256(MASTER).hexdigest(), len(MASTER), "pdf", lambda: MASTER, (1,), True),),
    )
    return replace(document, **changes)  # type: ignore[arg-type]


@pytest.fixture
def now() -> Callable[[], datetime]:
    return lambda: NOW


@pytest.fixture
def invoice() -> Callable[..., ReleasedDocument]:
    def make(change: Mapping[str, Value] | None = None, **changes: object) -> ReleasedDocument:
        more: dict[str, object] = {
            "vat_breakdown": (VatShare("10", "3592.00", "359.20"),),
            "lines": (InvoiceLine("Regard béton 40x40", "40", "89.80", "3592.00", "10"),),
        }
        return made(DocumentType.SUPPLIER_INVOICE, {**INVOICE_VALUES, **(change or {})}, **{**more, **changes})

    return make


@pytest.fixture
def card() -> Callable[..., ReleasedDocument]:
    return lambda change=None, **changes: made(DocumentType.T_CARD, {**CARD_VALUES, **(change or {})}, **changes)


@pytest.fixture
def mandate() -> Callable[..., ReleasedDocument]:
    return lambda change=None, **changes: made(
        DocumentType.SEPA_MANDATE, {**MANDATE_VALUES, **(change or {})}, **changes
    )

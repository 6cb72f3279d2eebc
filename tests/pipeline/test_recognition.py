"""What is decided of a whole document beside its single values."""

from __future__ import annotations

from dataclasses import replace
from datetime import date

import pytest

from classifiers.page_types import page_types
from models.definitions import DocumentType
from models.geometry import Box
from models.promise import is_eligible
from models.reading import (
    SURE_OF_BOUNDARY,
    Boundaries,
    Decision,
    DocumentReading,
    FieldValue,
    PageReading,
    Quality,
    Value,
)
from models.text import PageText, TextLine
from pipeline.engines import templates
from pipeline.recognition import SURE_OF_TYPE, _suspicious_if_empty, understand

CARD = next(t.definition for t in templates(()) if t.id == "tcard-a")


def fields(**values: Value) -> dict[str, FieldValue]:
    return {name: FieldValue(name, value, 0.999, Decision.TO_VERIFY) for name, value in values.items()}


def test_a_card_on_which_nothing_is_written_goes_to_a_person() -> None:
    found = _suspicious_if_empty(
        fields(subscriber_name="DURAND", meter_index=None, phone="", remark=[], signature=False), CARD
    )

    assert is_eligible(found["subscriber_name"])
    assert not any(is_eligible(found[name]) for name in ("meter_index", "phone", "remark", "signature"))


def test_a_speck_read_in_a_field_that_may_be_empty_is_no_writing() -> None:
    """A black and white scan lost the ink; dots are left on the line of a field that nobody must fill in."""
    found = _suspicious_if_empty(fields(meter_index=None, phone="1", remark=[], signature=False), CARD)

    assert not any(is_eligible(found[name]) for name in ("meter_index", "remark", "signature"))


def test_a_speck_read_where_something_must_be_is_no_writing_either() -> None:
    empty = fields(meter_index="1", phone=None, remark=[], signature=False)
    empty["meter_index"] = replace(empty["meter_index"], confidence=0.05)

    found = _suspicious_if_empty(empty, CARD)

    assert not any(is_eligible(value) for value in found.values())


@pytest.mark.parametrize("written", [{"meter_index": "12"}, {"remark": ["leak_suspected"]}, {"signature": True}])
def test_one_mark_of_a_pen_is_enough(written: dict[str, Value]) -> None:
    empty: dict[str, Value] = {"meter_index": None, "phone": None, "remark": [], "signature": False}
    found = _suspicious_if_empty(fields(**empty | written), CARD)

    assert all(is_eligible(value) for value in found.values())


def test_where_the_writing_is_mostly_illegible_a_tick_may_be_gone() -> None:
    form = next(t.definition for t in templates(()) if t.id == "subscription-a")
    values = fields(civility=None, e_invoice=[], last_name="Y EMILE", street="8 84", city="ANGERS", phone="0123456789")
    unread = {name: replace(values[name], confidence=0.1) for name in ("last_name", "street", "phone")}

    found = _suspicious_if_empty({**values, **unread}, form)

    assert [name for name, value in found.items() if not is_eligible(value)] == ["civility", "e_invoice"]
    assert all(is_eligible(value) for value in _suspicious_if_empty(values, form).values())


ROWS = (
    "FACTURE N° FA2026-118", "Date de facture : 03/02/2026", "Désignation Quantité Prix unitaire HT",
    "Total HT 100,00", "TVA 20 % 20,00", "Total TTC 120,00", "Net à payer 120,00", "Échéance 05/03/2026",
)  # fmt: skip


def understood(
    boundaries: Boundaries | None, *, said: tuple[DocumentType, str | None] | None = None
) -> DocumentReading:
    lines = tuple(TextLine(row, Box(120, 200 + 90 * at, 900, 30), 0.99) for at, row in enumerate(ROWS))
    text = PageText(lines, 1654, 2339, 200, "ocr")
    page = PageReading(1654, 2339, 200, 0, 0.0, False, Quality(200, 1, 1, 0, False), text=text, types=page_types(text))
    return understand([page], [1], (), today=date(2026, 2, 10), boundaries=boundaries, said=said)


def test_an_unsure_boundary_sends_the_document_to_a_person() -> None:
    sure = understood(Boundaries(SURE_OF_BOUNDARY, "page 1"))
    unsure = understood(Boundaries(SURE_OF_BOUNDARY - 0.01, "page précédente pleine"))

    assert sure.type_confidence >= SURE_OF_TYPE > unsure.type_confidence
    assert unsure.boundaries is not None and unsure.boundaries.reason == "page précédente pleine"
    assert unsure.fields and not any(is_eligible(value) for value in unsure.fields.values())
    assert all(value.decision is Decision.TO_VERIFY for value in unsure.fields.values())


def test_a_person_who_named_the_type_has_seen_the_pages() -> None:
    said = understood(Boundaries(0.6, "page précédente pleine"), said=(DocumentType.SUPPLIER_INVOICE, None))

    assert said.type_confidence == 1.0
    assert not any("unsure_boundary" in value.flags for value in said.fields.values())

"""What the words of a drawn invoice are, found again by its truth."""

from __future__ import annotations

from extraction.invoices.page_layout import Document
from extraction.invoices.word_roles import ROLES
from models.geometry import Box
from models.text import PageText, TextLine, Word
from pipeline.training.invoice_roles import lessons_of

DPI = 200.0


def page(*words: tuple[str, float, float]) -> PageText:
    """Words by left edge and top in millimetres."""
    lines = []
    for text, x, y in words:
        place = x
        for part in text.split():
            box = Box(place, y, len(part) * 1.6, 3.0).scaled(DPI / 25.4)
            lines.append(TextLine(part, box, 1.0, (Word(part, box, 1.0),), (), "drawn"))
            place += (len(part) + 0.6) * 1.6
    return PageText(tuple(lines), int(210 / 25.4 * DPI), int(297 / 25.4 * DPI), DPI, "ocr")


def test_words_are_named_by_the_fields_and_lines_they_stand_for() -> None:
    document = Document.of(
        [
            page(
                ("Durand Travaux", 15, 12),
                ("Facture n° FA 12", 15, 40),
                ("4 mars 2026", 120, 40),
                ("Vanne DN 40", 15, 100),
                ("2", 120, 100),
                ("50,00", 140, 100),
                ("100,00", 170, 100),
                ("Total 120,00 €", 140, 180),
            )
        ]
    )
    fields = {"seller_name": "DURAND TRAVAUX", "invoice_number": "FA12", "issue_date": "2026-03-04"}
    line = {"description": "Vanne DN 40", "quantity": "2", "unit_price": "50.00", "line_total": "100.00"}
    (lesson,) = lessons_of(document, {**fields, "total_with_tax": "120.00", "due_date": None}, [line])
    found: dict[str, list[str]] = {}
    for token, roles in zip(lesson.seen.tokens, lesson.roles, strict=True):
        for role, here in zip(ROLES, roles, strict=True):
            if here:
                found.setdefault(role, []).append(token.text)

    assert found == {
        "seller_name": ["Durand", "Travaux"],
        "invoice_number": ["FA", "12"],
        "issue_date": ["4", "mars", "2026"],
        "description": ["Vanne", "DN", "40"],
        "quantity": ["2"],
        "unit_price": ["50,00"],
        "line_total": ["100,00"],
        "total_with_tax": ["120,00"],
    }


def test_lines_that_are_not_known_are_not_learned() -> None:
    (lesson,) = lessons_of(Document.of([page(("Total 120,00", 15, 12))]), {}, None)

    assert not lesson.lines_known
    assert not lesson.roles.any()

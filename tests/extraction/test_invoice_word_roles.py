"""What every word of an invoice probably is."""

from __future__ import annotations

import numpy as np

from extraction.invoices.options import GROUP_OF
from extraction.invoices.page_layout import Document
from extraction.invoices.word_roles import FIELDS, MOST_WORDS, ROLES, pieces_of, roles_of, seen
from models.geometry import Box
from models.text import PageText, TextLine, Word

DPI = 200.0
Placed = tuple[str, float, float]


def page(*words: Placed) -> PageText:
    """Single words by left edge and top in millimetres."""
    lines = []
    for text, x, y in words:
        box = Box(x, y, len(text) * 1.6, 3.0).scaled(DPI / 25.4)
        lines.append(TextLine(text, box, 1.0, (Word(text, box, 1.0),), (), "drawn"))
    return PageText(tuple(lines), int(210 / 25.4 * DPI), int(297 / 25.4 * DPI), DPI, "ocr")


def test_the_network_knows_the_fields_that_are_chosen() -> None:
    assert tuple(GROUP_OF) == FIELDS


def test_figures_do_not_matter_and_letters_do() -> None:
    assert pieces_of("1.234,50") == pieces_of("9.876,12")
    assert pieces_of("Facture") != pieces_of("Fracture")


def test_a_word_knows_its_neighbours_left_right_and_above() -> None:
    document = Document.of([page(("Total", 100, 50), ("TTC", 120, 50), ("120,00", 120, 60))])
    (some,) = seen(document)

    assert [token.text for token in some.tokens] == ["Total", "TTC", "120,00"]
    assert some.near.tolist() == [[0, 2, 0], [1, 0, 0], [0, 0, 2]]
    assert some.places.tolist() == [0, 1, 0]


def test_a_page_of_many_words_is_looked_at_in_parts() -> None:
    rows = [(f"mot{row}", 10.0 + 20 * column, 10.0 + 3.5 * row) for row in range(80) for column in range(9)]
    parts = list(seen(Document.of([page(*rows)])))

    assert sum(len(part.tokens) for part in parts) == len(rows)
    assert max(len(part.tokens) for part in parts) <= MOST_WORDS


def test_the_shipped_network_tells_a_number_a_day_and_a_total_apart() -> None:
    words = page(
        *(("Durand", 15, 12), ("SARL", 28, 12), ("12", 15, 17), ("rue", 20, 17), ("Haute", 28, 17), ("38000", 15, 22)),
        *(("Grenoble", 28, 22), ("Facture", 15, 60), ("N°", 30, 60), ("FA2026-118", 38, 60), ("Date", 15, 66)),
        *((":", 23, 66), ("04/03/2026", 28, 66), ("Total", 120, 180), ("HT", 132, 180), ("100,00", 180, 180)),
        *(("TVA", 120, 186), ("20,00", 180, 186), ("Total", 120, 192), ("TTC", 132, 192), ("120,00", 180, 192)),
    )
    document = Document.of([words])
    scores = roles_of(document)
    roles = {
        token.text: ROLES[int(np.argmax(scores[id(token)]))]
        for cell in document.cells
        for token in cell.tokens
        if token.text in ("FA2026-118", "04/03/2026", "120,00")
    }

    assert roles["FA2026-118"] == "invoice_number"
    assert roles["04/03/2026"] == "issue_date"
    assert roles["120,00"] in ("total_with_tax", "amount_due")


def test_an_empty_page_has_no_roles() -> None:
    assert roles_of(Document.of([page()])) == {}

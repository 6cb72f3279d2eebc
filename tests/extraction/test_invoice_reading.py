"""What pages do to the words of an invoice: turned margins, parted numbers, wide blanks, wrapped numbers, tables."""

from __future__ import annotations

import pytest

from extraction.invoices.labels import find_labels
from extraction.invoices.line_items import read_line_items
from extraction.invoices.mentions import dates_of, numbers_of
from extraction.invoices.page_layout import Document
from models.geometry import Box
from models.text import PageText, TextLine, Word

DPI = 200.0


def page(*words: tuple[str, float, float], size: float = 3.0, letter: float = 0.55) -> PageText:
    """Words by left edge and top in millimetres; a text with blanks is several words."""
    lines = []
    for text, x, y in words:
        place = x
        for part in text.split():
            box = Box(place, y, len(part) * size * letter, size).scaled(DPI / 25.4)
            lines.append(TextLine(part, box, 1.0, (Word(part, box, 1.0),), (), "drawn"))
            place += (len(part) + 0.6) * size * letter
    return PageText(tuple(lines), int(210 / 25.4 * DPI), int(297 / 25.4 * DPI), DPI, "text-layer")


def turned(text: str, x: float, bottom: float) -> list[tuple[str, float, float]]:
    """A line turned by 90 degrees as a text layer gives it: letter by letter, from the bottom up."""
    return [(letter, x, bottom - 1.4 * i) for i, letter in enumerate(text) if letter != " "]


def test_register_numbers_in_a_turned_margin_are_read() -> None:
    document = Document.of([page(*turned("RCS PARIS 397 480 930", 204, 200), ("Montant HT 10,83", 20, 180), size=1.2)])

    assert [m.value for m in numbers_of(document, "siren")] == ["397480930"]


def test_a_turned_margin_does_not_break_the_rows_it_crosses() -> None:
    margin = turned("SA au capital de 712588399 euros siege social", 204, 200)
    document = Document.of([page(*margin, ("Montant HT", 20, 180), ("10,83", 100, 180.4), size=1.2)])

    assert "Montant HT 10,83" in [row.text for row in document.rows]


def test_a_number_that_the_text_layer_parted_is_one_word() -> None:
    parts = ("12,", 100.0, 50.0), ("99", 104.2, 50.0)

    cell = Document.of([page(*parts)]).cells[0]

    assert [token.text for token in cell.tokens] == ["12,99"]


def test_two_numbers_side_by_side_stay_two() -> None:
    cells = Document.of([page(("12,50", 100, 50), ("99,00", 130, 50))]).cells

    assert [cell.text for cell in cells] == ["12,50", "99,00"]


@pytest.mark.parametrize("text", ["Fait le 20 09 2026", "Fait le 20/09/2026", "Fait le 20 septembre 2026"])
def test_days_are_read_however_they_are_parted(text: str) -> None:
    assert [m.value for m in dates_of(Document.of([page((text, 20, 20))]))] == ["2026-09-20"]


def test_a_number_that_goes_on_in_the_next_row_is_read() -> None:
    document = Document.of([page(("Code APE 6448Z Siret : 732", 20, 280), ("829 320 00074", 60, 284))])

    assert [m.value for m in numbers_of(document, "siret")] == ["73282932000074"]


def test_wide_blanks_of_a_typewriter_part_no_cell() -> None:
    rows = ["Nous vous prions de recevoir nos salutations", "les plus distinguees en cas de retard de paiement"]
    spread = []
    for number, row in enumerate(rows):
        x = 20.0
        for word in row.split():
            spread.append((word, x, 50.0 + 5 * number))
            x += len(word) * 3.0 * 0.55 + 2.9

    document = Document.of([page(*spread)])

    assert [len(row.cells) for row in document.rows] == [1, 1]


@pytest.mark.parametrize(
    ("text", "field"),
    [
        ("Montant hors TVA soumis au taux", "total_without_tax"),
        ("Montant de votre facture toutes taxes comprises", "total_with_tax"),
        ("Somme qui reste à payer", "amount_due"),
        ("Numéro de votre facture", "invoice_number"),
        ("Date limite de votre paiement", "due_date"),
        ("Date de livraison souhaitée", "other_date"),
        ("Importe total impuestos", "total_tax"),
    ],
)
def test_a_label_nobody_listed_is_understood_by_its_words(text: str, field: str) -> None:
    labels = find_labels(Document.of([page((f"{text} :", 20, 20), ("X", 150, 20))]))

    assert field in {label.field for label in labels if label.strength > 0.75}


def test_an_amount_to_be_paid_by_another_is_not_what_is_due() -> None:
    labels = find_labels(Document.of([page(("ou à payer par un tiers", 20, 20))]))

    assert "amount_due" not in {label.field for label in labels}


def _lines(*words: tuple[str, float, float]) -> list[tuple[str | None, ...]]:
    items = read_line_items(Document.of([page(*words)]))
    return [(line.description, line.quantity, line.unit_price, line.line_total) for line in items.lines]


def test_a_price_before_its_quantity_and_heads_in_other_words_are_read() -> None:
    heads = (
        ("Beschreibung", 20.0, 60.0),
        ("Nettopreis", 90.0, 60.0),
        ("Menge", 130.0, 60.0),
        ("Pos-Betrag", 165.0, 60.0),
    )

    found = _lines(*heads, ("Bierbrau Pils", 20, 68), ("8,0000", 92, 68), ("15 Stk", 130, 68), ("120,00", 168, 68))

    assert found == [("Bierbrau Pils", "15", "8.00", "120.00")]


_HEADS = (("Désignation", 20.0, 60.0), ("Qté", 90.0, 60.0), ("Prix HT", 130.0, 60.0), ("Montant HT", 165.0, 60.0))


def test_what_is_given_back_has_its_sign_with_three_decimals_too() -> None:
    found = _lines(*_HEADS, ("Gazole", 20, 68), ("-25,660", 90, 68), ("1,25", 130, 68), ("-32,08", 168, 68))

    assert found == [("Gazole", "-25.66", "1.25", "-32.08")]


def test_a_quantity_that_was_overlooked_follows_from_price_and_total() -> None:
    found = _lines(*_HEADS, ("Gazole", 20, 68), ("30,38", 130, 68), ("91,14", 168, 68))
    uneven = _lines(*_HEADS, ("Gazole", 20, 68), ("30,38", 130, 68), ("91,24", 168, 68))

    assert found == [("Gazole", "3", "30.38", "91.14")]
    assert uneven == [("Gazole", None, "30.38", "91.24")]


def test_a_discount_on_the_whole_is_no_line() -> None:
    heads = (("Désignation", 20.0, 60.0), ("Qté", 90.0, 60.0), ("P.U. HT", 120.0, 60.0), ("Total HT", 165.0, 60.0))
    sold = ("Prestation", 20.0, 68.0), ("5", 91.0, 68.0), ("40,00", 121.0, 68.0), ("200,00", 166.0, 68.0)
    less = ("REMISE : Remise commerciale", 20.0, 74.0), ("200", 91.0, 74.0), ("-40,00", 166.0, 74.0)

    assert _lines(*heads, *sold, *less) == [("Prestation", "5", "40.00", "200.00")]


def test_a_head_parted_in_two_is_one_column() -> None:
    heads = (
        ("Désignation", 20.0, 60.0),
        ("Qté", 90.0, 60.0),
        ("P.U.", 120.0, 60.0),
        ("HT", 129.0, 60.0),
        ("Total HT", 165.0, 60.0),
    )
    sold = ("Prestation", 20.0, 68.0), ("5", 91.0, 68.0), ("40,00", 121.0, 68.0), ("200,00", 166.0, 68.0)

    assert _lines(*heads, *sold) == [("Prestation", "5", "40.00", "200.00")]


def test_the_vat_breakdown_below_is_no_line() -> None:
    heads = ("Désignation", 20.0, 60.0), ("Qté", 90.0, 60.0), ("P.U. HT", 120.0, 60.0), ("Total HT", 165.0, 60.0)
    sold = ("Prestation", 20.0, 68.0), ("5", 91.0, 68.0), ("40,00", 121.0, 68.0), ("200,00", 166.0, 68.0)
    shares = ("% TVA", 20.0, 80.0), ("HT", 91.0, 80.0), ("TVA", 121.0, 80.0), ("TTC", 166.0, 80.0)
    share = ("20,00", 20.0, 85.0), ("200,00", 91.0, 85.0), ("40,00", 121.0, 85.0), ("240,00", 166.0, 85.0)

    assert _lines(*heads, *sold, *shares, *share) == [("Prestation", "5", "40.00", "200.00")]

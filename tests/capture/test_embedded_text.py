"""Words of a born-digital page stay whole, whatever the typeface."""

from __future__ import annotations

import io

import pypdfium2 as pdfium
import pytest
from reportlab.pdfgen.canvas import Canvas

from capture.embedded_text import page_text


def lines_of(font: str, rows: list[tuple[float, float, str]]) -> list[str]:
    file = io.BytesIO()
    canvas = Canvas(file, pagesize=(595, 842))
    canvas.setFont(font, 9)
    for x, y, text in rows:
        canvas.drawString(x, y, text)
    canvas.save()
    text = page_text(pdfium.PdfDocument(file.getvalue())[0], dpi=200, size=(1654, 2339))
    assert text is not None
    return [line.text for line in text.lines]


@pytest.mark.parametrize("font", ["Helvetica", "Times-Roman", "Courier"])
@pytest.mark.parametrize("words", ["Total TTC : 1.579,87 EUR", "Date d'exigibilité : 12.08.2026", "N° F-2026.118/b"])
def test_a_point_or_a_comma_does_not_end_a_word(font: str, words: str) -> None:
    assert lines_of(font, [(50, 700, words), (50, 650, "une ligne de plus pour faire nombre")])[0] == words


def test_words_of_two_columns_stay_apart() -> None:
    rows = [(50, 700, "Total HT"), (300, 700, "12,50 €"), (50, 650, "une ligne de plus pour faire nombre")]

    assert lines_of("Helvetica", rows)[:2] == ["Total HT", "12,50 €"]


def test_lines_close_to_one_another_stay_apart() -> None:
    rows = [(50, 700, "une ligne de texte"), (50, 690, "une autre sous la première")]

    assert lines_of("Helvetica", rows) == ["une ligne de texte", "une autre sous la première"]

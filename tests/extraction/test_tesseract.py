"""Tesseract as second reader: the same answers by both bindings, and a remedy when its data are missing."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image, ImageDraw, ImageFont

from extraction.readers.tesseract import Binding, TesseractReader, find_tessdata
from models.errors import Misconfigured
from models.image import GrayImage


def _language() -> str:
    for language in ("fra", "eng"):
        try:
            find_tessdata(language)
        except Misconfigured:
            continue
        return language
    pytest.skip("no Tesseract language data on this machine")


def drawn(*lines: str, size: int = 34) -> GrayImage:
    image = Image.new("L", (1000, 60 + 70 * len(lines)), 252)
    draw = ImageDraw.Draw(image)
    for number, line in enumerate(lines):
        draw.text((40, 30 + 70 * number), line, fill=15, font=ImageFont.load_default(size))
    return np.asarray(image).copy()


@pytest.fixture(params=["tesserocr", "pytesseract"])
def reader(request: pytest.FixtureRequest) -> TesseractReader:
    binding: Binding = request.param
    if binding == "tesserocr":
        pytest.importorskip("tesserocr")
    try:
        return TesseractReader(language=_language(), binding=binding)
    except Misconfigured as error:
        pytest.skip(str(error))


def test_a_line_is_read_with_its_characters(reader: TesseractReader) -> None:
    reading = reader.read_line(drawn("Facture 2026/0417"))

    assert reading.text == "Facture 2026/0417"
    assert "".join(character.best for character in reading.characters) == reading.text
    assert reading.confidence is not None and reading.confidence > 0.5
    assert reading.reader.startswith("tesseract ")


def test_an_alphabet_leaves_only_its_characters(reader: TesseractReader) -> None:
    reading = reader.read_line(drawn("4O7 l53"), alphabet="0123456789")

    assert reading.text.replace(" ", "").isdigit()


def test_a_page_keeps_lines_and_places(reader: TesseractReader) -> None:
    page = reader.read_page(drawn("Total HT 1 250,00", "Net payer 1 500,00"), dpi=300)

    assert [line.text for line in page.lines] == ["Total HT 1 250,00", "Net payer 1 500,00"]
    first = page.lines[0].words[0]
    assert first.text == "Total"
    assert first.box.x == pytest.approx(40, abs=8)
    assert page.source == "ocr"


def test_an_empty_zone_is_read_as_empty(reader: TesseractReader) -> None:
    assert reader.read_line(np.full((60, 400), 250, np.uint8)).text == ""


def test_missing_language_data_names_the_package(tmp_path: Path) -> None:
    with pytest.raises(Misconfigured, match="apt-get install tesseract-ocr-fra"):
        TesseractReader(tessdata=tmp_path)

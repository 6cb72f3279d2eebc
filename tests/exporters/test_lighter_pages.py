import io
from collections.abc import Sequence
from datetime import UTC, datetime

import numpy as np
import pypdfium2 as pdfium
import pytest
from PIL import Image

from exporters.lighter_pages import lightest_needed
from exporters.pdfa_check import pdfa_findings
from exporters.searchable_pdf import searchable_pdf
from models.geometry import Box
from models.handover import ReleasedPage
from models.text import PageText, TextLine, Word

SIZE = (1240, 1754)


def scanned(dpi: float = 300) -> ReleasedPage:
    """A noisy gray page with a word at a known place."""
    noise = np.random.default_rng(5).normal(225, 12, (SIZE[1], SIZE[0])).clip(0, 255).astype(np.uint8)
    noise[300:330, 200:400] = 0
    target = io.BytesIO()
    Image.fromarray(noise).save(target, "JPEG", quality=90)
    word = Word("TOTAL", Box(200, 300, 200, 30), 0.9)
    text = PageText((TextLine("TOTAL", word.box, 0.9, (word,)),), *SIZE, dpi, "ocr")
    return ReleasedPage(1, target.getvalue, dpi, text)


def pdf_of(pages: Sequence[ReleasedPage]) -> bytes:
    return searchable_pdf(pages, title="t", identifier="i", moment=datetime(2026, 11, 24, tzinfo=UTC))


def test_pages_that_are_light_enough_stay_as_they_are() -> None:
    assert lightest_needed([scanned()], pdf_of, below_bytes=10_000_000) == pdf_of([scanned()])


@pytest.mark.parametrize("share", [0.6, 0.2, 0.05])
def test_pages_are_made_light_enough_and_keep_their_size_and_words(share: float) -> None:
    whole = pdf_of([scanned()])

    light = lightest_needed([scanned()], pdf_of, below_bytes=int(len(whole) * share))

    assert len(light) < len(whole) * share
    assert pdfa_findings(light) == ()
    page = pdfium.PdfDocument(light)[0]
    assert page.get_size() == pytest.approx(pdfium.PdfDocument(whole)[0].get_size(), abs=1)
    assert page.get_textpage().get_text_range().strip() == "TOTAL"
    left, _, _, _ = page.get_textpage().get_charbox(0)
    assert left == pytest.approx(200 * 72 / 300, abs=1)


def test_what_cannot_be_made_light_enough_comes_back_at_its_lightest() -> None:
    made: list[int] = []

    def heavy(pages: Sequence[ReleasedPage]) -> bytes:
        made.append(sum(len(page.image()) for page in pages))
        return bytes(1000)

    assert lightest_needed([scanned()], heavy, below_bytes=10) == bytes(1000)
    assert len(made) == 5
    assert made[-1] == min(made)


def test_ink_stays_ink_when_a_page_becomes_black_and_white() -> None:
    seen: list[bytes] = []

    def heavy(pages: Sequence[ReleasedPage]) -> bytes:
        seen.append(pages[0].image())
        return bytes(1000)

    lightest_needed([scanned()], heavy, below_bytes=10)

    last = np.asarray(Image.open(io.BytesIO(seen[-1])).convert("L"))
    assert last[155:160, 110:190].max() == 0
    assert (last[300:] == 255).mean() > 0.99

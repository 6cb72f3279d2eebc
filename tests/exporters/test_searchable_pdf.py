import io
from collections.abc import Callable
from datetime import UTC, datetime

import numpy as np
import pikepdf
import pypdfium2 as pdfium
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pikepdf import Dictionary, Name, Pdf, Stream
from PIL import Image

from exporters.invisible_font import invisible_font
from exporters.pdfa_check import pdfa_findings
from exporters.searchable_pdf import searchable_pdf
from models.geometry import Box
from models.handover import ReleasedPage
from models.text import PageText, TextLine, Word

MOMENT = datetime(2026, 11, 24, tzinfo=UTC)
SIZE = (413, 585)


def picture(mode: str, kind: str = "PNG", **options: object) -> bytes:
    noise = np.random.default_rng(3).integers(0, 256, (SIZE[1], SIZE[0], 3), dtype=np.uint8)
    target = io.BytesIO()
    Image.fromarray(noise).convert(mode).save(target, kind, **options)
    return target.getvalue()


def text_of(lines: list[list[str]]) -> PageText:
    placed = []
    for row, words in enumerate(lines):
        at, found = 20.0, []
        for word in words:
            found.append(Word(word, Box(at, 20 + 30 * row, 8 * len(word), 18), 0.9))
            at += 8 * len(word) + 8
        placed.append(TextLine(" ".join(words), Box(20, 20 + 30 * row, at - 28, 18), 0.9, tuple(found)))
    return PageText(tuple(placed), SIZE[0], SIZE[1], 50.0, "ocr")


def made(content: bytes, text: PageText | None = None, pages: int = 1) -> bytes:
    released = [ReleasedPage(number + 1, lambda: content, 50.0, text) for number in range(pages)]
    return searchable_pdf(released, title="Facture <&> n° 1", identifier="d1", moment=MOMENT)


def words_in(pdf: bytes) -> list[list[str]]:
    document = pdfium.PdfDocument(pdf)
    return [page.get_textpage().get_text_range().split() for page in document]


def images_in(pdf: Pdf) -> list[pikepdf.PdfImage]:
    return [pikepdf.PdfImage(image) for page in pdf.pages for image in page.get_images().values()]


def test_the_words_of_the_page_are_the_words_of_the_pdf() -> None:
    lines = [["Facture", "n°", "FA-2026/01"], ["Œuvre", "d’été", "–", "1 234,56", "€"], ["x"], ["𝔸b", "İstanbul"]]

    (found,) = words_in(made(picture("L"), text_of(lines)))

    assert found == " ".join(" ".join(words) for words in lines).split()


@settings(max_examples=15, deadline=None)
@given(
    st.lists(
        st.lists(st.text("abcXYZéèçàœ0123456789.,/-€%&()", min_size=1, max_size=9), min_size=1, max_size=4), max_size=6
    )
)
def test_any_printed_words_can_be_searched(lines: list[list[str]]) -> None:
    (found,) = words_in(made(PICTURE, text_of(lines)))

    # PDFium shows a hyphen at the end of a line as U+FFFE
    assert "".join(found).replace("\ufffe", "-") == "".join("".join(words) for words in lines)


PICTURE = picture("1")


def test_words_lie_over_their_ink() -> None:
    pdf = pdfium.PdfDocument(made(picture("L"), text_of([["AVANT", "ICI"]])))
    page = pdf[0].get_textpage()
    left, _, right, _ = page.get_charbox(page.get_text_range().index("I"))

    points = 72 / 50
    assert left == pytest.approx((20 + 8 * 5 + 8) * points, abs=1)
    assert right == pytest.approx((20 + 8 * 5 + 8 + 8) * points, abs=1)


@pytest.mark.parametrize("mode", ["1", "L", "RGB"])
def test_no_pixel_of_a_scan_changes(mode: str) -> None:
    content = picture(mode)

    with Pdf.open(io.BytesIO(made(content))) as pdf:
        (kept,) = images_in(pdf)
        assert np.array_equal(
            np.asarray(kept.as_pil_image().convert("RGB")), np.asarray(Image.open(io.BytesIO(content)).convert("RGB"))
        )


def test_a_jpeg_is_kept_byte_for_byte() -> None:
    content = picture("RGB", "JPEG", quality=85)

    with Pdf.open(io.BytesIO(made(content))) as pdf:
        (kept,) = images_in(pdf)
        assert kept.obj.read_raw_bytes() == content


@pytest.mark.parametrize(
    ("mode", "kind"),
    [("1", "PNG"), ("L", "PNG"), ("RGB", "PNG"), ("P", "PNG"), ("RGBA", "PNG"), ("LA", "PNG"), ("CMYK", "JPEG")],
)
def test_every_kind_of_picture_gives_what_pdfa_asks_for(mode: str, kind: str) -> None:
    assert pdfa_findings(made(picture(mode, kind), text_of([["mot"]]), pages=2)) == ()


def test_the_same_pages_give_the_same_bytes() -> None:
    assert made(picture("L"), text_of([["un", "deux"]])) == made(picture("L"), text_of([["un", "deux"]]))


def test_a_page_keeps_its_size_on_paper() -> None:
    page = pdfium.PdfDocument(made(picture("L")))[0]

    assert page.get_size() == pytest.approx((SIZE[0] * 72 / 50, SIZE[1] * 72 / 50), abs=0.5)


def test_a_page_without_words_or_with_words_without_boxes_is_no_obstacle() -> None:
    bare = PageText((TextLine("deux mots", Box(10, 10, 90, 18), 0.9),), *SIZE, 50.0, "ocr")

    assert words_in(made(picture("L"))) == [[]]
    assert words_in(made(picture("L"), bare)) == [["deux", "mots"]]


def test_the_invisible_font_is_a_font_without_ink() -> None:
    font = invisible_font()

    assert font[:4] == b"\0\1\0\0"
    assert sum(int.from_bytes(font[at : at + 4], "big") for at in range(0, len(font), 4)) & 0xFFFFFFFF == 0xB1B0AFBA


def spoilt(change: Callable[[Pdf], None], **saving: object) -> tuple[str, ...]:
    with Pdf.open(io.BytesIO(made(PICTURE, text_of([["mot"]])))) as pdf:
        change(pdf)
        target = io.BytesIO()
        pdf.save(target, **saving)  # type: ignore[arg-type]
    return pdfa_findings(target.getvalue())


def _font_without_program(pdf: Pdf) -> None:
    for each in pdf.objects:
        if isinstance(each, Dictionary) and each.get("/Type") == Name.FontDescriptor:
            del each["/FontFile2"]


def _lzw(pdf: Pdf) -> None:
    stream = pdf.make_stream(b"")
    stream.write(b"\x80\x0b\x60\x50\x22\x0c\x0c\x85\x01", filter=Name.LZWDecode)
    pdf.Root.Odd = pdf.make_indirect(stream)


def _script(pdf: Pdf) -> None:
    pdf.Root.OpenAction = pdf.make_indirect(Dictionary(S=Name.JavaScript, JS="app.alert(1)"))


def _interpolated(pdf: Pdf) -> None:
    for each in pdf.objects:
        if isinstance(each, Stream) and each.get("/Subtype") == Name.Image:
            each.Interpolate = True


def _attached(pdf: Pdf) -> None:
    pdf.attachments["note.txt"] = pikepdf.AttachedFileSpec(pdf, b"x", filename="note.txt")


@pytest.mark.parametrize(
    ("change", "finding"),
    [
        (lambda pdf: pdf.Root.__delitem__("/Metadata"), "6.6.2"),
        (lambda pdf: pdf.Root.__delitem__("/OutputIntents"), "6.2.3"),
        (lambda pdf: pdf.Root.OutputIntents[0].DestOutputProfile.write(b"not a profile"), "6.2.3"),
        (lambda pdf: pdf.Root.Metadata.write(pdf.Root.Metadata.read_bytes().replace(b"part>3", b"part>7")), "6.6.4"),
        (_font_without_program, "6.2.11.4"),
        (_lzw, "6.1.7"),
        (_script, "6.5.1"),
        (_interpolated, "6.2.8"),
        (_attached, "6.8"),
    ],
)
def test_the_check_finds_what_pdfa_forbids(change: Callable[[Pdf], None], finding: str) -> None:
    as_is = {"compress_streams": False, "stream_decode_level": pikepdf.StreamDecodeLevel.none}

    assert any(each.startswith(finding) for each in spoilt(change, **as_is))


def test_the_check_finds_encryption_and_files_that_are_no_pdf() -> None:
    assert spoilt(lambda _: None, encryption=pikepdf.Encryption(owner="o", user="u"))[0].startswith("6.1.3")
    assert pdfa_findings(b"nothing")[0].startswith("not a readable PDF")
    assert spoilt(lambda _: None) == ()

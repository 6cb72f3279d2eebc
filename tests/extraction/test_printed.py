"""Printed pages and lines are read with their places; what may stand in a zone limits what is read there."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import reportlab
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image, ImageDraw, ImageFont

from extraction.readers.ctc import Glyph, decode, masked, words_of
from extraction.readers.printed import PrintedTextReader, in_reading_order
from extraction.readers.text_lines import find_lines, inked_part
from models.geometry import Box
from models.image import GrayImage
from models.learned import registry
from models.text import TextLine

FRENCH = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789ÀÂÆÇÉÈÊËÎÏÔŒÙÛÜŸàâæçéèêëîïôœùûüÿ"
SIGNS = "€«»°§²³½¼¾–—’‘“”'\"&@#%+-=*/\\.,;:!?()[]_<>£$µ×·•…±"


@pytest.fixture(scope="module")
def reader() -> PrintedTextReader:
    return PrintedTextReader()


def font_of(size: int) -> ImageFont.FreeTypeFont:
    """Bitstream Vera, which comes with reportlab and has every accent."""
    return ImageFont.truetype(str(Path(reportlab.__file__).parent / "fonts" / "Vera.ttf"), size)


def drawn(*texts: tuple[float, float, str], size: int = 34, width: int = 1654, height: int = 700) -> GrayImage:
    """A page with texts at (x, y) of their top left corners."""
    image = Image.new("L", (width, height), 252)
    draw = ImageDraw.Draw(image)
    for x, y, text in texts:
        draw.text((x, y), text, fill=18, font=font_of(size))
    return np.asarray(image).copy()


@pytest.mark.parametrize("name", ["ppocr-tiny-rec", "ppocr-small-rec"])
def test_the_whole_french_alphabet_can_be_read(name: str) -> None:
    classes = registry.session(name).get_modelmeta().custom_metadata_map["characters"].split("\n")

    assert set(FRENCH + SIGNS) <= set(classes)
    assert classes[-1] == " "
    assert len(classes) == len(set(classes))


@pytest.mark.parametrize("size", ["tiny", "small"])
def test_a_line_is_read_with_accents(reader: PrintedTextReader, size: str) -> None:
    reading = reader.read_line(drawn((60, 40, "Échéance à régler : 12/10/2026"), height=130), size=size)  # type: ignore[arg-type]

    assert reading.text.replace(" ", "") == "Échéanceàrégler:12/10/2026"
    assert reading.confidence is not None and reading.confidence > 0.6
    assert "".join(character.best for character in reading.characters) == reading.text


def test_the_alphabet_of_a_zone_decides_between_look_alikes(reader: PrintedTextReader) -> None:
    zone = drawn((20, 20, "O1l5 B8"), height=90, width=260)

    digits = reader.read_line(zone, alphabet="0123456789")
    letters = reader.read_line(zone, alphabet="ABCDEFGHIJKLMNOPQRSTUVWXYZ")

    assert digits.text and digits.text.isdigit()
    assert letters.text and letters.text.isalpha()


def test_a_line_that_the_tiny_network_reads_surely_is_not_read_again(reader: PrintedTextReader) -> None:
    clear = drawn((60, 40, "MARTIN DENISE"), height=130)
    noise = np.random.default_rng(5).normal(0, 60, clear.shape)
    blurred = np.clip(clear + noise, 0, 255).astype(np.uint8)[::3, ::3].copy()

    assert reader.read_line(clear).text == "MARTIN DENISE"
    assert "tiny" in reader.read_line(clear).reader
    assert "small" in reader.read_line(blurred).reader


def test_a_sign_is_looked_at_twice_for_it_may_be_dirt(reader: PrintedTextReader) -> None:
    assert "small" in reader.read_line(drawn((60, 40, "RUM2026100986."), height=130)).reader


def test_a_zone_without_ink_is_read_as_empty(reader: PrintedTextReader) -> None:
    reading = reader.read_line(np.full((60, 400), 250, np.uint8))

    assert reading.text == ""
    assert reading.confidence is not None and reading.confidence > 0.9


def test_where_a_line_stands_in_its_zone_does_not_matter(reader: PrintedTextReader) -> None:
    tight = drawn((8, 6, "26E02077"), width=190, height=46)
    roomy = drawn((300, 90, "26E02077"), width=900, height=260)

    assert reader.read_line(tight).text == reader.read_line(roomy).text == "26E02077"


def test_a_page_is_read_top_to_bottom_and_left_to_right(reader: PrintedTextReader) -> None:
    page = reader.read_page(
        drawn(
            (900, 200, "Montant HT"), (120, 60, "Facture 2026-118"), (120, 200, "Désignation"), (900, 300, "1 250,00")
        ),
        dpi=200,
    )

    assert [line.text for line in page.lines] == ["Facture 2026-118", "Désignation", "Montant HT", "1 250,00"]
    assert page.source == "ocr"
    assert (page.width, page.height) == (1654, 700)


def test_words_stand_where_they_are_printed(reader: PrintedTextReader) -> None:
    font = font_of(34)
    page = reader.read_page(drawn((200, 100, "Total hors taxes")), dpi=200)

    words = page.words
    assert [word.text for word in words] == ["Total", "hors", "taxes"]
    assert words[0].box.x == pytest.approx(200, abs=9)
    assert words[0].box.right == pytest.approx(200 + font.getlength("Total"), abs=9)
    assert words[2].box.x == pytest.approx(200 + font.getlength("Total hors "), abs=9)


def test_the_text_of_a_line_is_the_text_of_its_characters_and_words(reader: PrintedTextReader) -> None:
    page = reader.read_page(drawn((120, 60, "SIRET 732 829 320 00074 - APE 4649Z")), dpi=200)

    assert type(page.lines[0].words[0].box.x) is float  # stored as JSON: a NumPy number would not do
    for line in page.lines:
        assert "".join(character.best for character in line.characters) == line.text
        assert " ".join(word.text for word in line.words) == line.text


def test_a_slightly_turned_page_is_read(reader: PrintedTextReader) -> None:
    upright = Image.fromarray(drawn((120, 200, "Date limite de paiement : 29 décembre 2026")))
    turned = np.asarray(upright.rotate(2.0, fillcolor=252)).copy()

    assert reader.read_page(turned, dpi=200).text == "Date limite de paiement : 29 décembre 2026"


def test_a_line_printed_up_the_margin_is_read(reader: PrintedTextReader) -> None:
    page = drawn((300, 200, "Total hors taxes"), (300, 300, "Net à payer"), height=900)
    margin = np.rot90(drawn((20, 10, "Société au capital de 8000 EUR"), height=60, width=640))
    page[100:740, 60:120] = margin

    assert "Société au capital de 8000 EUR" in page_lines(reader, page)


def page_lines(reader: PrintedTextReader, page: GrayImage) -> list[str]:
    return [line.text for line in reader.read_page(page, dpi=200).lines]


def test_an_empty_page_has_no_lines(reader: PrintedTextReader) -> None:
    page = reader.read_page(np.full((2339, 1654), 250, np.uint8), dpi=200)

    assert page.lines == ()


@pytest.mark.parametrize("shape", [(1, 1), (3, 400), (40, 8), (17, 2339)])
def test_scraps_of_paper_do_not_break_the_reader(reader: PrintedTextReader, shape: tuple[int, int]) -> None:
    rng = np.random.default_rng(5)
    scrap = rng.integers(0, 255, shape, dtype=np.uint8)

    reader.read_page(scrap, dpi=200)
    reader.read_line(scrap)


def test_single_specks_are_not_ink() -> None:
    page = np.full((1000, 800), 250, np.uint8)
    page[500, 400] = 0

    assert inked_part(page) is None


def test_lines_are_found_on_the_part_that_holds_ink() -> None:
    page = drawn((1200, 560, "Net à payer"))

    (place,) = find_lines(page, dpi=200)

    assert place.box.x == pytest.approx(1200, abs=15)
    assert place.box.y == pytest.approx(565, abs=20)


CLASSES = ("", "a", "b", "1", " ")


def steps(*best: int, surety: float = 0.9) -> np.ndarray[tuple[int, int], np.dtype[np.float32]]:
    rows = np.full((len(best), len(CLASSES)), (1 - surety) / (len(CLASSES) - 1), np.float32)
    rows[np.arange(len(best)), best] = surety
    return rows


def test_repeated_steps_are_one_character_unless_a_blank_parts_them() -> None:
    assert "".join(glyph.best for glyph in decode(steps(1, 1, 0, 1, 2, 2, 0, 3), CLASSES)) == "aab1"


def test_alternatives_come_best_first_and_may_be_nothing() -> None:
    (glyph,) = decode(np.array([[0.3, 0.6, 0.1, 0.0, 0.0]], np.float32), CLASSES)

    assert [character for character, _ in glyph.alternatives] == ["a", "", "b"]
    assert glyph.probability == pytest.approx(0.6)


@given(st.lists(st.integers(0, 4), min_size=1, max_size=20), st.sampled_from(["a", "1", "ab", "a1 "]))
def test_masking_keeps_probabilities_and_only_allowed_characters(best: list[int], alphabet: str) -> None:
    kept = masked(steps(*best), CLASSES, alphabet)

    assert kept.sum(axis=1) == pytest.approx(np.ones(len(best)), abs=1e-4)
    assert {glyph.best for glyph in decode(kept, CLASSES)} <= set(alphabet)


def bars(*starts: int, width: int = 400) -> tuple[list[Glyph], GrayImage]:
    """A line of black bars 12 pixels wide, each read as one letter."""
    line = np.full((48, width), 255, np.uint8)
    glyphs = []
    for start in starts:
        line[10:40, start : start + 12] = 0
        glyphs.append(Glyph((("a", 1.0),), start / width, (start + 12) / width))
    return glyphs, line


def test_a_lost_space_is_found_in_the_white_between_words() -> None:
    glyphs, line = bars(10, 26, 42, 90, 106, 122)

    assert [len(word) for word in words_of(glyphs, line)] == [3, 3]


def test_wide_spacing_of_letters_is_not_a_row_of_words() -> None:
    glyphs, line = bars(10, 44, 78, 112, 146, 180)

    assert [len(word) for word in words_of(glyphs, line)] == [6]


@given(st.permutations(range(6)))
def test_reading_order_does_not_depend_on_the_order_found(order: list[int]) -> None:
    boxes = [
        Box(0, 0, 90, 30),
        Box(200, 4, 90, 30),
        Box(0, 60, 90, 30),
        Box(300, 57, 90, 30),
        Box(0, 120, 90, 30),
        Box(100, 121, 9, 28),
    ]
    lines = [TextLine(str(number), box, 1.0) for number, box in enumerate(boxes)]

    assert [line.text for line in in_reading_order(lines[number] for number in order)] == list("012345")


def test_the_head_keeps_what_western_mail_prints_and_drops_the_rest() -> None:
    pytest.importorskip("onnx")
    from pipeline.training.ppocr import is_kept

    assert all(is_kept(character) for character in FRENCH + SIGNS)
    assert not any(is_kept(character) for character in "中字жΣあ，。")


def test_a_cut_head_answers_as_the_whole_one(tmp_path: Path) -> None:
    onnx = pytest.importorskip("onnx")
    import onnxruntime
    from onnx import TensorProto, helper, numpy_helper

    from pipeline.training.ppocr import cut_latin_head

    rng = np.random.default_rng(1)
    weights, bias = rng.normal(size=(4, 5)).astype(np.float32), rng.normal(size=5).astype(np.float32)
    graph = helper.make_graph(
        [
            helper.make_node("MatMul", ["x", "w"], ["m"]),
            helper.make_node("Add", ["m", "b"], ["a"]),
            helper.make_node("Softmax", ["a"], ["y"], axis=2),
        ],
        "head",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, [1, 3, 4])],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, [1, 3, 5])],
        [numpy_helper.from_array(weights, "w"), numpy_helper.from_array(bias, "b")],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 13)], ir_version=8)

    cut = cut_latin_head(model, ["é", "中", "1"])

    file = tmp_path / "cut.onnx"
    onnx.save(cut, file)
    session = onnxruntime.InferenceSession(str(file), providers=["CPUExecutionProvider"])
    x = rng.normal(size=(1, 3, 4)).astype(np.float32)
    scores = np.exp(x @ weights[:, [0, 1, 3, 4]] + bias[[0, 1, 3, 4]])
    assert session.run(None, {"x": x})[0] == pytest.approx(scores / scores.sum(axis=2, keepdims=True), abs=1e-5)
    assert session.get_modelmeta().custom_metadata_map["characters"].split("\n") == ["é", "1", " "]

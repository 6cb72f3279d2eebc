"""Lines of running handwriting, by the network that ships."""

from __future__ import annotations

import cv2
import numpy as np
import pytest

from extraction.line_lexicons import proposals
from extraction.readers.handwritten import HandwrittenLineReader, View, weigh
from extraction.writing_models import writing_model
from models.image import GrayImage

EMAIL = "abcdefghijklmnopqrstuvwxyz0123456789@._-+"
SCRIPT = cv2.FONT_HERSHEY_SCRIPT_SIMPLEX


def line(text: str, font: int = cv2.FONT_HERSHEY_SIMPLEX) -> GrayImage:
    page = np.full((90, 60 + 34 * len(text)), 250, np.uint8)
    cv2.putText(page, text, (20, 60), font, 1.5, 20, 3, cv2.LINE_AA)
    return page


@pytest.fixture(scope="module")
def reader() -> HandwrittenLineReader:
    return HandwrittenLineReader()


@pytest.mark.parametrize("text", ["Pontarlier", "Marie Lefebvre", "12 rue de la gare"])
def test_a_clear_line_is_read_with_its_places(reader: HandwrittenLineReader, text: str) -> None:
    read = reader.read_line(line(text), likely=writing_model("text"))

    places = [character.box.center_x for character in read.characters if character.box]
    assert read.text == text
    assert read.alternatives[0] == (text, read.confidence)
    assert len(places) == len(text)
    assert places == sorted(places)


def test_script_is_read_as_the_field_allows(reader: HandwrittenLineReader) -> None:
    read = reader.read_line(
        line("marie.petit@orange.fr"), EMAIL, likely=writing_model("email"), propose=proposals("email")
    )

    assert read.text == "marie.petit@orange.fr"


def test_only_characters_of_the_alphabet_are_read(reader: HandwrittenLineReader) -> None:
    read = reader.read_line(line("Pontarlier", SCRIPT), "0123456789")

    assert set(read.text) <= set("0123456789")


def test_paper_without_ink_is_empty(reader: HandwrittenLineReader) -> None:
    read = reader.read_line(np.full((60, 400), 245, np.uint8))

    assert (read.text, read.alternatives) == ("", ())
    assert read.confidence is not None
    assert read.confidence > 0.9


def view_of(*rows: tuple[float, float, float]) -> View:
    return View(np.array(rows, np.float32), ("", "a", "b"))


SURE_OF_A = view_of((0.96, 0.02, 0.02), (0.02, 0.96, 0.02), (0.96, 0.02, 0.02))
SURE_OF_B = view_of((0.96, 0.02, 0.02), (0.02, 0.02, 0.96), (0.96, 0.02, 0.02))


def test_views_that_disagree_leave_doubt() -> None:
    ((text, alone), *_) = weigh([SURE_OF_A], None, None, sharpness=1.0)
    ((_, together), *_) = weigh([SURE_OF_A, SURE_OF_B], None, None, sharpness=1.0)

    assert text == "a"
    assert alone > 0.8
    assert together < 0.5


@pytest.mark.parametrize(("shares", "text"), [((0.7, 0.3), "a"), ((0.3, 0.7), "b")])
def test_the_view_that_counts_more_decides(shares: tuple[float, float], text: str) -> None:
    assert weigh([SURE_OF_A, SURE_OF_B], None, None, sharpness=1.0, shares=shares)[0][0] == text


def test_what_people_write_decides_between_texts_that_fit_alike() -> None:
    undecided = view_of((0.96, 0.02, 0.02), (0.02, 0.50, 0.48), (0.96, 0.02, 0.02))

    weighed = weigh([undecided], lambda before, character: 3.0 if character == "b" else 1.0, None, sharpness=1.0)

    assert weighed[0][0] == "b"


def test_a_proposed_text_is_weighed_like_those_that_were_read() -> None:
    weighed = dict(weigh([SURE_OF_A], None, lambda read: [*read, "ab", "x"], sharpness=1.0))

    assert 0 < weighed["ab"] < weighed["a"]
    assert "x" not in weighed

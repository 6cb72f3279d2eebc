"""Material of the reader of running handwriting: what is drawn is what is written down as its truth."""

from __future__ import annotations

import zipfile
from pathlib import Path

import cv2
import numpy as np
import pytest

from models.errors import Misconfigured
from pipeline.training.line_texts import LineTexts
from pipeline.training.pens import PenRecords
from pipeline.training.running_hand import Hands, WrittenLine, labelled_lines, words_of, worn

LETTERS = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789.-'@"


@pytest.fixture(scope="module")
def hands(tmp_path_factory: pytest.TempPathFactory) -> Hands:
    """One writer, each character a slanted cross."""
    file = tmp_path_factory.mktemp("pens") / "strokes.npz"
    cross = np.array([[0, 0], [120, 128], [255, 255], [255, 0], [120, 128], [0, 255]], np.uint8)
    count = len(LETTERS)
    np.savez(
        file,
        points=np.tile(cross, (count, 1)),
        stroke_len=np.full(2 * count, 3),
        n_strokes=np.full(count, 2),
        y=np.array(list(LETTERS)),
        writer=np.full(count, "nobody"),
    )
    records = PenRecords(file)
    return max((Hands(records, held_out=held_out) for held_out in (False, True)), key=lambda found: found.letters)


def test_more_text_takes_more_paper(hands: Hands) -> None:
    short, long = (hands.write(text, np.random.default_rng(4)) for text in ("mer", "merle et mer"))

    assert short is not None
    assert long is not None
    assert long.shape[1] > 2 * short.shape[1]


def test_an_accent_is_ink_above_its_letter(hands: Hands) -> None:
    plain, accented = (hands.write(text, np.random.default_rng(4)) for text in ("e", "é"))

    assert plain is not None
    assert accented is not None
    assert accented.shape[0] > plain.shape[0]


def test_what_nobody_wrote_is_not_drawn(hands: Hands) -> None:
    assert hands.write("prix en €", np.random.default_rng(0)) is None


def test_the_same_seed_wears_a_line_alike_and_another_otherwise(hands: Hands) -> None:
    line = hands.write("rue", np.random.default_rng(1))
    assert line is not None

    first, again, other = (worn(line, np.random.default_rng(seed)) for seed in (5, 5, 6))

    assert np.array_equal(first, again)
    assert first.shape != other.shape or not np.array_equal(first, other)


def test_a_cut_line_keeps_the_words_that_are_on_it() -> None:
    picture = np.full((20, 90), 255, np.uint8)
    picture[:, 0:20], picture[:, 30:50], picture[:, 60:80] = 0, 60, 120
    line = WrittenLine(picture, "un deux trois", "x")
    shade = {0: "un", 60: "deux", 120: "trois"}

    for seed in range(12):
        piece = words_of(line, [0, 25, 55, 90], np.random.default_rng(seed))
        seen = [shade[int(value)] for value in dict.fromkeys(piece.image[5].tolist()) if value != 255]
        assert piece.text.split(" ") == seen


def test_texts_are_of_many_kinds_and_follow_from_the_seed() -> None:
    texts = LineTexts(["le chat dort sur la chaise"])

    drawn = [texts.draw(np.random.default_rng(seed)) for seed in range(80)]

    assert drawn == [texts.draw(np.random.default_rng(seed)) for seed in range(80)]
    assert any("@" in text for text in drawn)
    assert any(text.isdigit() for text in drawn)
    assert all(text == " ".join(text.split()) and text for text in drawn)


def test_labelled_lines_come_with_their_writer(tmp_path: Path) -> None:
    file = tmp_path / "lines.zip"
    with zipfile.ZipFile(file, "w") as archive:
        archive.writestr("labels.tsv", 'file\ttext\textra\na.png\tl\'été "dernier"\tw7\n')
        archive.writestr("a.png", cv2.imencode(".png", np.full((10, 30), 200, np.uint8))[1].tobytes())

    (line,) = labelled_lines(file)

    assert (line.text, line.writer, line.image.shape) == ('l\'été "dernier"', "w7", (10, 30))


def test_a_missing_collection_is_named(tmp_path: Path) -> None:
    with pytest.raises(Misconfigured, match=r"lines_fr\.zip"):
        labelled_lines(tmp_path / "lines_fr.zip")

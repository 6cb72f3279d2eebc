"""Reading characters in boxes: what the network is shown, and what is made of its answer."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from extraction.readers.glyphs import (
    ALPHABETS,
    BLANK,
    CLASSES,
    SCRATCH,
    SIDE,
    Calibration,
    GlyphReader,
    normalise,
    probabilities,
)
from extraction.readers.one_hand import as_one_hand
from models.definitions import Charset
from models.image import FloatArray, GrayImage

CHARSETS = (Charset.DIGITS, Charset.ALPHA, Charset.ALNUM, Charset.TEXT)


def paper(width: int = 60, height: int = 80, shade: int = 240) -> GrayImage:
    return np.full((height, width), shade, np.uint8)


def pen(cell: GrayImage, *points: tuple[float, float], ink: int = 40, width: int = 4) -> GrayImage:
    """The cell with one stroke more; points are shares of its width and height."""
    height, across = cell.shape
    places = np.array([(round(x * across), round(y * height)) for x, y in points], np.int32)
    drawn = cell.copy()
    cv2.polylines(drawn, [places.reshape(-1, 1, 2)], False, ink, width, cv2.LINE_AA)
    return drawn


def seven(ink: int = 40, width: int = 60, height: int = 80) -> GrayImage:
    stem = pen(paper(width, height), (0.25, 0.2), (0.75, 0.2), (0.4, 0.8), ink=ink)
    return pen(stem, (0.35, 0.5), (0.72, 0.48), ink=ink)


def boxed(cell: GrayImage, shade: int = 90) -> GrayImage:
    framed = cell.copy()
    cv2.rectangle(framed, (1, 1), (cell.shape[1] - 2, cell.shape[0] - 2), shade, 2)
    return framed


class Fixed:
    """A network that always answers alike."""

    def __init__(self, **logits: float) -> None:
        self._row = np.array([logits.get(f"c{i}", -20.0) for i in range(len(CLASSES))], np.float32)

    def run(self, output_names: list[str] | None, input_feed: dict[str, FloatArray]) -> list[FloatArray]:
        return [np.tile(self._row, (len(input_feed["cells"]), 1))]


def answering(**logits: float) -> GlyphReader:
    """A reader whose network gives these logits to the characters named, e.g. `O=3.0`, `zero=2.9`."""
    names = {"zero": "0", "one": "1", "blank": BLANK, "scratch": SCRATCH}
    places = {f"c{CLASSES.index(names.get(name, name))}": value for name, value in logits.items()}
    return GlyphReader(networks=(Fixed(**places),))


def test_the_views_have_the_shape_the_network_wants() -> None:
    views = normalise(seven())

    assert views.shape == (2, SIDE, SIDE)
    assert views.dtype == np.float32
    assert 0 <= views.min() <= 0.05
    assert 0.95 <= views.max() <= 1


def test_the_glyph_view_does_not_depend_on_place_and_resolution() -> None:
    large = normalise(seven(width=90, height=120))[0]
    moved = normalise(np.pad(seven(), ((0, 20), (0, 14)), constant_values=240))[0]

    assert float(np.abs(normalise(seven())[0] - moved).mean()) < 0.02
    assert float(np.abs(normalise(seven())[0] - large).mean()) < 0.08


def test_a_faint_pencil_is_stretched_to_full_ink() -> None:
    assert float(np.abs(normalise(seven(ink=170)) - normalise(seven())).mean()) < 0.02


def test_a_pencil_in_a_black_box_is_still_full_ink() -> None:
    glyph = normalise(boxed(seven(ink=190), shade=0))[0]

    assert float(glyph[8:24, 8:24].max()) > 0.9


def test_paper_noise_is_not_stretched_to_ink() -> None:
    noise = np.random.default_rng(1).normal(0, 4, (80, 60))
    cell = np.clip(paper() + noise, 0, 255).astype(np.uint8)

    assert float(normalise(cell).mean()) < 0.08


def test_box_lines_do_not_shrink_the_glyph() -> None:
    bare, framed = normalise(seven())[0], normalise(boxed(seven()))[0]

    core = (slice(6, 26), slice(6, 26))
    assert float(np.abs(bare[core] - framed[core]).mean()) < 0.03


@given(
    width=st.integers(0, 140),
    height=st.integers(0, 140),
    seed=st.integers(0, 1000),
    bitonal=st.booleans(),
)
@settings(max_examples=60, deadline=None)
def test_any_cut_has_finite_views(width: int, height: int, seed: int, bitonal: bool) -> None:
    cell = np.random.default_rng(seed).integers(0, 256, (height, width)).astype(np.uint8)
    if bitonal:
        cell = np.where(cell > 128, 255, 0).astype(np.uint8)

    views = normalise(cell)

    assert views.shape == (2, SIDE, SIDE)
    assert np.isfinite(views).all()


@given(st.lists(st.floats(-30, 30), min_size=len(CLASSES), max_size=len(CLASSES)), st.sampled_from(CHARSETS))
def test_a_field_gets_only_its_own_characters(row: list[float], charset: Charset) -> None:
    [found] = probabilities(np.array([row], np.float32), charset, 1.3)

    assert float(found.sum()) == pytest.approx(1, abs=1e-4)
    assert all(p == 0 for c, p in zip(CLASSES, found, strict=True) if c not in ALPHABETS[charset] and c != SCRATCH)


def test_the_field_decides_between_the_letter_o_and_zero() -> None:
    reader = answering(O=3.0, zero=2.9)

    assert reader.read([paper()], Charset.DIGITS)[0].best == "0"
    assert reader.read([paper()], Charset.ALPHA)[0].best == "O"
    mixed = reader.read([paper()], Charset.ALNUM)[0]
    assert mixed.probability("O") == pytest.approx(0.525, abs=0.01)
    assert mixed.probability("0") == pytest.approx(0.475, abs=0.01)


def test_a_crossed_out_character_is_never_an_answer_and_leaves_none_sure() -> None:
    [found] = answering(one=2.0, scratch=4.0).read([paper()], Charset.DIGITS)

    assert SCRATCH not in dict(found.alternatives)
    assert found.best == "1"
    assert found.probability("1") < 0.2


def test_alternatives_come_best_first_and_are_bounded() -> None:
    [found] = GlyphReader(networks=(Fixed(c3=2.0, c4=1.0),), keep=5).read([paper()], Charset.DIGITS)

    values = [p for _, p in found.alternatives]
    assert values == sorted(values, reverse=True)
    assert len(values) == 5
    assert [c for c, _ in found.alternatives][:2] == ["3", "4"]


def test_a_temperature_softens_its_own_charset_only() -> None:
    calibration = Calibration(((Charset.DIGITS, 2.0),))
    reader = GlyphReader(networks=(Fixed(c3=4.0, c4=2.0, c12=4.0, c13=2.0),), calibration=calibration)

    assert reader.read([paper()], Charset.DIGITS)[0].probability("3") == pytest.approx(1 / (1 + np.exp(-1)), abs=0.01)
    assert reader.read([paper()], Charset.ALPHA)[0].probability("C") == pytest.approx(1 / (1 + np.exp(-2)), abs=0.01)


def test_fields_read_together_are_read_as_alone() -> None:
    reader = GlyphReader(batch=2)
    cells = [seven(), boxed(seven()), paper()]

    together = reader.read_batch([(cells, Charset.DIGITS), ([], Charset.ALPHA), (cells[:1], Charset.ALNUM)])

    assert [len(group) for group in together] == [3, 0, 1]
    alone = reader.read(cells, Charset.DIGITS)
    assert [c.best for c in together[0]] == [c.best for c in alone]
    assert together[0][2].probability(BLANK) == pytest.approx(alone[2].probability(BLANK), abs=1e-4)


def test_nothing_to_read_is_no_character() -> None:
    assert GlyphReader().read([], Charset.DIGITS) == []


@pytest.mark.parametrize("ink", [40, 150])
@pytest.mark.parametrize("lines", [False, True])
def test_european_sevens_and_ones_are_read(ink: int, lines: bool) -> None:
    one = pen(paper(), (0.3, 0.45), (0.58, 0.18), (0.55, 0.85), ink=ink)
    cells = [seven(ink), one]
    if lines:
        cells = [boxed(cell) for cell in cells]

    answers = GlyphReader().read(cells, Charset.DIGITS)

    assert [answer.best for answer in answers] == ["7", "1"]
    assert all(answer.alternatives[0][1] > 0.7 for answer in answers)


@pytest.mark.parametrize("charset", [Charset.DIGITS, Charset.ALPHA, Charset.ALNUM])
def test_an_empty_box_is_empty(charset: Charset) -> None:
    for cell in (paper(), boxed(paper()), paper(shade=200), pen(paper(), (0.0, 0.3), (0.05, 0.6))):
        [answer] = GlyphReader().read([cell], charset)
        assert answer.best == BLANK
        assert answer.probability(BLANK) > 0.8


def test_a_scribbled_out_digit_is_not_sure() -> None:
    zigzag = [(x / 10, 0.2 if i % 2 else 0.85) for i, x in enumerate(np.linspace(1, 9, 9))]
    [answer] = GlyphReader().read([pen(seven(), *zigzag)], Charset.DIGITS)

    assert answer.alternatives[0][1] < 0.5


def lattice(*rows: dict[str, float]) -> FloatArray:
    """Probabilities over CLASSES, one row a cell."""
    found = np.zeros((len(rows), len(CLASSES)), np.float32)
    for row, values in zip(found, rows, strict=True):
        for name, probability in values.items():
            row[CLASSES.index(name)] = probability
    return found


MUTE = np.array([name in (BLANK, SCRATCH) for name in CLASSES])


def test_a_doubtful_character_is_what_its_likeness_on_the_page_is() -> None:
    chances = lattice({"1": 0.97, "7": 0.03}, {"7": 0.98, "1": 0.02}, {"1": 0.55, "7": 0.45}, {"4": 0.6, "9": 0.4})
    features = np.array([[1, 0, 0], [0, 1, 0], [0.1, 1, 0], [0, 0, 1]], np.float32)

    weighed = as_one_hand(chances, features, MUTE)

    assert weighed[2, 7] > 0.6
    assert np.array_equal(weighed[3], chances[3])
    assert weighed.sum(axis=1) == pytest.approx(chances.sum(axis=1))
    assert np.array_equal(weighed[:2].argmax(axis=1), [1, 7])


def test_a_page_without_sure_characters_is_left_alone() -> None:
    chances = lattice({"1": 0.6, "7": 0.4}, {BLANK: 1.0})

    assert as_one_hand(chances, np.eye(2, dtype=np.float32), MUTE) is chances


class ByShade:
    """Reads a 1 in every cell that has ink, features and all."""

    def run(self, output_names: list[str] | None, input_feed: dict[str, FloatArray]) -> list[FloatArray]:
        inked = input_feed["cells"][:, 0].reshape(len(input_feed["cells"]), -1).max(axis=1) > 0.5
        logits = np.full((len(inked), len(CLASSES)), -20.0, np.float32)
        logits[np.arange(len(inked)), np.where(inked, 1, CLASSES.index(BLANK))] = 8.0
        return [logits, np.ones((len(inked), 3), np.float32)]


def test_a_stamp_paler_than_the_writing_of_the_page_is_not_read() -> None:
    written = [pen(paper(shade=255), (0.5, 0.2), (0.5, 0.8), ink=60)] * 8
    stamped = pen(paper(shade=255), (0.3, 0.4), (0.7, 0.5), ink=190)
    reader = GlyphReader(networks=(ByShade(),))

    (together,) = reader.read_hand([([*written, stamped], [*written, stamped], Charset.DIGITS)])
    (alone,) = reader.read_hand([([stamped] * 9, [stamped] * 9, Charset.DIGITS)])

    assert [c.best for c in together] == ["1"] * 8 + [""]
    assert [c.best for c in alone] == ["1"] * 9


def test_what_is_unsure_is_looked_at_again_without_its_lines() -> None:
    seen: list[int] = []

    class Unsure:
        def run(self, output_names: list[str] | None, input_feed: dict[str, FloatArray]) -> list[FloatArray]:
            seen.append(len(input_feed["cells"]))
            logits = np.full((seen[-1], len(CLASSES)), -20.0, np.float32)
            logits[:, 1], logits[:, 7] = (1.0, 1.2) if len(seen) == 1 else (9.0, 0.0)
            return [logits, np.ones((seen[-1], 3), np.float32)]

    (answer,) = GlyphReader(networks=(Unsure(),)).read_hand([([seven()] * 3, [seven()] * 3, Charset.DIGITS)])

    assert seen == [3, 3]
    assert [c.best for c in answer] == ["1"] * 3


def test_a_cell_is_taken_without_its_lines_only_where_it_is_white_or_unsure() -> None:
    class Asked(Sequence[GrayImage]):
        def __init__(self, cells: list[GrayImage]) -> None:
            self.cells, self.places = cells, set[int]()

        def __len__(self) -> int:
            return len(self.cells)

        def __getitem__(self, place: Any) -> Any:
            self.places.add(place)
            return self.cells[place]

    cells = [seven(), paper(shade=255), seven()]
    sure, unsure = Asked(cells), Asked(cells)

    GlyphReader(networks=(ByShade(),)).read_hand([(cells, sure, Charset.DIGITS)])
    answering(zero=3.0, one=2.9).read_hand([(cells, unsure, Charset.DIGITS)])

    assert sure.places == {1}
    assert unsure.places == {0, 1, 2}


def test_one_white_cell_a_comb_is_looked_at_and_faint_strokes_are_no_white() -> None:
    """Depth is measured from white: 255 is nothing at all."""

    class Counting(ByShade):
        looked_at = 0

        def run(self, output_names: list[str] | None, input_feed: dict[str, FloatArray]) -> list[FloatArray]:
            self.looked_at += len(input_feed["cells"])
            return super().run(output_names, input_feed)

    network = Counting()
    white, faint = paper(shade=255), pen(paper(shade=255), (0.3, 0.2), (0.6, 0.8), ink=225)
    combs = [([seven(), white, white, white], [seven(), white, white, white], Charset.DIGITS)]
    combs.append(([faint, white, white], [faint, white, white], Charset.DIGITS))

    answers = GlyphReader(networks=(network,)).read_hand(combs)

    assert [len(answer) for answer in answers] == [4, 3]
    assert answers[0][1:] == answers[0][1:2] * 3
    assert network.looked_at == 4

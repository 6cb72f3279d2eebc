"""A form is laid over its page exactly, follows a fold, or is refused."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest

from extraction.registration import Placement, matrix_of, projected, refine
from models.errors import Unreadable
from models.geometry import Box
from models.image import GrayImage
from models.reading import FormMatch
from models.templates import FormTemplate
from pipeline.templates import load_template

FORMS = Path(__file__).parents[2] / "pipeline" / "forms"


@pytest.fixture(scope="module")
def card() -> FormTemplate:
    return load_template(FORMS / "tcard-a")


def guessed(template: FormTemplate, dpi: float, *, off_mm: float = 0.0, turn_deg: float = 0.0) -> FormMatch:
    """A match that is a little off, as a classifier makes it."""
    scale, turn = dpi / 25.4, np.radians(turn_deg)
    cos, sin = scale * np.cos(turn), scale * np.sin(turn)
    matrix = (cos, -sin, off_mm * scale, sin, cos, off_mm * scale, 0.0, 0.0, 1.0)
    return FormMatch(template.id, 1, 0.99, tuple(float(v) for v in matrix), 1.0)


def largest_error_mm(match: FormMatch, dpi: float, template: FormTemplate) -> float:
    centers = np.array([(z.box.center_x, z.box.center_y) for z in template.definition.zones_on(1)])
    return float(np.linalg.norm(projected(centers, matrix_of(match)) * 25.4 / dpi - centers, axis=1).max())


def noisy(page: GrayImage) -> GrayImage:
    return np.clip(page * 0.8 + np.random.default_rng(0).normal(20, 8, page.shape), 0, 255).astype(np.uint8)


@pytest.mark.parametrize("off_mm", [-1.5, 0.4, 1.5])
def test_a_guess_that_is_off_is_put_right(card: FormTemplate, off_mm: float) -> None:
    match, _ = refine(noisy(card.blanks[0]), card, guessed(card, card.dpi, off_mm=off_mm, turn_deg=0.3))

    assert largest_error_mm(match, card.dpi, card) < 0.25
    assert match.error_mm < 0.3


def test_the_wrong_form_is_refused(card: FormTemplate) -> None:
    other = load_template(FORMS / "tcard-b")

    with pytest.raises(Unreadable, match="tcard-a"):
        refine(noisy(other.blanks[0]), card, guessed(card, card.dpi))


def test_an_empty_page_is_refused(card: FormTemplate) -> None:
    with pytest.raises(Unreadable):
        refine(np.full_like(card.blanks[0], 240), card, guessed(card, card.dpi))


def test_zones_follow_a_fold(card: FormTemplate) -> None:
    blank = card.blanks[0]
    fold, lost = round(0.5 * blank.shape[0]), round(0.7 * card.dpi / 25.4)
    page = np.vstack([blank[:fold], blank[fold + lost :], np.full((lost, blank.shape[1]), 255, np.uint8)])
    _, placed = refine(page, card, guessed(card, card.dpi))

    below = next(z for z in card.definition.zones if z.name == "phone").box
    above = next(z for z in card.definition.zones if z.name == "meter_index").box
    px = card.dpi / 25.4
    assert placed.on_page(above).y / px == pytest.approx(above.y, abs=0.3)
    assert placed.on_page(below).y / px == pytest.approx(below.y - 0.7, abs=0.4)


def test_a_cut_is_level_and_of_the_size_asked(card: FormTemplate) -> None:
    turn = cv2.getRotationMatrix2D((800.0, 370.0), 3.0, 1.0)
    size = (card.blanks[0].shape[1], card.blanks[0].shape[0])
    page = np.asarray(cv2.warpAffine(card.blanks[0], turn, size, borderValue=(255,)), np.uint8)
    px = card.dpi / 25.4
    whole = np.vstack([turn, [0, 0, 1]]) @ np.diag([px, px, 1.0])
    _, placed = refine(page, card, FormMatch(card.id, 1, 0.99, tuple(float(v) for v in whole.ravel()), 1.0))
    box = next(z for z in card.definition.zones if z.name == "signature").box

    cut = placed.cut(page, box, px_per_mm=5.0)

    assert cut.shape == (round(box.height * 5), round(box.width * 5))
    assert (cut[:3].min(axis=0) < 160).mean() > 0.95  # the frame's upper line, level from end to end
    assert cut[30:100, 150:250].mean() > 240


def test_a_cut_of_a_much_finer_page_keeps_thin_lines_where_they_are() -> None:
    page = np.full((960, 960), 255, np.uint8)
    page[:, 10::24] = 0
    page[480:490] = 0
    finer = Placement(np.diag([24.0, 24.0, 1.0]), np.zeros((0, 2)), np.zeros((0, 2)))

    cut = finer.cut(page, Box(4, 4, 32, 32), px_per_mm=6.0)

    assert cut[:80].mean() == pytest.approx(page[96:400, 96:864].mean(), abs=3)
    assert cut[:80].min() > 150
    assert int(cut.mean(axis=1).argmin()) == pytest.approx((480 + 5) / 4 - 24, abs=1)

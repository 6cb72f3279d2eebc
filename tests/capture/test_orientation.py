"""Pages are turned upright, whatever their paper size; pages without text are left alone."""

from __future__ import annotations

import cv2
import numpy as np
import pytest

from capture.orientation import TURNS, turned, upright_turn
from models.image import GrayImage

_LINES = (
    "COMMUNE DE VAL CLAIR - SERVICE DES EAUX",
    "Releve de votre compteur",
    "Reference abonne : 4471 208 553",
    "Merci de reporter les chiffres noirs de votre compteur",
    "et de renvoyer cette carte avant le 15 novembre 2026.",
    "Telephone : 04 74 61 22 08",
)


def page(width_mm: float, height_mm: float, *, dpi: float = 200) -> GrayImage:
    """A page with a few lines of print at the top left and nothing below."""
    width, height = round(width_mm * dpi / 25.4), round(height_mm * dpi / 25.4)
    image = np.full((height, width), 250, np.uint8)
    for number, line in enumerate(_LINES):
        at = (round(width * 0.08), round(height * 0.12) + 42 * number)
        cv2.putText(image, line, at, cv2.FONT_HERSHEY_SIMPLEX, 0.8, 20, 2, cv2.LINE_AA)
    return image


@pytest.mark.parametrize("lies_deg", TURNS)
@pytest.mark.parametrize("paper_mm", [(210, 297), (210, 99), (148, 105)])
def test_a_page_is_made_upright_whatever_its_size(paper_mm: tuple[float, float], lies_deg: int) -> None:
    upright = page(*paper_mm)

    turn_deg, confidence = upright_turn(turned(upright, lies_deg))

    assert (turn_deg + lies_deg) % 360 == 0
    assert confidence > 0.5


def test_a_page_without_text_is_left_as_it_lies() -> None:
    rng = np.random.default_rng(3)
    blank = np.clip(rng.normal(248, 4, (2339, 1654)), 0, 255).astype(np.uint8)

    turn_deg, confidence = upright_turn(blank)

    assert turn_deg == 0
    assert confidence <= 0.5


def test_turning_clockwise_moves_the_top_to_the_right() -> None:
    image = np.zeros((4, 6), np.uint8)
    image[0] = 9

    assert (turned(image, 90)[:, -1] == 9).all()
    assert turned(image, 90).shape == (6, 4)
    assert np.array_equal(turned(turned(image, 90), 270), image)

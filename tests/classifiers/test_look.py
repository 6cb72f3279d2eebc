"""How a page looks is measured on drawn pages, whatever the scanner's resolution."""

from __future__ import annotations

import cv2
import numpy as np
import pytest

from classifiers.look import page_look
from models.image import GrayImage
from models.reading import PageLook

MM = 200 / 25.4


def paper() -> GrayImage:
    return np.full((2339, 1654), 250, np.uint8)


def px(*mm: float) -> tuple[int, ...]:
    return tuple(round(each * MM) for each in mm)


def looked_at(page: GrayImage, dpi: float = 200.0) -> PageLook:
    return page_look(page, dpi=dpi)


def printed(page: GrayImage) -> GrayImage:
    for row in range(20):
        cv2.putText(page, "Fourniture et pose de compteurs", px(20, 40 + 8 * row), 0, 0.8, 30, 2, cv2.LINE_AA)
    return page


def test_an_empty_page_shows_nothing() -> None:
    assert looked_at(paper()) == PageLook(0.0, 0.0, 0.0, 0.0, 0.0, 0.0)


def test_running_text_has_no_rules_boxes_or_pictures() -> None:
    look = looked_at(printed(paper()))

    assert look.ink > 0.01
    assert look.rules < 0.1 and look.uprights < 0.1 and look.cells < 6 and look.picture == 0 and look.pen < 0.1


@pytest.mark.parametrize("scale", [1.0, 1.5])
def test_rules_of_a_table_are_measured_on_paper(scale: float) -> None:
    page = printed(paper())
    for row in range(6):
        cv2.line(page, px(20, 60 + 20 * row), px(190, 60 + 20 * row), 40, 2)
    for column in range(3):
        cv2.line(page, px(20 + 85 * column, 60), px(20 + 85 * column, 160), 40, 2)
    look = looked_at(cv2.resize(page, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA), 200.0 * scale)

    assert look.rules == pytest.approx(6 * 170 / 210, rel=0.1)
    assert look.uprights == pytest.approx(3 * 100 / 297, rel=0.2)


def test_boxes_for_single_characters_are_counted_by_their_walls() -> None:
    page = printed(paper())
    for row in range(3):
        for cell in range(15):
            left, top = 30 + 5 * cell, 215 + 15 * row
            cv2.rectangle(page, px(left, top), px(left + 5, top + 6), 60, 2)

    assert looked_at(page).cells == pytest.approx(3 * 16, rel=0.35)


def test_a_pen_and_a_filled_area_are_told_from_print() -> None:
    written, filled = printed(paper()), printed(paper())
    wave = np.arange(0, 900, 6)
    for row in range(4):
        heights = 1750 + 110 * row + 28 * np.sin(wave / 14) + 12 * np.sin(wave / 5)
        cv2.polylines(written, [np.column_stack([200 + wave, heights]).astype(np.int32)], False, 60, 3)
    cv2.rectangle(filled, px(20, 220), px(190, 270), 90, -1)

    assert looked_at(written).pen > 0.1 > looked_at(printed(paper())).pen
    assert looked_at(filled).picture > 0.08
